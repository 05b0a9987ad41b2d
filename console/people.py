"""Beneficiaries: the list by code, and one person's file. Names and numbers stay hidden until the glass is broken."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection

from cases import audit
from console import safety, wellbeing, words
from console.alerts import open_glass
from console.context import Console, Viewer, console_of, now_of, viewer_of
from console.conversation import conversation
from console.language import _
from console.pages import page
from console.permissions import CARERS, PEOPLE, READERS, allow, sees_alert, sees_site
from store import tables

PER_PAGE = 50


@allow(PEOPLE)
async def people_page(request: web.Request) -> web.StreamResponse:
    console, viewer = console_of(request), viewer_of(request)
    wanted = request.query.get("q", "").strip()[:32]
    start = _whole(request.query.get("from", ""))
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


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


async def _person_or_404(request: web.Request) -> Any:
    console, viewer = console_of(request), viewer_of(request)
    b, site, c, staff = tables.beneficiary, tables.site, tables.contact, tables.staff
    statement = (
        sa.select(
            b,
            site.c.name.label("site"),
            site.c.time_zone.label("zone"),
            c.c.opted_out_at,
            c.c.last_inbound_at,
            staff.c.name.label("caseworker"),
        )
        .join(site, site.c.id == b.c.site_id)
        .outerjoin(c, c.c.id == b.c.contact_id)
        .outerjoin(staff, staff.c.id == b.c.caseworker_id)
        .where(b.c.id == _whole(request.match_info["person"]), sees_site(viewer, b.c.site_id))
    )
    async with console.database.read() as connection:
        row = (await connection.execute(statement)).first()
    if row is None:
        raise web.HTTPNotFound
    return row


async def _show(
    request: web.Request, person: Any, *, status: int = 200, fault: str = "", revealed: Mapping[str, Any] | None = None
) -> web.Response:
    console, viewer, now = console_of(request), viewer_of(request), now_of(request)
    async with console.database.write() as connection:
        await audit.record(
            connection, console.database, viewer.id, "person.viewed", f"beneficiary/{person.id}", {}, now
        )
    reads = viewer.role in READERS
    async with console.database.read() as connection:
        alerts = await _alerts(connection, viewer, person.id)
        tasks = await _tasks(connection, viewer, person.id)
        sessions = await _sessions(connection, console, person.id, reads=reads)
        charts = await wellbeing.charts(connection, console.pack, person.id) if reads else []
        has_talk = reads and person.contact_id is not None
        lines = await conversation(connection, viewer, person.contact_id) if has_talk else None
    return page(
        request,
        "person.html",
        status=status,
        section="people",
        person=person,
        zone=person.zone,
        facts=safety.safe_contact(person, person, person.zone, now),
        alerts=alerts,
        tasks=tasks,
        sessions=sessions,
        charts=charts,
        lines=lines,
        reads=reads,
        fault=fault,
        revealed=revealed,
        clock_of=safety.clock_of,
        may_break=viewer.role in CARERS,
    )


@allow(PEOPLE)
async def person_page(request: web.Request) -> web.StreamResponse:
    return await _show(request, await _person_or_404(request))


@allow(CARERS)
async def reveal(request: web.Request) -> web.StreamResponse:
    """Break the glass: the name and number, once; the audit trail keeps who looked and why."""
    console, viewer = console_of(request), viewer_of(request)
    person = await _person_or_404(request)
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
    return await _show(request, person, revealed=revealed)


async def _alerts(connection: AsyncConnection, viewer: Viewer, person_id: int) -> Sequence[Any]:
    a = tables.alert
    statement = (
        sa.select(a.c.code, a.c.level, a.c.route, a.c.state, a.c.opened_at, a.c.outcome)
        .where(a.c.beneficiary_id == person_id, a.c.is_report.is_(False), sees_alert(viewer))
        .order_by(a.c.opened_at.desc())
        .limit(20)
    )
    return (await connection.execute(statement)).all()


async def _tasks(connection: AsyncConnection, viewer: Viewer, person_id: int) -> Sequence[Any]:
    f = tables.follow_up
    statement = (
        sa.select(f.c.kind, f.c.due_at)
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
