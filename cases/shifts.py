"""Changing who is on call: a site's rota with its named fallback, leave, holidays and paces; and watching for holes.

A change that would leave a stretch of the coming weeks without anybody who can be reached is refused. A hole that
appears later all the same (an account disabled, a number removed) is told to the coordinators before it comes.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from cases import audit, notices, rota, rules
from cases.duty import Duty, gather_duty
from cases.rules import AlertRuleError
from cases.telling import add_follow_ups, follow_up_row, send_to_staff
from content.sentence import Sentence
from store import tables
from store.database import Clock, Database

log = structlog.get_logger()

AHEAD = timedelta(days=28)  # so far a rota must be without a hole when it is saved: four of each weekday
WATCHED = timedelta(days=7)  # so far ahead a hole is told to the coordinators
LONGEST_LEAVE = timedelta(days=400)
_HIGHEST_RUNG = 9
_AGAIN = timedelta(hours=24)


async def save_rota(
    database: Database,
    site_id: int,
    entries: Sequence[rota.Entry],
    fallback_id: int | None,
    now: datetime,
    *,
    by: int | None,
) -> None:
    """Give a site the rota `entries` (in place of what it had) and its named fallback.

    Raises `AlertRuleError` with a sentence if somebody in it cannot be on call here, if nobody can be reached in some
    stretch of the next four weeks, or if the fallback cannot be reached.
    """
    async with database.write() as connection:
        duty = await _duty(connection, site_id)
        members = {m.id: m for m in duty.members}
        names = await _names(connection)
        _check_entries(entries, members, site_id, names)
        _check_fallback(fallback_id, members, site_id)
        duty.entries = list(entries)
        _refuse_holes(duty, site_id, now, Sentence("The rota was not saved"))
        r, s = tables.rota, tables.site
        await connection.execute(sa.delete(r).where(r.c.site_id == site_id))
        await database.insert_rows(connection, r, [_row(database, entry) for entry in entries])
        await connection.execute(sa.update(s).where(s.c.id == site_id).values(fallback_id=fallback_id))
        data = {"entries": len(entries), "staff": sorted({e.staff_id for e in entries}), "fallback": fallback_id}
        await audit.record(connection, database, by, "rota.set", f"site/{site_id}", data, now)


def _check_entries(
    entries: Sequence[rota.Entry], members: Mapping[int, rota.Member], site_id: int, names: Mapping[int, str]
) -> None:
    if not entries:
        raise AlertRuleError("A site is never left without anybody on call: name at least one person.")
    for entry in entries:
        member, name = members.get(entry.staff_id), names.get(entry.staff_id, "This account")
        if member is None:
            raise AlertRuleError(Sentence("%(name)s is closed and cannot be on call.", name=name))
        if not member.works_at(site_id):
            raise AlertRuleError(Sentence("%(name)s does not work at this site.", name=name))
        if not 1 <= entry.rung <= _HIGHEST_RUNG:
            raise AlertRuleError(Sentence("A rung is a number from 1 to %(most)s.", most=_HIGHEST_RUNG))
        minutes = (entry.from_minute, entry.until_minute)
        if entry.weekdays is not None and (
            not entry.weekdays or not set(entry.weekdays) <= set(range(7)) or not all(0 <= m <= 1440 for m in minutes)
        ):
            raise AlertRuleError("A shift needs its days of the week, and times between 00:00 and 24:00.")


def _check_fallback(fallback_id: int | None, members: Mapping[int, rota.Member], site_id: int) -> None:
    member = members.get(fallback_id or 0)
    if member is None:
        raise AlertRuleError("Name who is told when nobody on the rota can be reached: it can never be nobody.")
    if not member.is_reachable:
        raise AlertRuleError("The fallback has no telephone number or e-mail address: nobody would be told.")
    if not member.works_at(site_id):
        raise AlertRuleError("The fallback does not work at this site.")


def _refuse_holes(duty: Duty, site_id: int, now: datetime, what: Sentence, end: datetime | None = None) -> None:
    found = rota.holes(duty.entries, duty.members, site_id, now, end or now + AHEAD)
    if found:
        start, until = (_said(moment, duty, site_id) for moment in found[0])
        hole = Sentence(
            "%(what)s: nobody who can be reached would be on call from %(start)s until %(until)s.",
            what=what,
            start=start,
            until=until,
        )
        if len(found) > 1:
            raise AlertRuleError(
                Sentence("%(sentence)s (%(count)s more such times follow.)", sentence=hole, count=len(found) - 1)
            )
        raise AlertRuleError(hole)


def _said(moment: datetime, duty: Duty, site_id: int) -> str:
    return f"{duty.sites[site_id].hours.local(moment):%a %d/%m %H:%M}"


def _row(database: Database, entry: rota.Entry) -> dict[str, Any]:
    shift = entry.weekdays is not None
    return {
        "id": database.new_id(),
        "site_id": entry.site_id,
        "rung": entry.rung,
        "staff_id": entry.staff_id,
        "starts_at": entry.starts_at,
        "ends_at": entry.ends_at,
        "weekdays": list(entry.weekdays) if entry.weekdays is not None else None,
        "from_minute": entry.from_minute if shift else None,
        "until_minute": entry.until_minute if shift else None,
    }


async def _duty(connection: AsyncConnection, site_id: int) -> Duty:
    duty = await gather_duty(connection, {site_id})
    if site_id not in duty.sites:
        raise AlertRuleError("There is no such site.")
    return duty


async def _names(connection: AsyncConnection) -> dict[int, str]:
    s = tables.staff
    return {row.id: row.name for row in await connection.execute(sa.select(s.c.id, s.c.name))}


async def add_leave(
    database: Database, staff_id: int, start: datetime, end: datetime, now: datetime, *, by: int | None
) -> int:
    """Somebody is away from `start` until `end`: not on call, and their open alerts go back to the ladder at `start`.

    Refused if a site would have a stretch of it with nobody on call whom it had before. The id of the leave.
    """
    if start >= end:
        raise AlertRuleError("Leave must end after it begins.")
    if end <= now:
        raise AlertRuleError("This leave lies in the past.")
    if end - start > LONGEST_LEAVE:
        raise AlertRuleError("Nobody is on leave for so long: close the account instead.")
    async with database.write() as connection:
        r, a, leave = tables.rota, tables.alert, tables.leave
        names = await _names(connection)
        if staff_id not in names:
            raise AlertRuleError("There is no such account.")
        leave_id = database.new_id()
        row = {"id": leave_id, "staff_id": staff_id, "starts_at": start, "ends_at": end, "created_at": now}
        await connection.execute(sa.insert(leave), [row | {"created_by": by}])
        sites = (await connection.execute(sa.select(r.c.site_id).where(r.c.staff_id == staff_id).distinct())).scalars()
        for site_id in sorted(sites):
            duty = await _duty(connection, site_id)
            what = Sentence("%(site)s: name somebody for this time first", site=duty.sites[site_id].code)
            _refuse_holes(duty, site_id, max(start, now), what, end)
        await connection.execute(
            sa.update(a)
            .where(a.c.owner_id == staff_id, a.c.state == "taken", a.c.due_at > start)
            .values(due_at=max(start, now))
        )
        data = {"from": tables.to_ms(start), "until": tables.to_ms(end)}
        await audit.record(connection, database, by, "leave.added", f"staff/{staff_id}", data, now)
    return leave_id


async def cancel_leave(database: Database, leave_id: int, now: datetime, *, by: int | None) -> None:
    """They are back, or never went."""
    leave = tables.leave
    async with database.write() as connection:
        ended = await connection.execute(
            sa.update(leave)
            .where(leave.c.id == leave_id, leave.c.cancelled_at.is_(None))
            .values(cancelled_at=now)
            .returning(leave.c.staff_id)
        )
        staff_id = ended.scalar()
        if staff_id is None:
            raise AlertRuleError("This leave was cancelled already.")
        await audit.record(connection, database, by, "leave.cancelled", f"staff/{staff_id}", {}, now)


async def set_hours(
    database: Database,
    site_id: int,
    now: datetime,
    *,
    by: int | None,
    staffed: Mapping[str, Sequence[int]] | None = None,
    holidays: Mapping[str, str] | None = None,
    paces: Mapping[str, Mapping[str, int]] | None = None,
) -> None:
    """Change a site's staffed hours, its holidays ("2026-12-25" → name) or its paces; what is None stays."""
    values: dict[str, Any] = {}
    if staffed is not None:
        for day, span in staffed.items():
            if day not in map(str, range(7)) or len(span) != 2 or not 0 <= span[0] < span[1] <= 2880:
                raise AlertRuleError("Staffed hours: for each day of the week, from when until when.")
        values["staffed"] = {day: list(span) for day, span in staffed.items()}
    if holidays is not None:
        for day in holidays:
            try:
                date.fromisoformat(day)
            except ValueError:
                raise AlertRuleError(
                    Sentence("Write a holiday as year-month-day, not %(day)r.", day=day[:32])
                ) from None
        values["holidays"] = {day: name[:60] for day, name in sorted(holidays.items())}
    if paces is not None:
        rules.paces_of(paces)
        values["paces"] = {level: dict(changed) for level, changed in paces.items()}
    if not values:
        return
    s = tables.site
    async with database.write() as connection:
        changed = await connection.execute(sa.update(s).where(s.c.id == site_id).values(**values))
        if changed.rowcount != 1:
            raise AlertRuleError("There is no such site.")
        await audit.record(connection, database, by, "site.hours", f"site/{site_id}", values, now)


