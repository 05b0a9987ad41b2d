"""The silence work list: what follows from an attempt, who is next, and who is never given up without a supervisor."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from cases import audit, silence
from cases.hours import Hours
from cases.rules import AlertRuleError
from cases.silence import Next, Silent, after, order, step_of
from store import tables
from store.database import Database
from tests.builders import a_beneficiary, a_channel, a_contact, a_site, a_staff_member, rows
from tests.conftest import NOW, HandClock

OFFICE = Hours({str(day): [480, 1020] for day in range(5)}, "Africa/Nairobi")


def at(text: str) -> datetime:
    """Local time in Nairobi, of March 2026 (the 3rd is a Tuesday)."""
    return datetime.fromisoformat(f"2026-03-{text}:00+03:00").astimezone(UTC)


@pytest.mark.parametrize(
    ("result", "attempts", "when", "safe", "grave", "follows"),
    [
        ("REACHED_SELF", 1, "03T10:00", None, False, Next(True)),
        ("REACHED_SELF", 1, "03T10:00", None, True, Next(True)),
        ("VISITED_FOUND", 4, "03T10:00", None, True, Next(True)),
        ("NO_ANSWER", 1, "03T10:00", None, False, Next(False, "call", at("04T15:00"))),  # the other half of the day
        ("NO_ANSWER", 2, "03T15:00", None, False, Next(False, "call", at("04T09:00"))),
        ("NO_ANSWER", 1, "06T10:00", None, False, Next(False, "call", at("09T15:00"))),  # over the weekend
        ("NO_ANSWER", 1, "03T10:00", (600, 660), False, Next(False, "call", at("04T10:00"))),  # inside their hours
        ("NO_ANSWER", 1, "03T10:00", (1200, 480), False, Next(False, "call", at("04T20:00"))),
        ("NO_ANSWER", 3, "03T10:00", None, False, Next(False, "visit", at("06T10:00"))),
        ("PHONE_OFF", 1, "03T10:00", None, False, Next(False, "call", at("05T15:00"))),
        ("REACHED_OTHER_NO_DISCLOSURE", 1, "03T10:00", None, False, Next(False, "call", at("04T15:00"))),
        ("LANGUAGE_BARRIER", 1, "03T10:00", None, False, Next(False, "call", at("04T15:00"), "interpreter")),
        ("UNSAFE_TO_TALK", 1, "03T10:00", None, False, Next(False, "call", at("04T15:00"), "call_safely")),
        ("WRONG_NUMBER", 1, "03T10:00", None, True, Next(True, task="verify_number", unverifies=True)),
        ("NUMBER_RECYCLED", 2, "03T10:00", None, False, Next(True, task="verify_number", unverifies=True)),
        ("REFUSED", 1, "03T10:00", None, False, Next(True)),
        ("REFUSED", 1, "03T10:00", None, True, Next(False, "decide", at("04T10:00"))),
        ("VISITED_NOT_FOUND", 4, "03T10:00", None, False, Next(False, "decide", at("04T10:00"))),
    ],
)
def test_what_follows_from_an_attempt(
    result: str, attempts: int, when: str, safe: tuple[int, int] | None, grave: bool, follows: Next
) -> None:
    assert after(result, attempts, at(when), OFFICE, safe=safe, grave=grave) == follows


@pytest.mark.parametrize(
    ("attempts", "last", "step"),
    [(0, None, "call"), (2, "NO_ANSWER", "call"), (3, "NO_ANSWER", "visit"), (4, "VISITED_NOT_FOUND", "decide")],
)
def test_the_step_a_silence_stands_at(attempts: int, last: str | None, step: str) -> None:
    assert step_of(attempts, last) == step


def someone(number: int, **values: Any) -> Silent:
    base = {
        "task_id": number, "beneficiary_id": number, "contact_id": number, "code": f"B{number}", "site": "Kisima",
        "zone": "Africa/Nairobi", "country": "KE", "language": "en", "phone_kind": "private", "safe": None,
        "since": NOW, "due_at": NOW, "attempts": 0, "last": None, "is_grave": False, "staff_gender": None,
    }  # fmt: skip
    return Silent(**base | values)


def test_the_gravest_come_first_then_whoever_may_be_called_now_then_whoever_waits_longest() -> None:
    people = [
        someone(1, due_at=NOW),
        someone(2, due_at=NOW - timedelta(days=1)),
        someone(3, due_at=NOW - timedelta(days=5), safe=(60, 120)),  # not at this hour
        someone(4, is_grave=True, due_at=NOW + timedelta(days=1)),
        someone(5, safe=(700, 800), due_at=NOW - timedelta(days=3)),  # it is 12:00 there
    ]
    assert [one.task_id for one in order(people, NOW)] == [4, 5, 2, 1, 3]


class Silences:
    def __init__(self, database: Database) -> None:
        self.database = database

    async def build(self) -> "Silences":
        db = self.database
        self.site = await a_site(db, code="KIS")
        self.channel = await a_channel(db, site_id=self.site)
        self.staff = await a_staff_member(db, role="caseworker", site_ids=[self.site])
        self.boss = await a_staff_member(db, role="supervisor", site_ids=[self.site])
        self.contact, self.person, self.task = await self.someone("B-1")
        return self

    async def someone(self, code: str) -> tuple[int, int, int]:
        db = self.database
        contact = await a_contact(db, self.channel)
        person = await a_beneficiary(db, self.site, contact, code=code)
        task = db.new_id()
        row = {
            "id": task, "key": f"silence/{task}", "contact_id": contact, "beneficiary_id": person, "site_id": self.site,
            "kind": "silence", "state": "open", "created_at": NOW, "due_at": NOW + timedelta(hours=24),
        }  # fmt: skip
        async with db.write() as connection:
            await connection.execute(sa.insert(tables.follow_up), [row])
        return contact, person, task

    async def listed(self, now: datetime) -> list[Silent]:
        async with self.database.read() as connection:
            return await silence.work_list(connection, sa.true(), now)

    async def was_in_danger(self, outcome: str | None = None) -> None:
        db = self.database
        row = {
            "id": db.new_id(), "code": "AAAA", "contact_id": self.contact, "beneficiary_id": self.person,
            "site_id": self.site, "level": 3, "route": "self_harm", "machine_level": 3, "state": "closed", "rung": 1,
            "opened_at": NOW - timedelta(days=3), "target_at": NOW, "closed_at": NOW, "outcome": outcome,
        }  # fmt: skip
        async with db.write() as connection:
            await connection.execute(sa.insert(tables.alert), [row])


@pytest.fixture
async def silences(database: Database) -> Silences:
    return await Silences(database).build()


async def refused(step: Any) -> str:
    with pytest.raises(AlertRuleError) as error:
        await step
    return str(error.value)


async def test_attempt_after_attempt_a_visit_and_a_supervisors_word(silences: Silences, clock: HandClock) -> None:
    db, log = silences.database, silence.log_attempt
    assert [one.code for one in await silences.listed(clock())] == ["B-1"]
    for _ in range(3):
        await log(db, silences.task, silences.staff, "NO_ANSWER", "", clock())
        assert await silences.listed(clock()) == []  # it waits for another hour
        clock.forward(days=3)
        (listed,) = await silences.listed(clock())
    assert (listed.step, listed.attempts) == ("visit", 3)
    assert "before giving up; 3 attempts" in await refused(silence.give_up(db, silences.task, silences.staff, "x", NOW))
    await log(db, silences.task, silences.staff, "VISITED_NOT_FOUND", "neighbours have not seen him", clock())
    clock.forward(days=3)
    assert (await silences.listed(clock()))[0].step == "decide"
    assert "Say in a note" in await refused(silence.give_up(db, silences.task, silences.staff, " ", clock()))
    await silence.give_up(db, silences.task, silences.staff, "the chief knows", clock())
    assert await silences.listed(clock()) == []
    kinds = [(e.kind, e.data.get("result"), e.note) for e in await rows(db, tables.case_event)]
    assert kinds[-2:] == [
        ("attempt", "VISITED_NOT_FOUND", "neighbours have not seen him"),
        ("given_up", None, "the chief knows"),
    ]
    assert await audit.verify(db) == []
    async with db.read() as connection:
        assert await silence.tally(connection, sa.true(), NOW) == (4, 1)
    assert "settled this already" in await refused(log(db, silences.task, silences.staff, "NO_ANSWER", "", clock()))


async def test_after_danger_only_a_supervisor_gives_up(silences: Silences, clock: HandClock) -> None:
    db = silences.database
    await silences.was_in_danger("SAFE_SUPPORTED")
    await silence.log_attempt(db, silences.task, silences.staff, "VISITED_NOT_FOUND", "", clock())
    assert (await silences.listed(clock.forward(days=5)))[0].is_grave
    refusal = await refused(silence.give_up(db, silences.task, silences.staff, "gone", clock()))
    assert "only a supervisor may give up" in refusal
    await silence.give_up(db, silences.task, silences.boss, "gone", clock())
    assert await silences.listed(clock()) == []


async def test_a_false_alarm_is_no_danger(silences: Silences, clock: HandClock) -> None:
    await silences.was_in_danger("FALSE_ALARM_MISREAD")
    assert not (await silences.listed(clock()))[0].is_grave


async def test_a_number_that_is_somebody_elses_is_marked_and_to_be_verified(
    silences: Silences, clock: HandClock
) -> None:
    db = silences.database
    await silence.log_attempt(db, silences.task, silences.staff, "NUMBER_RECYCLED", "", clock())
    (contact,) = await rows(db, tables.contact)
    assert contact.unverified_since == clock()
    tasks = {row.kind: row.state for row in await rows(db, tables.follow_up)}
    assert tasks == {"silence": "done", "verify_number": "open"}


async def test_only_staff_of_the_site_who_may_read_work_on_it(silences: Silences, clock: HandClock) -> None:
    db = silences.database
    elsewhere = await a_staff_member(db, role="caseworker", site_ids=[await a_site(db)])
    admin = await a_staff_member(db, role="admin")
    log = silence.log_attempt
    assert "settled this already" in await refused(log(db, silences.task, elsewhere, "NO_ANSWER", "", clock()))
    assert "may not work" in await refused(log(db, silences.task, admin, "NO_ANSWER", "", clock()))
    assert "no contact result" in await refused(log(db, silences.task, silences.staff, "DANCED", "", clock()))
    assert await rows(db, tables.case_event) == []
