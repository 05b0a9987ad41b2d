"""People who have gone silent: one attempt after another, at other hours, then a visit; who is next, and what follows.

Silence, not distress, is the workload (DOMAIN §4: 160 silences a week among a thousand people), so each attempt is one
step. Nobody whose last danger is recent is given up without a supervisor.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from cases import audit
from cases.closing import CONTACT_RESULTS, LADDER_ATTEMPTS, is_supervising
from cases.duty import Site, site_of
from cases.hours import Hours
from cases.numbers import unverify
from cases.rules import AlertRuleError
from cases.telling import add_follow_ups, follow_up_row
from content.schema import Level
from content.sentence import Sentence
from store import tables
from store.database import Database, signal

Step = Literal["call", "visit", "decide"]
GRAVE = timedelta(days=30)  # so long after danger nobody is given up without a supervisor
_MORNING, _AFTERNOON, _NOON = time(9), time(15), 12
_PHONE_OFF_DAYS, _VISIT_DAYS = 2, 3


@dataclass(frozen=True, slots=True)
class Next:
    """What follows from an attempt: the task is done, or there is a next step by `due_at`."""

    is_done: bool
    step: Step = "call"
    due_at: datetime | None = None
    task: str = ""  # another task that it leaves
    unverifies: bool = False  # nobody knows any more whose number this is


def step_of(attempts: int, last: str | None) -> Step:
    """The step that a silence stands at after so many attempts, the last of which went so."""
    if last == "VISITED_NOT_FOUND":
        return "decide"
    return "visit" if attempts >= LADDER_ATTEMPTS else "call"


def after(
    result: str, attempts: int, at: datetime, hours: Hours, *, safe: tuple[int, int] | None = None, grave: bool = False
) -> Next:
    """What follows from the attempt number `attempts` (this one counted) that went so at `at`. Pure.

    `safe` are the person's own hours in minutes after local midnight. `grave`: in danger not long ago.
    """
    found = CONTACT_RESULTS[result]
    if found.has_reached:
        return Next(is_done=True)
    if result in {"WRONG_NUMBER", "NUMBER_RECYCLED"}:
        return Next(is_done=True, task="verify_number", unverifies=True)
    if result == "REFUSED":
        # They were reached and want to be left alone; after danger a supervisor looks at it first.
        return Next(is_done=False, step="decide", due_at=hours.days_after(at, 1)) if grave else Next(is_done=True)
    step = step_of(attempts, result)
    if step == "decide":
        return Next(is_done=False, step=step, due_at=hours.days_after(at, 1))
    if step == "visit":
        return Next(is_done=False, step=step, due_at=hours.days_after(at, _VISIT_DAYS), task=found.follow_up)
    days = _PHONE_OFF_DAYS if result == "PHONE_OFF" else 1
    return Next(is_done=False, due_at=_other_hour(at, days, hours, safe), task=found.follow_up)


def _other_hour(at: datetime, days: int, hours: Hours, safe: tuple[int, int] | None) -> datetime:
    """So many staffed days later, in the other half of the day, inside the person's own hours."""
    day = hours.local(hours.days_after(at, days)).date()
    wanted = _AFTERNOON if hours.local(at).hour < _NOON else _MORNING
    minute = wanted.hour * 60
    if safe is not None and not _inside(minute, safe):
        minute = safe[0]
    midnight = datetime.combine(day, time(), ZoneInfo(hours.time_zone))
    return midnight + timedelta(minutes=minute)


def _inside(minute: int, safe: tuple[int, int]) -> bool:
    start, end = safe
    return start <= minute < end if start <= end else minute >= start or minute < end


@dataclass(frozen=True, slots=True)
class Silent:
    """One person on the list, as the page shows them: no name, no number."""

    task_id: int
    beneficiary_id: int
    contact_id: int
    code: str
    site: str
    zone: str
    country: str
    language: str
    phone_kind: str
    safe: tuple[int, int] | None
    since: datetime
    due_at: datetime
    attempts: int
    last: str | None
    is_grave: bool
    staff_gender: str | None

    @property
    def step(self) -> Step:
        return step_of(self.attempts, self.last)

    def may_be_called(self, now: datetime) -> bool:
        local = now.astimezone(ZoneInfo(self.zone))
        return self.safe is None or _inside(local.hour * 60 + local.minute, self.safe)


