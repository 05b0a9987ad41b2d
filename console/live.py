"""Server-sent events: every change of an alert reaches every open page that may see it, and none is missed.

A page says from which event on it wants to know (`since`, or after a break the browser's `Last-Event-ID`). The stream
is woken by the signal of the transaction that made the change; a heartbeat keeps middle boxes from closing it.
"""

import asyncio
import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection

from console import auth, queue, words
from console.context import CONSOLE, Console, Viewer, console_of, viewer_of
from console.forms import whole
from console.language import _
from console.pages import render
from console.permissions import ROLES, allow, sees_alert, sees_answer, sees_message
from store import tables

HEARTBEAT = 15.0
_RETRY_MS = 2000
_MOST_EVENTS = 500
# PostgreSQL gives event ids before the commits, which may come in another order: look a little way back each time.
_LOOK_BACK = 64


class Cursor:
    """Which events a stream has told. Ids below `floor` are done; above it `told` says which were."""

    def __init__(self, since: int, look_back: int) -> None:
        self.newest = since
        self._look_back = look_back
        self._told: set[int] = set()

    @property
    def floor(self) -> int:
        return max(0, self.newest - self._look_back)

    def take(self, event_ids: Sequence[int]) -> list[int]:
        fresh = [event_id for event_id in event_ids if event_id not in self._told]
        self._told.update(fresh)
        self.newest = max([self.newest, *fresh])
        self._told = {event_id for event_id in self._told if event_id > self.floor}
        return fresh


def new_stream() -> web.StreamResponse:
    return web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"})


async def begin(response: web.StreamResponse, request: web.Request) -> None:
    await response.prepare(request)
    await response.write(f"retry: {_RETRY_MS}\n\n".encode())


def sse(event: str, data: Any, event_id: int | None = None) -> bytes:
    """One event. JSON has no raw line breaks, so one data line is always enough."""
    head = f"id: {event_id}\n" if event_id is not None else ""
    return f"{head}event: {event}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


async def wait(console: Console, woken: asyncio.Event, seconds: float) -> bool:
    """True when woken, False when it is time for a heartbeat."""
    try:
        await asyncio.wait_for(woken.wait(), seconds)
    except TimeoutError:
        return False
    woken.clear()
    return not console.stopping.is_set()


@allow(ROLES)
async def live(request: web.Request) -> web.StreamResponse:
    console, viewer = console_of(request), viewer_of(request)
    filters = queue.Filters.of(request.query)
    since = _since(request)
    async with console.database.read() as connection:
        newest = await queue.last_event(connection)
    look_back = _LOOK_BACK if console.database.kind == "postgresql" else 0
    cursor = Cursor(newest if since is None else min(since, newest), look_back)
    with console.database.signals.listen("alerts") as woken:
        response = new_stream()
        try:
            await begin(response, request)
            while not console.stopping.is_set() and await auth.is_alive(console, viewer):
                before = cursor.newest
                async with console.database.read() as connection:
                    news = await gather(connection, viewer, filters, cursor)
                if news is not None:
                    for chunk in chunks(request.app, viewer, news, before, cursor.newest):
                        await response.write(chunk)
                    if news.has_more:
                        continue
                if not await wait(console, woken, HEARTBEAT):
                    await response.write(b": still here\n\n")
            await response.write(sse("bye", {}))
        except (ConnectionResetError, asyncio.CancelledError):
            pass  # the browser went away; it will ask for what it missed
    return response


def _since(request: web.Request) -> int | None:
    text = request.headers.get("Last-Event-ID") or request.query.get("since", "")
    return whole(text, None)


@dataclass(frozen=True, slots=True)
class News:
    """What happened since the cursor: the events by alert, the alerts the viewer sees, and which fit the filters."""

    events: Mapping[int, Sequence[Any]]
    alerts: Sequence[Any]
    wanted: frozenset[int]
    counts: Mapping[int, int]
    has_more: bool = False


