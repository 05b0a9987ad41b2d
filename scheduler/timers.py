"""Session timers: the one reminder, and the end of a check-in that nobody answered.

A timer names the step it was set for and does nothing to a conversation that has moved on. A reminder waits for the
person's next allowed hour, but never beyond the end of its session: then there is only the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.effects import Effect, Progress
from bot.overtime import Habit
from bot.timers import is_silent
from bot.turn import time_passed
from content.schema import Pack
from scheduler.apply import Changes
from scheduler.due import AllowedHours
from scheduler.habits import load_habits
from scheduler.subjects import Subject, load_subjects
from store import tables as t
from store.database import Clock, Database, is_conflict, is_unreachable

log = structlog.get_logger()

SET_ASIDE = timedelta(hours=1)  # until a session whose timer raised is tried again
_EXPIRE = timedelta(hours=48)  # of a check-in that the pack no longer has


async def run_session_timers(database: Database, pack: Pack, clock: Clock, limit: int = 500) -> int:
    """One batch of due sessions, in one transaction. Gives how many there were: 0 when nothing is due."""
    now = clock()
    async with database.read() as connection:
        due = (
            sa.select(t.session.c.id, t.session.c.contact_id)
            .where(t.session.c.state == "open", t.session.c.due_at <= now)
            .order_by(t.session.c.due_at)
            .limit(limit)
        )
        found = [(row[0], row[1]) for row in (await connection.execute(due)).all()]
    if not found:
        return 0
    try:
        await _batch(database, pack, found, now)
    except Exception as error:
        if is_unreachable(error) or is_conflict(error):
            raise
        # Something in this batch cannot be written: one by one, so that it holds up nobody but itself.
        for one in found:
            await _alone(database, pack, one, now)
    return len(found)


async def _batch(database: Database, pack: Pack, found: Sequence[tuple[int, int]], now: datetime) -> None:
    async with database.write() as connection:
        subjects = await load_subjects(
            connection, database, pack, now, contact_ids=sorted({contact_id for _, contact_id in found})
        )
        silent = {
            each.beneficiary_id: each.person.country for each in subjects.values()
            if each.beneficiary_id is not None and _ends_in_silence(each, now)
        }  # fmt: skip
        habits = await load_habits(connection, pack, silent, now)
        changes = Changes(database, pack, now)
        moved: list[dict[str, Any]] = []
        for session_id, contact_id in found:
            subject = subjects.get(contact_id)
            # Read again under the lock: the person may have answered, or another process been here, since we looked.
            if subject is None or subject.session_id != session_id or subject.progress is None:
                await connection.execute(_STOP, {"key": session_id, "v_now": now})
                continue
            if subject.session_due is None or subject.session_due > now:
                continue
            try:
                decided = _decide(
                    subject, subject.progress, pack, now, habits.get(subject.beneficiary_id or 0, Habit())
                )
            except Exception as error:  # noqa: BLE001  whatever it is, the others' timers must run
                moved.append(_aside(session_id, error, now))
                await _tell(database, connection, subject, session_id, now)
                continue
            if isinstance(decided, _Moved):
                moved.append(_move(session_id, decided.due_at, decided.timer, decided.step))
            else:
                changes.add(subject, decided)
        await changes.write(connection)
        if moved:
            await connection.execute(_MOVE, moved)


# A session that its contact no longer holds (the number went to somebody else) has nobody to ask.
_STOP = (
    sa.update(t.session)
    .where(
        t.session.c.id == sa.bindparam("key"),
        t.session.c.state == "open",
        t.session.c.due_at <= sa.bindparam("v_now", type_=t.Instant),
    )
    .values(state="stopped", ended_at=sa.bindparam("v_now", type_=t.Instant), due_at=None, timer=None)
)


@dataclass(frozen=True, slots=True)
class _Moved:
    """The timer does not run yet, but then."""

    due_at: datetime
    timer: str
    step: int


def _ends_in_silence(subject: Subject, now: datetime) -> bool:
    return (
        subject.progress is not None
        and subject.session_timer != "remind"
        and subject.session_due is not None
        and subject.session_due <= now
        and is_silent(subject.progress, subject.memory)
    )


def _decide(
    subject: Subject, progress: Progress, pack: Pack, now: datetime, habit: Habit
) -> tuple[Effect, ...] | _Moved:
    timer, step = subject.session_timer or "expire", subject.session_timer_step
    end = _end(pack, progress, now)
    if timer == "remind" and step == progress.step:
        moment = next_reminder(subject.hours, now, end)
        if moment is None:
            return _Moved(end, "expire", step)
        if moment > now:
            return _Moved(moment, "remind", step)
    effects = time_passed(timer, step, subject.person, progress, subject.memory, pack, now, subject.missed, habit)
    # Nothing: the session moved on without this timer. It must not stay open for ever, so its end is set anew.
    return effects or _Moved(max(end, now), "expire", progress.step)


def next_reminder(hours: AllowedHours, now: datetime, end: datetime) -> datetime | None:
    """When somebody may be reminded: now, or at the next allowed minute; None if that is not before `end`."""
    moment = hours.first_allowed(now)
    return moment if moment is not None and moment < end else None


def _end(pack: Pack, progress: Progress, now: datetime) -> datetime:
    checkin = pack.checkins.get(progress.checkin)
    lasts = timedelta(hours=checkin.expire_hours) if checkin is not None else _EXPIRE
    return (progress.opened_at or now) + lasts


def _move(session_id: int, due_at: datetime, timer: str, step: int) -> dict[str, Any]:
    return {"key": session_id, "v_due_at": due_at, "v_timer": timer, "v_step": step}


_MOVE = (
    sa.update(t.session)
    .where(t.session.c.id == sa.bindparam("key"), t.session.c.state == "open")
    .values(
        due_at=sa.bindparam("v_due_at", type_=t.Instant),
        timer=sa.func.coalesce(sa.bindparam("v_timer", type_=sa.String), t.session.c.timer),
        timer_step=sa.func.coalesce(sa.bindparam("v_step", type_=sa.Integer), t.session.c.timer_step),
    )
)


def _aside(session_id: int, error: Exception, now: datetime) -> dict[str, Any]:
    log.error("session timer set aside", session_id=session_id, error=type(error).__name__)  # str(error) may quote
    return {"key": session_id, "v_due_at": now + SET_ASIDE, "v_timer": None, "v_step": None}


async def _tell(
    database: Database, connection: AsyncConnection, subject: Subject | None, session_id: int, now: datetime
) -> None:
    row = {
        "id": database.new_id(),
        "key": f"set_aside/s{session_id}",
        "contact_id": subject.contact_id if subject is not None else None,
        "beneficiary_id": subject.beneficiary_id if subject is not None else None,
        "site_id": (subject.site_id or None) if subject is not None else None,
        "kind": "set_aside",
        "state": "open",
        "created_at": now,
        "due_at": now + SET_ASIDE,
    }
    statement = database.insert(t.follow_up).on_conflict_do_nothing(index_elements=["key"])
    await connection.execute(statement, [row])


async def _alone(database: Database, pack: Pack, one: tuple[int, int], now: datetime) -> None:
    try:
        await _batch(database, pack, [one], now)
    except Exception as error:
        if is_unreachable(error) or is_conflict(error):
            raise
        async with database.write() as connection:
            await connection.execute(_MOVE, [_aside(one[0], error, now)])
            await _tell(database, connection, None, one[0], now)
