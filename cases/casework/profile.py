"""The facts of safe contact, notes, and contacts with the person that belong to no alert."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from cases.casework import facts
from cases.casework.frame import PersonCase, a_note, working_on
from cases.casework.rules import CaseError
from cases.closing import CONTACT_RESULTS
from cases.enrol import is_inside
from cases.numbers import unverify
from cases.telling import add_follow_ups, follow_up_row
from content.sentence import Sentence
from store import tables
from store.database import Database


async def change_facts(
    database: Database,
    beneficiary_id: int,
    staff_id: int,
    values: Mapping[str, Any],
    now: datetime,
    *,
    within: AsyncConnection | None = None,
) -> list[str]:
    """Set facts of safe contact (`facts.FACTS`); the names of those that changed. What is not given stays.

    Words are kept sealed; neither the event nor the audit trail says which they are or were.
    """
    async with working_on(database, beneficiary_id, staff_id, now, within=within) as case:
        case.must_be_alive()
        new = facts.changes(case.person, values)
        refused = facts.refuse({name: case.person[name] for name in facts.FACTS} | new)
        if refused is not None:
            raise CaseError(refused)
        if not new:
            return []
        await case.change(**new)
        if "language" in new and case.person["contact_id"] is not None:
            c = tables.contact
            await case.connection.execute(
                sa.update(c).where(c.c.id == case.person["contact_id"]).values(language=new["language"])
            )
        if {"safe_from", "safe_until"} & set(new):
            await _hold_back_unsafe(case, {**case.person, **new})
        changed = {name: None if name in facts.SECRET else [case.person[name], value] for name, value in new.items()}
        await case.enter("facts", {"changed": changed})
        return list(new)


async def _hold_back_unsafe(case: PersonCase, person: Mapping[str, Any]) -> None:
    """Check-ins and reminders that are planned already for an hour that is not safe any more must not leave then."""
    if person["contact_id"] is None or person["safe_from"] is None:
        return
    o = tables.outbox
    planned = await case.connection.execute(
        sa.select(o.c.id, o.c.due_at).where(
            o.c.contact_id == person["contact_id"], o.c.state == "queued", o.c.purpose.in_(("checkin", "reminder"))
        )
    )
    unsafe = []
    for row in planned:
        local = case.hours.local(row.due_at)
        if not is_inside(local.hour * 60 + local.minute, person["safe_from"], person["safe_until"]):
            unsafe.append(row.id)
    if unsafe:
        await case.connection.execute(
            sa.update(o)
            .where(o.c.id.in_(unsafe))
            .values(state="withheld", detail="the safe hours have changed", settled_at=case.now)
        )


async def add_note(
    database: Database,
    beneficiary_id: int,
    staff_id: int,
    text: str,
    now: datetime,
    *,
    within: AsyncConnection | None = None,
) -> None:
    async with working_on(database, beneficiary_id, staff_id, now, within=within) as case:
        await case.enter("note", {}, a_note(text, "Write something first."))


async def log_contact(
    database: Database,
    beneficiary_id: int,
    staff_id: int,
    result: str,
    text: str,
    now: datetime,
    *,
    within: AsyncConnection | None = None,
) -> None:
    """A call or visit outside an alert and how it went (`CONTACT_RESULTS`), with the task that may follow from it."""
    async with working_on(database, beneficiary_id, staff_id, now, within=within) as case:
        case.must_be_alive()
        await note_contact(case.database, case.connection, case.person, staff_id, result, now)
        found = CONTACT_RESULTS[result]
        data = {"result": result, "reached": found.has_reached, "visit": found.is_visit}
        await case.enter("attempt", data, a_note(text))


async def note_contact(
    database: Database,
    connection: AsyncConnection,
    person: Mapping[str, Any],
    staff_id: int,
    result: str,
    now: datetime,
) -> None:
    """The task that a contact result leaves, if it leaves one; `person` is a beneficiary row."""
    found = CONTACT_RESULTS.get(result)
    if found is None:
        raise CaseError(Sentence("There is no contact result called %(name)s.", name=result[:32]))
    if not found.follow_up:
        return
    if found.follow_up == "verify_number":
        await unverify(connection, person["contact_id"], now)
    row = follow_up_row(
        database,
        f"{found.follow_up}/person/{person['id']}/{tables.to_ms(now)}",
        found.follow_up,
        now,
        now,
        contact_id=person["contact_id"],
        beneficiary_id=person["id"],
        site_id=person["site_id"],
        staff_id=person["caseworker_id"] or staff_id,
    )
    await add_follow_ups(database, connection, [row])
