"""Who is on call at a site: shifts by rung, leave, holidays and the named fallback; changed by those who supervise."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection

from cases import rota, rules, shifts
from cases.duty import Duty, entry_of, gather_duty
from cases.rules import AlertRuleError
from console.context import BASE, console_of, now_of, viewer_of
from console.forms import whole
from console.language import _, say
from console.pages import done, page
from console.permissions import PEOPLE, SUPERVISORS, allow, sees_site
from store import tables

_WEEK = timedelta(days=7)
_SHOWN_HOLIDAYS = 12


@dataclass(frozen=True, slots=True)
class Shift:
    """One line of the rota as the page shows it."""

    id: int
    name: str
    entry: rota.Entry
    is_now: bool
    can_be_reached: bool
    is_away: bool


@dataclass(frozen=True, slots=True)
class Day:
    """One local day of the coming week: who is on call on the lowest rungs, and where nobody is."""

    day: date
    spans: Sequence[tuple[datetime, datetime, int, str]]  # from, until, rung, name
    holes: Sequence[rota.Span]
    holiday: str


@allow(PEOPLE)
async def home(request: web.Request) -> web.StreamResponse:
    """The first of the viewer's sites; the page has the others."""
    console, viewer = console_of(request), viewer_of(request)
    site = tables.site
    async with console.database.read() as connection:
        found = sa.select(site.c.code).where(sees_site(viewer, site.c.id)).order_by(site.c.name).limit(1)
        code = (await connection.execute(found)).scalar()
    if code is None:
        return page(request, "rota.html", section="rota", site=None)
    raise web.HTTPSeeOther(f"{BASE}/rota/{code}")


@allow(PEOPLE)
async def site_page(request: web.Request) -> web.StreamResponse:
    return await _show(request, await _site_or_404(request))


async def _site_or_404(request: web.Request) -> Any:
    console, viewer, site = console_of(request), viewer_of(request), tables.site
    async with console.database.read() as connection:
        found = sa.select(site).where(site.c.code == request.match_info["site"], sees_site(viewer, site.c.id))
        row = (await connection.execute(found)).first()
    if row is None:
        raise web.HTTPNotFound
    return row


async def _show(
    request: web.Request, site: Any, *, fault: str = "", typed: Mapping[str, Any] | None = None
) -> web.Response:
    console, viewer, now = console_of(request), viewer_of(request), now_of(request)
    async with console.database.read() as connection:
        duty = await gather_duty(connection, {site.id})
        names = await _names(connection)
        rows = (await connection.execute(sa.select(tables.rota).where(tables.rota.c.site_id == site.id))).all()
        away = await _leave(connection, [m.id for m in duty.members if m.works_at(site.id)], now)
        site_list = tables.site
        others = (
            await connection.execute(
                sa.select(site_list.c.code, site_list.c.name)
                .where(sees_site(viewer, site_list.c.id))
                .order_by(site_list.c.name)
            )
        ).all()
    members = {m.id: m for m in duty.members}
    lines = sorted(
        (_shift(row, site.time_zone, members, names, now) for row in rows),
        key=lambda one: (one.entry.rung, one.entry.from_minute, one.name),
    )
    may_stand = sorted((names[m.id], m.id) for m in duty.members if m.works_at(site.id) and m.role != "focal_point")
    return page(
        request,
        "rota.html",
        status=422 if fault else 200,
        section="rota",
        site=site,
        others=others,
        shifts=lines,
        week=_week(duty, site, names, now),
        on_call=[names[i] for r in duty.rungs(site.id, "none", now)[:1] for i in _on(duty, site.id, r, now)],
        fallback=names.get(site.fallback_id or 0, ""),
        leave=away,
        names=names,
        staff=may_stand,
        paces=[(level, rules.pace_of(level, duty.sites[site.id].paces)) for level in sorted(rules.PACES, reverse=True)],
        holidays=[(day, name) for day, name in sorted(site.holidays.items()) if day >= now.date().isoformat()][
            :_SHOWN_HOLIDAYS
        ],
        may_change=viewer.role in SUPERVISORS,
        pace_words=pace_words,
        settable=rules.SETTABLE,
        fault=fault,
        typed=typed or {},
        done=request.query.get("done", ""),
    )


def _on(duty: Duty, site_id: int, rung: int, now: datetime) -> tuple[int, ...]:
    return rota.on_call(duty.entries, duty.members, site_id, rung, now)


