"""The silence work list: one person at a time, one key or tap an attempt, and the next one opens."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.overtime import Habit
from cases import notices, silence
from cases.rules import AlertRuleError
from cases.silence import Silent
from console.alerts import SILENT, open_glass
from console.context import BASE, console_of, now_of, viewer_of
from console.forms import whole
from console.language import _, ngettext, say
from console.pages import page
from console.permissions import CARERS, allow, sees_site
from content.schema import Pack
from scheduler.habits import load_habits
from store import tables


@allow(CARERS)
async def list_page(request: web.Request) -> web.StreamResponse:
    return await _show(request)


async def _show(
    request: web.Request, *, fault: str = "", number: str = "", task_id: int | None = None, status: int = 200
) -> web.Response:
    console, viewer, now = console_of(request), viewer_of(request), now_of(request)
    bound = sees_site(viewer, tables.beneficiary.c.site_id)
    skipped = _skipped(request)
    async with console.database.read() as connection:
        waiting = await silence.work_list(connection, bound, now)
        tries, settled = await silence.tally(connection, bound, now - timedelta(hours=12))
        left = [one for one in waiting if one.task_id not in skipped] or waiting
        person = next((one for one in left if one.task_id == task_id), left[0] if left else None)
        habit = await _habit(connection, console.pack, person, now) if person is not None else None
        events = await _attempts(connection, person) if person is not None else []
    return page(
        request,
        "silence.html",
        status=status,
        section="silence",
        person=person,
        waiting=len(waiting),
        tries=tries,
        settled=settled,
        habit=habit_words(habit) if habit is not None else "",
        events=events,
        results=[(digit, code) for digit, code in notices.TRIES.items() if person is None or _fits(person, code)],
        skip=",".join(str(one) for one in [*skipped, person.task_id][-_MOST_SKIPPED:]) if person else "",
        number=number,
        fault=fault,
        may_call=person.may_be_called(now) if person is not None else True,
        since=due_words(person, now) if person is not None else "",
    )


_MOST_SKIPPED = 40


def _fits(person: Silent, code: str) -> bool:
    """On a visit one meets somebody or not; on the telephone one does not visit."""
    return code.startswith("VISITED") == (person.step == "visit") or person.step == "decide"


def _skipped(request: web.Request) -> list[int]:
    found = request.query.get("skip", "")
    return [number for one in found.split(",")[:_MOST_SKIPPED] if (number := whole(one))]


async def _habit(connection: AsyncConnection, pack: Pack, person: Silent, now: datetime) -> Habit:
    countries = {person.beneficiary_id: person.country}
    return (await load_habits(connection, pack, countries, now, before=person.since))[person.beneficiary_id]


async def _attempts(connection: AsyncConnection, person: Silent) -> list[Any]:
    e, w = tables.case_event, tables.staff
    found = await connection.execute(
        sa.select(e.c.at, e.c.data, e.c.note, w.c.name)
        .outerjoin(w, w.c.id == e.c.staff_id)
        .where(e.c.beneficiary_id == person.beneficiary_id, e.c.kind == "attempt")
        .order_by(e.c.id.desc())
        .limit(6)
    )
    return list(found.all())


def habit_words(habit: Habit) -> str:
    """ "Answered 7 of the last 8, usually within 3 hours"."""
    if not habit.asked:
        return _("Their first check-in.")
    if habit.usual_hours is None:
        return ngettext("Has answered none of the last %(num)s.", "Has answered none of the last %(num)s.", habit.asked)
    soon = _soon(habit.usual_hours)
    return _(
        "Answered %(answered)s of the last %(asked)s, usually %(soon)s.",
        answered=habit.answered,
        asked=habit.asked,
        soon=soon,
    )


def _soon(hours: int) -> str:
    if hours < 24:
        return ngettext("within %(num)s hour", "within %(num)s hours", hours)
    return ngettext("within %(num)s day", "within %(num)s days", -(-hours // 24))


@allow(CARERS)
async def attempt(request: web.Request) -> web.StreamResponse:
    """Log it, and open the next one."""
    console, viewer, now = console_of(request), viewer_of(request), now_of(request)
    form = {key: str(value) for key, value in (await request.post()).items()}
    task_id = whole(request.match_info["task"])
    try:
        if form.get("result") == "GIVE_UP":
            await silence.give_up(console.database, task_id, viewer.id, form.get("note", ""), now)
        else:
            await silence.log_attempt(
                console.database, task_id, viewer.id, form.get("result", ""), form.get("note", ""), now
            )
    except AlertRuleError as refused:
        return await _show(request, fault=say(refused), task_id=task_id, status=409)
    skip = form.get("skip", "")
    raise web.HTTPSeeOther(f"{BASE}/silence" + (f"?skip={skip}" if skip.replace(",", "").isdigit() else ""))


@allow(CARERS)
async def reveal(request: web.Request) -> web.StreamResponse:
    """The number, to be called now: the glass is broken for this reason, and the trail keeps it."""
    console, viewer, now = console_of(request), viewer_of(request), now_of(request)
    task_id = whole(request.match_info["task"])
    bound = sees_site(viewer, tables.beneficiary.c.site_id)
    async with console.database.read() as connection:
        waiting = await silence.work_list(connection, bound, now)
    person = next((one for one in waiting if one.task_id == task_id), None)
    if person is None:
        raise web.HTTPNotFound
    opened = await open_glass(
        console.database,
        viewer.id,
        f"beneficiary/{person.beneficiary_id}",
        "call",
        now,
        person.contact_id,
        person.beneficiary_id,
    )
    if opened["is_withheld"]:
        return await _show(request, fault=say(SILENT), task_id=task_id, status=409)
    return await _show(request, number=str(opened["number"] or ""), task_id=task_id)


def due_words(person: Silent, now: datetime) -> str:
    """How long nobody has heard from them."""
    days = max((now - person.since).days, 0)
    return ngettext("on the list for %(num)s day", "on the list for %(num)s days", days) if days else _("since today")
