"""Drills: a synthetic cry for help goes the real way, and a human who is on call must take it in time.

Nobody is behind a drill's address. What it raises is an alert like any other, marked, told and taken like any other,
and counted as none. Taken in time, it is closed by itself; not taken in time, others are told that it was not.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from cases import audit, notices, rota
from cases.duty import gather_duty
from cases.rules import AlertRuleError
from cases.telling import event_row, send_to_staff
from content.sentence import Sentence
from store import tables
from store.database import Clock, Database, signal

log = structlog.get_logger()
LONGEST_DAYS = 92
# Plain words that the lists of each language know for a wish to die (a test asks them).
TEXTS: Mapping[str, str] = {
    "en": "I want to die",
    "fr": "je veux mourir",
    "es": "me quiero morir",
    "pt": "quero morrer",
    "sw": "nataka kufa",
    "ha": "zan kashe kaina",
    "ar": "عايز اموت",
    "so": "waan is dilayaa",
}
# channel id, address, text, provider id → the text goes in as if a gateway had brought it
Submit = Callable[[int, str, str, str], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Due:
    """A drill whose time has come."""

    drill_id: int
    site_id: int
    channel_id: int
    address: str
    text: str
    run_id: int


def drill_address(drill_id: int) -> str:
    """An address no gateway has: it begins with a letter."""
    return f"drill-{drill_id}"


async def set_drill(
    database: Database, site_id: int, channel_id: int, every_days: int, now: datetime, *, by: int | None
) -> int:
    """Hold a drill for this site through this channel every so many days, the first one tomorrow; the drill's id."""
    if not 1 <= every_days <= LONGEST_DAYS:
        raise AlertRuleError(Sentence("A drill is held every 1 to %(most)s days.", most=LONGEST_DAYS))
    d = tables.drill
    async with database.write() as connection:
        found = sa.select(d.c.id).where(d.c.site_id == site_id, d.c.channel_id == channel_id)
        drill_id: int | None = (await connection.execute(found)).scalar()
        values = {"every_days": every_days, "state": "active", "due_at": now + timedelta(days=1)}
        if drill_id is None:
            drill_id = database.new_id()
            row = {"id": drill_id, "site_id": site_id, "channel_id": channel_id, **values}
            await connection.execute(sa.insert(d), [row])
        else:
            await connection.execute(sa.update(d).where(d.c.id == drill_id).values(**values))
        data = {"every_days": every_days, "channel": channel_id}
        await audit.record(connection, database, by, "drill.set", f"site/{site_id}", data, now)
        signal(connection, "drills")
    return drill_id


async def stop_drill(database: Database, site_id: int, channel_id: int, now: datetime, *, by: int | None) -> None:
    d = tables.drill
    async with database.write() as connection:
        stopped = await connection.execute(
            sa.update(d)
            .where(d.c.site_id == site_id, d.c.channel_id == channel_id, d.c.state == "active")
            .values(state="off")
        )
        if stopped.rowcount != 1:
            raise AlertRuleError("No drill is held there.")
        await audit.record(connection, database, by, "drill.stopped", f"site/{site_id}", {"channel": channel_id}, now)


async def hold_now(database: Database, site_id: int, channel_id: int, now: datetime, *, by: int | None) -> None:
    """Hold the next drill at once; the one after it keeps its distance."""
    d = tables.drill
    async with database.write() as connection:
        moved = await connection.execute(
            sa.update(d)
            .where(d.c.site_id == site_id, d.c.channel_id == channel_id, d.c.state == "active")
            .values(due_at=now)
        )
        if moved.rowcount != 1:
            raise AlertRuleError("No drill is held there.")
        await audit.record(connection, database, by, "drill.held", f"site/{site_id}", {"channel": channel_id}, now)
        signal(connection, "drills")


async def run_drills(database: Database, clock: Clock, submit: Submit, base_url: str = "") -> int:
    """One round: begin the drills that are due, and settle those that were taken or whose time is over."""
    begun = await _begin(database, clock())
    for due in begun:
        await submit(due.channel_id, due.address, due.text, f"drill/{due.run_id}")
    return len(begun) + await _settle(database, clock(), base_url)


async def _begin(database: Database, now: datetime) -> list[Due]:
    d, s, c, run = tables.drill, tables.site, tables.contact, tables.drill_run
    # One at a time: a second cry would only join the first one's alert.
    running = sa.exists().where(run.c.drill_id == d.c.id, run.c.state == "running")
    async with database.write() as connection:
        found = (
            sa.select(d, s.c.languages)
            .join(s, s.c.id == d.c.site_id)
            .where(d.c.state == "active", d.c.due_at <= now, ~running)
            .order_by(d.c.id)
        )
        if database.kind == "postgresql":
            found = found.with_for_update(skip_locked=True, of=d)
        begun = []
        for row in (await connection.execute(found)).all():
            language = next((x for x in row.languages if x in TEXTS), "en")
            due = Due(row.id, row.site_id, row.channel_id, drill_address(row.id), TEXTS[language], database.new_id())
            await connection.execute(
                database.insert(c).on_conflict_do_nothing(index_elements=["address_index"]),
                [
                    {
                        "id": database.new_id(),
                        "channel_id": row.channel_id,
                        "address": due.address,
                        "address_index": database.keys.index(due.address),
                        "language": language,
                        "memory": {},
                        "drill_site_id": row.site_id,
                        "created_at": now,
                    }
                ],
            )
            await connection.execute(
                sa.insert(run),
                [{"id": due.run_id, "drill_id": row.id, "started_at": now, "target_at": now, "state": "running"}],
            )
            # However long the service was away, one drill is held and not all that were missed.
            await connection.execute(
                sa.update(d).where(d.c.id == row.id).values(due_at=now + timedelta(days=row.every_days))
            )
            begun.append(due)
    return begun