def order(people: Sequence[Silent], now: datetime) -> list[Silent]:
    """Who is next: in danger not long ago, then whoever may be called at this hour, then whoever waits longest."""
    return sorted(people, key=lambda p: (not p.is_grave, not p.may_be_called(now), p.due_at, p.task_id))


def _silences(sites: sa.ColumnElement[bool], now: datetime) -> sa.Select[Any]:
    f, b, s, a = tables.follow_up, tables.beneficiary, tables.site, tables.alert
    grave = sa.exists().where(
        a.c.beneficiary_id == b.c.id,
        a.c.level >= int(Level.HIGH),
        a.c.opened_at > now - GRAVE,
        a.c.is_report.is_(False),
        a.c.is_drill.is_(False),
        sa.or_(a.c.outcome.is_(None), a.c.outcome.not_like("FALSE_ALARM%")),
    )
    return (
        sa.select(
            f.c.id,
            f.c.beneficiary_id,
            f.c.contact_id,
            b.c.code,
            s.c.name.label("site"),
            s.c.time_zone,
            s.c.country,
            b.c.language,
            b.c.phone_kind,
            b.c.safe_from,
            b.c.safe_until,
            b.c.staff_gender,
            f.c.created_at,
            f.c.due_at,
            f.c.attempts,
            f.c.result,
            grave.label("is_grave"),
        )
        .join(b, b.c.id == f.c.beneficiary_id)
        .join(s, s.c.id == b.c.site_id)
        .where(f.c.kind == "silence", f.c.state == "open", b.c.state == "active", sites)
    )


async def work_list(
    connection: AsyncConnection, sites: sa.ColumnElement[bool], now: datetime, *, most: int = 500
) -> list[Silent]:
    """The silences that somebody should try now, in order. `sites` bounds them to what the viewer may see.

    A silence is worked from the moment its task is raised: only what was tried already waits for its next hour.
    """
    f = tables.follow_up
    statement = _silences(sites, now).where(sa.or_(f.c.attempts == 0, f.c.due_at <= now)).order_by(f.c.due_at)
    return order([_silent(row) for row in (await connection.execute(statement.limit(most))).all()], now)


def _silent(row: Any) -> Silent:
    safe = (row.safe_from, row.safe_until) if row.safe_from is not None and row.safe_until is not None else None
    return Silent(
        row.id,
        row.beneficiary_id,
        row.contact_id,
        row.code,
        row.site,
        row.time_zone,
        row.country,
        row.language,
        row.phone_kind,
        safe,
        row.created_at,
        row.due_at,
        row.attempts,
        row.result,
        bool(row.is_grave),
        row.staff_gender,
    )


async def tally(connection: AsyncConnection, sites: sa.ColumnElement[bool], since: datetime) -> tuple[int, int]:
    """Attempts since then, and people on the list who were reached or settled since then."""
    f, b, e = tables.follow_up, tables.beneficiary, tables.case_event
    tries = (
        sa.select(sa.func.count())
        .select_from(e.join(b, b.c.id == e.c.beneficiary_id))
        .where(e.c.kind == "attempt", e.c.at >= since, sites)
    )
    settled = (
        sa.select(sa.func.count())
        .select_from(f.join(b, b.c.id == f.c.beneficiary_id))
        .where(f.c.kind == "silence", f.c.state == "done", f.c.done_at >= since, sites)
    )
    return (
        int((await connection.execute(tries)).scalar_one()),
        int((await connection.execute(settled)).scalar_one()),
    )


