"""Answering the person of an alert: replies, typed or prepared, the steps of the protocol card, opening the texts."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aiohttp import web

from cases import alerts as cases_alerts
from cases.replying import Assent, ReplyRefusedError
from cases.rules import AlertRuleError
from channels.segments import count
from console import guide, language
from console.alerts import act, alert_or_404, show
from console.context import BASE, console_of, now_of, viewer_of
from console.forms import whole
from console.language import say
from console.pages import done
from console.permissions import READERS, ROLES, allow


@allow(READERS)
async def reply(request: web.Request) -> web.StreamResponse:
    """Send it, or show what stands in the way; with `use`, put a prepared reply into the box and send nothing."""
    console, viewer, now = console_of(request), viewer_of(request), now_of(request)
    alert = await alert_or_404(request)
    typed = {key: str(value) for key, value in (await request.post()).items()}
    typed["text"] = typed.get("text", "").replace("\r\n", "\n")
    if "use" in typed:
        offered = {one.id: one.text for one in guide.prepared(console.pack, alert, language.language())}
        chosen = offered.get(typed["use"], "")
        typed["text"] = f"{typed['text'].rstrip()} {chosen}".strip()
        return await show(request, alert, faults={"box": ""}, typed=typed)
    seen = typed.get("seen", "")
    assent = assent_of(typed)
    try:
        if typed.get("take") == "yes":  # it went back to the queue while the answer was being written
            await cases_alerts.take(console.database, alert.id, viewer.id, now)
        await cases_alerts.reply(
            console.database,
            console.pack,
            alert.id,
            viewer.id,
            typed["text"],
            now,
            assent=assent,
            seen=whole(seen, None),
            count_segments=lambda text: count(text).segments,
        )
    except ReplyRefusedError as refused:
        alert = await alert_or_404(request)
        faults = {"confirm": say(refused)}
        return await show(request, alert, status=422, faults=faults, typed=typed, concerns=refused.concerns)
    except AlertRuleError as refused:
        alert = await alert_or_404(request)
        return await show(request, alert, status=409, faults={"reply": say(refused)}, typed=typed)
    return done(f"{BASE}/alerts/{alert.code}", "waits" if assent.at_safe_hour else "replied")


def assent_of(typed: Mapping[str, str]) -> Assent:
    return Assent(
        confirmed=typed.get("confirmed") == "yes",
        agreed=typed.get("agreed") == "yes",
        at_safe_hour=typed.get("when") == "safe",
        reason=typed.get("why", "")[:400],
    )


@allow(ROLES)
async def step(request: web.Request) -> web.StreamResponse:
    """Tick a step of the protocol card, or take the tick back."""
    console, viewer = console_of(request), viewer_of(request)

    async def mark(alert: Any, form: Mapping[str, str], now: datetime) -> None:
        name, is_done = (form["undo"], False) if "undo" in form else (form.get("step", ""), True)
        if name not in guide.step_texts(console.pack, alert, language.language()):
            raise AlertRuleError("This step is not on the card.")
        await cases_alerts.mark_step(
            console.database,
            alert.id,
            viewer.id,
            name,
            now,
            is_done=is_done,
        )

    return await act(request, "step", "step", mark)


@allow(READERS)
async def open_text(request: web.Request) -> web.StreamResponse:
    """Show the conversation to a colleague who does not have the alert; the record says so."""
    console, viewer, now = console_of(request), viewer_of(request), now_of(request)
    alert = await alert_or_404(request)
    await cases_alerts.open_text(console.database, alert.id, viewer.id, now)
    raise web.HTTPSeeOther(f"{BASE}/alerts/{alert.code}")
