"""The timeline page: everything that happened in a person's case, newest first; and their messages, on demand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection

from cases import audit
from cases.casework.rules import WEEKS, week_of
from cases.casework.timeline import KINDS, Entry, timeline
from console import words
from console.casefile.frame import file_page, person_or_404
from console.context import console_of, now_of, viewer_of
from console.conversation import conversation
from console.forms import whole
from console.language import _
from console.pages import at, date_words
from console.permissions import CARERS, PEOPLE, READERS, allow, sees_alert
from store import tables


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the page. `link` is the code of an alert that the viewer may open."""

    at: datetime
    kind: str
    title: str
    detail: str
    who: str
    note: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class Names:
    """What the ids in the entries are called."""

    staff: Mapping[int, str]
    sites: Mapping[int, str]
    services: Mapping[int, str]
    alerts: frozenset[str]  # codes of those that the viewer may open
    zone: str


@allow(PEOPLE)
async def timeline_page(request: web.Request) -> web.StreamResponse:
    console, viewer, person = console_of(request), viewer_of(request), await person_or_404(request)
    kind = request.query.get("kind", "")
    before = whole(request.query.get("before", ""))
    async with console.database.read() as connection:
        found = await timeline(
            connection,
            person.id,
            kinds=(kind,) if kind in KINDS else (),
            before=tables.from_ms(before) if 0 < before < 10**14 else None,
        )
        names = await _names(connection, viewer, found.entries, person)
    lines = [line_of(entry, names, reads=viewer.role in READERS) for entry in found.entries]
    return await file_page(
        request, person, "timeline", "file_timeline.html", lines=lines, older=found.older, kind=kind, kinds=KINDS
    )


@allow(CARERS)
async def messages_page(request: web.Request) -> web.StreamResponse:
    """The conversation. Opening it is a step of its own, and the trail says who took it."""
    console, viewer, person = console_of(request), viewer_of(request), await person_or_404(request)
    async with console.database.write() as connection:
        subject = f"beneficiary/{person.id}"
        await audit.record(connection, console.database, viewer.id, "messages.viewed", subject, {}, now_of(request))
    async with console.database.read() as connection:
        lines = await conversation(connection, viewer, person.contact_id) if person.contact_id else []
    return await file_page(request, person, "messages", "file_messages.html", lines=lines)


async def _names(connection: AsyncConnection, viewer: Any, entries: Sequence[Entry], person: Any) -> Names:
    staff, sites, services, codes = set[int](), set[int](), set[int](), set[str]()
    for entry in entries:
        staff |= {n for n in (entry.staff_id, entry.data.get("from_staff"), entry.data.get("to_staff")) if n}
        sites |= {n for n in (entry.data.get("from_site"), entry.data.get("to_site")) if n}
        services |= {n for n in (entry.data.get("service_id"),) if n}
        codes |= {c for c in (entry.data.get("code"),) if c}
    a, s, site, v = tables.alert, tables.staff, tables.site, tables.service
    seen = await connection.execute(sa.select(a.c.code).where(a.c.code.in_(codes), sees_alert(viewer)))
    return Names(
        {r.id: r.name for r in await connection.execute(sa.select(s.c.id, s.c.name).where(s.c.id.in_(staff)))},
        {r.id: r.name for r in await connection.execute(sa.select(site.c.id, site.c.name).where(site.c.id.in_(sites)))},
        {r.id: r.name for r in await connection.execute(sa.select(v.c.id, v.c.name).where(v.c.id.in_(services)))},
        frozenset(seen.scalars()),
        person.zone,
    )


def line_of(entry: Entry, names: Names, *, reads: bool) -> Line:
    title, detail = _SAID[entry.kind](entry, names)
    code = entry.data.get("code", "")
    return Line(
        at=entry.at,
        kind=entry.kind,
        title=title,
        detail=detail,
        who=names.staff.get(entry.staff_id or 0, ""),
        note=entry.note if reads else "",
        link=code if code in names.alerts else "",
    )


