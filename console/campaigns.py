"""Check-in campaigns for coordinators: the list, a new one, what it will send and to whom, starting and pausing."""

import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection

from cases import audit
from channels.segments import count
from console.context import BASE, console_of, now_of, viewer_of
from console.language import _, comma, ngettext, say
from console.pages import done, long_date, page
from console.permissions import CAMPAIGN_VIEWERS, PLANNERS, allow, sees_site
from scheduler import campaigns
from scheduler.campaigns import CampaignError
from scheduler.due import Plan, PlanError
from store import tables


@allow(CAMPAIGN_VIEWERS)
async def list_page(request: web.Request) -> web.StreamResponse:
    console, viewer = console_of(request), viewer_of(request)
    found = await campaigns.list_campaigns(console.database)
    async with console.database.read() as connection:
        names = await _site_names(connection)
    return page(
        request,
        "campaigns.html",
        section="campaigns",
        campaigns=list(reversed(found)),
        may_plan=viewer.role in PLANNERS,
        when=plan_words,
        names=names,
    )


async def _site_names(connection: AsyncConnection) -> dict[str, str]:
    """Code → name, as staff know their sites."""
    found = await connection.execute(sa.select(tables.site.c.code, tables.site.c.name))
    return {row.code: row.name for row in found}


def plan_words(plan: Plan) -> str:
    """When a plan sends, in words."""
    clock = "" if plan.minute is None else f"{plan.minute // 60:02d}:{plan.minute % 60:02d}"
    if plan.kind == "once":
        said = _("Once, on %(date)s", date=long_date(plan.date)) if plan.date else _("Once")
    elif plan.kind == "weekly":
        said = ngettext("Every week", "Every %(num)s weeks", plan.every)
        clock = clock or _("at each person’s own hour")
    else:
        days = comma().join(str(day) for day in plan.days)
        said = _("%(days)s days after arrival", days=days)
        if plan.kind == "after_exit":
            said = _("%(days)s days after leaving", days=days)
    return _("%(day)s, %(hour)s", day=said, hour=clock) if clock else said


@allow(PLANNERS)
async def new_page(request: web.Request) -> web.StreamResponse:
    return await _form(request, {}, "")


async def _form(request: web.Request, typed: Mapping[str, Any], fault: str) -> web.Response:
    console, viewer = console_of(request), viewer_of(request)
    site = tables.site
    async with console.database.read() as connection:
        sites = await connection.execute(
            sa.select(site.c.code, site.c.name).where(sees_site(viewer, site.c.id)).order_by(site.c.name)
        )
        listed = sites.all()
    return page(
        request,
        "campaign_new.html",
        status=422 if fault else 200,
        section="campaigns",
        sites=listed,
        # The weekly one first: it is what most campaigns are.
        checkins=sorted(console.pack.checkins.values(), key=lambda one: (one.id != "weekly", one.id)),
        typed=typed,
        fault=fault,
    )


@allow(PLANNERS)
async def create(request: web.Request) -> web.StreamResponse:
    console, viewer = console_of(request), viewer_of(request)
    form = await request.post()
    typed = {key: str(value) for key, value in form.items() if key not in {"sites", "states"}}
    sites, states = ([str(value) for value in form.getall(name, [])] for name in ("sites", "states"))
    code = new_code(typed.get("name", ""))
    try:
        await campaigns.create(
            console.database,
            console.pack,
            code=code,
            name=typed.get("name", "").strip(),
            checkin=typed.get("checkin", ""),
            plan=plan_of(typed),
            audience=await _audience(request, sites) | ({"states": states} if states else {}),
            now=now_of(request),
        )
    except (CampaignError, PlanError, FormError) as refused:
        return await _form(request, {**typed, "sites": sites, "states": states}, sentence(refused))
    async with console.database.write() as connection:
        await audit.record(
            connection, console.database, viewer.id, "campaign.created", f"campaign/{code}", {}, now_of(request)
        )
    return done(f"{BASE}/campaigns/{code}", "created")


class FormError(ValueError):
    """What was typed cannot be used; the sentence is for the person who typed it."""


def sentence(error: Exception) -> str:
    text = say(error)
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


async def _audience(request: web.Request, sites: list[str]) -> dict[str, list[str]]:
    """The chosen sites, never beyond the planner's own. Nothing chosen means all of their own, named one by one."""
    console, viewer = console_of(request), viewer_of(request)
    if not viewer.site_ids:
        return {"sites": sites} if sites else {}
    site = tables.site
    async with console.database.read() as connection:
        found = await connection.execute(sa.select(site.c.code).where(sees_site(viewer, site.c.id)))
        own = set(found.scalars())
    if set(sites) - own:
        raise FormError("Choose sites of your own.")
    return {"sites": sites or sorted(own)}


