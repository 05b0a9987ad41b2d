"""The referrals page: what became of each, the services that fit the person, referring to one; and the directory."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection

from cases import casework, services
from cases.casework.rules import CONSENTS, REFERRAL_MOVES, USUAL_WAIT
from cases.services import KINDS, Wish, fitting
from console.casefile.frame import act, evening_of, file_page, person_or_404
from console.context import console_of, now_of, viewer_of
from console.forms import whole
from console.pages import page
from console.permissions import CARERS, PEOPLE, ROLES, allow, sees_site
from content.schema import DOMAINS, LANGUAGES
from store import tables

_MOST = 40


@allow(PEOPLE)
async def referrals_page(request: web.Request) -> web.StreamResponse:
    return await _show(request, await person_or_404(request))


async def _show(
    request: web.Request,
    person: Any,
    *,
    status: int = 200,
    faults: Mapping[str, str] | None = None,
    typed: Mapping[str, str] | None = None,
) -> web.Response:
    console, now = console_of(request), now_of(request)
    wish = _wish(request, person)
    directory = await services.list_services(console.database)
    async with console.database.read() as connection:
        made = await _made(connection, person.id)
    chosen = whole((typed or {}).get("service") or request.query.get("service", ""))
    soon = (now + USUAL_WAIT).astimezone(ZoneInfo(person.zone)).date()
    return await file_page(
        request,
        person,
        "referrals",
        "file_referrals.html",
        status=status,
        referrals=made,
        fitting=fitting(directory, wish)[:_MOST],
        chosen=next((one for one in directory if one.id == chosen), None),
        wish=wish,
        domains=DOMAINS,
        consents=CONSENTS,
        moves=REFERRAL_MOVES,
        soon=soon,
        latest=soon + timedelta(days=82),
        is_stale=services.is_stale,
        faults=faults or {},
        typed=typed or {},
    )


def _wish(request: web.Request, person: Any) -> Wish:
    """What was asked for on the page; always the person's own language, and for the young whoever is good with them."""
    asked = request.query
    domain = asked.get("domain", "")
    return Wish(
        site_id=person.site_id,
        domain=domain if domain in DOMAINS else "",
        language=person.language,
        for_women=asked.get("women") == "1",
        for_children=person.age_band != "adult",
    )


async def _made(connection: AsyncConnection, person_id: int) -> Sequence[Any]:
    r, v, a = tables.referral, tables.service, tables.alert
    statement = (
        sa.select(r, v.c.name.label("service"), v.c.agreement, v.c.phone, v.c.hours, a.c.code.label("alert"))
        .join(v, v.c.id == r.c.service_id)
        .outerjoin(a, a.c.id == r.c.alert_id)
        .where(r.c.beneficiary_id == person_id)
        .order_by(r.c.settled_at.is_not(None), r.c.made_at.desc())
        .limit(_MOST)
    )
    return (await connection.execute(statement)).all()


@allow(CARERS)
async def refer(request: web.Request) -> web.StreamResponse:
    console, viewer = console_of(request), viewer_of(request)

    async def do(person: Any, form: Mapping[str, str], now: datetime) -> None:
        await casework.refer(
            console.database,
            person.id,
            viewer.id,
            whole(form.get("service", "")),
            form.get("consent", ""),
            evening_of(form.get("due_on", ""), person.zone),
            form.get("note", ""),
            now,
            is_sent=form.get("step") == "send",
            alert_code=form.get("alert", ""),
        )

    return await act(request, "refer", "referred", "/referrals", _show, do)


@allow(CARERS)
async def move(request: web.Request) -> web.StreamResponse:
    console, viewer = console_of(request), viewer_of(request)
    referral_id = whole(request.match_info["referral"])

    async def do(person: Any, form: Mapping[str, str], now: datetime) -> None:
        await casework.move(
            console.database,
            person.id,
            referral_id,
            viewer.id,
            form.get("state", ""),
            form.get("note", ""),
            now,
            consent=form.get("consent", ""),
        )

    return await act(request, f"referral-{referral_id}", "saved", "/referrals", _show, do)


@allow(ROLES)
async def services_page(request: web.Request) -> web.StreamResponse:
    """The directory of services: organisations only, nothing of any person."""
    console, viewer, now = console_of(request), viewer_of(request), now_of(request)
    asked, site = request.query, tables.site
    async with console.database.read() as connection:
        found = sa.select(site.c.id, site.c.name).where(sees_site(viewer, site.c.id)).order_by(site.c.name)
        sites = {row.id: row.name for row in await connection.execute(found)}
    domain, language = asked.get("domain", ""), asked.get("language", "")
    wish = Wish(
        site_id=whole(asked.get("site", "")) or None,
        domain=domain if domain in DOMAINS else "",
        language=language if language in LANGUAGES else "",
        for_women=asked.get("women") == "1",
        for_children=asked.get("children") == "1",
    )
    listed = [
        one
        for one in fitting(await services.list_services(console.database), wish)
        if not one.site_ids or set(one.site_ids) & set(sites)
    ]
    return page(
        request,
        "services.html",
        section="people",
        services=listed[:100],
        count=len(listed),
        sites=sites,
        wish=wish,
        domains=DOMAINS,
        languages_known=LANGUAGES,
        kinds=KINDS,
        today=now.date(),
        is_stale=services.is_stale,
    )
