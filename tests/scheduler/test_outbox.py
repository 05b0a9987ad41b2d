"""The outbox against real databases and a gateway that records what it is given."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from channels.base import OUTCOMES, Found, Outgoing, Receipt, SendResult
from content.pack import load_pack
from scheduler.outbox import Outbox
from scheduler.outbox.claim import claim
from store import tables as t
from store.database import Database, signal
from store.queue import outgoing_row
from tests.builders import a_beneficiary, a_channel, a_contact, a_site, a_staff_member, rows
from tests.conftest import NOW, HandClock
from tests.faults.programme import until

PACK = load_pack()


@dataclass
class Gateway:
    """A gateway account at the end of the wire: it keeps what it accepted, and ends sends as it is told."""

    endings: list[SendResult | Exception] = field(default_factory=list)
    sent: list[Outgoing] = field(default_factory=list)
    remembered: list[Found] = field(default_factory=list)
    before: Callable[[Outgoing], Any] | None = None
    can_find: bool = False

    async def send(self, message: Outgoing) -> SendResult:
        if self.before is not None:
            await self.before(message)
        self.sent.append(message)
        ending = self.endings.pop(0) if self.endings else SendResult(OUTCOMES["accepted"], f"P{message.message_id}")
        if isinstance(ending, Exception):
            raise ending
        return ending

    async def find(self, recipient: str, since: datetime) -> AsyncIterator[Found]:
        for one in self.remembered:
            if one.recipient == recipient and one.created_at >= since:
                yield one

    @property
    def ids(self) -> list[int]:
        return [message.message_id for message in self.sent]


@dataclass
class World:
    database: Database
    clock: HandClock
    site: int
    channel: int
    contact: int
    beneficiary: int
    gateway: Gateway
    outbox: Outbox

    async def queue(self, purpose: str = "reply", text: str | None = "hello", **values: Any) -> int:
        number = values.pop("id", None) or self.database.new_id()
        who = {} if "staff_id" in values else {"contact_id": self.contact}
        extra = {key: values.pop(key) for key in ("state", "tries") if key in values}
        row = outgoing_row(
            message_id=number, purpose=purpose, channel_id=self.channel, now=NOW, text=text, **(who | values)
        )
        async with self.database.write() as connection:
            await connection.execute(sa.insert(t.outbox), [row | extra])
        return number

    async def campaign(self, *, is_welcomed: bool = True) -> int:
        if is_welcomed:
            await self.queue("reply", "welcome", key=f"welcome/{self.contact}", state="delivered")
        row = {
            "id": self.database.new_id(), "code": f"C{self.database.new_id()}", "name": "Weekly", "checkin": "weekly",
            "kind": "weekly", "plan": {}, "audience": {}, "late_minutes": 60, "state": "running", "created_at": NOW,
            "starts_at": NOW, "due_at": NOW,
        }  # fmt: skip
        async with self.database.write() as connection:
            await connection.execute(sa.insert(t.campaign), [row])
        return row["id"]

    async def add(self, table: sa.Table, *added: dict[str, Any]) -> None:
        async with self.database.write() as connection:
            for row in added:
                await connection.execute(sa.insert(table), [{"id": self.database.new_id()} | row])

    async def row(self, number: int) -> Any:
        (found,) = await rows(self.database, t.outbox, t.outbox.c.id == number)
        return found

    async def state(self, number: int) -> tuple[str, str | None]:
        found = await self.row(number)
        return found.state, found.outcome

    async def change(self, table: sa.Table, number: int, **values: Any) -> None:
        async with self.database.write() as connection:
            await connection.execute(sa.update(table).where(table.c.id == number).values(**values))

    async def tasks(self) -> list[str]:
        return sorted(task.kind for task in await rows(self.database, t.follow_up))

    def another(self, owner: str = "other") -> Outbox:
        return Outbox(self.database, PACK, {self.channel: self.gateway}, self.clock, owner)


@pytest.fixture
async def world(database: Database, clock: HandClock) -> World:
    site = await a_site(database)
    channel = await a_channel(database, rate=1000.0, free_at=NOW)
    contact = await a_contact(database, channel)
    beneficiary = await a_beneficiary(database, site, contact)
    gateway = Gateway()
    outbox = Outbox(database, PACK, {channel: gateway}, clock, "me")
    return World(database, clock, site, channel, contact, beneficiary, gateway, outbox)


async def test_what_matters_most_leaves_first_and_what_is_not_due_stays(world: World) -> None:
    reply = await world.queue("reply")
    later = await world.queue("crisis", due_at=NOW + timedelta(minutes=1))
    crisis = await world.queue("crisis")
    assert await world.outbox.step() == 2
    assert world.gateway.ids == [crisis, reply]
    assert [await world.state(n) for n in (crisis, reply, later)] == [
        ("sent", "accepted"), ("sent", "accepted"), ("queued", None)
    ]  # fmt: skip
    assert (await world.row(crisis)).provider_id == f"P{crisis}"


async def test_two_workers_never_send_the_same_row_nor_more_than_rate_and_burst(world: World) -> None:
    await world.change(t.channel, world.channel, rate=100.0)
    numbers = [await world.queue() for _ in range(200)]
    claimed: list[tuple[float, int]] = []
    for tick in range(0, 2000, 100):
        now = NOW + timedelta(milliseconds=tick)

        async def take(owner: str, now: datetime = now, tick: int = tick) -> list[tuple[float, int]]:
            async with world.database.write() as connection:
                batch = await claim(
                    connection, world.database, PACK, world.channel,
                    owner=owner, now=now, lease=timedelta(seconds=30), most=200,
                )  # fmt: skip
            return [(tick / 1000 + message.leaves_in, message.id) for message in batch.messages]

        for part in await asyncio.gather(take("one"), take("two")):
            claimed += part
    assert sorted(number for _, number in claimed) == sorted(numbers)
    moments = sorted(at for at, _ in claimed)
    assert max(sum(start <= at < start + 1 for at in moments) for start in moments) <= 110
    assert moments[-1] <= 2.0


async def test_several_outboxes_share_the_work_without_doubles(world: World) -> None:
    numbers = [await world.queue() for _ in range(60)]
    others = [world.outbox, world.another("two"), world.another("three")]
    for _ in range(4):
        await asyncio.gather(*(one.step() for one in others))
    assert sorted(world.gateway.ids) == sorted(numbers)


async def test_a_paused_channel_sends_nothing_until_its_time(world: World) -> None:
    number = await world.queue()
    await world.change(t.channel, world.channel, paused_until=NOW + timedelta(seconds=5))
    assert await world.outbox.step() == 0
    world.clock.forward(seconds=5)
    assert await world.outbox.step() == 1
    assert world.gateway.ids == [number]


async def test_a_worker_frozen_past_its_lease_does_not_send(world: World) -> None:
    number = await world.queue()
    batch = await world.outbox._claim(world.channel, 10)
    (message,) = batch.messages
    world.clock.forward(seconds=20)  # ten left of thirty: less than the gateway may take to answer
    ended = await world.outbox._send(world.gateway, message, 0.0, 1000.0)
    await world.outbox._record([ended])
    assert (ended.result, world.gateway.sent) == (None, [])
    row = await world.row(number)
    assert (row.state, row.tries) == ("queued", 0)


async def test_an_expired_lease_is_uncertain_and_only_what_matters_is_sent_again(world: World) -> None:
    crisis, reply = await world.queue("crisis"), await world.queue("reply")
    await world.outbox._claim(world.channel, 10)
    world.clock.forward(seconds=31)
    assert await world.another().settle() == 2
    assert [await world.state(n) for n in (crisis, reply)] == [("uncertain", None), ("uncertain", None)]
    world.clock.forward(seconds=61)
    await world.another().settle()
    assert [await world.state(n) for n in (crisis, reply)] == [("queued", None), ("failed", "unknown")]


async def test_what_the_gateway_remembers_is_not_sent_again_and_settles_only_one_row(world: World) -> None:
    (contact,) = await rows(world.database, t.contact)
    numbers = [await world.queue("crisis", "same words") for _ in range(2)]
    world.gateway.endings = [SendResult(OUTCOMES["timeout"])] * 2
    await world.outbox.step()
    world.gateway.remembered = [Found("PX", contact.address, "same words", NOW)]
    world.clock.forward(seconds=61)
    await world.outbox.settle()
    assert sorted([await world.state(n) for n in numbers]) == [("queued", "timeout"), ("sent", "accepted")]
    assert [r.provider_id for r in await rows(world.database, t.outbox, t.outbox.c.state == "sent")] == ["PX"]


async def test_a_receipt_settles_what_was_uncertain_and_a_late_worker_changes_nothing(world: World) -> None:
    number = await world.queue("crisis")
    (message,) = (await world.outbox._claim(world.channel, 10)).messages
    world.clock.forward(seconds=31)
    await world.outbox.settle()
    await world.outbox.receive(world.channel, Receipt("PX", "delivered", None, number))
    ended = await world.outbox._send(world.gateway, message, 0.0, 1000.0)
    await world.outbox._record([ended])
    row = await world.row(number)
    assert (row.state, row.provider_id, row.settled_at) == ("delivered", "PX", world.clock())


async def test_receipts_that_overtake_our_own_record_are_kept_for_it(world: World) -> None:
    number = await world.queue()

    async def overtake(message: Outgoing) -> None:
        await world.outbox.receive(world.channel, Receipt(f"P{message.message_id}", "delivered"))

    world.gateway.before = overtake
    await world.outbox.step()
    assert await world.state(number) == ("delivered", "delivered")
    assert await rows(world.database, t.early_receipt) == []


async def test_receipts_out_of_order_twice_and_of_another_channel_do_nothing_wrong(world: World) -> None:
    number = await world.queue()
    other = await a_channel(world.database)
    await world.outbox.step()
    provider_id = f"P{number}"
    await world.outbox.receive(other, Receipt(provider_id, "failed", OUTCOMES["bad_number"], number))
    assert await world.state(number) == ("sent", "accepted")
    for state in ("delivered", "sent", "delivered", "failed"):
        await world.outbox.receive(world.channel, Receipt(provider_id, state, None, number))
    assert await world.state(number) == ("delivered", "delivered")
    assert await world.tasks() == []


async def test_a_failed_delivery_is_tried_again_once_and_its_duplicate_changes_nothing(world: World) -> None:
    number = await world.queue("crisis")
    await world.outbox.step()
    failed = Receipt(f"P{number}", "failed", OUTCOMES["unreachable"], number)
    await world.outbox.receive(world.channel, failed)
    first = await world.row(number)
    world.clock.forward(seconds=10)
    await world.outbox.receive(world.channel, failed)
    await world.outbox.receive(world.channel, Receipt(f"P{number}", "sent", None, number))
    row = await world.row(number)
    assert (row.state, row.due_at) == ("queued", NOW + timedelta(seconds=1800)) == (first.state, first.due_at)


async def test_a_bad_number_leaves_a_task_a_day_and_a_lost_crisis_reply_one_of_its_own(world: World) -> None:
    world.gateway.endings = [SendResult(OUTCOMES["bad_number"])] * 3
    numbers = [await world.queue(), await world.queue("crisis"), await world.queue()]
    await world.outbox.step()
    assert [(await world.row(n)).state for n in numbers] == ["failed"] * 3
    assert await world.tasks() == ["bad_number", "unsent_crisis"]
    assert {task.site_id for task in await rows(world.database, t.follow_up)} == {world.site}


async def test_an_opt_out_at_the_gateway_is_remembered(world: World) -> None:
    world.gateway.endings = [SendResult(OUTCOMES["opted_out"])]
    await world.queue()
    await world.outbox.step()
    (contact,) = await rows(world.database, t.contact)
    assert (contact.opted_out_at, contact.opted_out_by) == (NOW, "provider")
    assert await world.tasks() == ["provider_opt_out"]


async def test_after_stop_only_answers_to_the_person_leave(world: World) -> None:
    await world.change(t.contact, world.contact, opted_out_at=NOW, opted_out_by="word")
    asked = [await world.queue(p) for p in ("crisis", "staff_reply", "reply")]
    unasked = [await world.queue(p) for p in ("reminder", "checkin", "test")]
    await world.outbox.step()
    assert world.gateway.ids == asked
    assert [await world.state(n) for n in unasked] == [("withheld", "opted_out")] * 3


async def test_what_is_too_late_expires_without_opening_a_check_in(world: World) -> None:
    campaign = await world.campaign()
    number = await world.queue("checkin", None, campaign_id=campaign, not_after=NOW + timedelta(hours=1))
    world.clock.forward(hours=2)
    await world.outbox.step()
    assert (await world.state(number), world.gateway.sent) == (("expired", "too_late"), [])
    assert await rows(world.database, t.session) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"age_band": "minor"}, "minor"), ({"age_band": "unknown"}, "minor"), ({"state": "exited"}, "not_active")],
)
async def test_check_ins_are_withheld_from_whom_they_are_not_for(
    world: World, change: dict[str, Any], reason: str
) -> None:
    await world.change(t.beneficiary, world.beneficiary, **change)
    number = await world.queue("checkin", None, campaign_id=await world.campaign())
    await world.outbox.step()
    assert (await world.state(number), world.gateway.sent) == (("withheld", reason), [])


@pytest.mark.parametrize(
    ("audience", "consents", "outcome"),
    [
        ({"states": ["exited"]}, [None], None),
        ({"states": ["active", "exited"]}, [NOW, None], None),
        ({"states": ["exited"]}, [], "not_active"),
        ({"states": ["exited"]}, [NOW], "not_active"),  # agreed when it was planned, and took it back since
        ({}, [None], "not_active"),  # planned while they were in the programme
    ],
)
async def test_who_left_gets_what_they_agreed_to_and_nothing_planned_before(
    world: World, audience: dict[str, Any], consents: list[datetime | None], outcome: str | None
) -> None:
    await world.change(t.beneficiary, world.beneficiary, state="exited")
    consent = {"purpose": "after_exit", "version": "1", "language": "en", "source": "paper", "given_at": NOW}
    await world.add(
        t.consent,
        *(consent | {"beneficiary_id": world.beneficiary, "withdrawn_at": withdrawn_at} for withdrawn_at in consents),
    )
    campaign = await world.campaign()
    await world.change(t.campaign, campaign, audience=audience)
    number = await world.queue("checkin", None, campaign_id=campaign)
    await world.outbox.step()
    if outcome is None:
        assert [message.message_id for message in world.gateway.sent] == [number]
        (session,) = await rows(world.database, t.session)
        reminder = await world.queue("reminder", "Still there?", session_id=session.id)
        await world.change(t.consent, (await rows(world.database, t.consent))[-1].id, withdrawn_at=NOW)
        await world.outbox.step()
        assert await world.state(reminder) == ("withheld", "not_active")
    else:
        assert (await world.state(number), world.gateway.sent) == (("withheld", outcome), [])


async def test_while_a_human_talks_the_bot_waits(world: World) -> None:
    until = NOW + timedelta(minutes=30)
    await world.change(t.contact, world.contact, held_until=until)
    number = await world.queue("checkin", None, campaign_id=await world.campaign())
    await world.outbox.step()
    row = await world.row(number)
    assert (row.state, row.due_at, world.gateway.sent) == ("queued", until, [])


async def test_a_check_in_opens_its_session_when_it_leaves_and_only_one(world: World) -> None:
    campaign = await world.campaign()
    numbers = [await world.queue("checkin", None, campaign_id=campaign) for _ in range(2)]
    await world.outbox.step()
    (session,) = await rows(world.database, t.session)
    (sent,) = world.gateway.sent
    row = await world.row(numbers[0])
    assert (row.state, row.session_id, row.text, row.segments) == ("sent", session.id, sent.text, 1)
    assert (session.state, session.timer, session.timer_step) == ("open", "remind", 1)
    assert session.due_at == NOW + timedelta(hours=PACK.checkins["weekly"].remind_hours)
    assert await world.state(numbers[1]) == ("withheld", "session_open")


async def test_the_first_check_in_follows_the_message_that_says_how_to_stop_and_only_once(world: World) -> None:
    campaign = await world.campaign(is_welcomed=False)
    await world.queue("checkin", None, campaign_id=campaign)
    await world.outbox.step()
    await world.outbox.step()
    assert [m.text for m in world.gateway.sent] == [PACK.phrase("welcome", "en")]
    assert await rows(world.database, t.session) == []
    world.clock.forward(minutes=1)
    await world.outbox.step()
    world.clock.forward(days=7)
    await world.change(t.session, (await rows(world.database, t.session))[0].id, state="done")
    await world.queue("checkin", None, campaign_id=campaign, due_at=world.clock.now)
    await world.outbox.step()
    assert [m.purpose for m in world.gateway.sent] == ["reply", "checkin", "checkin"]


async def test_a_pause_of_the_channel_never_holds_up_what_somebody_in_danger_waits_for(world: World) -> None:
    await world.change(t.channel, world.channel, paused_until=NOW + timedelta(minutes=15))
    waiting = await world.queue("reply")
    for purpose in ("crisis", "staff_alert", "staff_reply"):
        await world.queue(purpose)
    await world.outbox.step()
    assert sorted(m.purpose for m in world.gateway.sent) == ["crisis", "staff_alert", "staff_reply"]
    assert await world.state(waiting) == ("queued", None)


async def test_a_retry_keeps_the_session_and_its_words(world: World) -> None:
    number = await world.queue("checkin", None, campaign_id=await world.campaign())
    world.gateway.endings = [SendResult(OUTCOMES["gateway_fault"])]
    await world.outbox.step()
    world.clock.forward(minutes=5)
    await world.outbox.step()
    first, second = world.gateway.sent
    assert (first.text, (await world.row(number)).tries) == (second.text, 2)
    assert len(await rows(world.database, t.session)) == 1


async def test_a_check_in_that_never_left_was_never_asked_but_an_unknown_one_stays_open(world: World) -> None:
    campaign = await world.campaign()
    world.gateway.endings = [SendResult(OUTCOMES["filtered"]), ConnectionResetError()]
    await world.queue("checkin", None, campaign_id=campaign)
    await world.outbox.step()
    (session,) = await rows(world.database, t.session)
    assert (session.state, session.due_at) == ("unsent", None)
    unknown = await world.queue("checkin", None, campaign_id=campaign)
    await world.outbox.step()
    world.clock.forward(seconds=61)
    await world.outbox.settle()
    assert await world.state(unknown) == ("failed", "unknown")
    assert sorted(s.state for s in await rows(world.database, t.session)) == ["open", "unsent"]


async def test_a_notice_that_reaches_nobody_makes_its_alert_climb_once(world: World) -> None:
    staff = await a_staff_member(world.database)
    alert = {
        "id": world.database.new_id(), "code": "A1", "contact_id": world.contact, "site_id": world.site, "level": 4,
        "route": "self_harm", "machine_level": 4, "state": "open", "rung": 1, "opened_at": NOW, "target_at": NOW,
        "due_at": NOW + timedelta(minutes=5),
    }  # fmt: skip
    async with world.database.write() as connection:
        await connection.execute(sa.insert(t.alert), [alert])
    world.gateway.endings = [SendResult(OUTCOMES["bad_number"])] * 2
    for due in (NOW, NOW + timedelta(minutes=5)):
        await world.queue("staff_alert", staff_id=staff, alert_id=alert["id"])
        await world.outbox.step()
        assert [a.due_at for a in await rows(world.database, t.alert)] == [due]
        await world.change(t.alert, alert["id"], due_at=NOW + timedelta(minutes=5))


async def test_staff_without_a_telephone_are_a_named_failure(world: World) -> None:
    number = await world.queue("staff_alert", staff_id=await a_staff_member(world.database, phone=None))
    await world.outbox.step()
    assert await world.state(number) == ("failed", "no_address")


async def test_a_gateway_that_asks_for_time_pauses_its_channel(world: World) -> None:
    number = await world.queue()
    world.gateway.endings = [SendResult(OUTCOMES["rate_limited"])]
    await world.outbox.step()
    (channel,) = await rows(world.database, t.channel)
    assert channel.paused_until == NOW + timedelta(seconds=2)
    assert await world.state(number) == ("queued", "rate_limited")


async def test_results_are_written_again_when_the_database_was_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = await world.queue()

    async def break_database(_message: Outgoing) -> None:
        async with world.database.write() as connection:
            await connection.execute(sa.text("ALTER TABLE outbox RENAME TO outbox_away"))

    async def mend() -> None:
        while world.outbox.counters["record_failures"] == 0:  # noqa: ASYNC110  no event: it is the outbox that fails
            await asyncio.sleep(0.005)
        async with world.database.write() as connection:
            await connection.execute(sa.text("ALTER TABLE outbox_away RENAME TO outbox"))

    world.gateway.before = break_database
    await asyncio.gather(world.outbox.step(), mend())
    assert await world.state(number) == ("sent", "accepted")
    assert len(world.gateway.sent) == 1


async def test_the_pipeline_sends_everything_and_stops_clean(world: World) -> None:
    numbers = [await world.queue(contact_id=await a_contact(world.database, world.channel)) for _ in range(30)]
    stop, done = asyncio.Event(), asyncio.Event()

    async def count(_message: Outgoing) -> None:
        if len(world.gateway.sent) == len(numbers) - 1:
            done.set()

    world.gateway.before = count
    running = asyncio.create_task(world.outbox.run(stop))
    await asyncio.wait_for(done.wait(), 20)
    stop.set()
    await running
    assert sorted(world.gateway.ids) == sorted(numbers)
    assert {row.state for row in await rows(world.database, t.outbox)} == {"sent"}
    assert world.outbox.counters["sent"] == 30


async def test_what_a_frozen_worker_never_sent_goes_back_to_the_queue_though_its_lease_is_over(world: World) -> None:
    number = await world.queue()
    (message,) = (await world.outbox._claim(world.channel, 10)).messages
    world.clock.forward(seconds=31)
    await world.another().settle()
    assert await world.state(number) == ("uncertain", None)
    await world.outbox._record([await world.outbox._send(world.gateway, message, 0.0, 1000.0)])
    await world.another().step()
    row = await world.row(number)
    assert (row.state, row.tries, world.gateway.ids) == ("sent", 1, [number])


async def test_an_earlier_attempt_that_failed_is_not_taken_for_the_one_nobody_knows_of(world: World) -> None:
    (contact,) = await rows(world.database, t.contact)
    number = await world.queue("crisis", "call us")
    await world.outbox.step()
    world.gateway.remembered = [Found(f"P{number}", contact.address, "call us", NOW)]
    await world.outbox.receive(world.channel, Receipt(f"P{number}", "failed", OUTCOMES["gateway_fault"], number))
    world.clock.forward(seconds=15)
    world.gateway.endings = [SendResult(OUTCOMES["timeout"])]
    await world.outbox.step()
    world.clock.forward(seconds=61)
    await world.outbox.settle()
    await world.outbox.step()
    assert (await world.state(number), world.gateway.ids) == (("sent", "accepted"), [number] * 3)


async def test_a_cry_for_help_does_not_wait_behind_what_a_slow_gateway_has_not_taken_yet(world: World) -> None:
    outbox = Outbox(world.database, PACK, {world.channel: world.gateway}, world.clock, "me", concurrency=2, batch=10)
    numbers = [await world.queue(contact_id=await a_contact(world.database, world.channel)) for _ in range(40)]
    under_way, answered, stop = asyncio.Semaphore(0), asyncio.Semaphore(0), asyncio.Event()

    async def hold(_message: Outgoing) -> None:
        under_way.release()
        await answered.acquire()

    world.gateway.before = hold
    running = asyncio.create_task(outbox.run(stop))
    for _ in range(2):
        await asyncio.wait_for(under_way.acquire(), 20)

    async def is_full() -> bool:
        return len(await rows(world.database, t.outbox, t.outbox.c.state == "sending")) == 12

    assert await until(is_full, 20, every=0.01)
    async with world.database.write() as connection:
        row = outgoing_row(
            message_id=(crisis := world.database.new_id()), purpose="crisis", channel_id=world.channel, now=NOW,
            text="we are here", contact_id=world.contact,
        )  # fmt: skip
        await connection.execute(sa.insert(t.outbox), [row])
        signal(connection, "outbox")

    async def is_claimed() -> bool:
        return await world.state(crisis) == ("sending", None)

    assert await until(is_claimed, 20, every=0.01)
    for _ in range(4):
        answered.release()
    for _ in range(3):
        await asyncio.wait_for(under_way.acquire(), 20)
    assert crisis in world.gateway.ids[:4]
    stop.set()
    for _ in numbers:
        answered.release()
    await running


@pytest.mark.parametrize("how", ["its worker died", "the gateway did not answer"])
async def test_where_a_double_is_better_than_silence_the_silence_is_short(world: World, how: str) -> None:
    crisis, reply = await world.queue("crisis"), await world.queue("reply")
    if how == "its worker died":
        await world.outbox._claim(world.channel, 10)
        world.clock.forward(seconds=31)
        await world.another().settle()
    else:
        world.gateway.endings = [SendResult(OUTCOMES["timeout"])] * 2
        await world.outbox.step()
    world.clock.forward(seconds=11)
    await world.another().settle()
    assert ((await world.row(crisis)).state, (await world.row(reply)).state) == ("queued", "uncertain")


async def test_what_the_gateways_own_list_denies_never_left_and_goes_now_once(world: World) -> None:
    world.gateway.can_find = True
    world.gateway.endings = [ConnectionResetError()]
    number = await world.queue("checkin", None, campaign_id=await world.campaign())
    await world.outbox.step()
    assert (await world.row(number)).state == "uncertain"
    world.clock.forward(seconds=61)
    await world.outbox.settle()
    await world.outbox.step()
    assert (await world.row(number)).state == "sent"
    assert [m.text for m in world.gateway.sent] == [world.gateway.sent[0].text] * 2
    assert [s.state for s in await rows(world.database, t.session)] == ["open"]


async def test_what_the_gateways_list_denies_after_its_time_is_not_sent(world: World) -> None:
    world.gateway.can_find = True
    world.gateway.endings = [ConnectionResetError()]
    number = await world.queue("reply", not_after=NOW + timedelta(seconds=30))
    await world.outbox.step()
    world.clock.forward(seconds=61)
    await world.outbox.settle()
    assert await world.state(number) == ("failed", "unknown")
    assert len(world.gateway.sent) == 1
