"""What every page of a case file shares: the person if the viewer may see them, its tabs, and forms that come back."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from aiohttp import web

from cases import audit
from cases.casework import CaseError
from cases.consent import ConsentError
from console.context import BASE, Viewer, console_of, now_of, viewer_of
from console.forms import whole
from console.language import _, say
from console.pages import done, page
from console.permissions import CARERS, MOVERS, PEOPLE, READERS, sees_site
from store import tables

_EVENING = time(17)  # a day that is named as a limit ends with the working day
Show = Callable[..., Awaitable[web.Response]]


async def person_or_404(request: web.Request) -> Any:
    console, viewer = console_of(request), viewer_of(request)
    b, site, c, staff = tables.beneficiary, tables.site, tables.contact, tables.staff
    statement = (
        sa.select(
            b,
            site.c.name.label("site"),
            site.c.time_zone.label("zone"),
            c.c.opted_out_at,
            c.c.last_inbound_at,
            c.c.unverified_since,
            staff.c.name.label("caseworker"),
        )
        .join(site, site.c.id == b.c.site_id)
        .outerjoin(c, c.c.id == b.c.contact_id)
        .outerjoin(staff, staff.c.id == b.c.caseworker_id)
        .where(b.c.id == whole(request.match_info["person"]), sees_site(viewer, b.c.site_id))
    )
    async with console.database.read() as connection:
        row = (await connection.execute(statement)).first()
    if row is None:
        raise web.HTTPNotFound
    return row


def tabs(viewer: Viewer, person_id: int) -> list[tuple[str, str, str]]:
    """(name, label, address) of the pages of a file that this viewer may open."""
    url = f"{BASE}/people/{person_id}"
    every = (
        ("file", _("Overview"), url, PEOPLE),
        ("timeline", _("Timeline"), f"{url}/timeline", PEOPLE),
        ("plan", _("Plan"), f"{url}/plan", PEOPLE),
        ("referrals", _("Referrals"), f"{url}/referrals", PEOPLE),
        ("facts", _("Safe contact"), f"{url}/facts", CARERS),
        ("move", _("Hand over or leave"), f"{url}/move", MOVERS),
    )
    return [(name, label, address) for name, label, address, roles in every if viewer.role in roles]


async def file_page(
    request: web.Request, person: Any, tab: str, template: str, *, status: int = 200, **values: Any
) -> web.Response:
    """One page of the file. That somebody looked at it, and at which part, is in the trail."""
    console, viewer, now = console_of(request), viewer_of(request), now_of(request)
    async with console.database.write() as connection:
        seen = {} if tab == "file" else {"part": tab}
        await audit.record(
            connection, console.database, viewer.id, "person.viewed", f"beneficiary/{person.id}", seen, now
        )
    context = {"faults": {}, "typed": {}, **values}
    return page(
        request,
        template,
        status=status,
        section="people",
        person=person,
        zone=person.zone,
        tabs=tabs(viewer, person.id),
        tab=tab,
        reads=viewer.role in READERS,
        acts=viewer.role in CARERS and person.state != "died",
        today=now.astimezone(ZoneInfo(person.zone)).date(),
        done=request.query.get("done", ""),
        **context,
    )


async def act(
    request: web.Request,
    form: str,
    what: str,
    back: str,
    show: Show,
    do: Callable[[Any, Mapping[str, str], datetime], Awaitable[object]],
) -> web.StreamResponse:
    """Do it and go back to the page, or show the page again with the rule's sentence and what was typed."""
    person = await person_or_404(request)
    typed = {key: str(value) for key, value in (await request.post()).items()}
    try:
        await do(person, typed, now_of(request))
    except (CaseError, ConsentError) as refused:
        faults = {form: say(refused)}
        return await show(request, await person_or_404(request), status=409, faults=faults, typed=typed)
    return done(f"{BASE}/people/{person.id}{back}", what)


def day_of(text: str) -> date | None:
    """The day of a date field; None when it was left empty."""
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise CaseError("Write the day as year-month-day.") from None


def evening_of(text: str, zone: str) -> datetime:
    """The end of the working day of a date field that must be filled in."""
    day = day_of(text)
    if day is None:
        raise CaseError("Choose a day.")
    return datetime.combine(day, _EVENING, ZoneInfo(zone)).astimezone(UTC)


def minute_of(text: str) -> int | None:
    """Minutes after midnight of a time field ('14:30'); None when it was left empty."""
    if not text.strip():
        return None
    try:
        found = time.fromisoformat(text.strip())
    except ValueError:
        raise CaseError("Write the hour as 14:30.") from None
    return found.hour * 60 + found.minute
