"""Reports about staff: saying whom one is about, so that they see nothing of it."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from cases.handling.frame import handling
from cases.rules import AlertRuleError
from store import tables
from store.database import Database


async def say_whom_about(
    database: Database,
    alert_id: int,
    staff_id: int,
    about_id: int | None,
    now: datetime,
    *,
    within: AsyncConnection | None = None,
) -> None:
    """A focal point says which account a report is about (None: nobody's after all). From then that account sees
    nothing of it. If it was theirs, it goes back to the other focal points.

    The trail keeps that it was said, and by whom; not of whom: the trail is read by more people than the report.
    """
    async with handling(database, alert_id, staff_id, now, within=within) as case:
        case.must_be_unclosed()
        if not case.alert["is_report"] or case.actor["role"] != "focal_point":
            raise AlertRuleError("Only a focal point says whom a report is about.")
        s = tables.staff
        found = sa.select(s.c.id).where(s.c.id == about_id)
        if about_id is not None and (await case.connection.execute(found)).first() is None:
            raise AlertRuleError("There is no such account.")
        if about_id == staff_id:
            raise AlertRuleError("A report about yourself is another focal point's: pass it on.")
        await case.change(about_id=about_id)
        await case.enter("about_said", {})
        if about_id is not None and case.alert["owner_id"] == about_id:
            await case.change(state="open", owner_id=None, taken_at=None, due_at=now)
            await case.enter("returned", {"rung": case.alert["rung"]})
