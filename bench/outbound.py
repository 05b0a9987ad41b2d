"""Outbound: claim → send → record against a fake Twilio, beside what the `twilio` package alone reaches in one run."""

import asyncio
import contextlib
import json
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.rest import Client

from bench.servers import HOST, prepare, running
from bench.texts import number
from bench.world import ACCOUNT, SENDER, TOKEN
from channels.base import Outgoing
from channels.twilio import API, Twilio
from content.pack import load_pack
from hujambo.service import calm_collector
from scheduler.outbox import Outbox
from store import tables as t
from store.database import Database, open_database, utc_now
from store.queue import outgoing_row
from store.secrets import KeyRing

_PORT = 18_350
_TEXT = "How are you this week? Reply 1 fine, 2 so-so, 3 please call me. (Automatic message)"


def _fake(delay: float, port: int) -> list[str]:
    return [
        "-m", "channels.fake_twilio", "--port", str(port), "--account-sid", ACCOUNT, "--auth-token", TOKEN,
        "--answer-delay", str(delay), "--no-callbacks",
    ]  # fmt: skip


def _channel(port: int) -> Twilio:
    settings = {"account_sid": ACCOUNT, "auth_token": TOKEN, "api_base": f"http://{HOST}:{port}"}
    return Twilio("sms", SENDER, settings, "http://127.0.0.1")


async def _client_alone(port: int, messages: int, at_once: int) -> float:
    """Seconds that the package's async client needs through our channel's transport; nothing claimed or recorded."""
    channel = _channel(port)
    waiting = iter(range(messages))

    async def sender() -> None:
        for index in waiting:
            result = await channel.send(Outgoing(index + 1, number(index), _TEXT))
            assert result.outcome.is_sent, result.outcome.name

    before = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(sender())
    seconds = time.perf_counter() - before
    await channel.close()
    return seconds


class _ToTheFake(AsyncTwilioHttpClient):  # type: ignore[misc]  # the package has no types
    """The package's own client as it comes, with one pooled session, only led to the fake."""

    async def request(self, method: str, url: str, *more: Any, **options: Any) -> Any:
        return await super().request(method, url.replace(API, f"http://{HOST}:{_PORT}"), *more, **options)


async def _package_as_it_comes(messages: int, at_once: int) -> float:
    """Seconds that the package needs with its own transport; nothing of ours."""
    http = _ToTheFake(pool_connections=True)
    client = Client(ACCOUNT, TOKEN, http_client=http)
    waiting = iter(range(messages))

    async def sender() -> None:
        for index in waiting:
            await client.messages.create_async(to=number(index), from_=SENDER, body=_TEXT)

    before = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(sender())
    seconds = time.perf_counter() - before
    await http.close()
    return seconds


async def _queue(database: Database, messages: int) -> int:
    now = utc_now()
    async with database.read() as connection:
        contacts = list((await connection.execute(sa.select(t.contact.c.id).order_by(t.contact.c.id))).scalars())
        channel_id: int = (await connection.execute(sa.select(t.channel.c.id))).scalar_one()
    rows = [
        outgoing_row(
            message_id=database.new_id(), purpose="reply", channel_id=channel_id, now=now, text=_TEXT, segments=1,
            contact_id=contacts[index % len(contacts)], not_after=now + timedelta(hours=2),
        )
        for index in range(messages)
    ]  # fmt: skip
    for start in range(0, len(rows), 2000):
        async with database.write() as connection:
            await database.insert_rows(connection, t.outbox, rows[start : start + 2000])
    return channel_id


async def _through_outbox(url: str, keys: str, port: int, messages: int) -> float:
    """Seconds from the first claim until every message is recorded as sent."""
    database = await open_database(url, KeyRing.parse(keys))
    try:
        channel_id = await _queue(database, messages)
        channel = _channel(port)
        outbox = Outbox(database, load_pack(), {channel_id: channel}, utc_now, "bench")
        stop = asyncio.Event()
        before = time.perf_counter()
        running_outbox = asyncio.create_task(outbox.run(stop))
        while outbox.counters["sent"] < messages:
            await asyncio.sleep(0.02)
            assert not running_outbox.done(), running_outbox.exception()
        seconds = time.perf_counter() - before
        stop.set()
        await running_outbox
        await channel.close()
    finally:
        await database.close()
    return seconds


def _busiest_second(port: int) -> tuple[int, float]:
    """The most messages that the fake took in any one second, and its mean rate between the first and the last."""
    with urllib.request.urlopen(f"http://{HOST}:{port}/_control/messages", timeout=60) as answer:
        moments = sorted(message["created"] for message in json.loads(answer.read()))
    start, most = 0, 0
    for end, moment in enumerate(moments):
        while moment - moments[start] >= 1.0:
            start += 1
        most = max(most, end - start + 1)
    span = moments[-1] - moments[0]
    return most, (len(moments) - 1) / span if span else 0.0


def run(*, messages: int = 6_000, at_once: int = 32, rate: float = 500.0) -> Iterator[dict[str, Any]]:
    """The client alone, the outbox against the same fake, and the outbox at a rate limit with answers after 50 ms."""
    calm_collector()  # as the service does; the client alone is as fast with it as without
    with running(_fake(0.0, _PORT), _PORT):
        asyncio.run(_client_alone(_PORT, 500, at_once))
        limit = messages / asyncio.run(_package_as_it_comes(messages, at_once))
        yield {"what": "limit: twilio's async client alone", "per_second": round(limit), "ratio_to_limit": 1.0}
        lean = messages / asyncio.run(_client_alone(_PORT, messages, at_once))
        yield {
            "what": "the same client with our leaner transport", "per_second": round(lean),
            "ratio_to_limit": round(lean / limit, 3),
        }  # fmt: skip
        with _world(messages, 1e6, _PORT) as (url, keys):
            each = messages / asyncio.run(_through_outbox(url, keys, _PORT, messages))
        yield {
            "what": "hujambo: claimed, sent, recorded; SQLite", "per_second": round(each),
            "ratio_to_limit": round(each / limit, 3),
        }  # fmt: skip
    port = _PORT + 1
    with running(_fake(0.05, port), port), _world(messages, rate, port) as (url, keys):
        asyncio.run(_through_outbox(url, keys, port, min(messages, int(rate * 10))))
        busiest, mean = _busiest_second(port)
    yield {
        "what": f"hujambo at a limit of {rate:.0f}/s, answers after 50 ms", "per_second": round(mean),
        "ratio_to_limit": round(mean / rate, 3), "busiest_second": busiest,
    }  # fmt: skip


@contextlib.contextmanager
def _world(people: int, rate: float, port: int) -> Iterator[tuple[str, str]]:
    """The address and keys of a temporary database with a programme whose channel is the fake at `port`."""
    with tempfile.TemporaryDirectory(prefix="hujambo-bench-") as folder:
        url, keys = f"sqlite:///{Path(folder)}/outbound.sqlite", KeyRing.generate("bench")
        prepare(url, keys, min(people, 5_000), api_base=f"http://{HOST}:{port}", rate=rate)
        yield url, keys
