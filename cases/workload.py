"""Who carries how much, and how fast people in danger are taken and reached: counts and times, never a text.

Reports about staff and drills are in none of it.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from content.schema import Level
from store import tables

USUAL_CAP = 8  # open alerts of their own, where an account has no number of its own
FEWEST = 5  # alerts: a time made of fewer would tell of single people
_WEEK = timedelta(days=7)
_HEAVY, _NIGHTS = 5, 3  # grave alerts, and nights, in a week after which somebody should ask how they are
_NIGHT_FROM, _NIGHT_UNTIL = 21, 6


@dataclass(frozen=True, slots=True)
class Times:
    """Minutes until something was done: half of the alerts sooner than `half`, nine in ten sooner than `most`."""

    count: int
    half: float | None
    most: float | None

    @classmethod
    def of(cls, minutes: Sequence[float]) -> "Times":
        if len(minutes) < FEWEST:
            return cls(len(minutes), None, None)
        ordered = sorted(minutes)
        return cls(len(ordered), ordered[(len(ordered) - 1) // 2], ordered[(len(ordered) * 9 - 1) // 10])


@dataclass(slots=True)
class Load:
    """What one staff member has on their hands, and what this week was like for them."""

    staff_id: int
    name: str
    cap: int
    open: Counter[int] = field(default_factory=Counter)  # level → alerts of theirs that are not closed
    late: int = 0
    closed: int = 0
    grave: int = 0  # high and imminent alerts taken this week
    nights: int = 0  # different nights of this week in which they took or tried
    deaths: int = 0

    @property
    def total(self) -> int:
        return self.open.total()

    @property
    def is_over(self) -> bool:
        return self.total > self.cap

    @property
    def is_strained(self) -> bool:
        """Somebody should ask how they are, before they ask for it."""
        return self.deaths > 0 or self.grave >= _HEAVY or self.nights >= _NIGHTS


@dataclass(frozen=True, slots=True)
class Pace:
    """One site and level over the days looked at."""

    site: str
    level: Level
    alerts: int
    to_take: Times
    to_reach: Times
    missed: int | None  # of those, how many were reached after their target or not at all; None: too few to say


def loads(
    staff: Sequence[Any], alerts: Sequence[Any], events: Sequence[Any], now: datetime, zones: Mapping[int, str]
) -> list[Load]:
    """One line for each of `staff` (id, name, most_alerts), the fullest hands first. Pure.

    `alerts` have owner_id, level, state, due_at, closed_at, outcome; `events` kind, staff_id, at, level, site_id.
    """
    found = {row.id: Load(row.id, row.name, row.most_alerts or USUAL_CAP) for row in staff}
    for alert in alerts:
        load = found.get(alert.owner_id)
        if load is None:
            continue
        if alert.state != "closed":
            load.open[alert.level] += 1
            load.late += alert.due_at is not None and alert.due_at < now
        elif alert.closed_at is not None and alert.closed_at > now - _WEEK:
            load.closed += 1
            load.deaths += alert.outcome == "DIED"
    nights: defaultdict[int, set[Any]] = defaultdict(set)
    for event in events:
        load = found.get(event.staff_id)
        if load is None or event.at <= now - _WEEK:
            continue
        load.grave += event.kind == "taken" and event.level >= Level.HIGH
        local = event.at.astimezone(ZoneInfo(zones.get(event.site_id, "UTC")))
        if local.hour >= _NIGHT_FROM or local.hour < _NIGHT_UNTIL:
            nights[event.staff_id].add((local - timedelta(hours=_NIGHT_UNTIL)).date())
    for staff_id, seen in nights.items():
        found[staff_id].nights = len(seen)
    return sorted(found.values(), key=lambda one: (-one.total, -one.grave, one.name.casefold()))


def paces(alerts: Sequence[Any], events: Sequence[Any], now: datetime) -> list[Pace]:
    """By site and level, gravest first. `alerts` have id, site, level, opened_at, target_at. Pure."""
    taken: dict[int, datetime] = {}
    reached: dict[int, datetime] = {}
    for event in events:
        if event.kind == "taken":
            taken[event.alert_id] = min(taken.get(event.alert_id, event.at), event.at)
        elif event.data.get("reached"):
            reached[event.alert_id] = min(reached.get(event.alert_id, event.at), event.at)
    groups: defaultdict[tuple[str, int], list[Any]] = defaultdict(list)
    for alert in alerts:
        groups[alert.site, alert.level].append(alert)
    found = []
    for (site, level), rows in groups.items():
        late = sum(reached.get(row.id, now) > row.target_at for row in rows if row.id in reached or row.target_at < now)
        found.append(
            Pace(
                site,
                Level(level),
                len(rows),
                Times.of([_minutes(taken[row.id] - row.opened_at) for row in rows if row.id in taken]),
                Times.of([_minutes(reached[row.id] - row.opened_at) for row in rows if row.id in reached]),
                late if len(rows) >= FEWEST else None,
            )
        )
    return sorted(found, key=lambda one: (one.site, -one.level))


def _minutes(span: timedelta) -> float:
    return max(span.total_seconds() / 60, 0)


@dataclass(frozen=True, slots=True)
class Overview:
    loads: Sequence[Load]
    paces: Sequence[Pace]
    asked: Sequence[Any]  # alerts whose owner asks a supervisor to close
    days: int


async def overview(connection: AsyncConnection, sites: Sequence[int], now: datetime, *, days: int = 30) -> Overview:
    """Everything the supervision page shows of these sites (none named: of all)."""
    a, e, s, w = tables.alert, tables.alert_event, tables.site, tables.staff
    since = now - timedelta(days=days)
    real = sa.and_(a.c.is_report.is_(False), a.c.is_drill.is_(False))
    bound = a.c.site_id.in_(sites) if sites else sa.true()
    alerts = (
        await connection.execute(
            sa.select(
                a.c.id, a.c.code, a.c.level, a.c.route, a.c.state, a.c.owner_id, a.c.opened_at, a.c.target_at,
                a.c.due_at, a.c.closed_at, a.c.outcome, a.c.asked_outcome, a.c.asked_at, a.c.site_id,
                s.c.name.label("site"), s.c.time_zone,
            )
            .join(s, s.c.id == a.c.site_id)
            .where(real, bound, sa.or_(a.c.state != "closed", a.c.opened_at > since))
        )
    ).all()  # fmt: skip
    events = (
        await connection.execute(
            sa.select(e.c.alert_id, e.c.kind, e.c.staff_id, e.c.at, e.c.data, a.c.level, a.c.site_id)
            .join(a, a.c.id == e.c.alert_id)
            .where(real, bound, e.c.kind.in_(("taken", "attempt")), e.c.at > since)
            .order_by(e.c.id)
        )
    ).all()
    everybody = (
        await connection.execute(
            sa.select(w.c.id, w.c.name, w.c.site_ids, w.c.most_alerts).where(
                w.c.disabled_at.is_(None), w.c.role.in_(("psychosocial", "supervisor", "caseworker"))
            )
        )
    ).all()
    here = [row for row in everybody if not sites or not row.site_ids or set(row.site_ids) & set(sites)]
    zones = {row.site_id: row.time_zone for row in alerts}
    return Overview(
        loads=loads(here, alerts, events, now, zones),
        paces=paces([row for row in alerts if row.opened_at > since], events, now),
        asked=sorted((row for row in alerts if row.asked_outcome), key=lambda row: row.asked_at),
        days=days,
    )