def new_code(name: str) -> str:
    """A code for links and exports, from the name and four letters so that two never meet."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:36] or "campaign"
    return f"{plain}-{secrets.token_hex(2)}"


def plan_of(typed: Mapping[str, str]) -> Plan:
    kind = typed.get("kind", "")
    minute = _minute(typed.get("hour", ""))
    if kind == "once":
        try:
            day = date.fromisoformat(typed.get("date", ""))
        except ValueError:
            raise FormError("Choose the day on which it is sent.") from None
        return Plan("once", date=day, minute=minute)
    if kind == "after_anchor":
        days = _days(typed.get("days", ""), "Write the days after arrival as numbers, for example 7, 30, 90.")
        return Plan("after_anchor", days=days, minute=minute)
    if kind == "after_exit":
        days = _days(typed.get("days_left", ""), "Write the days after leaving as numbers, for example 182, 365.")
        return Plan("after_exit", days=days, minute=minute)
    if kind == "weekly":
        every = typed.get("every", "1").strip() or "1"
        if not re.fullmatch(r"[0-9]{1,3}", every):
            raise FormError("Write every how many weeks as a number.")
        return Plan("weekly", every=int(every), minute=minute)
    raise FormError("Choose when it is sent.")


def _days(text: str, otherwise: str) -> tuple[int, ...]:
    days = re.split(r"[\s,;]+", text.strip())
    if not all(re.fullmatch(r"[0-9]{1,5}", one) for one in days):
        raise FormError(otherwise)
    return tuple(int(one) for one in days)


def _minute(text: str) -> int | None:
    if not text.strip():
        return None
    match = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)(:00)?", text.strip())
    if match is None:
        raise FormError("Write the hour as 14:30, or leave it empty.")
    return int(match[1]) * 60 + int(match[2])


@allow(CAMPAIGN_VIEWERS)
async def campaign_page(request: web.Request) -> web.StreamResponse:
    return await _show(request, "")


async def _show(request: web.Request, fault: str) -> web.Response:
    console, viewer = console_of(request), viewer_of(request)
    code = request.match_info["campaign"]
    try:
        status = await campaigns.status(console.database, code)
        preview = await campaigns.preview(console.database, console.pack, code, now_of(request), days=14)
        async with console.database.read() as connection:
            names = await _site_names(connection)
    except CampaignError:
        raise web.HTTPNotFound from None
    by_day: dict[date, list[int]] = {}
    for line in preview.lines:
        total = by_day.setdefault(line.day, [0, 0])
        total[0] += line.people
        total[1] += line.segments
    texts = {language: (text, count(text).segments) for language, text in preview.texts.items()}
    return page(
        request,
        "campaign.html",
        status=409 if fault else 200,
        section="campaigns",
        status_=status,
        campaign=status.campaign,
        preview=preview,
        by_day=by_day,
        most=max((total[0] for total in by_day.values()), default=1),
        texts=texts,
        fault=fault,
        names=names,
        may_plan=viewer.role in PLANNERS,
        when=plan_words,
        done=request.query.get("done", ""),
    )


Change = Callable[[Any, str, datetime], Awaitable[object]]


async def _change(request: web.Request, change: Change, what: str) -> web.StreamResponse:
    console, viewer, now = console_of(request), viewer_of(request), now_of(request)
    code = request.match_info["campaign"]
    if viewer.site_ids and not await _is_own(request, code):
        return await _show(request, _("This campaign also reaches sites that are not yours."))
    try:
        await change(console.database, code, now)
    except CampaignError as refused:
        return await _show(request, sentence(refused))
    async with console.database.write() as connection:
        await audit.record(connection, console.database, viewer.id, f"campaign.{what}", f"campaign/{code}", {}, now)
    return done(f"{BASE}/campaigns/{code}", what)


async def _is_own(request: web.Request, code: str) -> bool:
    console, viewer = console_of(request), viewer_of(request)
    site = tables.site
    async with console.database.read() as connection:
        try:
            campaign = await campaigns.find(connection, code)
        except CampaignError:
            raise web.HTTPNotFound from None
        found = await connection.execute(sa.select(site.c.code).where(sees_site(viewer, site.c.id)))
        own = set(found.scalars())
    return bool(campaign.audience.sites) and set(campaign.audience.sites) <= own


@allow(PLANNERS)
async def start(request: web.Request) -> web.StreamResponse:
    return await _change(request, campaigns.start, "started")


@allow(PLANNERS)
async def pause(request: web.Request) -> web.StreamResponse:
    return await _change(request, campaigns.pause, "paused")


@allow(PLANNERS)
async def resume(request: web.Request) -> web.StreamResponse:
    return await _change(request, campaigns.resume, "resumed")
