"""One story of everything in a person's case, newest first: read from all the journals, a page at a time.

Reports about staff, drills and the text of messages are no part of it.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from store import tables

PER_PAGE = 40
KINDS = ("alerts", "checkins", "contacts", "plan", "referrals", "consents", "tasks", "changes")
# Kind of case event → the kind of entry it is.
_CASE_EVENTS: Mapping[str, str] = {
    "attempt": "contacts",
    "note": "contacts",
    "given_up": "contacts",
    "goal": "plan",
    "referral": "referrals",
    "facts": "changes",
    "transfer": "changes",
    "exit": "changes",
    "died": "changes",
    "number_verified": "changes",
}
_FROM_ALERTS = ("attempt", "note", "replied")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the story. `what` is the event within its kind; `data` holds codes and ids; `note` is sealed text."""

    at: datetime
    kind: str
    what: str
    data: Mapping[str, Any] = field(default_factory=dict)
    staff_id: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """`older`: the instant that the next page begins before, or None when this is the end."""

    entries: list[Entry]
    older: datetime | None


_Source = Callable[[AsyncConnection, int, datetime | None, int], Awaitable[list[Entry]]]


async def timeline(
    connection: AsyncConnection,
    beneficiary_id: int,
    *,
    kinds: tuple[str, ...] = (),
    before: datetime | None = None,
    most: int = PER_PAGE,
) -> Page:
    """The newest `most` entries before an instant, of some kinds or of all. Entries of one instant are not parted."""
    found: list[Entry] = []
    for source, gives in _SOURCES.items():
        if not kinds or gives & set(kinds):
            found += await source(connection, beneficiary_id, before, most + 1)
    if kinds:
        found = [entry for entry in found if entry.kind in kinds]
    found.sort(key=lambda entry: entry.at, reverse=True)
    if len(found) <= most:
        return Page(found, None)
    last = found[most - 1].at
    shown = [entry for entry in found if entry.at >= last]
    return Page(shown, last if len(shown) < len(found) else None)


def _newest(statement: Any, at: Any, before: datetime | None, most: int) -> Any:
    if before is not None:
        statement = statement.where(at < before)
    return statement.order_by(at.desc()).limit(most)


async def _alerts(connection: AsyncConnection, person: int, before: datetime | None, most: int) -> list[Entry]:
    a = tables.alert
    statement = sa.select(
        a.c.code, a.c.level, a.c.route, a.c.state, a.c.outcome, a.c.opened_at, a.c.closed_at, a.c.site_id
    ).where(a.c.beneficiary_id == person, _IS_OF_THE_SITE, a.c.is_drill.is_(False))
    return [
        Entry(
            row.opened_at,
            "alerts",
            "alert",
            {
                "code": row.code,
                "level": row.level,
                "route": row.route,
                "state": row.state,
                "outcome": row.outcome,
                "closed_at": row.closed_at,
                "site_id": row.site_id,
            },
        )
        for row in await connection.execute(_newest(statement, a.c.opened_at, before, most))
    ]


# On the alert table: whatever is or became a report about staff is its focal point's alone.
_IS_OF_THE_SITE = sa.and_(tables.alert.c.is_report.is_(False), tables.alert.c.route != "misconduct")


async def _in_alerts(connection: AsyncConnection, person: int, before: datetime | None, most: int) -> list[Entry]:
    a, e = tables.alert, tables.alert_event
    statement = (
        sa.select(e.c.at, e.c.kind, e.c.data, e.c.staff_id, e.c.note, a.c.code)
        .join(a, a.c.id == e.c.alert_id)
        .where(a.c.beneficiary_id == person, _IS_OF_THE_SITE, a.c.is_drill.is_(False), e.c.kind.in_(_FROM_ALERTS))
    )
    return [
        Entry(row.at, "contacts", row.kind, dict(row.data) | {"code": row.code}, row.staff_id, row.note or "")
        for row in await connection.execute(_newest(statement, e.c.at, before, most))
    ]


async def _case_events(connection: AsyncConnection, person: int, before: datetime | None, most: int) -> list[Entry]:
    e = tables.case_event
    statement = sa.select(e).where(e.c.beneficiary_id == person)
    return [
        Entry(row.at, _CASE_EVENTS.get(row.kind, "changes"), row.kind, row.data, row.staff_id, row.note or "")
        for row in await connection.execute(_newest(statement, e.c.at, before, most))
    ]


async def _checkins(connection: AsyncConnection, person: int, before: datetime | None, most: int) -> list[Entry]:
    s = tables.session
    statement = sa.select(s.c.checkin, s.c.state, s.c.opened_at, s.c.answered_at).where(
        s.c.beneficiary_id == person, s.c.state != "unsent"
    )
    return [
        Entry(
            row.opened_at,
            "checkins",
            row.state,
            {"checkin": row.checkin, "answered_at": row.answered_at},
        )
        for row in await connection.execute(_newest(statement, s.c.opened_at, before, most))
    ]


async def _findings(connection: AsyncConnection, person: int, before: datetime | None, most: int) -> list[Entry]:
    f = tables.finding
    statement = sa.select(f).where(f.c.beneficiary_id == person)
    return [
        Entry(
            row.at,
            "plan",
            "finding",
            {"domain": row.domain, "value": row.value, "source": row.source},
            row.staff_id,
            row.note or "",
        )
        for row in await connection.execute(_newest(statement, f.c.at, before, most))
    ]


async def _consents(connection: AsyncConnection, person: int, before: datetime | None, most: int) -> list[Entry]:
    c, found = tables.consent, []
    columns = (c.c.purpose, c.c.version, c.c.language, c.c.source)
    for what, at in (("given", c.c.given_at), ("withdrawn", c.c.withdrawn_at)):
        statement = sa.select(*columns, at.label("at")).where(c.c.beneficiary_id == person, at.is_not(None))
        found += [
            Entry(
                row.at,
                "consents",
                what,
                {"purpose": row.purpose, "version": row.version, "language": row.language, "source": row.source},
            )
            for row in await connection.execute(_newest(statement, at, before, most))
        ]
    return found


async def _tasks(connection: AsyncConnection, person: int, before: datetime | None, most: int) -> list[Entry]:
    """A task stands where it ended; until then, where it was made."""
    f, a = tables.follow_up, tables.alert
    of_report = sa.exists().where(a.c.id == f.c.alert_id, sa.not_(_IS_OF_THE_SITE))
    at = sa.func.coalesce(f.c.done_at, f.c.created_at, type_=tables.Instant())
    statement = sa.select(
        f.c.kind, f.c.key, f.c.state, f.c.result, f.c.note, f.c.due_at, f.c.staff_id, f.c.done_by, at.label("at")
    ).where(f.c.beneficiary_id == person, ~of_report)
    return [
        Entry(
            row.at,
            "tasks",
            row.state,
            {"kind": row.kind, "key": row.key, "result": row.result, "due_at": row.due_at},
            row.done_by if row.state == "done" else row.staff_id,
            row.note or "",
        )
        for row in await connection.execute(_newest(statement, at, before, most))
    ]


_SOURCES: Mapping[_Source, frozenset[str]] = {
    _alerts: frozenset({"alerts"}),
    _in_alerts: frozenset({"contacts"}),
    _case_events: frozenset(_CASE_EVENTS.values()),
    _checkins: frozenset({"checkins"}),
    _findings: frozenset({"plan"}),
    _consents: frozenset({"consents"}),
    _tasks: frozenset({"tasks"}),
}