async def gather(connection: AsyncConnection, viewer: Viewer, filters: queue.Filters, cursor: Cursor) -> News | None:
    event, alert = tables.alert_event, tables.alert
    statement = (
        sa.select(event.c.id, event.c.alert_id, event.c.kind, event.c.staff_id)
        .where(event.c.id > cursor.floor)
        .order_by(event.c.id)
        .limit(_MOST_EVENTS)
    )
    found = (await connection.execute(statement)).all()
    fresh = set(cursor.take([row.id for row in found]))
    if not fresh:
        return None
    events: dict[int, list[Any]] = {}
    for row in found:
        if row.id in fresh:
            events.setdefault(row.alert_id, []).append(row)
    is_one = alert.c.id.in_(list(events))
    alerts = (await connection.execute(queue.rows_statement(viewer).where(is_one, sees_alert(viewer)))).all()
    wanted = await connection.execute(sa.select(alert.c.id).where(is_one, *filters.where(viewer)))
    return News(
        events=events,
        alerts=alerts,
        wanted=frozenset(wanted.scalars()),
        counts=await queue.counts(connection, viewer),
        has_more=len(found) == _MOST_EVENTS,
    )


def chunks(app: web.Application, viewer: Viewer, news: News, before: int, newest: int) -> list[bytes]:
    """One event per changed alert, and the counts. An event the page has already told (`before`) is not said again."""
    now = app[CONSOLE].clock()
    told = []
    for row in news.alerts:
        events = news.events[row.id]
        kinds = {e.kind for e in events if e.id > before and e.staff_id != viewer.id}
        is_wanted = row.id in news.wanted
        data = {
            "code": row.code,
            "key": queue.sort_key(row.level, row.target_at),
            "state": row.state,
            "html": render(app, "_row.html", {"row": row, "now": now}) if is_wanted else "",
            "say": announcement(row, kinds),
            # Worth a sound and a notification: its words are the announcement's, a code, a level and a site.
            "loud": bool({"opened", "raised"} & kinds),
        }
        told.append(sse("alert", data, max(e.id for e in events)))
    if told:
        told.append(sse("counts", {"levels": news.counts, "total": sum(news.counts.values())}, newest))
    return told


def announcement(row: Any, kinds: Collection[str]) -> str:
    """What a screen reader says aloud: new danger, nothing else."""
    level = words.label(words.LEVELS, row.level)
    if "opened" in kinds:
        return _("New alert %(code)s: %(level)s, %(site)s", code=row.code, level=level, site=row.site)
    if "raised" in kinds:
        return _("Alert %(code)s raised to %(level)s", code=row.code, level=level)
    if "joined" in kinds:
        return _("New message in alert %(code)s", code=row.code)
    return ""


@allow(ROLES)
async def live_alert(request: web.Request) -> web.StreamResponse:
    """Tells the page of one alert that it has changed: a message in either direction, a delivery, a step of staff."""
    console, viewer = console_of(request), viewer_of(request)
    code = request.match_info["code"]
    seen = request.query.get("seen", "")
    with console.database.signals.listen("alerts", "messages", "outbox") as woken:
        response = new_stream()
        try:
            await begin(response, request)
            while not console.stopping.is_set() and await auth.is_alive(console, viewer):
                async with console.database.read() as connection:
                    mark = await fingerprint(connection, viewer, code)
                if mark != seen:
                    await response.write(sse("changed", {"seen": mark}))
                    seen = mark
                if not await wait(console, woken, HEARTBEAT):
                    await response.write(b": still here\n\n")
            await response.write(sse("bye", {}))
        except (ConnectionResetError, asyncio.CancelledError):
            pass  # the browser went away
    return response


async def fingerprint(connection: AsyncConnection, viewer: Viewer, code: str) -> str:
    """A short text that differs whenever the page of this alert would; "gone" when the viewer may not see it."""
    alert, event, incoming, outgoing = tables.alert, tables.alert_event, tables.inbox, tables.outbox
    row = (
        await connection.execute(
            sa.select(alert.c.id, alert.c.contact_id).where(alert.c.code == code.upper()[:12], sees_alert(viewer))
        )
    ).first()
    if row is None:
        return "gone"
    newest = await connection.execute(
        sa.select(
            sa.select(sa.func.max(event.c.id)).where(event.c.alert_id == row.id).scalar_subquery(),
            sa.select(sa.func.max(incoming.c.id))
            .where(incoming.c.contact_id == row.contact_id, sees_message(viewer, incoming.c.id))
            .scalar_subquery(),
        )
    )
    states = await connection.execute(
        sa.select(outgoing.c.id, outgoing.c.state)
        .where(outgoing.c.contact_id == row.contact_id, sees_answer(viewer))
        .order_by(outgoing.c.created_at.desc())
        .limit(8)
    )
    text = repr((tuple(newest.one()), [tuple(state) for state in states]))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
