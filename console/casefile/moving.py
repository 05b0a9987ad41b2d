"""Handing a person over, the end of the programme for them, and death."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection

from cases import casework
from cases.casework.rules import AFTER_EXIT, CARING, DECIDING, EXITS
from console.casefile.frame import act, day_of, file_page, person_or_404
from console.context import BASE, console_of, viewer_of
from console.forms import whole
from console.pages import done
from console.permissions import DECIDERS, MOVERS, allow
from store import tables


@allow(MOVERS)
async def move_page(request: web.Request) -> web.StreamResponse:
    return await _show(request, await person_or_404(request))


async def _show(
    request: web.Request,
    person: Any,
    *,
    status: int = 200,
    faults: Mapping[str, str] | None = None,
    typed: Mapping[str, str] | None = None,
) -> web.Response:
    console, viewer, site = console_of(request), viewer_of(request), tables.site
    async with console.database.read() as connection:
        sites = (await connection.execute(sa.select(site.c.id, site.c.name).order_by(site.c.name))).all()
        colleagues = await caring_staff(connection)
    return await file_page(
        request,
        person,
        "move",
        "file_move.html",
        status=status,
        sites=sites,
        colleagues=colleagues,
        exits=EXITS,
        after_exit=AFTER_EXIT,
        supervises=viewer.role in DECIDING,
        faults=faults or {},
        typed=typed or {},
    )


async def caring_staff(connection: AsyncConnection, site_id: int | None = None) -> Sequence[Any]:
    """Who works with people: of one site, or of all."""
    s = tables.staff
    found = await connection.execute(
        sa.select(s.c.id, s.c.name, s.c.role, s.c.site_ids, s.c.languages)
        .where(s.c.disabled_at.is_(None), s.c.role.in_(CARING))
        .order_by(s.c.id)
    )
    return [row for row in found if site_id is None or not row.site_ids or site_id in row.site_ids]


@allow(MOVERS)
async def transfer(request: web.Request) -> web.StreamResponse:
    console, viewer = console_of(request), viewer_of(request)

    async def do(person: Any, form: Mapping[str, str], now: datetime) -> None:
        site_id = whole(form.get("site", "")) or person.site_id
        await casework.transfer(
            console.database,
            person.id,
            viewer.id,
            site_id,
            whole(form.get("caseworker", "")) or None,
            form.get("note", ""),
            now,
            base_url=console.base_url,
        )
        if viewer.site_ids and site_id not in viewer.site_ids:
            done(f"{BASE}/people", "moved")  # the file is not the viewer's any more

    return await act(request, "transfer", "moved", "", _show, do)


@allow(MOVERS)
async def leave(request: web.Request) -> web.StreamResponse:
    console, viewer = console_of(request), viewer_of(request)

    async def do(person: Any, form: Mapping[str, str], now: datetime) -> None:
        on = day_of(form.get("on", ""))
        if on is None:
            raise casework.CaseError("Choose a day.")
        await casework.leave(
            console.database,
            person.id,
            viewer.id,
            form.get("reason", ""),
            on,
            form.get("after_exit", ""),
            form.get("note", ""),
            now,
            version=form.get("version", "").strip(),
        )

    return await act(request, "leave", "left", "", _show, do)


@allow(DECIDERS)
async def died(request: web.Request) -> web.StreamResponse:
    console, viewer = console_of(request), viewer_of(request)

    async def do(person: Any, form: Mapping[str, str], now: datetime) -> None:
        if form.get("sure") != "yes":
            raise casework.CaseError("Tick that you are sure: everything stops.")
        await casework.record_death(console.database, person.id, viewer.id, form.get("note", ""), now)

    return await act(request, "died", "saved", "", _show, do)
