"""Reading a sample of messages that raised nothing: one tap each, without names, bounded by the reader's sites."""

from collections.abc import Sequence
from typing import Any, cast

import sqlalchemy as sa
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection

from cases import audit, sampling
from cases.rules import AlertRuleError
from console.context import BASE, Viewer, console_of, now_of, viewer_of
from console.forms import whole
from console.language import _, say
from console.pages import done, page
from console.permissions import CARERS, allow, sees_message, sees_site
from content.schema import ROUTES, Level, Route
from store import tables

# What a reader can say of a message that asks for somebody: its level is one tap, its matter another.
MATTERS = tuple(route for route in ROUTES if route not in {"none", "practical"})


@allow(CARERS)
async def sample_page(request: web.Request) -> web.StreamResponse:
    return await _show(request)


async def _show(request: web.Request, *, status: int = 200, fault: str = "", fault_of: int = 0) -> web.Response:
    console, viewer, now = console_of(request), viewer_of(request), now_of(request)
    async with console.database.read() as connection:
        site = tables.site
        sites = (await connection.execute(sa.select(site.c.id).where(sees_site(viewer, site.c.id)))).scalars().all()
    await sampling.draw(console.database, sites, now)
    async with console.database.read() as connection:
        rows = await _waiting(connection, viewer)
        drawn, read = await _counts(connection, viewer)
    if rows:
        async with console.database.write() as connection:
            subject = {"samples": sorted(row.id for row in rows)}
            await audit.record(connection, console.database, viewer.id, "sample.viewed", "sample", subject, now)
    return page(
        request,
        "sample.html",
        status=status,
        section="tasks",
        rows=rows,
        drawn=drawn,
        read=read,
        matters=MATTERS,
        fault=fault,
        fault_of=fault_of,
        last=whole(request.query.get("last", "")),
        done=request.query.get("done", ""),
    )


async def _waiting(connection: AsyncConnection, viewer: Viewer) -> Sequence[Any]:
    """Messages nobody has judged, newest week first; no person's code, name or number, and no hour."""
    s, m, site = tables.sample, tables.inbox, tables.site
    found = (
        sa.select(s.c.id, s.c.week, s.c.language, s.c.level, m.c.text, site.c.name.label("site"))
        .join(m, m.c.id == s.c.inbox_id)
        .join(site, site.c.id == s.c.site_id)
        .where(s.c.judged_level.is_(None), sees_site(viewer, s.c.site_id), sees_message(viewer, m.c.id))
        .order_by(s.c.week.desc(), s.c.place, s.c.site_id)
        .limit(sampling.SIZE)
    )
    return (await connection.execute(found)).all()


async def _counts(connection: AsyncConnection, viewer: Viewer) -> tuple[int, int]:
    s = tables.sample
    found = sa.select(sa.func.count(), sa.func.count(s.c.judged_level)).where(sees_site(viewer, s.c.site_id))
    drawn, read = (await connection.execute(found)).one()
    return drawn, read


@allow(CARERS)
async def judge(request: web.Request) -> web.StreamResponse:
    console, viewer, now = console_of(request), viewer_of(request), now_of(request)
    sample_id = await _mine_or_404(request)
    form = await request.post()
    level, route = level_and_route(str(form.get("level", "")), str(form.get("route", "")))
    if level is None:
        return await _show(request, status=422, fault=_("Choose what the message means."), fault_of=sample_id)
    try:
        await sampling.judge(
            console.database, sample_id, viewer.id, level, cast("Route", route), now, base_url=console.base_url
        )
    except AlertRuleError as refused:
        return await _show(request, status=409, fault=say(refused), fault_of=sample_id)
    what = "sample_alert" if level >= Level.ELEVATED else "sample"
    return done(f"{BASE}/sample", f"{what}&last={sample_id if level < Level.ELEVATED else 0}")


@allow(CARERS)
async def take_back(request: web.Request) -> web.StreamResponse:
    console, viewer = console_of(request), viewer_of(request)
    sample_id = await _mine_or_404(request)
    if not await sampling.take_back(console.database, sample_id, viewer.id, now_of(request)):
        return await _show(request, status=409, fault=_("It cannot be taken back any more: an alert came of it."))
    return done(f"{BASE}/sample", "taken_back")


async def _mine_or_404(request: web.Request) -> int:
    viewer, s = viewer_of(request), tables.sample
    found = sa.select(s.c.id).where(
        s.c.id == whole(request.match_info["sample"]),
        sees_site(viewer, s.c.site_id),
        sees_message(viewer, s.c.inbox_id),
    )
    async with console_of(request).database.read() as connection:
        sample_id: int | None = (await connection.execute(found)).scalar()
    if sample_id is None:
        raise web.HTTPNotFound
    return sample_id


def level_and_route(level: str, route: str) -> tuple[Level | None, str]:
    """A judgement from a form; the route follows from the level where that is all there is to say."""
    try:
        chosen = Level.of(level)
    except KeyError:
        return None, "none"
    if chosen is Level.NONE:
        return chosen, "none"
    if chosen is Level.PRACTICAL and route in {"", "none"}:
        return chosen, "practical"
    return chosen, route