def _shift(row: Any, zone: str, members: Mapping[int, rota.Member], names: Mapping[int, str], now: datetime) -> Shift:
    entry, member = entry_of(row, zone), members.get(row.staff_id)
    is_there = member is not None and member.is_there(now)
    return Shift(
        row.id,
        names.get(row.staff_id, ""),
        entry,
        is_now=is_there and entry.covers(now),
        can_be_reached=member is not None and member.is_reachable,
        is_away=not is_there,
    )


def _week(duty: Duty, site: Any, names: Mapping[int, str], now: datetime) -> list[Day]:
    zone = ZoneInfo(site.time_zone)
    first = now.astimezone(zone).date()
    by_id = {m.id: m for m in duty.members if not m.is_disabled}
    days = []
    for offset in range(7):
        day = first + timedelta(days=offset)
        start, end = (datetime.combine(d, time(), zone).astimezone(UTC) for d in (day, day + timedelta(days=1)))
        spans = sorted(
            (begin, until, entry.rung, names.get(entry.staff_id, ""))
            for entry in duty.entries
            if entry.staff_id in by_id
            for begin, until in rota.without(entry.spans(start, end), by_id[entry.staff_id].leave)
        )
        holes = rota.holes(duty.entries, duty.members, site.id, start, end)
        days.append(Day(day, spans, holes, site.holidays.get(day.isoformat(), "")))
    return days


async def _names(connection: AsyncConnection) -> dict[int, str]:
    s = tables.staff
    return {row.id: row.name for row in await connection.execute(sa.select(s.c.id, s.c.name))}


async def _leave(connection: AsyncConnection, staff_ids: Sequence[int], now: datetime) -> Sequence[Any]:
    leave = tables.leave
    found = await connection.execute(
        sa.select(leave.c.id, leave.c.staff_id, leave.c.starts_at, leave.c.ends_at)
        .where(leave.c.cancelled_at.is_(None), leave.c.ends_at > now, leave.c.staff_id.in_(staff_ids))
        .order_by(leave.c.starts_at)
    )
    return found.all()


async def _change(
    request: web.Request, what: str, act: Callable[[Any, Mapping[str, Any]], Awaitable[object]]
) -> web.StreamResponse:
    """Do it and go back to the page, or show it again with the rule's sentence and what was typed."""
    site = await _site_or_404(request)
    form = await request.post()
    typed: dict[str, Any] = {key: str(value) for key, value in form.items()}
    typed["days"] = [str(value) for value in form.getall("days", [])]
    try:
        await act(site, typed)
    except AlertRuleError as refused:
        return await _show(request, site, fault=say(refused), typed=typed)
    return done(f"{BASE}/rota/{site.code}", what)


@allow(SUPERVISORS)
async def add(request: web.Request) -> web.StreamResponse:
    """One more shift."""

    async def act(site: Any, typed: Mapping[str, Any]) -> None:
        entry = _entry_of(site, typed)
        await _save(request, site, lambda entries: [*entries, entry])

    return await _change(request, "rota", act)


@allow(SUPERVISORS)
async def remove(request: web.Request) -> web.StreamResponse:
    """One shift less, if somebody is still on call at every moment."""

    async def act(site: Any, typed: Mapping[str, Any]) -> None:
        chosen = whole(typed.get("shift", ""))
        await _save(request, site, lambda entries: entries, drop=chosen)

    return await _change(request, "rota", act)


@allow(SUPERVISORS)
async def fallback(request: web.Request) -> web.StreamResponse:
    async def act(site: Any, typed: Mapping[str, Any]) -> None:
        await _save(request, site, lambda entries: entries, fallback_id=whole(typed.get("staff", "")))

    return await _change(request, "rota", act)


async def _save(
    request: web.Request,
    site: Any,
    change: Callable[[list[rota.Entry]], list[rota.Entry]],
    *,
    drop: int | None = None,
    fallback_id: int | None = None,
) -> None:
    console, viewer, r = console_of(request), viewer_of(request), tables.rota
    async with console.database.read() as connection:
        rows = (await connection.execute(sa.select(r).where(r.c.site_id == site.id))).all()
    entries = [entry_of(row, site.time_zone) for row in rows if row.id != drop]
    keeper = site.fallback_id if fallback_id is None else fallback_id
    await shifts.save_rota(console.database, site.id, change(entries), keeper, now_of(request), by=viewer.id)


