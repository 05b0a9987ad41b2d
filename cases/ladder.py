"""The ladder: alerts whose time has come are told to the next rung, and go on being told until a human has them."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from cases import rules
from cases.duty import gather_duty
from cases.telling import Notice, event_row, tell
from content.schema import Level
from store import tables
from store.database import Clock, Database, signal

_BATCH = 200


async def climb_due(database: Database, clock: Clock, base_url: str = "") -> int:
    """One round of the ladder over all alerts that are due; how many moved. Run it by the clock and on "alerts"."""
    now = clock()
    async with database.write() as connection:
        alerts = await _claim(database, connection, now)
        if not alerts:
            return 0
        duty = await gather_duty(connection, {a["site_id"] for a in alerts})
        updates, events, notices = [], [], []
        for a in alerts:
            level = Level(a["level"])
            rungs = duty.rungs(a["site_id"], a["route"], now)
            site = duty.sites[a["site_id"]]
            step = rules.next_step(a["state"], level, a["rung"], rungs, now, site.hours, site.paces)
            kind = "returned" if step.returns else "climbed"
            events.append(event_row(a["id"], now, kind, {"rung": step.rung, "from": a["owner_id"]}))
            updates.append({"alert_id": a["id"], "new_rung": step.rung, "new_due_at": step.due_at})
            notices.append(
                Notice(
                    alert_id=a["id"],
                    code=a["code"],
                    level=level,
                    route=a["route"],
                    site_id=a["site_id"],
                    channel_id=a["channel_id"],
                    contact_id=a["contact_id"],
                    rung=step.rung,
                    owner_id=a["owner_id"],
                    tell=step.tell,
                    by=step.due_at,
                    about_id=a["about_id"],
                    is_drill=bool(a["is_drill"]),
                )
            )
        await _move(connection, updates)
        events += await tell(database, connection, duty, notices, now, base_url)
        await database.insert_rows(connection, tables.alert_event, events)
        signal(connection, "alerts")
    return len(alerts)


async def _claim(database: Database, connection: AsyncConnection, now: Any) -> list[dict[str, Any]]:
    a, c = tables.alert, tables.contact
    statement = (
        sa.select(a, c.c.channel_id)
        .join(c, c.c.id == a.c.contact_id)
        .where(a.c.state != "closed", a.c.due_at <= now)
        .order_by(a.c.level.desc(), a.c.due_at, a.c.id)
        .limit(_BATCH)
    )
    if database.kind == "postgresql":
        statement = statement.with_for_update(skip_locked=True, of=a)
    return [dict(row) for row in (await connection.execute(statement)).mappings()]


async def _move(connection: AsyncConnection, updates: list[dict[str, Any]]) -> None:
    """A taken alert that comes here was left alone: whatever it was, it is open after this."""
    a = tables.alert
    await connection.execute(
        sa.update(a)
        .where(a.c.id == sa.bindparam("alert_id"))
        .values(
            state="open",
            owner_id=None,
            taken_at=None,
            rung=sa.bindparam("new_rung"),
            due_at=sa.bindparam("new_due_at"),
        ),
        updates,
    )
