"""The work list: dated tasks, and messages that the machine could not handle and a person must read."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection

from cases import audit, casework
from cases.casework import CaseError
from cases.casework.rules import CONTACTS, DONE, NOT_NEEDED, WEEKLY, week_of
from cases.closing import CONTACT_RESULTS
from console.casefile.moving import caring_staff
from console.casefile.timeline import week_words
from console.context import BASE, Viewer, console_of, now_of, viewer_of
from console.forms import whole
from console.language import say
from console.pages import done, page
from console.people import sees_task
from console.permissions import PEOPLE, READERS, ROLES, allow, sees_message
from store import tables

MOST = 100


# Without a filter the list shows what is due within two weeks: a contact in half a year's time can wait to be seen.
HORIZON = timedelta(days=14)
WHOSE = ("", "mine", "overdue", "later")


@allow(ROLES)
async def tasks_page(request: web.Request) -> web.StreamResponse:
    console, viewer, now = console_of(request), viewer_of(request), now_of(request)
    whose = request.query.get("whose", "")
    whose = whose if whose in WHOSE else ""
    async with console.database.read() as connection:
        rows = await _open_tasks(connection, viewer, whose, now)
        messages = await _messages(connection, viewer, rows)
    if messages:
        async with console.database.write() as connection:
            subject = {"tasks": sorted(messages)}
            await audit.record(connection, console.database, viewer.id, "tasks.viewed", "tasks", subject, now)
    return page(
        request,
        "tasks.html",
        section="tasks",
        rows=rows,
        messages=messages,
        reads=viewer.role in READERS,
        most=MOST,
        whose=whose,
        week_of=lambda key: week_words(week) if (week := week_of(key)) else "",
        contacts=CONTACTS,
        done=request.query.get("done", ""),
    )


def _select() -> Any:
    f, site, person, a, staff = tables.follow_up, tables.site, tables.beneficiary, tables.alert, tables.staff
    return (
        sa.select(
            f,
            site.c.name.label("site"),
            sa.func.coalesce(site.c.time_zone, "UTC").label("zone"),
            person.c.code.label("person"),
            a.c.code.label("alert"),
            staff.c.name.label("who"),
        )
        .outerjoin(site, site.c.id == f.c.site_id)
        .outerjoin(person, person.c.id == f.c.beneficiary_id)
        .outerjoin(a, a.c.id == f.c.alert_id)
        .outerjoin(staff, staff.c.id == f.c.staff_id)
    )


async def _open_tasks(connection: AsyncConnection, viewer: Viewer, whose: str, now: datetime) -> Sequence[Any]:
    f = tables.follow_up
    bounds = {
        "": f.c.due_at <= now + HORIZON,
        "mine": sa.and_(f.c.staff_id == viewer.id, f.c.due_at <= now + HORIZON),
        "overdue": f.c.due_at < now,
        "later": f.c.due_at > now + HORIZON,
    }
    statement = (
        _select().where(f.c.state == "open", sees_task(viewer), bounds[whose]).order_by(f.c.due_at, f.c.id).limit(MOST)
    )
    return (await connection.execute(statement)).all()


_TO_READ = frozenset(
    {"read_message", "unknown_number", "media", "set_aside", "call_me", "practical", "confirm_stop", "unfinished"}
)


async def _messages(connection: AsyncConnection, viewer: Viewer, rows: Sequence[Any]) -> dict[int, str]:
    """Task → the message it is about, for viewers who may read it."""
    wanted = {row.inbox_id for row in rows if row.kind in _TO_READ and row.inbox_id is not None}
    if viewer.role not in READERS or not wanted:
        return {}
    m = tables.inbox
    found = await connection.execute(
        sa.select(m.c.id, m.c.text).where(m.c.id.in_(wanted), sees_message(viewer, m.c.id))
    )
    texts = {row.id: row.text for row in found}
    return {row.id: texts[row.inbox_id] for row in rows if row.inbox_id in texts}


async def _task_or_404(request: web.Request, connection: AsyncConnection) -> Any:
    task_id = whole(request.match_info["task"])
    found = _select().where(tables.follow_up.c.id == task_id, sees_task(viewer_of(request)))
    row = (await connection.execute(found)).first()
    if row is None:
        raise web.HTTPNotFound
    return row


@allow(ROLES)
async def task_page(request: web.Request) -> web.StreamResponse:
    return await _show(request)


async def _show(request: web.Request, *, status: int = 200, fault: str = "", result: str = "") -> web.Response:
    """One task: how it went, and whose it is."""
    console, viewer = console_of(request), viewer_of(request)
    async with console.database.read() as connection:
        row = await _task_or_404(request, connection)
        has_site = row.site_id is not None and viewer.role in PEOPLE
        colleagues = await caring_staff(connection, row.site_id) if has_site else []
    return page(
        request,
        "task.html",
        status=status,
        section="tasks",
        row=row,
        zone=row.zone,
        week=week_words(week) if (week := week_of(row.key)) else "",
        results=CONTACT_RESULTS if row.kind in CONTACTS else {},
        plain=[one for one in (DONE, NOT_NEEDED) if not (row.kind == WEEKLY and one == DONE)],
        colleagues=colleagues,
        reads=viewer.role in READERS,
        fault=fault,
        result=result,
    )


@allow(ROLES)
async def finish(request: web.Request) -> web.StreamResponse:
    """How it went. Of two who end the same task the first is kept."""
    console, viewer, now = console_of(request), viewer_of(request), now_of(request)
    result = str((await request.post()).get("result", DONE)) or DONE
    try:
        async with console.database.write() as connection:
            row = await _task_or_404(request, connection)
            has_ended = await casework.finish(console.database, connection, row, viewer.id, result, now)
    except CaseError as refused:
        return await _show(request, status=409, fault=say(refused), result=result)
    return done(f"{BASE}/tasks", "task" if has_ended else "tried")


@allow(PEOPLE)
async def assign(request: web.Request) -> web.StreamResponse:
    """Give it to a colleague of the site."""
    console, viewer, now = console_of(request), viewer_of(request), now_of(request)
    to = str((await request.post()).get("to", ""))
    try:
        async with console.database.write() as connection:
            row = await _task_or_404(request, connection)
            await casework.assign(console.database, connection, row, viewer.id, whole(to), now)
    except CaseError as refused:
        return await _show(request, status=409, fault=say(refused))
    return done(f"{BASE}/tasks", "assigned")
