"""The work list: dated tasks, and messages that the machine could not handle and a person must read."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection

from cases import audit
from console.context import BASE, Viewer, console_of, now_of, viewer_of
from console.pages import done, page
from console.people import sees_task
from console.permissions import READERS, ROLES, allow, sees_message
from store import tables
from store.database import signal

MOST = 100


@allow(ROLES)
async def tasks_page(request: web.Request) -> web.StreamResponse:
    console, viewer = console_of(request), viewer_of(request)
    async with console.database.read() as connection:
        rows = await _open_tasks(connection, viewer)
        messages = await _messages(connection, viewer, rows)
    if messages:
        async with console.database.write() as connection:
            subject = {"tasks": sorted(messages)}
            await audit.record(
                connection, console.database, viewer.id, "tasks.viewed", "tasks", subject, now_of(request)
            )
    return page(
        request,
        "tasks.html",
        section="tasks",
        rows=rows,
        messages=messages,
        reads=viewer.role in READERS,
        most=MOST,
        done=request.query.get("done", ""),
    )


async def _open_tasks(connection: AsyncConnection, viewer: Viewer) -> Sequence[Any]:
    f, site, person, a = tables.follow_up, tables.site, tables.beneficiary, tables.alert
    statement = (
        sa.select(
            f.c.id,
            f.c.kind,
            f.c.note,
            f.c.due_at,
            f.c.created_at,
            f.c.contact_id,
            f.c.inbox_id,
            f.c.beneficiary_id,
            site.c.name.label("site"),
            sa.func.coalesce(site.c.time_zone, "UTC").label("zone"),
            person.c.code.label("person"),
            a.c.code.label("alert"),
        )
        .outerjoin(site, site.c.id == f.c.site_id)
        .outerjoin(person, person.c.id == f.c.beneficiary_id)
        .outerjoin(a, a.c.id == f.c.alert_id)
        .where(f.c.state == "open", sees_task(viewer))
        .order_by(f.c.due_at, f.c.id)
        .limit(MOST)
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


@allow(ROLES)
async def finish(request: web.Request) -> web.StreamResponse:
    """Done: of two who tick the same task the first is kept."""
    console, viewer, now = console_of(request), viewer_of(request), now_of(request)
    text = request.match_info["task"]
    task_id = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
    f = tables.follow_up
    async with console.database.write() as connection:
        mine = sa.select(f.c.id).where(f.c.id == task_id, sees_task(viewer))
        if (await connection.execute(mine)).first() is None:
            raise web.HTTPNotFound
        changed = await connection.execute(
            sa.update(f)
            .where(f.c.id == task_id, f.c.state == "open")
            .values(state="done", done_at=now, done_by=viewer.id)
        )
        if changed.rowcount:
            await audit.record(connection, console.database, viewer.id, "task.done", f"follow_up/{task_id}", {}, now)
            signal(connection, "messages")
    return done(f"{BASE}/tasks", "task")
