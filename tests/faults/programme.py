"""Real processes to be killed: the service, a Twilio of our own, and a gateway that delivers until it gets its 200."""

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import aiohttp
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bench.servers import HOST, running, service_variables, wait_for
from bench.texts import TEXTS, number
from bench.world import ACCOUNT, CHANNEL, SENDER, TOKEN, build_world
from channels.signature import sign
from content.pack import load_pack
from scheduler import campaigns
from scheduler.due import Plan
from store import tables as t
from store.database import Database, utc_now
from tests.conftest import KEYS

ROOT = Path(__file__).parents[2]
CRIES = ("i dont want to live", "nataka kujiua", "je veux mourir")
STRANGERS = range(900_000, 900_030)


def a_port() -> int:
    with socket.socket() as listening:
        listening.bind((HOST, 0))
        return int(listening.getsockname()[1])


class Served:
    """One service process. `public_port` is the one that gateways are told of, where several share a database."""

    def __init__(self, url: str, folder: Path, public_port: int | None = None) -> None:
        self.port = a_port()
        self.log = folder / f"service-{self.port}.log"
        self._variables = service_variables(url, KEYS, public_port or self.port)
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.faults.serve", "--port", str(self.port)]
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(  # noqa: S603  our own service
                command, cwd=ROOT, env=os.environ | self._variables, stdout=subprocess.DEVNULL, stderr=log
            )

    async def ready(self) -> None:
        assert self._child is not None
        await asyncio.to_thread(wait_for, self.port, self._child)

    def signal(self, number: int) -> None:
        assert self._child is not None
        self._child.send_signal(number)

    def kill(self) -> None:
        """SIGKILL: no handler, no goodbye, nothing flushed."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()

    def stop(self) -> int:
        """SIGTERM, as an operator stops it; gives the exit code."""
        assert self._child is not None
        self._child.send_signal(signal.SIGCONT)
        self._child.terminate()
        return self._child.wait(30)


@contextmanager
def a_fake_twilio() -> Iterator[str]:
    """Its address; a process of its own, so that what it accepted outlives every service."""
    port = a_port()
    arguments = ["-m", "channels.fake_twilio", "--port", str(port), "--account-sid", ACCOUNT, "--auth-token", TOKEN]
    with running(arguments, port):
        yield f"http://{HOST}:{port}"


@dataclass(frozen=True, slots=True)
class Taken:
    """One message the fake took from us. `outbox_id`: ours, from the status callback's address."""

    outbox_id: int
    to: str
    created: float


class Fake:
    """The other side of `/_control`."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session

    async def control(self, **order: Any) -> dict[str, int]:
        async with self._session.post(f"{self.url}/_control", json=order) as answer:
            assert answer.status == 200
            counts: dict[str, int] = await answer.json()
            return counts

    async def unanswered(self) -> int:
        counts = await self.control()
        return counts["requests"] - counts["accepted"] - counts["refused"]

    async def taken(self) -> list[Taken]:
        async with self._session.get(f"{self.url}/_control/messages") as answer:
            messages = await answer.json()
        return [
            Taken(int(m["callback"].rpartition("=")[2]), m["to"], m["created"])
            for m in messages
            if m["direction"] != "inbound"
        ]


@dataclass(frozen=True, slots=True)
class Written:
    """What somebody texted."""

    sid: str
    sender: str
    text: str


@dataclass(slots=True)
class Gateway:
    """Delivers as a gateway does: signed, several at a time, and the same message again until it gets a 200."""

    session: aiohttp.ClientSession
    public_port: int
    ports: Sequence[int]
    answered: Counter[str] = field(default_factory=Counter)  # sid → how many 200s
    refused: Counter[int] = field(default_factory=Counter)  # status, 0 for a connection that broke → how often
    _turn: int = 0

    async def deliver(self, messages: Sequence[Written], connections: int = 16) -> None:
        """Whoever stands in `messages` twice is a duplicate of the gateway's own making."""
        waiting = iter(messages)

        async def one_connection() -> None:
            for message in waiting:
                await self.until_accepted(message)

        async with asyncio.TaskGroup() as group:
            for _ in range(connections):
                group.create_task(one_connection())

    async def until_accepted(self, message: Written) -> None:
        while True:
            self._turn += 1
            status = await self.post(message, self.ports[self._turn % len(self.ports)])
            if status == 200:
                self.answered[message.sid] += 1
                return
            self.refused[status] += 1
            await asyncio.sleep(0.05)

    async def post(self, message: Written, port: int) -> int:
        path = f"/channels/{CHANNEL}/inbound"
        fields = {
            "MessageSid": message.sid,
            "AccountSid": ACCOUNT,
            "From": message.sender,
            "To": SENDER,
            "Body": message.text,
            "NumMedia": "0",
        }
        headers = {
            "X-Twilio-Signature": sign(TOKEN, f"http://{HOST}:{self.public_port}{path}", fields.items()),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        try:
            async with self.session.post(
                f"http://{HOST}:{port}{path}",
                data=urlencode(fields).encode(),
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=5),
            ) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0


