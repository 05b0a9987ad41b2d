"""The plan page: goals by area of life, what the person says of each area, and what staff saw or confirmed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection

from cases import casework
from cases.casework.areas import Area, Report, compare, report_of
from cases.casework.rules import SOURCES, STANDINGS
from console.casefile.frame import act, day_of, file_page, person_or_404
from console.context import console_of, viewer_of
from console.forms import whole
from console.permissions import CARERS, PEOPLE, READERS, allow
from content.schema import DOMAINS
from store import tables

_MOST_ANSWERS = 200


@allow(PEOPLE)
async def plan_page(request: web.Request) -> web.StreamResponse:
    return await _show(request, await person_or_404(request))


async def _show(
    request: web.Request,
    person: Any,
    *,
    status: int = 200,
    faults: Mapping[str, str] | None = None,
    typed: Mapping[str, str] | None = None,
) -> web.Response:
    console, viewer = console_of(request), viewer_of(request)
    async with console.database.read() as connection:
        goals = await goals_of(connection, person.id)
        found = await areas(connection, person.id) if viewer.role in READERS else []
    return await file_page(
        request,
        person,
        "plan",
        "file_plan.html",
        status=status,
        goals=goals,
        areas=found,
        domains=DOMAINS,
        standings=STANDINGS,
        sources=SOURCES,
        faults=faults or {},
        typed=typed or {},
    )


async def goals_of(connection: AsyncConnection, person_id: int) -> Sequence[Any]:
    """Open ones first, by day; then those that ended, newest first."""
    g = tables.goal
    statement = (
        sa.select(g)
        .where(g.c.beneficiary_id == person_id)
        .order_by((g.c.state != "open"), g.c.ended_at.desc(), g.c.due_on.is_(None), g.c.due_on, g.c.id)
        .limit(60)
    )
    return (await connection.execute(statement)).all()


async def areas(connection: AsyncConnection, person_id: int) -> list[Area]:
    """The newest answer for each area beside the newest finding."""
    answer, f = tables.answer, tables.finding
    answers = await connection.execute(
        sa.select(answer.c.checkin, answer.c.question, answer.c.value, answer.c.answered_at)
        .where(answer.c.beneficiary_id == person_id)
        .order_by(answer.c.answered_at.desc(), answer.c.id.desc())
        .limit(_MOST_ANSWERS)
    )
    said = [report_of(row.checkin, row.question, row.value, row.answered_at) for row in answers]
    findings = await connection.execute(
        sa.select(f.c.domain, f.c.value, f.c.at, f.c.source)
        .where(f.c.beneficiary_id == person_id)
        .order_by(f.c.at.desc(), f.c.id.desc())
        .limit(_MOST_ANSWERS)
    )
    confirmed = [Report(row.domain, row.value, row.at, row.source) for row in findings]
    return compare([report for report in reversed(said) if report is not None], confirmed[::-1])


@allow(CARERS)
async def add_goal(request: web.Request) -> web.StreamResponse:
    console, viewer = console_of(request), viewer_of(request)

    async def do(person: Any, form: Mapping[str, str], now: datetime) -> None:
        await casework.add_goal(
            console.database,
            person.id,
            viewer.id,
            form.get("domain", ""),
            form.get("text", ""),
            day_of(form.get("due_on", "")),
            now,
        )

    return await act(request, "goal", "saved", "/plan", _show, do)


@allow(CARERS)
async def end_goal(request: web.Request) -> web.StreamResponse:
    console, viewer = console_of(request), viewer_of(request)
    goal_id = whole(request.match_info["goal"])

    async def do(person: Any, form: Mapping[str, str], now: datetime) -> None:
        await casework.end_goal(
            console.database, person.id, goal_id, viewer.id, form.get("state", ""), form.get("note", ""), now
        )

    return await act(request, f"goal-{goal_id}", "saved", "/plan", _show, do)


@allow(CARERS)
async def add_finding(request: web.Request) -> web.StreamResponse:
    console, viewer = console_of(request), viewer_of(request)

    async def do(person: Any, form: Mapping[str, str], now: datetime) -> None:
        await casework.add_finding(
            console.database,
            person.id,
            viewer.id,
            form.get("domain", ""),
            whole(form.get("value", "")),
            form.get("source", ""),
            form.get("note", ""),
            now,
        )

    return await act(request, "finding", "saved", "/plan", _show, do)
