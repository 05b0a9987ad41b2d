"""On the page of an alert: judging how its messages were read, and proposing a phrase for the word lists."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from aiohttp import web

from cases import alerts as cases_alerts
from cases.proposals import propose as keep_proposal
from cases.rules import AlertRuleError
from console.alerts import act
from console.context import console_of, viewer_of
from console.forms import whole
from console.permissions import CARERS, READERS, allow, sees_message
from console.sample import level_and_route
from store import tables


@allow(READERS)
async def judge(request: web.Request) -> web.StreamResponse:
    console, viewer = console_of(request), viewer_of(request)

    async def keep(alert: Any, form: Mapping[str, str], now: datetime) -> None:
        level, route = level_and_route(form.get("level", ""), form.get("route", ""))
        message = whole(form.get("message", ""))
        async with console.database.read() as connection:
            m = tables.inbox
            seen = sa.select(m.c.id).where(m.c.id == message, sees_message(viewer, m.c.id))
            is_seen = (await connection.execute(seen)).scalar() is not None
        if level is None or not is_seen:
            raise AlertRuleError("Choose what the message means.")
        await cases_alerts.judge_message(console.database, alert.id, viewer.id, message, level, route, now)

    return await act(request, "judge", "judged", keep)


@allow(CARERS)
async def propose(request: web.Request) -> web.StreamResponse:
    console, viewer = console_of(request), viewer_of(request)

    async def keep(alert: Any, form: Mapping[str, str], now: datetime) -> None:
        level, route = level_and_route(form.get("level", ""), form.get("route", ""))
        if level is None:
            raise AlertRuleError("Choose what the words mean.")
        await keep_proposal(
            console.database,
            console.pack,
            alert.id,
            viewer.id,
            form.get("phrase", ""),
            form.get("language", ""),
            level,
            route,
            now,
        )

    return await act(request, "propose", "proposed", keep)