def texts(count: int, people: int, chance: random.Random) -> list[Written]:
    """Mixed messages of known people and strangers; 30 of the known and 20 strangers cry for help somewhere in it."""
    senders = [number(chance.randrange(people)) for _ in range(count)]
    senders = [number(chance.choice(STRANGERS)) if chance.random() < 0.05 else sender for sender in senders]
    written = [Written(f"SM{index:032x}", sender, chance.choice(TEXTS)) for index, sender in enumerate(senders)]
    crying = chance.sample([number(index) for index in range(people)], 30) + [number(i) for i in STRANGERS[:20]]
    for index, sender in zip(chance.sample(range(count), len(crying)), crying, strict=True):
        written[index] = Written(written[index].sid, sender, chance.choice(CRIES))
    return written


async def build(database: Database, people: int, *, api_base: str, rate: float) -> int:
    """A programme in which a campaign is due for everybody half an hour ago, whatever the time of day; its id."""
    await build_world(database, people, api_base=api_base, rate=rate)
    now = utc_now()
    slot = (now - timedelta(minutes=30)).astimezone(ZoneInfo("Africa/Nairobi"))
    campaign_id = await campaigns.create(
        database, load_pack(), code="weekly", name="Weekly", checkin="weekly", plan=Plan("weekly"), audience={}, now=now
    )
    await campaigns.start(database, "weekly", now)
    async with database.write() as connection:
        await connection.execute(sa.update(t.site).values(quiet_from=0, quiet_until=0))
        await connection.execute(
            sa.update(t.beneficiary).values(
                weekday=slot.weekday(),
                minute=slot.hour * 60 + slot.minute,
                spread=0,
                enrolled_at=now - timedelta(days=7),
            )
        )
        await connection.execute(sa.update(t.campaign).values(starts_at=now - timedelta(days=1)))
        await _ask_before(connection, database, now - timedelta(days=7))
    return campaign_id


async def _ask_before(connection: AsyncConnection, database: Database, at: datetime) -> None:
    """Everybody has had a check-in before: nobody has to be told first what these messages are."""
    people = (await connection.execute(sa.select(t.beneficiary.c.id, t.beneficiary.c.contact_id))).all()
    past = [
        {
            "id": database.new_id(), "beneficiary_id": person_id, "contact_id": contact_id, "checkin": "weekly",
            "version": "1", "state": "done", "progress": {"question": ""}, "opened_at": at, "ended_at": at,
        }
        for person_id, contact_id in people
    ]  # fmt: skip
    await database.insert_rows(connection, t.session, past)


async def until(is_so: Any, seconds: float, every: float = 0.2) -> bool:
    """Whether the awaitable function came true in time."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not await is_so():
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(every)
    return True
