"""The eight weekly contacts after an alert: one task after another, on a grid that begins when the alert ended."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from cases.casework.rules import WEEK, WEEKLY, is_settled_by_answer, next_week, week_key, week_of
from cases.telling import add_follow_ups, follow_up_row
from content.schema import Level
from store import tables
from store.database import Clock, Database, signal

FINE, RESTARTED = "ANSWERED_FINE", "RESTARTED"
_MS = timedelta(milliseconds=1)
_CHECKIN, _QUESTION, _FINE = "weekly", "mood", "fine"


async def begin(
    database: Database, connection: AsyncConnection, alert: Mapping[str, Any], staff_id: int, now: datetime
) -> None:
    """The first week after this alert, for the person's caseworker, else for `staff_id`. Earlier weeks end with it.

    Weeks that follow a report about staff belong to its focal point and touch none of the site's.
    """
    f, a, b = tables.follow_up, tables.alert, tables.beneficiary
    is_report = alert["route"] == "misconduct"
    of_person = f.c.contact_id == alert["contact_id"]
    if alert["beneficiary_id"] is not None:
        of_person = sa.or_(of_person, f.c.beneficiary_id == alert["beneficiary_id"])
    same_kind = sa.exists().where(
        a.c.id == f.c.alert_id, a.c.route == "misconduct" if is_report else a.c.route != "misconduct"
    )
    await connection.execute(
        sa.update(f)
        .where(f.c.kind == WEEKLY, f.c.state == "open", f.c.alert_id != alert["id"], of_person, same_kind)
        .values(state="done", result=RESTARTED, done_at=now)
    )
    caseworker = None
    if alert["beneficiary_id"] is not None and not is_report:
        found = sa.select(b.c.caseworker_id).where(b.c.id == alert["beneficiary_id"])
        caseworker = (await connection.execute(found)).scalar()
    row = follow_up_row(
        database,
        week_key(alert["id"], 1),
        WEEKLY,
        now,
        now + WEEK,
        contact_id=alert["contact_id"],
        beneficiary_id=alert["beneficiary_id"],
        alert_id=alert["id"],
        # A report about staff is in no list of its site.
        site_id=None if is_report else alert["site_id"],
        staff_id=caseworker or staff_id,
    )
    await add_follow_ups(database, connection, [row])


async def go_on(database: Database, connection: AsyncConnection, task: Any, now: datetime) -> None:
    """The task of the week after this one, which has just been done. `task` is a whole follow_up row."""
    following = next_week(week_of(task.key), task.due_at, now)
    if following is None or task.alert_id is None:
        return
    week, due_at = following
    row = follow_up_row(
        database,
        week_key(task.alert_id, week),
        WEEKLY,
        now,
        due_at,
        contact_id=task.contact_id,
        beneficiary_id=task.beneficiary_id,
        alert_id=task.alert_id,
        site_id=task.site_id,
        staff_id=task.staff_id,
    )
    await add_follow_ups(database, connection, [row])


async def settle_weeks(database: Database, clock: Clock) -> int:
    """End the weekly contacts for which the person's own "fine" of that week stands, and go on to the next week.

    Never while an alert of theirs is open: then somebody is looking after them, or must. How many were ended.
    """
    now = clock()
    async with database.write() as connection:
        settled = [
            task
            for task in await _answered_fine(connection)
            if is_settled_by_answer(week_of(task.key), Level(task.level))
        ]
        f = tables.follow_up
        if settled:
            await connection.execute(
                sa.update(f)
                .where(f.c.id.in_([task.id for task in settled]), f.c.state == "open")
                .values(state="done", result=FINE, done_at=now)
            )
            signal(connection, "messages")
        for task in settled:
            await go_on(database, connection, task, now)
    return len(settled)


async def _answered_fine(connection: AsyncConnection) -> list[Any]:
    """Open weekly contacts whose newest weekly answer within their week is "fine", with the level of their alert."""
    f, a, answer, other = tables.follow_up, tables.alert, tables.answer, tables.alert.alias()
    in_its_week = sa.type_coerce(answer.c.answered_at, sa.BigInteger) > (
        sa.type_coerce(f.c.due_at, sa.BigInteger) - WEEK // _MS
    )
    is_quiet = ~sa.exists().where(
        other.c.beneficiary_id == f.c.beneficiary_id, other.c.state != "closed", other.c.is_report.is_(False)
    )
    statement = (
        sa.select(f, a.c.level, answer.c.value)
        .join(a, a.c.id == f.c.alert_id)
        .join(answer, answer.c.beneficiary_id == f.c.beneficiary_id)
        .where(
            f.c.kind == WEEKLY,
            f.c.state == "open",
            a.c.route != "misconduct",
            answer.c.checkin == _CHECKIN,
            answer.c.question == _QUESTION,
            in_its_week,
            is_quiet,
        )
        .order_by(f.c.id, answer.c.answered_at, answer.c.id)
    )
    newest: dict[int, Any] = {}
    for row in await connection.execute(statement):
        newest[row.id] = row
    return [row for row in newest.values() if row.value == _FINE]
