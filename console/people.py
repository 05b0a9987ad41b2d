"""Beneficiaries: the list by code, and one person's file. Names and numbers stay hidden until the glass is broken."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection

from cases import casework
from cases.casework.rules import week_of
from cases.closing import CONTACT_RESULTS
from console import safety, wellbeing, words
from console.alerts import SILENT, open_glass
from console.casefile.frame import act, evening_of, file_page, person_or_404
from console.casefile.moving import caring_staff
from console.casefile.plan import areas
from console.casefile.timeline import week_words
from console.context import Console, Viewer, console_of, now_of, viewer_of
from console.forms import whole
from console.language import _, say
from console.pages import page
from console.permissions import CARERS, PEOPLE, READERS, allow, sees_alert, sees_site
from store import tables

PER_PAGE = 50


@allow(PEOPLE)
async def people_page(request: web.Request) -> web.StreamResponse:
    console, viewer = console_of(request), viewer_of(request)
    wanted = request.query.get("q", "").strip()[:32]
    start = whole(request.query.get("from", ""))
    b, site, a = tables.beneficiary, tables.site, tables.alert
    is_alerted = sa.exists().where(
        a.c.beneficiary_id == b.c.id, a.c.state != "closed", a.c.is_report.is_(False), sees_alert(viewer)
    )
    statement = (
        sa.select(
            b.c.id,
            b.c.code,
            b.c.language,
            b.c.phone_kind,
            b.c.state,
            b.c.missed,
            site.c.name.label("site"),
            is_alerted.label("is_alerted"),
        )
        .join(site, site.c.id == b.c.site_id)
        .where(sees_site(viewer, b.c.site_id))
        .order_by(b.c.code)
        .offset(start)
        .limit(PER_PAGE + 1)
    )
    if wanted:
        statement = statement.where(sa.func.lower(b.c.code).contains(wanted.lower(), autoescape=True))
    async with console.database.read() as connection:
        rows = (await connection.execute(statement)).all()
    return page(
        request,
        "people.html",
        section="people",
        rows=rows[:PER_PAGE],
        wanted=wanted,
        start=start,
        following=start + PER_PAGE if len(rows) > PER_PAGE else 0,
        before=max(0, start - PER_PAGE),
    )


async def _show(
    request: web.Request,
    person: Any,
    *,
    status: int = 200,
    fault: str = "",
    revealed: Mapping[str, Any] | None = None,
    faults: Mapping[str, str] | None = None,
    typed: Mapping[str, str] | None = None,
) -> web.Response:
    console, viewer, now = console_of(request), viewer_of(request), now_of(request)
    reads = viewer.role in READERS
    async with console.database.read() as connection:
        alerts = await _alerts(connection, viewer, person.id)
        tasks = await _tasks(connection, viewer, person.id, now)
        sessions = await _sessions(connection, console, person.id, reads=reads)
        charts = await wellbeing.charts(connection, console.pack, person.id, alerts) if reads else []
        found = await areas(connection, person.id) if reads else []
        colleagues = await caring_staff(connection, person.site_id)
    weeks = [week for task in tasks if (week := week_of(task.key))]
    return await file_page(
        request,
        person,
        "file",
        "person.html",
        status=status,
        facts=safety.safe_contact(person, person, person.zone, now),
        alerts=alerts,
        tasks=tasks,
        week=week_words(max(weeks)) if weeks else "",
        sessions=sessions,
        charts=charts,
        areas=found,
        colleagues=colleagues,
        results=CONTACT_RESULTS,
        fault=fault,
        revealed=revealed,
        clock_of=safety.clock_of,
        may_break=viewer.role in CARERS,
        faults=faults or {},
        typed=typed or {},
    )


@allow(PEOPLE)
async def person_page(request: web.Request) -> web.StreamResponse:
    return await _show(request, await person_or_404(request))


@allow(CARERS)
async def reveal(request: web.Request) -> web.StreamResponse:
    """Break the glass: the name and number, once; the audit trail keeps who looked and why."""
    console, viewer = console_of(request), viewer_of(request)
    person = await person_or_404(request)
    reason = str((await request.post()).get("reason", ""))
    if reason not in words.GLASS_REASONS:
        return await _show(request, person, status=422, fault=_("Say why you need it."))
    revealed = await open_glass(
        console.database,
        viewer.id,
        f"beneficiary/{person.id}",
        reason,
        console.clock(),
        person.contact_id,
        person.id,
    )
    return await _show(request, person, revealed=revealed, fault=say(SILENT) if revealed["is_withheld"] else "")


@allow(CARERS)
async def log_contact(request: web.Request) -> web.StreamResponse:
    """A call or visit that belongs to no alert."""
    console, viewer = console_of(request), viewer_of(request)

    async def do(person: Any, form: Mapping[str, str], now: datetime) -> None:
        await casework.log_contact(
            console.database, person.id, viewer.id, form.get("result", ""), form.get("note", ""), now
        )

    return await act(request, "contact", "attempt", "", _show, do)


@allow(CARERS)
async def add_note(request: web.Request) -> web.StreamResponse:
    console, viewer = console_of(request), viewer_of(request)

    async def do(person: Any, form: Mapping[str, str], now: datetime) -> None:
        await casework.add_note(console.database, person.id, viewer.id, form.get("note", ""), now)

    return await act(request, "note", "note", "", _show, do)


@allow(CARERS)
async def add_task(request: web.Request) -> web.StreamResponse:
    console, viewer = console_of(request), viewer_of(request)

    async def do(person: Any, form: Mapping[str, str], now: datetime) -> None:
        await casework.add_task(
            console.database,
            person.id,
            viewer.id,
            form.get("note", ""),
            evening_of(form.get("due_on", ""), person.zone),
            now,
            to_staff_id=whole(form.get("to", "")) or None,
        )

    return await act(request, "task", "saved", "", _show, do)


async def _alerts(connection: AsyncConnection, viewer: Viewer, person_id: int) -> Sequence[Any]:
    a = tables.alert
    statement = (
        sa.select(a.c.code, a.c.level, a.c.route, a.c.state, a.c.opened_at, a.c.outcome)
        .where(a.c.beneficiary_id == person_id, a.c.is_report.is_(False), sees_alert(viewer))
        .order_by(a.c.opened_at.desc())
        .limit(20)
    )
    return (await connection.execute(statement)).all()


async def _tasks(connection: AsyncConnection, viewer: Viewer, person_id: int, now: datetime) -> Sequence[Any]:
    f, staff = tables.follow_up, tables.staff
    statement = (
        sa.select(f.c.id, f.c.key, f.c.kind, f.c.due_at, (f.c.due_at < now).label("is_late"), staff.c.name.label("who"))
        .outerjoin(staff, staff.c.id == f.c.staff_id)
        .where(f.c.beneficiary_id == person_id, f.c.state == "open", sees_task(viewer))
        .order_by(f.c.due_at)
        .limit(20)
    )
    return (await connection.execute(statement)).all()


def sees_task(viewer: Viewer) -> sa.ColumnElement[bool]:
    """Tasks that come from a report about staff are as invisible as the report."""
    f, a = tables.follow_up, tables.alert.alias()  # of its own, whatever else the query joins
    is_report = sa.exists().where(a.c.id == f.c.alert_id, a.c.route == "misconduct")
    if viewer.role == "focal_point":
        about_me = sa.exists().where(a.c.id == f.c.alert_id, a.c.about_id == viewer.id)
        return sa.and_(is_report, ~about_me)
    return sa.and_(~is_report, sees_site(viewer, f.c.site_id))


async def _sessions(
    connection: AsyncConnection, console: Console, person_id: int, *, reads: bool
) -> list[dict[str, Any]]:
    s, answer = tables.session, tables.answer
    rows = (
        await connection.execute(
            sa.select(s.c.id, s.c.checkin, s.c.state, s.c.opened_at)
            .where(s.c.beneficiary_id == person_id, s.c.state != "unsent")
            .order_by(s.c.opened_at.desc())
            .limit(12)
        )
    ).all()
    answers: dict[int, list[tuple[str, str]]] = {}
    if reads and rows:
        found = await connection.execute(
            sa.select(answer.c.session_id, answer.c.checkin, answer.c.question, answer.c.value)
            .where(answer.c.session_id.in_([row.id for row in rows]))
            .order_by(answer.c.answered_at, answer.c.id)
        )
        for row in found:
            pair = wellbeing.answer_words(console.pack, row.checkin, row.question, row.value)
            answers.setdefault(row.session_id, []).append(pair)
    return [{"row": row, "answers": answers.get(row.id, [])} for row in rows]