async def log_attempt(database: Database, task_id: int, staff_id: int, result: str, note: str, now: datetime) -> Next:
    """One attempt at somebody silent, by staff of their site: written down, and what follows from it arranged."""
    if result not in CONTACT_RESULTS:
        raise AlertRuleError(Sentence("There is no contact result called %(name)s.", name=result[:32]))
    f, e = tables.follow_up, tables.case_event
    async with database.write() as connection:
        silent, site, _ = await _mine(database, connection, task_id, staff_id, now)
        attempts = silent.attempts + 1
        follows = after(result, attempts, now, site.hours, safe=silent.safe, grave=silent.is_grave)
        values: dict[str, Any] = {"attempts": attempts, "result": result}
        if follows.is_done:
            values |= {"state": "done", "done_at": now, "done_by": staff_id}
        else:
            values["due_at"] = follows.due_at
        await connection.execute(sa.update(f).where(f.c.id == task_id).values(**values))
        data = {"result": result, "task": task_id, "attempt": attempts, "step": silent.step}
        row = {"beneficiary_id": silent.beneficiary_id, "at": now, "kind": "attempt", "staff_id": staff_id}
        await connection.execute(sa.insert(e), [row | {"data": data, "note": note.strip() or None}])
        if follows.unverifies:
            await unverify(connection, silent.contact_id, now)
        if follows.task:
            task = follow_up_row(
                database,
                f"{follows.task}/silence/{task_id}",
                follows.task,
                now,
                site.hours.days_after(now, 1),
                contact_id=silent.contact_id,
                beneficiary_id=silent.beneficiary_id,
                site_id=site.id,
            )
            await add_follow_ups(database, connection, [task])
        subject = f"beneficiary/{silent.beneficiary_id}"
        await audit.record(connection, database, staff_id, "silence.attempt", subject, data, now)
        signal(connection, "messages")
    return follows


async def give_up(database: Database, task_id: int, staff_id: int, note: str, now: datetime) -> None:
    """Everything was tried: the silence is closed unreached. After recent danger only a supervisor decides that."""
    f, e = tables.follow_up, tables.case_event
    async with database.write() as connection:
        silent, _, role = await _mine(database, connection, task_id, staff_id, now)
        if silent.step != "decide":
            raise AlertRuleError(
                Sentence(
                    "Try at least %(least)s times and visit before giving up; %(count)s attempts so far.",
                    least=LADDER_ATTEMPTS,
                    count=silent.attempts,
                )
            )
        if silent.is_grave and not is_supervising(role):
            raise AlertRuleError("This person was in danger not long ago: only a supervisor may give up.")
        if not note.strip():
            raise AlertRuleError("Say in a note what was tried and who knows of it.")
        await connection.execute(
            sa.update(f)
            .where(f.c.id == task_id)
            .values(state="done", done_at=now, done_by=staff_id, result="UNREACHED_EXHAUSTED")
        )
        row = {"beneficiary_id": silent.beneficiary_id, "at": now, "kind": "given_up", "staff_id": staff_id}
        data = {"task": task_id, "attempts": silent.attempts}
        await connection.execute(sa.insert(e), [row | {"data": data, "note": note.strip()}])
        subject = f"beneficiary/{silent.beneficiary_id}"
        await audit.record(connection, database, staff_id, "silence.given_up", subject, data, now)
        signal(connection, "messages")


async def _mine(
    database: Database, connection: AsyncConnection, task_id: int, staff_id: int, now: datetime
) -> tuple[Silent, Site, str]:
    """The open silence, locked, with its site, for a staff member of that site; and the role they have."""
    f, s, w, b = tables.follow_up, tables.site, tables.staff, tables.beneficiary
    if database.kind == "postgresql":
        await connection.execute(sa.select(f.c.id).where(f.c.id == task_id).with_for_update())
    who = sa.select(w.c.role, w.c.site_ids).where(w.c.id == staff_id, w.c.disabled_at.is_(None))
    actor = (await connection.execute(who)).first()
    if actor is None or actor.role in {"focal_point", "admin"}:
        raise AlertRuleError("This account may not work on this list.")
    bound = b.c.site_id.in_(actor.site_ids) if actor.site_ids else sa.true()
    row = (await connection.execute(_silences(bound, now).where(f.c.id == task_id))).first()
    if row is None:
        raise AlertRuleError("Somebody has settled this already.")
    of_person = sa.select(b.c.site_id).where(b.c.id == row.beneficiary_id).scalar_subquery()
    site = (await connection.execute(sa.select(s).where(s.c.id == of_person))).one()
    return _silent(row), site_of(site), str(actor.role)
