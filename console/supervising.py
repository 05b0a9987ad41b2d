"""What an owner may not decide alone: asking a supervisor to close an alert, and a supervisor's no."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aiohttp import web

from cases import alerts as cases_alerts
from console.alerts import CLOSERS, act
from console.context import console_of, viewer_of
from console.permissions import allow


@allow(CLOSERS)
async def ask(request: web.Request) -> web.StreamResponse:
    """The same form as closing, sent to a supervisor instead."""
    console, viewer = console_of(request), viewer_of(request)

    async def request_it(alert: Any, form: Mapping[str, str], now: datetime) -> None:
        await cases_alerts.ask_to_close(
            console.database,
            alert.id,
            viewer.id,
            form.get("outcome", ""),
            form.get("note", ""),
            now,
            duplicate_of=form.get("duplicate_of", ""),
            has_consent=form.get("consent") == "yes",
            base_url=console.base_url,
        )

    return await act(request, "close", "asked", request_it)


@allow(CLOSERS)
async def refuse(request: web.Request) -> web.StreamResponse:
    console, viewer = console_of(request), viewer_of(request)
    return await act(
        request,
        "refuse",
        "refused",
        lambda alert, form, now: cases_alerts.refuse_to_close(
            console.database, alert.id, viewer.id, form.get("why", ""), now, base_url=console.base_url
        ),
    )
