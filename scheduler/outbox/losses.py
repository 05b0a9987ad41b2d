"""What a message that never arrived leaves behind: tasks for staff, an alert that climbs, a check-in that never began.

A message that cannot go is kept with why, and if it mattered a human is told to reach the person another way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from channels.base import Outcome
from store import tables as t
from store.database import Database, signal

_MATTERED = frozenset({"crisis", "staff_reply"})
_CALL_WITHIN = timedelta(minutes=15)
_LOOK_WITHIN = timedelta(hours=24)
_TOLD_IN_VAIN = "notice_failed"


@dataclass(frozen=True, slots=True)
class Loss:
    """A row that is over without having arrived. `may_have_arrived`: nobody knows; its session goes on."""

    id: int
    purpose: str
    contact_id: int | None
    staff_id: int | None
    session_id: int | None
    alert_id: int | None
    outcome_name: str
    outcome: Outcome | None = None
    may_have_arrived: bool = False


async def lose(connection: AsyncConnection, database: Database, losses: Sequence[Loss], now: datetime) -> None:
    """Write everything that follows, in the transaction that ends the rows."""
    if not losses:
        return
    await _end_sessions(connection, losses, now)
    await _opt_out(connection, losses, now)
    await _raise_tasks(connection, database, losses, now)
    await _record_on_alerts(connection, losses, now)


async def _end_sessions(connection: AsyncConnection, losses: Sequence[Loss], now: datetime) -> None:
    unsent = [
        loss.session_id
        for loss in losses
        if loss.purpose == "checkin" and loss.session_id is not None and not loss.may_have_arrived
    ]
    if unsent:
        s = t.session
        await connection.execute(
            sa.update(s)
            .where(s.c.id.in_(unsent), s.c.state == "open", s.c.answered_at.is_(None))
            .values(state="unsent", ended_at=now, due_at=None, timer=None)
        )


async def _opt_out(connection: AsyncConnection, losses: Sequence[Loss], now: datetime) -> None:
    contacts = [loss.contact_id for loss in losses if loss.outcome is not None and _is_opt_out(loss)]
    if contacts:
        c = t.contact
        await connection.execute(
            sa.update(c)
            .where(c.c.id.in_(contacts), c.c.opted_out_at.is_(None))
            .values(opted_out_at=now, opted_out_by="provider")
        )


def _is_opt_out(loss: Loss) -> bool:
    return loss.contact_id is not None and loss.outcome is not None and loss.outcome.name == "opted_out"


async def _raise_tasks(connection: AsyncConnection, database: Database, losses: Sequence[Loss], now: datetime) -> None:
    wanted = [task for loss in losses for task in _tasks(loss, now)]
    if not wanted:
        return
    contacts = {task["contact_id"] for task in wanted}
    b = t.beneficiary
    found = await connection.execute(sa.select(b.c.contact_id, b.c.id, b.c.site_id).where(b.c.contact_id.in_(contacts)))
    people = {contact_id: (person, site) for contact_id, person, site in found.all()}
    rows = [
        task
        | {
            "id": database.new_id(),
            "beneficiary_id": people.get(task["contact_id"], (None, None))[0],
            "site_id": people.get(task["contact_id"], (None, None))[1],
            "state": "open",
            "created_at": now,
        }
        for task in wanted
    ]
    await connection.execute(database.insert(t.follow_up).on_conflict_do_nothing(index_elements=["key"]), rows)
    signal(connection, "messages")


def _tasks(loss: Loss, now: datetime) -> list[dict[str, Any]]:
    if loss.contact_id is None:
        return []
    tasks = []
    if loss.outcome is not None and loss.outcome.blames_contact:
        kind = "provider_opt_out" if loss.outcome.name == "opted_out" else "bad_number"
        key = f"{kind}/{loss.contact_id}/{now.date().isoformat()}"
        tasks.append(_task(key, kind, loss, now + _LOOK_WITHIN))
    if loss.purpose in _MATTERED:
        tasks.append(_task(f"unsent/{loss.id}", f"unsent_{loss.purpose}", loss, now + _CALL_WITHIN))
    return tasks


def _task(key: str, kind: str, loss: Loss, due_at: datetime) -> dict[str, Any]:
    return {"key": key, "kind": kind, "contact_id": loss.contact_id, "alert_id": loss.alert_id, "due_at": due_at}


async def _record_on_alerts(connection: AsyncConnection, losses: Sequence[Loss], now: datetime) -> None:
    """The alert's page says what did not arrive; an alert nobody heard of climbs at once instead of at its time."""
    for loss in losses:
        if loss.alert_id is None:
            continue
        is_notice = loss.purpose == "staff_alert"
        if is_notice and not await _failed_before(connection, loss):
            a = t.alert
            await connection.execute(
                sa.update(a)
                .where(a.c.id == loss.alert_id, a.c.state == "open", sa.or_(a.c.due_at.is_(None), a.c.due_at > now))
                .values(due_at=now)
            )
        row = {
            "alert_id": loss.alert_id,
            "at": now,
            "kind": _TOLD_IN_VAIN if is_notice else "message_unsent",
            "staff_id": loss.staff_id,
            "data": {"outbox_id": loss.id, "purpose": loss.purpose, "outcome": loss.outcome_name},
        }
        await connection.execute(sa.insert(t.alert_event), [row])
        signal(connection, "alerts")


async def _failed_before(connection: AsyncConnection, loss: Loss) -> bool:
    """The last rung is told again and again: its dead telephone hurries the ladder once, not every second."""
    e = t.alert_event
    found = sa.exists(
        sa.select(e.c.id).where(e.c.alert_id == loss.alert_id, e.c.kind == _TOLD_IN_VAIN, e.c.staff_id == loss.staff_id)
    )
    return bool((await connection.execute(sa.select(found))).scalar())
