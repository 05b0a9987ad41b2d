"""Who carries how much, how fast people are taken and reached, what waits for a word; the hand-over sheet."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from aiohttp import web

from cases import audit, drills, rota, silence, workload
from cases.duty import gather_duty
from console.context import BASE, console_of, now_of, viewer_of
from console.forms import whole
from console.language import _, ngettext
from console.pages import done, page
from console.people import sees_task
from console.permissions import CARERS, PEOPLE, READERS, SUPERVISORS, allow, sees_alert, sees_site
from store import tables

_SHIFT = timedelta(hours=12)
_LONGEST_NOTE = 1000


@allow(SUPERVISORS)
async def overview_page(request: web.Request) -> web.StreamResponse:
    console, viewer, now = console_of(request), viewer_of(request), now_of(request)
    days = 7 if request.query.get("days") == "7" else 30
    async with console.database.read() as connection:
        found = await workload.overview(connection, list(viewer.site_ids), now, days=days)
        site = tables.site
        names = {
            row.code: row.name
            for row in await connection.execute(sa.select(site.c.code, site.c.name).where(sees_site(viewer, site.c.id)))
        }
    held = [one for one in await drills.list_drills(console.database) if one["site"] in names]
    return page(
        request,
        "supervision.html",
        section="supervision",
        found=found,
        drills=held,
        names=names,
        minutes=minutes_words,
        fewest=workload.FEWEST,
    )


def minutes_words(minutes: float | None) -> str:
    """12.4 → '12 min', 150 → '2 h 30'; nothing where there are too few to say."""
    if minutes is None:
        return "–"
    whole = round(minutes)
    if whole < 60:
        return _("%(minutes)s min", minutes=whole)
    if whole < 48 * 60:
        return _("%(hours)s h %(minutes)s", hours=whole // 60, minutes=f"{whole % 60:02d}")
    return ngettext("%(num)s day", "%(num)s days", round(whole / 1440))


@allow(PEOPLE)
async def handover_home(request: web.Request) -> web.StreamResponse:
    console, viewer, site = console_of(request), viewer_of(request), tables.site
    async with console.database.read() as connection:
        found = sa.select(site.c.code).where(sees_site(viewer, site.c.id)).order_by(site.c.name).limit(1)
        code = (await connection.execute(found)).scalar()
    if code is None:
        raise web.HTTPNotFound
    raise web.HTTPSeeOther(f"{BASE}/handover/{code}")


async def _site_or_404(request: web.Request) -> Any:
    console, viewer, site = console_of(request), viewer_of(request), tables.site
    async with console.database.read() as connection:
        found = sa.select(site).where(site.c.code == request.match_info["site"], sees_site(viewer, site.c.id))
        row = (await connection.execute(found)).first()
    if row is None:
        raise web.HTTPNotFound
    return row


@allow(PEOPLE)
async def handover_page(request: web.Request) -> web.StreamResponse:
    return await _sheet(request, await _site_or_404(request))


async def _sheet(request: web.Request, site: Any, *, fault: str = "") -> web.Response:
    """All that the next shift must know, on one sheet that can be printed: codes and deadlines, no names, no texts."""
    console, viewer, now = console_of(request), viewer_of(request), now_of(request)
    a, p, w, f, h = tables.alert, tables.beneficiary, tables.staff, tables.follow_up, tables.handover
    async with console.database.read() as connection:
        alerts = await connection.execute(
            sa.select(
                a.c.code, a.c.level, a.c.route, a.c.state, a.c.opened_at, a.c.target_at, a.c.due_at, a.c.is_silent,
                a.c.asked_outcome, p.c.code.label("person"), w.c.name.label("owner"), _last_step(a).label("last"),
            )
            .outerjoin(p, p.c.id == a.c.beneficiary_id)
            .outerjoin(w, w.c.id == a.c.owner_id)
            .where(a.c.site_id == site.id, a.c.state != "closed", a.c.is_drill.is_(False), sees_alert(viewer))
            .order_by(a.c.level.desc(), a.c.due_at)
        )  # fmt: skip
        tasks = await connection.execute(
            sa.select(f.c.kind, f.c.due_at, p.c.code.label("person"))
            .outerjoin(p, p.c.id == f.c.beneficiary_id)
            .where(
                f.c.site_id == site.id, f.c.state == "open", f.c.due_at <= now + _SHIFT, f.c.kind != "silence",
                sees_task(viewer),
            )
            .order_by(f.c.due_at)
            .limit(60)
        )  # fmt: skip
        waiting = await silence.work_list(connection, p.c.site_id == site.id, now)
        duty = await gather_duty(connection, {site.id})
        names = {row.id: row.name for row in await connection.execute(sa.select(w.c.id, w.c.name))}
        reader = w.alias()
        notes = await connection.execute(
            sa.select(h.c.id, h.c.at, h.c.note, h.c.read_at, w.c.name.label("by"), reader.c.name.label("reader"))
            .join(w, w.c.id == h.c.from_id)
            .outerjoin(reader, reader.c.id == h.c.read_by)
            .where(h.c.site_id == site.id, h.c.at > now - timedelta(days=3))
            .order_by(h.c.at.desc())
            .limit(10)
        )
        others = await connection.execute(
            sa.select(tables.site.c.code, tables.site.c.name)
            .where(sees_site(viewer, tables.site.c.id))
            .order_by(tables.site.c.name)
        )
        listed = {
            "alerts": alerts.all(), "tasks": tasks.all(), "notes": notes.all(), "others": others.all(),
        }  # fmt: skip
    return page(
        request,
        "handover.html",
        status=422 if fault else 200,
        section="handover",
        site=site,
        silences=len(waiting),
        grave=sum(one.is_grave for one in waiting),
        on_call=_people(duty, site.id, names, now),
        next_on_call=_people(duty, site.id, names, now + _SHIFT),
        then=now + _SHIFT,
        may_write=viewer.role in CARERS,
        reads=viewer.role in READERS,
        fault=fault,
        **listed,
    )


def _last_step(alert: Any) -> Any:
    """The kind of the newest thing that somebody did about the alert."""
    e = tables.alert_event
    return (
        sa.select(e.c.kind)
        .where(e.c.alert_id == alert.c.id, e.c.staff_id.is_not(None))
        .order_by(e.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )


def _people(duty: Any, site_id: int, names: dict[int, str], at: datetime) -> list[tuple[int, str]]:
    return [
        (rung, ", ".join(names.get(i, "") for i in rota.on_call(duty.entries, duty.members, site_id, rung, at)))
        for rung in duty.rungs(site_id, "none", at)
    ]


@allow(CARERS)
async def write_handover(request: web.Request) -> web.StreamResponse:
    """What the sheet does not show by itself, for whoever comes next."""
    console, viewer, now = console_of(request), viewer_of(request), now_of(request)
    site = await _site_or_404(request)
    note = str((await request.post()).get("note", "")).strip()
    if not note:
        return await _sheet(request, site, fault=_("Write something first."))
    row = {"id": console.database.new_id(), "site_id": site.id, "from_id": viewer.id, "at": now}
    async with console.database.write() as connection:
        await connection.execute(sa.insert(tables.handover), [row | {"note": note[:_LONGEST_NOTE]}])
        await audit.record(connection, console.database, viewer.id, "handover.written", f"site/{site.id}", {}, now)
    return done(f"{BASE}/handover/{site.code}", "handover")


@allow(CARERS)
async def read_handover(request: web.Request) -> web.StreamResponse:
    """ "I have read it": the first to say so is kept."""
    console, viewer, now, h = console_of(request), viewer_of(request), now_of(request), tables.handover
    site = await _site_or_404(request)
    sheet = whole(str((await request.post()).get("sheet", "")))
    async with console.database.write() as connection:
        kept = await connection.execute(
            sa.update(h)
            .where(h.c.id == sheet, h.c.site_id == site.id, h.c.read_by.is_(None))
            .values(read_by=viewer.id, read_at=now)
        )
        if kept.rowcount:
            await audit.record(connection, console.database, viewer.id, "handover.read", f"site/{site.id}", {}, now)
    return done(f"{BASE}/handover/{site.code}", "handover_read")
