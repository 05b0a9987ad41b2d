"""Rendering a page: the frame that is the same everywhere, the menu by role, times and countdowns in words."""

import gzip
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp_jinja2
import jinja2
from aiohttp import web

from console import words
from console.context import BASE, CONSOLE, VIEWER, Viewer
from console.permissions import CAMPAIGN_VIEWERS, PEOPLE, ROLES
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
    Entry("campaigns", "Check-ins", f"{BASE}/campaigns", "send", CAMPAIGN_VIEWERS),
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
    )
    environment.filters.update(
        at=at, day=day, clock_time=clock_time, left=time_left, ms=to_ms, ago=time_ago, zone=zone_words
    )
    environment.globals.update(words=words, BASE=BASE, sort_key=sort_key)


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
        **values,
    }
    body = render(request.app, template, context).encode()
    response = web.Response(body=body, status=status, content_type="text/html", charset="utf-8")
    response.headers["Vary"] = "Accept-Encoding, Cookie"
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
    local = value.astimezone(ZoneInfo(zone))
    return f"{local:%a} {local.day} {local:%b, %H:%M}"


def day(value: datetime, zone: str) -> str:
    local = value.astimezone(ZoneInfo(zone))
    return f"{local:%A} {local.day} {local:%B %Y}"


def clock_time(value: datetime, zone: str) -> str:
    return f"{value.astimezone(ZoneInfo(zone)):%H:%M}"


def zone_words(zone: str) -> str:
    """'Africa/Nairobi' → 'Nairobi time'."""
    return f"{zone.rsplit('/', 1)[-1].replace('_', ' ')} time"


def duration(value: timedelta) -> str:
    minutes = int(value.total_seconds() // 60)
    if minutes < 1:
        return "under a minute"
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes and hours < 6 else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours and days < 4 else f"{days} d"


def time_left(deadline: datetime, now: datetime) -> str:
    """'12 min left' or 'late by 3 min'. static/app.js says the same words as time goes on."""
    if now > deadline:
        return f"late by {duration(now - deadline)}"
    return f"{duration(deadline - now)} left"


def time_ago(value: datetime, now: datetime) -> str:
    return f"{duration(now - value)} ago"