def _entry_of(site: Any, typed: Mapping[str, Any]) -> rota.Entry:
    days = tuple(sorted({int(day) for day in typed["days"] if day in "0123456"}))
    is_always = typed.get("always") == "yes"
    if not is_always and not days:
        raise AlertRuleError("Choose the days of the shift, or the whole time.")
    return rota.Entry(
        site.id,
        whole(typed.get("rung", "")),
        whole(typed.get("staff", "")),
        weekdays=None if is_always else days,
        from_minute=0 if is_always else _minute(typed.get("from", "")),
        until_minute=0 if is_always else _minute(typed.get("until", "")),
        zone=site.time_zone,
    )


def _minute(text: str) -> int:
    try:
        parsed = time.fromisoformat(text.strip())
    except ValueError:
        raise AlertRuleError("Write a time as 08:00.") from None
    return parsed.hour * 60 + parsed.minute


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise AlertRuleError("Write a day as year-month-day.") from None


@allow(SUPERVISORS)
async def leave(request: web.Request) -> web.StreamResponse:
    console, viewer, now = console_of(request), viewer_of(request), now_of(request)

    async def act(site: Any, typed: Mapping[str, Any]) -> None:
        zone = ZoneInfo(site.time_zone)
        first, last = _day(typed.get("first", "")), _day(typed.get("last", ""))
        start = datetime.combine(first, time(), zone).astimezone(UTC)
        end = datetime.combine(last + timedelta(days=1), time(), zone).astimezone(UTC)
        staff_id = await _of_site(request, site, whole(typed.get("staff", "")))
        await shifts.add_leave(console.database, staff_id, start, end, now, by=viewer.id)

    return await _change(request, "leave", act)


async def _of_site(request: web.Request, site: Any, staff_id: int) -> int:
    """Only those who work at this site are sent on leave from its page."""
    async with console_of(request).database.read() as connection:
        duty = await gather_duty(connection, {site.id})
    if not any(m.id == staff_id and m.works_at(site.id) for m in duty.members):
        raise AlertRuleError("There is no such account.")
    return staff_id


@allow(SUPERVISORS)
async def back(request: web.Request) -> web.StreamResponse:
    """Leave cancelled."""
    console, viewer, now = console_of(request), viewer_of(request), now_of(request)

    async def act(site: Any, typed: Mapping[str, Any]) -> None:
        leave_id, table = whole(typed.get("leave", "")), tables.leave
        async with console.database.read() as connection:
            found = sa.select(table.c.staff_id).where(table.c.id == leave_id)
            staff_id = (await connection.execute(found)).scalar()
        await _of_site(request, site, staff_id or 0)
        await shifts.cancel_leave(console.database, leave_id, now, by=viewer.id)

    return await _change(request, "leave", act)


@allow(SUPERVISORS)
async def holidays(request: web.Request) -> web.StreamResponse:
    """One holiday more, or one less."""
    console, viewer, now = console_of(request), viewer_of(request), now_of(request)

    async def act(site: Any, typed: Mapping[str, Any]) -> None:
        kept = dict(site.holidays)
        if typed.get("remove"):
            kept.pop(typed["remove"], None)
        else:
            kept[_day(typed.get("day", "")).isoformat()] = typed.get("name", "").strip()
        await shifts.set_hours(console.database, site.id, now, by=viewer.id, holidays=kept)

    return await _change(request, "holidays", act)


@allow(SUPERVISORS)
async def paces(request: web.Request) -> web.StreamResponse:
    """How fast this site means to be; empty is the programme's usual."""
    console, viewer, now = console_of(request), viewer_of(request), now_of(request)

    async def act(site: Any, typed: Mapping[str, Any]) -> None:
        chosen: dict[str, dict[str, int]] = {}
        for level, settable in rules.SETTABLE.items():
            for what in settable:
                text = typed.get(f"{level.name.lower()}.{what}", "").strip()
                if text:
                    number = whole(text, -1)
                    if number != getattr(rules.PACES[level], what):
                        chosen.setdefault(level.name.lower(), {})[what] = number
        await shifts.set_hours(console.database, site.id, now, by=viewer.id, paces=chosen)

    return await _change(request, "paces", act)


def pace_words(pace: rules.Pace) -> str:
    """ "Within 15 minutes; the next rung after 5 minutes"."""
    if pace.target_minutes:
        return _(
            "within %(target)s minutes; the next rung after %(rung)s minutes",
            target=pace.target_minutes,
            rung=pace.rung_minutes,
        )
    return _(
        "within %(target)s working days; the next rung after %(rung)s staffed hours",
        target=pace.target_staffed_days,
        rung=pace.rung_staffed_hours,
    )