async def _settle(database: Database, now: datetime, base_url: str) -> int:
    """Passed as soon as a human has the alert; failed when its target is over and none has, or when none was raised."""
    run, d, a, c = tables.drill_run, tables.drill, tables.alert, tables.contact
    settled = 0
    async with database.write() as connection:
        found = (
            sa.select(run.c.id, run.c.started_at, d.c.id.label("drill_id"), d.c.site_id, d.c.channel_id)
            .join(d, d.c.id == run.c.drill_id)
            .where(run.c.state == "running")
            .order_by(run.c.id)
        )
        if database.kind == "postgresql":
            found = found.with_for_update(skip_locked=True, of=run)
        for row in (await connection.execute(found)).all():
            of_drill = sa.select(c.c.id).where(c.c.address_index == database.keys.index(drill_address(row.drill_id)))
            alert = (
                await connection.execute(
                    sa.select(a)
                    .where(a.c.contact_id == of_drill.scalar_subquery(), a.c.opened_at >= row.started_at)
                    .order_by(a.c.opened_at.desc(), a.c.id.desc())
                    .limit(1)
                )
            ).first()
            settled += await _settle_one(database, connection, row, alert, now, base_url)
    return settled


_RAISED_WITHIN = timedelta(minutes=5)  # by then the text must have become an alert, or the way in is broken


async def _settle_one(
    database: Database, connection: AsyncConnection, row: Any, alert: Any | None, now: datetime, base_url: str
) -> int:
    run = tables.drill_run
    if alert is None:
        if now < row.started_at + _RAISED_WITHIN:
            return 0
        state, taken_by = "failed", None
    elif alert.owner_id is not None or alert.state == "closed":
        is_in_time = alert.taken_at is not None and alert.taken_at <= alert.target_at
        state, taken_by = ("passed" if is_in_time else "failed"), alert.owner_id
    elif now >= alert.target_at:
        state, taken_by = "failed", None
    else:
        return 0
    await connection.execute(
        sa.update(run)
        .where(run.c.id == row.id)
        .values(
            state=state,
            settled_at=now,
            taken_by=taken_by,
            alert_id=alert.id if alert is not None else None,
            target_at=alert.target_at if alert is not None else row.started_at + _RAISED_WITHIN,
        )
    )
    if alert is not None and alert.state != "closed":
        await _close(database, connection, alert, now)
    if state == "failed":
        await _page(database, connection, row, alert, now, base_url)
    signal(connection, "alerts")
    return 1


async def _close(database: Database, connection: AsyncConnection, alert: Any, now: datetime) -> None:
    a = tables.alert
    await connection.execute(
        sa.update(a)
        .where(a.c.id == alert.id)
        .values(state="closed", outcome="TEST_OR_JOKE", closed_at=now, due_at=None)
    )
    data = {"outcome": "TEST_OR_JOKE", "level": alert.level, "machine_level": alert.machine_level, "drill": True}
    await database.insert_rows(connection, tables.alert_event, [event_row(alert.id, now, "closed", data)])
    await audit.record(connection, database, None, "alert.closed", f"alert/{alert.id}", data, now)


async def _page(
    database: Database, connection: AsyncConnection, row: Any, alert: Any | None, now: datetime, base_url: str
) -> None:
    """Tell those behind the rota, and through every way there is: the one that was tried may be what is broken."""
    duty = await gather_duty(connection, {row.site_id})
    site = duty.sites[row.site_id]
    whom = rota.fallback(duty.members, row.site_id, now, site.fallback_id)
    log.error("drill_failed", site_id=row.site_id, channel_id=row.channel_id, drill_run_id=row.id)
    link = f"{base_url.rstrip('/')}/console/rota/{site.code}" if base_url else ""
    values = {"code": alert.code if alert is not None else "----", "site": site.code, "link": link}
    channels = await _ways(connection, row.channel_id)
    for channel_id in channels:
        await send_to_staff(database, connection, whom, notices.DRILL_FAILED, values, channel_id, duty.email_id, now)


async def _ways(connection: AsyncConnection, tried: int) -> Sequence[int]:
    """The channel that was tried and, if there is one, another that carries texts."""
    c = tables.channel
    other = sa.select(sa.func.min(c.c.id)).where(c.c.kind != "email", c.c.state == "active", c.c.id != tried)
    found = (await connection.execute(other)).scalar()
    return [tried] if found is None else [tried, found]


async def list_drills(database: Database) -> Sequence[Mapping[str, Any]]:
    """Every drill with its last run; by site."""
    d, s, c, run = tables.drill, tables.site, tables.channel, tables.drill_run
    latest = sa.select(run.c.drill_id, sa.func.max(run.c.id).label("id")).group_by(run.c.drill_id).subquery("latest")
    async with database.read() as connection:
        found = await connection.execute(
            sa.select(
                s.c.code.label("site"),
                c.c.name.label("channel"),
                d.c.every_days,
                d.c.state,
                d.c.due_at,
                run.c.started_at.label("last_at"),
                run.c.state.label("last"),
                run.c.settled_at,
            )
            .select_from(d)
            .join(s, s.c.id == d.c.site_id)
            .join(c, c.c.id == d.c.channel_id)
            .outerjoin(latest, latest.c.drill_id == d.c.id)
            .outerjoin(run, run.c.id == latest.c.id)
            .order_by(s.c.code, c.c.name)
        )
        return [dict(row) for row in found.mappings()]
