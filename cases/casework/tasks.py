"""Tasks for staff: a new one, whose it is, and how it ended."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from cases import audit
from cases.casework import weeks
from cases.casework.frame import a_note, add_event, working_on
from cases.casework.profile import note_contact
from cases.casework.referrals import CONFIRM
from cases.casework.rules import CARING, CONTACTS, DONE, NOT_NEEDED, SETTLED, WEEKLY, CaseError, may_finish, may_work
from cases.closing import CONTACT_RESULTS
from cases.telling import add_follow_ups, follow_up_row
from store import tables
from store.database import Database, signal


async def add_task(
    database: Database,
    beneficiary_id: int,
    staff_id: int,
    text: str,
    due_at: datetime,
    now: datetime,
    *,
    to_staff_id: int | None = None,
    within: AsyncConnection | None = None,
) -> int:
    """Something to do for this person by a day; for the one named, else for their caseworker, else for the actor."""
    async with working_on(database, beneficiary_id, staff_id, now, within=within) as case:
        text = a_note(text, "Say what is to be done.")
        if due_at <= now:
            raise CaseError("The day by which it is to be done lies ahead.")
        if to_staff_id is not None:
            await _may_have(case.connection, to_staff_id, case.person["site_id"])
        task_id = database.new_id()
        row = follow_up_row(
            database,
            f"follow_up/{task_id}",
            "follow_up",
            now,
            due_at,
            contact_id=case.person["contact_id"],
            beneficiary_id=case.id,
            site_id=case.person["site_id"],
            staff_id=to_staff_id or case.person["caseworker_id"] or staff_id,
            note=text,
        )
        await add_follow_ups(database, case.connection, [row | {"id": task_id}])
        await case.audit("task.added", {"task_id": task_id})
        return task_id


async def assign(
    database: Database, connection: AsyncConnection, task: Any, staff_id: int, to_staff_id: int, now: datetime
) -> None:
    """Give an open task to a colleague of its site. `task` is a follow_up row that the actor may see."""
    if task.state != "open":
        raise CaseError("This task is done already.")
    await _may_have(connection, to_staff_id, task.site_id)
    f = tables.follow_up
    await connection.execute(sa.update(f).where(f.c.id == task.id).values(staff_id=to_staff_id))
    data = {"from": task.staff_id, "to": to_staff_id}
    await audit.record(connection, database, staff_id, "task.assigned", f"follow_up/{task.id}", data, now)
    signal(connection, "messages")


async def _may_have(connection: AsyncConnection, staff_id: int, site_id: int | None) -> None:
    s = tables.staff
    found = sa.select(s.c.role, s.c.site_ids).where(s.c.id == staff_id, s.c.disabled_at.is_(None))
    heir = (await connection.execute(found)).first()
    if heir is None or site_id is None or not may_work(heir.role, CARING, heir.site_ids, site_id):
        raise CaseError("This colleague does not work on cases of this site.")


async def finish(
    database: Database, connection: AsyncConnection, task: Any, staff_id: int, result: str, now: datetime
) -> bool:
    """End an open task with a result: "DONE", "NOT_NEEDED" or a contact result. `task` is a whole follow_up row.

    A try that reached nobody is entered and leaves the task open. Whether it has ended; of two who end it the first
    is kept, and the second is told nothing new.
    """
    if task.state != "open":
        return True
    found = CONTACT_RESULTS.get(result)
    if result not in {DONE, NOT_NEEDED} and (found is None or task.kind not in CONTACTS):
        raise CaseError("Choose how it ended.")
    refused = may_finish(task.kind, result, is_settled=await _is_settled(connection, task))
    if refused is not None:
        raise CaseError(refused)
    f = tables.follow_up
    ends = found is None or found.has_reached
    values: dict[str, Any] = {"result": result}
    if found is not None:
        values["attempts"] = f.c.attempts + 1
    if ends:
        values |= {"state": "done", "done_at": now, "done_by": staff_id}
    changed = await connection.execute(sa.update(f).where(f.c.id == task.id, f.c.state == "open").values(**values))
    if changed.rowcount != 1:
        return True
    if found is not None and task.beneficiary_id is not None:
        await _enter_contact(database, connection, task, staff_id, result, now)
    if ends and task.kind == WEEKLY:
        await weeks.go_on(database, connection, task, now)
    action = "task.done" if ends else "task.tried"
    data = {} if result == DONE else {"result": result}
    await audit.record(connection, database, staff_id, action, f"follow_up/{task.id}", data, now)
    signal(connection, "messages")
    return ends


async def _enter_contact(
    database: Database, connection: AsyncConnection, task: Any, staff_id: int, result: str, now: datetime
) -> None:
    b, a = tables.beneficiary, tables.alert
    report = sa.select(a.c.id).where(a.c.id == task.alert_id, a.c.route == "misconduct")
    if (await connection.execute(report)).first() is not None:
        return  # the case file is the site's: it says nothing of a report about its staff
    found = sa.select(b).where(b.c.id == task.beneficiary_id)
    person = dict((await connection.execute(found)).mappings().one())
    await note_contact(database, connection, person, staff_id, result, now)
    contact = CONTACT_RESULTS[result]
    data = {"result": result, "reached": contact.has_reached, "visit": contact.is_visit, "task": task.kind}
    await add_event(connection, task.beneficiary_id, now, "attempt", data, staff_id)


async def _is_settled(connection: AsyncConnection, task: Any) -> bool:
    if task.kind != CONFIRM:
        return True
    r = tables.referral
    number = task.key.rpartition("/")[2]
    found = sa.select(r.c.state).where(r.c.id == int(number)) if number.isdigit() else None
    state = (await connection.execute(found)).scalar() if found is not None else None
    return state is None or state in SETTLED
