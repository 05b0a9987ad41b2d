"""The alert queue and the page of one alert, with everything staff can do there as plain forms."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from aiohttp import web

from cases import alerts as cases_alerts
from cases import audit
from cases.closing import CONTACT_RESULTS, OUTCOMES, is_supervising
from cases.replying import Concern
from cases.rules import AlertRuleError
from channels.segments import count
from console import case, queue, words
from console.context import BASE, console_of, now_of, viewer_of
from console.forms import whole
from console.language import _, say
from console.live import fingerprint
from console.pages import done, page
from console.permissions import CARERS, READERS, ROLES, allow, is_headline, sees_site
from content.schema import ROUTES as MATTERS
from content.schema import Level
from content.sentence import Sentence
from store import tables

SILENT = Sentence("In a silent alert nobody calls unless that was agreed beforehand with the person.")
CLOSERS = READERS | {"coordinator"}


@allow(ROLES)
async def home(request: web.Request) -> web.StreamResponse:  # noqa: ARG001  aiohttp's signature
    raise web.HTTPSeeOther(f"{BASE}/alerts")


@allow(ROLES)
async def queue_page(request: web.Request) -> web.StreamResponse:
    console, viewer = console_of(request), viewer_of(request)
    filters = queue.Filters.of(request.query)
    site = tables.site
    async with console.database.read() as connection:
        since = await queue.last_event(connection)
        rows = await queue.queue(connection, viewer, filters)
        counts = await queue.counts(connection, viewer)
        sites = await connection.execute(
            sa.select(site.c.id, site.c.name).where(sees_site(viewer, site.c.id)).order_by(site.c.name)
        )
        listed = sites.all()
    return page(
        request,
        "queue.html",
        section="alerts",
        rows=rows,
        counts=counts,
        filters=filters,
        sites=listed,
        since=since,
        most=queue.MOST_ROWS,
        decides=viewer.role in {"supervisor", "coordinator", "focal_point"},
    )


async def alert_or_404(request: web.Request) -> Any:
    console, viewer = console_of(request), viewer_of(request)
    async with console.database.read() as connection:
        alert = await case.find_alert(connection, viewer, request.match_info["code"])
    if alert is None:
        raise web.HTTPNotFound
    return alert


async def show(
    request: web.Request,
    alert: Any,
    *,
    status: int = 200,
    faults: Mapping[str, str] | None = None,
    typed: Mapping[str, str] | None = None,
    revealed: Any = None,
    concerns: Sequence[Concern] = (),
) -> web.Response:
    """The page of one alert. `faults` are sentences beside the form they belong to, `typed` what was written there;
    `concerns` is what the sender of a reply has not settled."""
    console, viewer, now = console_of(request), viewer_of(request), now_of(request)
    async with console.database.write() as connection:
        await audit.record(
            connection, console.database, viewer.id, "alert.viewed", f"alert/{alert.id}", {"role": viewer.role}, now
        )
    if is_headline(viewer, alert):
        async with console.database.read() as connection:
            colleagues = await case.colleagues_for(connection, alert)
        return page(
            request,
            "report.html",
            status=status,
            section="alerts",
            alert=alert,
            zone=alert.zone,
            colleagues=colleagues,
            faults=faults or {},
        )
    async with console.database.read() as connection:
        seen = await fingerprint(connection, viewer, alert.code)
        found = await case.gather(connection, viewer, alert, console.pack, now)
    return page(
        request,
        "alert.html",
        status=status,
        section="alerts",
        case=found,
        seen=seen,
        alert=alert,
        zone=alert.zone,
        is_mine=alert.owner_id == viewer.id,
        is_supervising=is_supervising(viewer.role, alert.route),
        reads=viewer.role in READERS,
        closes=viewer.role in CLOSERS,
        results=CONTACT_RESULTS,
        outcomes=OUTCOMES,
        faults=faults or {},
        typed=typed or {},
        revealed=revealed,
        proposes=viewer.role in CARERS,
        routes=[route for route in MATTERS if route != "misconduct" or viewer.role == "focal_point"],
        spoken=console.pack.languages,
        concerns=concerns,
        cost=count((typed or {}).get("text", "")).segments,
        done=request.query.get("done", ""),
    )


@allow(ROLES)
async def alert_page(request: web.Request) -> web.StreamResponse:
    return await show(request, await alert_or_404(request))


async def act(
    request: web.Request,
    form_name: str,
    what: str,
    do: Callable[[Any, Mapping[str, str], datetime], Awaitable[object]],
) -> web.StreamResponse:
    """Do it and go back to the page, or show the page again with the rule's sentence and what was typed."""
    alert = await alert_or_404(request)
    typed = {key: str(value) for key, value in (await request.post()).items()}
    try:
        await do(alert, typed, now_of(request))
    except AlertRuleError as refused:
        return await show(
            request, await alert_or_404(request), status=409, faults={form_name: say(refused)}, typed=typed
        )
    # Whoever handed on a report about staff unread sees no more of it.
    url = f"{BASE}/alerts" if is_headline(viewer_of(request), alert) else f"{BASE}/alerts/{alert.code}"
    return done(url, what)


@allow(ROLES)
async def take(request: web.Request) -> web.StreamResponse:
    console, viewer = console_of(request), viewer_of(request)
    return await act(
        request, "take", "taken", lambda alert, _, now: cases_alerts.take(console.database, alert.id, viewer.id, now)
    )


