"""Two whole services on one PostgreSQL: nothing handled, sent, planned or climbed twice, also while one is frozen."""

import asyncio
import random
import signal
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import sqlalchemy as sa

from bench.texts import number
from bench.world import CHANNEL
from bot.distress import Reader
from channels.base import IncomingMessage
from content.pack import load_pack
from scheduler.inbox import Inbox
from scheduler.outbox.pace import WINDOW_SECONDS
from store import tables as t
from store.database import Database, open_database, utc_now
from store.queue import outgoing_row
from store.secrets import KeyRing
from tests.builders import a_staff_member, on_rota, rows
from tests.faults.programme import CRIES, Fake, Gateway, Served, Written, a_fake_twilio, build, until
from tests.faults.reckoning import Books, audit_faults, is_drained, only_wrong, unsettled
from tests.faults.serve import ASK_AFTER, LEASE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

PEOPLE = 300
RATE = 120.0
_DRAINED_WITHIN = 90.0
# Ways through the weekly check-in and out of it again; each person goes one of them, message after message.
SCRIPTS: Sequence[Sequence[str]] = (
    ("2", "1", "1", "thank you"),
    ("2", "what?", "5", "fine"),
    ("3", "1"),
    ("1", "1", "2"),
    ("hello there", "2", "3", CRIES[0], "1"),
)


@dataclass
class Two:
    database: Database
    fake: Fake
    one: Served
    other: Served
    gateway: Gateway

    @property
    def ports(self) -> tuple[int, int]:
        return self.one.port, self.other.port


@asynccontextmanager
async def two_services(url: str, keys: KeyRing, folder: Path) -> AsyncIterator[Two]:
    database = await open_database(url, keys)
    try:
        with a_fake_twilio() as fake_url:
            await build(database, PEOPLE, api_base=fake_url, rate=RATE)
            one = Served(url, folder)
            other = Served(url, folder, public_port=one.port)
            async with aiohttp.ClientSession() as session:
                gateway = Gateway(session, one.port, [one.port, other.port])
                try:
                    one.start()
                    other.start()
                    await asyncio.gather(one.ready(), other.ready())
                    yield Two(database, Fake(fake_url, session), one, other, gateway)
                    assert (one.stop(), other.stop()) == (0, 0)
                finally:
                    one.kill()
                    other.kill()
    finally:
        await database.close()


async def drained(two: Two) -> Books:
    await until(lambda: is_drained(two.database), _DRAINED_WITHIN)
    assert await unsettled(two.database) == []
    return await Books.read(two.database, two.fake)


