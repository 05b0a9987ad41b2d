"""Whose number is this? Numbers are given away and given out anew; until staff have heard the person, nobody knows."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from cases import audit
from cases.rules import AlertRuleError
from store import tables
from store.database import Database


async def unverify(connection: AsyncConnection, contact_id: int | None, now: datetime) -> None:
    """Nobody knows any more who holds this number: no check-in goes there, and whoever writes from it is a stranger.

    Danger is read in what they write all the same.
    """
    c = tables.contact
    await connection.execute(
        sa.update(c).where(c.c.id == contact_id, c.c.unverified_since.is_(None)).values(unverified_since=now)
    )


async def verified_by_voice(database: Database, beneficiary_id: int, staff_id: int, now: datetime) -> None:
    """Staff have spoken with the person on this number and are sure that it is they."""
    b, c, f, e = tables.beneficiary, tables.contact, tables.follow_up, tables.case_event
    async with database.write() as connection:
        found = sa.select(b.c.contact_id).where(b.c.id == beneficiary_id)
        contact_id = (await connection.execute(found)).scalar()
        changed = await connection.execute(
            sa.update(c).where(c.c.id == contact_id, c.c.unverified_since.is_not(None)).values(unverified_since=None)
        )
        if changed.rowcount != 1:
            raise AlertRuleError("This number needs no verifying.")
        await connection.execute(
            sa.update(f)
            .where(f.c.kind == "verify_number", f.c.contact_id == contact_id, f.c.state == "open")
            .values(state="done", done_at=now, done_by=staff_id, result="VERIFIED")
        )
        row = {"beneficiary_id": beneficiary_id, "at": now, "kind": "number_verified", "staff_id": staff_id}
        await connection.execute(sa.insert(e), [row | {"data": {}}])
        await audit.record(connection, database, staff_id, "number.verified", f"beneficiary/{beneficiary_id}", {}, now)
