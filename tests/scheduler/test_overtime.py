"""What only time shows, on both databases: the past is kept with the person, silence is counted against their habit."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from bot.checkin import open_checkin
from bot.distress import Reader
from bot.history import History
from bot.overtime import Habit, LastDanger
from cases import people
from channels.base import IncomingMessage
from content.pack import load_pack
from content.schema import Level
from scheduler.habits import load_habits
from scheduler.inbox import Inbox
from scheduler.timers import run_session_timers
from store import tables as t
from store.database import Database
from tests.builders import a_beneficiary, a_channel, a_contact, a_number, a_site, a_staff_member, on_rota, rows
from tests.conftest import NOW, HandClock

PACK = load_pack()
READER = Reader(PACK)


class Somebody:
    """A person whom check-ins are opened for, and who answers them or not."""

    def __init__(self, database: Database, clock: HandClock) -> None:
        self.database, self.clock = database, clock
        self.inbox = Inbox(database, PACK, READER, clock)
        self.number = a_number()
        self.count = 0

    async def enrolled(self, **values: Any) -> "Somebody":
        self.caseworker = await a_staff_member(self.database)
        self.site = await a_site(self.database, country=values.pop("country", "KE"))
        await on_rota(self.database, self.site, await a_staff_member(self.database))
        self.channel = await a_channel(self.database, site_id=self.site)
        self.contact = await a_contact(self.database, self.channel, self.number)
        self.id = await a_beneficiary(
            self.database, self.site, self.contact, **{"caseworker_id": self.caseworker} | values
        )
        return self

    async def says(self, text: str) -> None:
        self.count += 1
        message = IncomingMessage(f"SM{self.id}-{self.count}", self.number, "+19995550100", text, 0)
        assert await self.inbox.accept(self.channel, message)

    async def is_asked(self, checkin: str = "weekly") -> None:
        opening = open_checkin(PACK, checkin, "en", self.clock())
        row = {
            "id": self.database.new_id(), "beneficiary_id": self.id, "contact_id": self.contact, "checkin": checkin,
            "version": opening.progress.version, "state": "open", "progress": opening.progress.to_json(),
            "opened_at": self.clock(), "due_at": opening.expire_at, "timer": "expire", "timer_step": 1,
        }  # fmt: skip
        async with self.database.write() as connection:
            await connection.execute(sa.insert(t.session), [row])

    async def answers(self, *texts: str, checkin: str = "weekly", after: float = 1) -> None:
        """One whole check-in, and on to the next week."""
        await self.is_asked(checkin)
        start = self.clock()
        for text in texts:
            self.clock.forward(hours=after)
            await self.says(text)
        self.clock.now = start + timedelta(days=7)

    async def is_silent(self, checkin: str = "weekly") -> None:
        await self.is_asked(checkin)
        start = self.clock()
        self.clock.forward(hours=PACK.checkins[checkin].expire_hours)
        assert await run_session_timers(self.database, PACK, self.clock) == 1
        self.clock.now = start + timedelta(days=7)

    async def alerts(self) -> list[tuple[int, str, str]]:
        return [(row.level, row.route, row.state) for row in await rows(self.database, t.alert)]

    async def reasons(self) -> list[list[str]]:
        return [[reason["detail"] for reason in row.reasons] for row in await rows(self.database, t.assessment)]

    async def person(self) -> Any:
        (row,) = await rows(self.database, t.beneficiary, t.beneficiary.c.id == self.id)
        return row

    async def close_alerts(self, outcome: str = "SAFE_SUPPORTED") -> None:
        async with self.database.write() as connection:
            await connection.execute(
                sa.update(t.alert).values(state="closed", outcome=outcome, closed_at=self.clock(), due_at=None)
            )

    async def habit(self, country: str = "KE") -> Habit:
        async with self.database.read() as connection:
            return (await load_habits(connection, PACK, {self.id: country}, self.clock()))[self.id]


@pytest.fixture
async def somebody(database: Database, clock: HandClock) -> Somebody:
    return await Somebody(database, clock).enrolled(phone_kind="shared")


async def test_a_number_that_doubles_below_the_threshold_opens_an_alert_that_says_so(somebody: Somebody) -> None:
    for number in ("2", "3", "2"):
        await somebody.answers(number, "no", checkin="monthly")
    assert await somebody.alerts() == []
    await somebody.answers("6", "no", checkin="monthly")
    assert await somebody.alerts() == [(2, "distress", "open")]
    assert await somebody.reasons() == [["monthly.distress: usually 2-3, now 6"]]
    (assessment,) = await rows(somebody.database, t.assessment)
    assert assessment.reasons[0]["data"] == {
        "checkin": "monthly", "question": "distress", "now": 6, "usual": 2, "low": 2, "high": 3, "answers": 3,
    }  # fmt: skip


async def test_the_past_is_sealed_and_stays_with_the_person_when_the_number_goes_to_somebody_else(
    somebody: Somebody,
) -> None:
    database = somebody.database
    for number in ("2", "3", "2"):
        await somebody.answers(number, "no", checkin="monthly")
    async with database.read() as connection:
        raw = (await connection.execute(sa.text("SELECT history FROM beneficiary"))).scalar_one()
    assert isinstance(raw, bytes | memoryview)
    assert b"monthly" not in bytes(raw)
    other = await a_beneficiary(database, somebody.site, None, phone_kind="shared")
    async with database.write() as connection:
        await connection.execute(
            sa.update(t.beneficiary).where(t.beneficiary.c.id == somebody.id).values(contact_id=None)
        )
        await connection.execute(
            sa.update(t.beneficiary).where(t.beneficiary.c.id == other).values(contact_id=somebody.contact)
        )
    first = somebody.id
    somebody.id = other
    await somebody.answers("6", "no", checkin="monthly")
    assert await somebody.alerts() == []
    kept = {row.id: History.from_json(row.history) for row in await rows(database, t.beneficiary)}
    assert [value.value for value in kept[first].values["monthly.distress"]] == [2, 3, 2]
    assert [value.value for value in kept[other].values["monthly.distress"]] == [6]


async def test_a_harmless_message_writes_no_past(somebody: Somebody) -> None:
    await somebody.says("thank you")
    await somebody.answers("1")
    assert (await somebody.person()).history is None


async def test_distress_on_a_third_day_says_that_it_is_the_third(somebody: Somebody, clock: HandClock) -> None:
    for _ in range(3):
        await somebody.says("i feel hopeless")
        await somebody.says("i feel hopeless today")
        clock.forward(days=3)
    details = [detail for found in await somebody.reasons() for detail in found]
    assert "distress: on 3 days in 7" in details
    assert "distress: on 2 days in 4" not in details
    assert {level for level, _, _ in await somebody.alerts()} == {2}


async def test_who_always_answers_is_missed_at_the_first_silence(somebody: Somebody) -> None:
    for _ in range(6):
        await somebody.answers("1", after=3)
    await somebody.is_silent()
    assert await somebody.alerts() == [(2, "distress", "open")]
    assert await somebody.reasons() == [
        [
            "check-ins without any answer in a row: 1",
            "answered 6 of the last 6, usually within 3 hours; nothing for 48 hours",
        ]
    ]
    (task,) = await rows(somebody.database, t.follow_up)
    assert (task.kind, task.due_at - task.created_at) == ("silence", timedelta(hours=4))


async def test_who_answers_now_and_then_is_called_once_and_raised_at_the_second_silence(somebody: Somebody) -> None:
    for _ in range(5):
        await somebody.answers("1")
    await somebody.is_silent()
    (task,) = await rows(somebody.database, t.follow_up)
    assert (await somebody.alerts(), task.due_at - task.created_at) == ([], timedelta(hours=24))
    await somebody.is_silent()
    assert await somebody.alerts() == [(2, "distress", "open")]
    assert (await somebody.reasons())[0][1].startswith("answered 5 of the last 6,")
    assert (await somebody.person()).missed == 2


async def test_half_an_answer_is_an_answer_and_ends_the_count(somebody: Somebody, clock: HandClock) -> None:
    await somebody.is_silent()
    await somebody.is_asked()
    await somebody.says("2")  # so-so, and then nothing more
    for _ in range(2):  # the reminder, then the end
        clock.forward(hours=24)
        assert await run_session_timers(somebody.database, PACK, clock) == 1
    assert (await somebody.person()).missed == 0
    clock.forward(days=5)
    await somebody.is_silent()
    assert await somebody.alerts() == []
    assert await somebody.habit() == Habit(3, 1, 1)


@pytest.mark.parametrize(
    ("changes", "days", "expected"),
    [
        ({}, 10, (3, "self_harm")),
        ({}, 40, None),
        ({"level": 2}, 10, None),  # a human lowered it
        ({"outcome": "FALSE_ALARM_MISREAD"}, 10, None),
        ({"outcome": "TEST_OR_JOKE"}, 10, None),
        ({"is_report": True, "route": "misconduct"}, 10, None),  # nothing at the site may show that there is one
        ({"is_drill": True}, 10, None),
        ({"level": 4, "route": "threat"}, 29, (3, "threat")),
    ],
)
async def test_silence_after_danger_is_danger(
    somebody: Somebody, clock: HandClock, changes: dict[str, Any], days: float, expected: tuple[int, str] | None
) -> None:
    await somebody.says("i want to die")
    await somebody.close_alerts()
    async with somebody.database.write() as connection:
        if changes:
            await connection.execute(sa.update(t.alert).values(**changes))
    clock.forward(days=days - 2)
    await somebody.is_silent()
    opened = [alert for alert in await somebody.alerts() if alert[2] != "closed"]
    assert opened == ([(*expected, "open")] if expected else [])
    if expected:
        last = (await somebody.reasons())[-1]
        assert last[0].endswith(f"{expected[1]} {days} days ago")


async def test_silence_while_the_alert_is_open_joins_it_and_lowers_nothing(
    somebody: Somebody, clock: HandClock
) -> None:
    await somebody.says("i have taken poison")
    clock.forward(hours=1)
    await somebody.is_silent()
    assert await somebody.alerts() == [(4, "self_harm", "open")]
    kinds = [event.kind for event in await rows(somebody.database, t.alert_event)]
    assert [kind for kind in kinds if kind in ("opened", "joined", "raised")] == ["opened", "joined"]
    assert await somebody.habit() == Habit(1, 0, None, LastDanger(Level.IMMINENT, "self_harm", 0))


async def test_the_habit_of_many_is_read_in_the_numbers_of_their_countries(
    database: Database, clock: HandClock
) -> None:
    people_, start = [], clock()
    for waits in ((1, 2), (5,)):
        one = await Somebody(database, clock).enrolled()
        for after in waits:
            await one.answers("1", after=after)
        people_.append(one)
        clock.now = start
    clock.forward(days=30)
    async with database.read() as connection:
        found = await load_habits(connection, PACK, {one.id: "KE" for one in people_}, clock())
        assert await load_habits(connection, PACK, {}, clock()) == {}
    assert found == {people_[0].id: Habit(2, 2, 2), people_[1].id: Habit(1, 1, 5)}


# --- after the programme ---


async def test_who_left_and_cries_for_help_is_handled_like_anybody_enrolled(somebody: Somebody) -> None:
    await people.set_state(somebody.database, somebody.id, "exited", None, NOW)
    await somebody.says("i want to die")
    (alert,) = await rows(somebody.database, t.alert)
    assert (alert.beneficiary_id, alert.site_id, alert.level, alert.state) == (somebody.id, somebody.site, 3, "open")
    told = {row.staff_id for row in await rows(somebody.database, t.outbox, t.outbox.c.purpose == "staff_alert")}
    assert somebody.caseworker in told
    (crisis,) = await rows(somebody.database, t.outbox, t.outbox.c.purpose == "crisis")
    assert crisis.contact_id == somebody.contact
    await somebody.says("hello")
    assert "unknown_number" not in {row.kind for row in await rows(somebody.database, t.follow_up)}


async def test_exit_ends_what_was_being_asked_and_keeps_the_day(somebody: Somebody) -> None:
    await somebody.is_asked()
    await people.set_state(somebody.database, somebody.id, "exited", None, NOW)
    assert [row.state for row in await rows(somebody.database, t.session)] == ["stopped"]
    assert (await somebody.person()).exited_on == NOW.date()
    await people.set_state(somebody.database, somebody.id, "paused", None, NOW)
    assert (await somebody.person()).exited_on is None


async def test_the_answer_to_staying_in_touch_is_consent_and_can_be_taken_back(somebody: Somebody) -> None:
    async def consents() -> list[tuple[str, str, str, bool]]:
        return [
            (row.purpose, row.version, row.source, row.withdrawn_at is None)
            for row in await rows(somebody.database, t.consent)
        ]

    await somebody.answers("1", "1", "no", checkin="exit")
    assert await consents() == []
    await somebody.answers("1", "1", "yes", checkin="exit")
    assert await consents() == [("after_exit", "exit/1", "answer", True)]
    await somebody.answers("1", "1", "yes", checkin="exit")
    assert [standing for *_, standing in await consents()] == [False, True]
    await somebody.answers("1", "1", "no", checkin="exit")
    assert [standing for *_, standing in await consents()] == [False, False]


async def test_silence_of_who_left_is_a_task_however_often_but_danger_after_danger(
    somebody: Somebody, clock: HandClock
) -> None:
    await people.set_state(somebody.database, somebody.id, "exited", None, NOW)
    for _ in range(3):
        await somebody.is_silent("exit_6_months")
    assert await somebody.alerts() == []
    assert [row.kind for row in await rows(somebody.database, t.follow_up)] == ["silence"] * 3
    await somebody.says("i want to die")
    await somebody.close_alerts()
    clock.forward(days=1)
    await somebody.is_silent("exit_12_months")
    assert [alert for alert in await somebody.alerts() if alert[2] == "open"] == [(3, "self_harm", "open")]