@allow(ROLES)
async def attempt(request: web.Request) -> web.StreamResponse:
    console, viewer = console_of(request), viewer_of(request)
    return await act(
        request,
        "attempt",
        "attempt",
        lambda alert, form, now: cases_alerts.log_attempt(
            console.database, alert.id, viewer.id, form.get("result", ""), form.get("note", ""), now
        ),
    )


@allow(ROLES)
async def note(request: web.Request) -> web.StreamResponse:
    console, viewer = console_of(request), viewer_of(request)
    return await act(
        request,
        "note",
        "note",
        lambda alert, form, now: cases_alerts.add_note(
            console.database, alert.id, viewer.id, form.get("note", ""), now
        ),
    )


@allow(ROLES)
async def pass_on(request: web.Request) -> web.StreamResponse:
    console, viewer = console_of(request), viewer_of(request)
    return await act(
        request,
        "pass",
        "passed",
        lambda alert, form, now: cases_alerts.pass_on(
            console.database, alert.id, viewer.id, whole(form.get("to", "")), now, base_url=console.base_url
        ),
    )


@allow(CLOSERS)
async def level(request: web.Request) -> web.StreamResponse:
    console, viewer = console_of(request), viewer_of(request)

    async def judge(alert: Any, form: Mapping[str, str], now: datetime) -> None:
        wanted = whole(form.get("level", ""), -1)
        if wanted not in {int(one) for one in Level}:
            raise AlertRuleError("Choose a level.")
        await cases_alerts.set_level(console.database, alert.id, viewer.id, Level(wanted), form.get("reason", ""), now)

    return await act(request, "level", "level", judge)


@allow(CLOSERS)
async def close(request: web.Request) -> web.StreamResponse:
    console, viewer = console_of(request), viewer_of(request)

    async def end(alert: Any, form: Mapping[str, str], now: datetime) -> None:
        await cases_alerts.close(
            console.database,
            alert.id,
            viewer.id,
            form.get("outcome", ""),
            form.get("note", ""),
            viewer.role,
            now,
            follow_up_at=next_contact(form.get("next", ""), alert.zone, now),
            duplicate_of=form.get("duplicate_of", ""),
            has_consent=form.get("consent") == "yes",
        )

    return await act(request, "close", "closed", end)


def next_contact(text: str, zone: str, now: datetime) -> datetime | None:
    """The day of the next contact as a moment: nine in the morning at the site."""
    if not text.strip():
        return None
    try:
        chosen = datetime.combine(datetime.fromisoformat(text.strip()).date(), time(9), ZoneInfo(zone))
    except ValueError:
        raise AlertRuleError("Write the day of the next contact as year-month-day.") from None
    if chosen.date() < now.astimezone(ZoneInfo(zone)).date():
        raise AlertRuleError("The next contact cannot lie in the past.")
    return chosen.astimezone(UTC)


@allow(READERS)
async def reveal(request: web.Request) -> web.StreamResponse:
    """Break the glass: number, name and safe word, once, to somebody who says why; the trail keeps who and why."""
    console, viewer, now = console_of(request), viewer_of(request), now_of(request)
    alert = await alert_or_404(request)
    typed = {key: str(value) for key, value in (await request.post()).items()}
    reason = typed.get("reason", "")
    if reason not in words.GLASS_REASONS:
        return await show(request, alert, status=422, faults={"reveal": _("Say why you need it.")}, typed=typed)
    is_agreed = not alert.is_silent or typed.get("agreed") == "yes"
    if reason == "call" and not is_agreed:
        return await show(request, alert, status=422, faults={"reveal": say(SILENT)}, typed=typed)
    revealed = await open_glass(
        console.database,
        viewer.id,
        f"alert/{alert.id}",
        reason,
        now,
        alert.contact_id,
        alert.beneficiary_id,
        is_agreed=is_agreed,
    )
    return await show(request, alert, revealed=revealed)


async def open_glass(
    database: Any,
    staff_id: int,
    subject: str,
    reason: str,
    now: datetime,
    contact_id: int | None,
    beneficiary_id: int | None,
    *,
    is_agreed: bool = False,
) -> Mapping[str, Any]:
    """Name, safe word and number, once. While a silent alert of this contact is open the number is withheld, unless it
    `is_agreed` with the person: whoever goes there needs the name, but a ringing phone can kill.
    """
    a, b, c = tables.alert, tables.beneficiary, tables.contact
    is_silent = sa.exists().where(a.c.contact_id == contact_id, a.c.state != "closed", a.c.is_silent)
    async with database.write() as connection:
        await audit.record(connection, database, staff_id, "glass.broken", subject, {"reason": reason}, now)
        person = (await connection.execute(sa.select(b.c.name, b.c.safe_word).where(b.c.id == beneficiary_id))).first()
        number = (await connection.execute(sa.select(c.c.address).where(c.c.id == contact_id))).scalar()
        is_withheld = not is_agreed and bool((await connection.execute(sa.select(is_silent))).scalar())
    return {
        "name": person.name if person else None,
        "safe_word": person.safe_word if person else None,
        "number": None if is_withheld else number,
        "is_withheld": is_withheld,
    }
