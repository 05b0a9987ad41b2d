"""Rendering a page: the frame that is the same everywhere, the menu by role, times and countdowns in words."""

import gzip
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp_jinja2
import jinja2
from aiohttp import web
from babel import dates, numbers

from console import language, words
from console.context import BASE, CONSOLE, VIEWER, Viewer
from console.language import _, ngettext
from console.permissions import CAMPAIGN_VIEWERS, CARERS, PEOPLE, ROLES, SUPERVISORS
from console.queue import sort_key
from store.tables import to_ms

_PACK_OVER = 1200  # bytes; below, gzip saves nothing on the wire


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the menu."""

    key: str
    label: str
    url: str
    icon: str
    roles: frozenset[str]


MENU = (
    Entry("alerts", "Alerts", f"{BASE}/alerts", "bell", ROLES),
    Entry("tasks", "Tasks", f"{BASE}/tasks", "check", ROLES),
    Entry("people", "People", f"{BASE}/people", "people", PEOPLE),
    Entry("silence", "Silence", f"{BASE}/silence", "quiet", CARERS),
    Entry("rota", "On call", f"{BASE}/rota", "calendar", PEOPLE),
    Entry("handover", "Hand-over", f"{BASE}/handover", "sheet", PEOPLE),
    Entry("supervision", "Supervision", f"{BASE}/supervision", "scale", SUPERVISORS),
    Entry("campaigns", "Check-ins", f"{BASE}/campaigns", "send", CAMPAIGN_VIEWERS),
    Entry("accuracy", "Reading", f"{BASE}/accuracy", "ear", CAMPAIGN_VIEWERS),
    Entry("phones", "Phones", f"{BASE}/phones", "phone", ROLES),
)


def set_up(app: web.Application) -> None:
    environment = aiohttp_jinja2.setup(
        app,
        loader=jinja2.PackageLoader("console"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.i18n"],
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_callables(_, _ngettext, newstyle=True)  # type: ignore[attr-defined]  # by the extension
    environment.filters.update(
        at=at,
        day=day,
        date=date_words,
        weekday=weekday,
        weekday_short=weekday_short,
        day_short=day_short,
        clock_time=clock_time,
        left=time_left,
        ms=to_ms,
        ago=time_ago,
        zone=zone_words,
        number=number,
        percent=percent,
        say=language.say,
    )
    environment.globals.update(
        words=words,
        BASE=BASE,
        sort_key=sort_key,
        live_words=live_words,
        comma=language.comma,
        languages=language.OWN_NAMES,
    )
    language.read_catalogues()


def _ngettext(one: str, many: str, count: int) -> str:
    return ngettext(one, many, count)


def page(request: web.Request, template: str, *, status: int = 200, section: str = "", **values: Any) -> web.Response:
    """A whole page, compressed when the browser takes it: the line is slower than our processor."""
    console = request.app[CONSOLE]
    viewer = request.get(VIEWER)
    context = {
        "asset": console.assets.url,
        "viewer": viewer,
        "menu": menu_for(viewer, has_wall=console.wall is not None),
        "section": section,
        "now": console.clock(),
        "language": language.language(),
        "direction": language.direction(),
        # A form that came back with a fault would lose what was typed if the language were changed there.
        "here": request.path_qs if request.method == "GET" else "",
        **values,
    }
    body = render(request.app, template, context).encode()
    response = web.Response(body=body, status=status, content_type="text/html", charset="utf-8")
    response.headers["Vary"] = "Accept-Encoding, Accept-Language, Cookie"
    response.headers["Content-Language"] = language.language()
    if len(body) > _PACK_OVER and "gzip" in request.headers.get("Accept-Encoding", ""):
        response.body = gzip.compress(body, 6, mtime=0)
        response.headers["Content-Encoding"] = "gzip"
    return response


def render(app: web.Application, template: str, context: dict[str, Any]) -> str:
    return app[aiohttp_jinja2.APP_KEY].get_template(template).render(context)


def menu_for(viewer: Viewer | None, *, has_wall: bool) -> Iterable[Entry]:
    if viewer is None:
        return ()
    return [e for e in MENU if viewer.role in e.roles and (e.key != "phones" or has_wall)]


def done(url: str, what: str) -> web.Response:
    """After a form: back to the page, with a sentence from `words.DONE` on top."""
    raise web.HTTPSeeOther(f"{url}?done={what}")


# --- times: UTC everywhere else, the site's own here ---


def at(value: datetime, zone: str) -> str:
    """'Tue 3 Mar, 12:04'."""
    # i18n: A date pattern of Unicode (UTS 35): day of the week, day, month, then the time. Literal words in 'quotes'.
    return _dated(value.astimezone(ZoneInfo(zone)), _("EEE d MMM, HH:mm"))


def day(value: datetime, zone: str) -> str:
    """'Tuesday 3 March 2026'."""
    return long_date(value.astimezone(ZoneInfo(zone)).date())


def long_date(value: date) -> str:
    # i18n: A date pattern of Unicode (UTS 35), in full. Literal words stand in 'quotes'.
    return _dated(value, _("EEEE d MMMM y"))


def date_words(value: date) -> str:
    """'Tue 3 Mar'."""
    # i18n: A date pattern of Unicode (UTS 35): day of the week, day, month. Literal words stand in 'quotes'.
    return _dated(value, _("EEE d MMM"))


def _dated(value: date | datetime, pattern: str) -> str:
    if isinstance(value, datetime):
        return dates.format_datetime(value, pattern, tzinfo=value.tzinfo, locale=language.locale())
    return dates.format_date(value, pattern, locale=language.locale())


def weekday(number: int) -> str:
    """0 → 'Monday'."""
    return str(dates.get_day_names("wide", context="stand-alone", locale=language.locale())[number])


def weekday_short(number: int) -> str:
    """0 → 'Mon'."""
    return str(dates.get_day_names("abbreviated", context="stand-alone", locale=language.locale())[number])


def day_short(value: date) -> str:
    """'Tue 3 Mar'."""
    # i18n: A date pattern of Unicode (UTS 35): day of the week, day, month, all short.
    return _dated(value, _("EEE d MMM"))


def clock_time(value: datetime, zone: str) -> str:
    return f"{value.astimezone(ZoneInfo(zone)):%H:%M}"


def zone_words(zone: str) -> str:
    """'Africa/Nairobi' → 'Nairobi time'."""
    return _("%(city)s time", city=dates.get_timezone_location(zone, locale=language.locale(), return_city=True))


def number(value: float) -> str:
    """7.5 → '7.5', or '7,5' where that is how it is written."""
    return numbers.format_decimal(value, "#,##0.##", locale=language.locale())


def live_words() -> dict[str, str]:
    """What static/app.js says by itself, with {} for a number: the frame of every page carries it."""
    return {
        "soon": _("under a minute"),
        "minutes": _("%(n)s min", n="{}"),
        "hours": _("%(n)s h", n="{}"),
        "days": _("%(n)s d", n="{}"),
        "left": _("%(duration)s left", duration="{}"),
        "late": _("late by %(duration)s", duration="{}"),
        "live": _("Live"),
        "lost": _("Connection lost, trying again"),
        "bye": _("Logged out: reload the page"),
        "changed": _("This alert has changed"),
        "cost": _("%(units)s of %(room)s characters", units="{}", room="{}"),
        "parts": _("%(n)s SMS", n="{}"),
        "dear": _("This costs %(n)s messages.", n="{}"),
    }


def duration(value: timedelta) -> str:
    minutes = int(value.total_seconds() // 60)
    if minutes < 1:
        return _("under a minute")
    if minutes < 60:
        return _("%(n)s min", n=minutes)
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        whole = _("%(n)s h", n=hours)
        return f"{whole} {_('%(n)s min', n=minutes)}" if minutes and hours < 6 else whole
    days, hours = divmod(hours, 24)
    whole = _("%(n)s d", n=days)
    return f"{whole} {_('%(n)s h', n=hours)}" if hours and days < 4 else whole


def time_left(deadline: datetime, now: datetime) -> str:
    """'12 min left' or 'late by 3 min'. static/app.js says the same words as time goes on."""
    if now > deadline:
        return _("late by %(duration)s", duration=duration(now - deadline))
    return _("%(duration)s left", duration=duration(deadline - now))


def percent(value: float) -> str:
    return str(numbers.format_percent(value, locale=language.locale()))


def time_ago(value: datetime, now: datetime) -> str:
    return _("%(duration)s ago", duration=duration(now - value))