def conversations() -> dict[str, list[Written]]:
    """Everybody's own messages, in order. All of them have an open check-in: every second of the programme."""
    found: dict[str, list[Written]] = {}
    for index in range(0, PEOPLE, 2):
        sender, script = number(index), SCRIPTS[index // 2 % len(SCRIPTS)]
        found[sender] = [Written(f"SM{index:016x}{n:016x}", sender, text) for n, text in enumerate(script)]
    return found


async def talk(two: Two, spoken: Sequence[Written]) -> None:
    """One person: the next message only after the last one arrived; the first comes to both services at once."""
    first, *others = spoken
    assert await asyncio.gather(*(two.gateway.post(first, port) for port in two.ports)) == [200, 200]
    two.gateway.answered[first.sid] += 2
    for message in others:
        await two.gateway.until_accepted(message)


async def queue_replies(database: Database, count: int) -> list[int]:
    now = utc_now()
    contacts = await rows(database, t.contact)
    (channel,) = await rows(database, t.channel)
    waiting = [
        outgoing_row(
            message_id=database.new_id(), purpose="reply", channel_id=channel.id, now=now,
            contact_id=contacts[index % len(contacts)].id, text=f"Message {index}",
        )
        for index in range(count)
    ]  # fmt: skip
    async with database.write() as connection:
        await database.insert_rows(connection, t.outbox, waiting)
    return [row["id"] for row in waiting]


async def answers(database: Database) -> dict[str, list[Any]]:
    """Per person: what was answered, in order, and how the session stands."""
    found: dict[str, list[Any]] = defaultdict(list)
    people = {row.id: row.code for row in await rows(database, t.beneficiary)}
    for row in await rows(database, t.answer, order=sa.text("answered_at, id")):
        found[people[row.beneficiary_id]].append((row.question, row.value))
    for row in await rows(database, t.session, t.session.c.campaign_id.is_(None)):
        found[people[row.beneficiary_id]].append((row.state, row.progress["question"]))
    return found


async def of_a_single_process(url: str, keys: KeyRing, spoken: dict[str, list[Written]]) -> dict[str, list[Any]]:
    """What the same conversations come to where nothing happens at the same time."""
    database = await open_database(url, keys)
    try:
        await build(database, PEOPLE, api_base="http://127.0.0.1:9", rate=RATE)
        pack = load_pack()
        inbox = Inbox(database, pack, Reader(pack), utc_now)
        (channel,) = await rows(database, t.channel, t.channel.c.name == CHANNEL)
        for written in spoken.values():
            for one in written:
                await inbox.accept(channel.id, IncomingMessage(one.sid, one.sender, channel.address, one.text))
        return await answers(database)
    finally:
        await database.close()


async def test_two_services_share_all_work_and_do_none_of_it_twice(
    postgres_url: str, sqlite_url: str, keys: KeyRing, tmp_path: Path
) -> None:
    spoken = conversations()
    async with two_services(postgres_url, keys, tmp_path) as two:
        queued = await queue_replies(two.database, 1000)
        async with asyncio.TaskGroup() as group:
            for written in spoken.values():
                group.create_task(talk(two, written))
        books = await drained(two)
        found = await answers(two.database)
        planned = Counter(row.contact_id for row in books.outbox.values() if row.purpose == "checkin")
        owners = Counter(row.owner for row in books.outbox.values() if row.owner)
        times = sorted(one.created for one in await two.fake.taken())
    everything = [one for written in spoken.values() for one in written]
    print(books.sizes(), owners, two.gateway.refused)
    assert (
        only_wrong(
            books.messages(everything, two.gateway),
            books.sends(),
            books.cries(everything),
            books.sessions(),
        )
        == {}
    )
    assert [books.outbox[number].state in {"sent", "delivered"} for number in queued] == [True] * 1000
    assert sorted(planned.values()) == [1] * PEOPLE
    assert [row.id for row in books.outbox.values() if row.state == "queued"] == []
    assert len(owners) == 2, "one service did all the work"
    assert found == await of_a_single_process(sqlite_url, keys, spoken)
    _assert_paced(times)


def _assert_paced(times: Sequence[float]) -> None:
    """The rate holds over both. The fake's own stalls make its times bunch, so a single second is given some room,
    but far less than a limit that each service kept for itself would need: twice the rate."""
    burst = 2 * max(1.0, RATE * 0.1)
    seconds = (times[at : bisect_left(times, start + 1.0)] for at, start in enumerate(times))
    in_a_second = max(len(second) for second in seconds)
    assert in_a_second <= RATE * 1.3 + burst
    assert len(times) <= RATE * (times[-1] - times[0]) + burst


async def test_the_ladder_climbs_each_rung_once(postgres_url: str, keys: KeyRing, tmp_path: Path) -> None:
    async with two_services(postgres_url, keys, tmp_path) as two:
        (site,) = await rows(two.database, t.site)
        for rung in (2, 3):
            await on_rota(two.database, site.id, await a_staff_member(two.database, site_ids=[site.id]), rung)
        crying = [Written(f"SM{index:032x}", number(index), CRIES[index % 3]) for index in range(60)]
        await two.gateway.deliver(crying)
        for rung in (2, 3):
            async with two.database.write() as connection:
                await connection.execute(sa.update(t.alert).values(due_at=utc_now()))
            assert await until(lambda: _stand_on(two.database, rung, len(crying)), 30.0)  # noqa: B023  awaited here
        books = await drained(two)
        climbed = Counter(
            (event.alert_id, event.data["rung"])
            for event in await rows(two.database, t.alert_event, t.alert_event.c.kind == "climbed")
        )
        told = Counter((row.alert_id, row.staff_id) for row in books.outbox.values() if row.purpose == "staff_alert")
    alerts = {row.id for row in books.tables["alert"]}
    assert (len(alerts), climbed) == (60, Counter({(alert, rung): 1 for alert in alerts for rung in (2, 3)}))
    assert Counter(told.values()) == Counter({1: 60 * 3})


async def _stand_on(database: Database, rung: int, count: int) -> bool:
    return len(await rows(database, t.alert, t.alert.c.rung == rung)) == count


async def test_a_service_frozen_past_its_lease_doubles_nothing_when_it_wakes(
    postgres_url: str, keys: KeyRing, tmp_path: Path
) -> None:
    chance = random.Random(7)
    async with two_services(postgres_url, keys, tmp_path) as two:
        await two.fake.control(answer_delay=0.4)  # so that requests are always under way
        queued = await queue_replies(two.database, 1000)
        assert await until(lambda: _has_under_way(two), 30.0, every=0.02)
        two.other.signal(signal.SIGSTOP)
        frozen = asyncio.create_task(asyncio.sleep((2 * LEASE + ASK_AFTER).total_seconds()))
        # Gateways that were told of the frozen one wait in vain, and come again.
        crying = [Written(f"SM{n:032x}", number(chance.randrange(PEOPLE)), CRIES[n % 3]) for n in range(40)]
        await two.gateway.deliver(crying)
        await frozen
        assert await until(lambda: _is_nothing_queued(two), 30.0), "the frozen service holds up the other one"
        two.other.signal(signal.SIGCONT)
        await two.fake.control(answer_delay=0.0)
        books = await drained(two)
        faults = await audit_faults(two.database)
    print(books.sizes(), two.gateway.refused)
    assert (
        only_wrong(books.messages(crying, two.gateway), books.sends(), books.cries(crying), books.sessions(), faults)
        == {}
    )
    states = Counter((books.outbox[number].state, books.outbox[number].outcome) for number in queued)
    # What the frozen one had claimed has been given up by the other, and is never more than it had room for.
    assert states[("failed", "unknown")] <= RATE * WINDOW_SECONDS + 64
    assert states[("failed", "unknown")] + states[("sent", "accepted")] + states[("delivered", "delivered")] == 1000


async def _is_nothing_queued(two: Two) -> bool:
    return not any(state == "queued" for _, _, state in await unsettled(two.database))


async def _has_under_way(two: Two) -> bool:
    sending = await rows(two.database, t.outbox, t.outbox.c.state == "sending")
    return len({row.owner for row in sending}) == 2 and await two.fake.unanswered() > 10