async def watch_rota(database: Database, clock: Clock, base_url: str = "") -> int:
    """Tell the coordinators of every hole that the coming week has, once a day for each site; how many sites had one.

    The task stays open in the site's list until somebody has seen to it.
    """
    now = clock()
    found = 0
    async with database.write() as connection:
        s = tables.site
        ids = (await connection.execute(sa.select(s.c.id).order_by(s.c.id))).scalars().all()
        if not ids:
            return 0
        duty = await gather_duty(connection, set(ids))
        for site_id in ids:
            holes = rota.holes(duty.entries, duty.members, site_id, now, now + WATCHED)
            if holes and await _first_today(database, connection, site_id, now):
                found += 1
                await _page(database, connection, duty, site_id, holes[0], now, base_url)
    return found


async def _first_today(database: Database, connection: AsyncConnection, site_id: int, now: datetime) -> bool:
    """Whether this hole was not told within a day; a task per site and day keeps count."""
    f = tables.follow_up
    lately = sa.exists().where(f.c.kind == "rota_hole", f.c.site_id == site_id, f.c.created_at > now - _AGAIN)
    if (await connection.execute(sa.select(lately))).scalar():
        return False
    key = f"rota_hole/{site_id}/{now.astimezone(UTC):%Y-%m-%dT%H}"
    row = follow_up_row(database, key, "rota_hole", now, now, site_id=site_id)
    await add_follow_ups(database, connection, [row])
    return True


async def _page(
    database: Database,
    connection: AsyncConnection,
    duty: Duty,
    site_id: int,
    hole: rota.Span,
    now: datetime,
    base_url: str,
) -> None:
    site, c = duty.sites[site_id], tables.channel
    whom = rota.fallback(duty.members, site_id, now, site.fallback_id)
    sms = sa.select(sa.func.min(c.c.id)).where(c.c.kind != "email", c.c.state == "active")
    sms_id = (await connection.execute(sms.where(c.c.site_id == site_id))).scalar()
    sms_id = sms_id or (await connection.execute(sms)).scalar()
    start, end = (f"{site.hours.local(moment):%d/%m %H:%M}" for moment in hole)
    link = f"{base_url.rstrip('/')}/console/rota/{site.code}" if base_url else ""
    values = {"site": site.code, "start": start, "end": end, "link": link}
    told = await send_to_staff(database, connection, whom, notices.HOLE, values, sms_id, duty.email_id, now)
    log.error("rota_hole", site_id=site_id, told=told)