def _dots(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def _alert(entry: Entry, names: Names) -> tuple[str, str]:
    data = entry.data
    level, route = words.label(words.LEVELS, data["level"]), words.label(words.ROUTES, data["route"])
    end = words.label(words.OUTCOMES, data["outcome"]) if data["outcome"] else words.label(words.STATES, data["state"])
    when = at(data["closed_at"], names.zone) if data["closed_at"] else ""
    return _("Alert %(code)s", code=data["code"]), _dots(level, route, end, when)


def _checkin(entry: Entry, names: Names) -> tuple[str, str]:
    answered = entry.data["answered_at"]
    detail = _("answered %(time)s", time=at(answered, names.zone)) if answered else ""
    name = str(entry.data["checkin"]).replace("_", " ")
    return _("Check-in (%(name)s)", name=name), _dots(words.label(words.SESSION_STATES, entry.what), detail)


def _contact(entry: Entry, _names: Names) -> tuple[str, str]:
    result = entry.data.get("result")
    code = entry.data.get("code")
    detail = words.label(words.CONTACT_RESULTS, result) if result else ""
    return words.label(words.EVENTS, entry.what), _dots(detail, _("alert %(code)s", code=code) if code else "")


def _plan(entry: Entry, _names: Names) -> tuple[str, str]:
    domain = words.label(words.DOMAINS, entry.data["domain"])
    if entry.what == "finding":
        value, source = entry.data["value"], entry.data["source"]
        return _("Seen or confirmed by staff"), _dots(
            domain, words.label(words.STANDINGS, value), words.label(words.FINDING_SOURCES, source)
        )
    return _("Goal"), _dots(domain, words.label(words.GOAL_STATES, entry.data["state"]))


def _referral(entry: Entry, names: Names) -> tuple[str, str]:
    service = names.services.get(entry.data["service_id"], "")
    return _("Referral"), _dots(service, words.label(words.REFERRAL_STATES, entry.data["state"]))


def _consent(entry: Entry, _names: Names) -> tuple[str, str]:
    data = entry.data
    title = _("Consent given") if entry.what == "given" else _("Consent withdrawn")
    return title, _dots(
        words.label(words.CONSENT_PURPOSES, data["purpose"]),
        data["version"],
        words.label(words.LANGUAGES, data["language"]),
        words.label(words.CONSENT_SOURCES, data["source"]) if entry.what == "given" else "",
    )


def _task(entry: Entry, names: Names) -> tuple[str, str]:
    data, week = entry.data, week_of(entry.data["key"])
    title = words.label(words.TASKS, data["kind"])
    if week:
        title = f"{title} ({week_words(week)})"
    if entry.what == "open":
        return title, _("to be done by %(time)s", time=at(data["due_at"], names.zone))
    return title, words.label(words.TASK_RESULTS, data["result"]) if data["result"] else _("Done")


def week_words(week: int) -> str:
    return _("week %(week)s of %(weeks)s", week=week, weeks=WEEKS)


def _change(entry: Entry, names: Names) -> tuple[str, str]:
    data, title = entry.data, words.label(words.CASE_EVENTS, entry.what)
    if entry.what == "facts":
        return title, ", ".join(words.label(words.FACTS, name) for name in data["changed"])
    if entry.what == "transfer":
        site = names.sites.get(data["to_site"], "") if data["to_site"] != data["from_site"] else ""
        to = names.staff.get(data["to_staff"] or 0, "")
        return title, _("to %(name)s", name=_dots(site, to)) if site or to else ""
    if entry.what == "exit":
        on = date_words(datetime.fromisoformat(data["on"]).date())
        return title, _dots(words.label(words.EXITS, data["reason"]), on)
    return title, ""


_SAID = {
    "alerts": _alert,
    "checkins": _checkin,
    "contacts": _contact,
    "plan": _plan,
    "referrals": _referral,
    "consents": _consent,
    "tasks": _task,
    "changes": _change,
}
