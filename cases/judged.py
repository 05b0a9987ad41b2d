"""The pairs of machine's and human's reading in the database, as plain values: what accuracy is measured by.

Reports about staff are in none of them, nor are drills, nor alerts that no message caused (silence).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from content.schema import Level
from store import tables


@dataclass(frozen=True, slots=True)
class Reading:
    """One message as it was read, and as a human judged it (`meant` None: nobody has).

    `how`: message · alert · outcome (see `assessment.judged_how`) · sample. `draw` and `population` belong to a
    sample: which draw, and how many messages that whole draw stands for. `alert` is the code to look it up by.
    """

    id: int
    site_id: int
    language: str
    read: Level
    read_route: str
    meant: Level | None
    route: str
    how: str
    alert: str = ""
    draw: str = ""
    population: int = 0


async def readings(connection: AsyncConnection, since: datetime, *, site_ids: Sequence[int] = ()) -> list[Reading]:
    """Alerted messages since then, judged or not, and sampled ones; of these sites, or of all if none are named."""
    return [*await _alerted(connection, since, site_ids), *await _sampled(connection, since, site_ids)]


async def _alerted(connection: AsyncConnection, since: datetime, site_ids: Sequence[int]) -> list[Reading]:
    x, a, c = tables.assessment, tables.alert, tables.contact
    found = (
        sa.select(
            x.c.id, x.c.inbox_id, x.c.level, x.c.route, x.c.reasons, x.c.judged_level, x.c.judged_route,
            x.c.judged_how, a.c.code, a.c.site_id, c.c.language,
        )
        .join(a, a.c.id == x.c.alert_id)
        .join(c, c.c.id == x.c.contact_id)
        .where(x.c.assessed_at >= since, a.c.is_report.is_(False), a.c.is_drill.is_(False), x.c.route != "misconduct")
        .order_by(x.c.level.desc(), x.c.id)
    )  # fmt: skip
    if site_ids:
        found = found.where(a.c.site_id.in_(site_ids))
    by_message: defaultdict[tuple[str, int], list[Any]] = defaultdict(list)
    for row in await connection.execute(found):
        if {reason.get("code") for reason in row.reasons} != {"silence"}:
            by_message["m", row.inbox_id].append(row) if row.inbox_id else by_message["x", row.id].append(row)
    return [_alerted_message(rows) for rows in by_message.values()]


def _alerted_message(rows: Sequence[Any]) -> Reading:
    """A message may have been read twice, by its words and as an answer: the graver counts."""
    first = rows[0]
    judged = next((row for row in rows if row.judged_level is not None), None)
    return Reading(
        id=first.inbox_id or first.id,
        site_id=first.site_id,
        language=first.language,
        read=Level(first.level),
        read_route=first.route,
        meant=None if judged is None else Level(judged.judged_level),
        route="none" if judged is None else judged.judged_route,
        # Judged before it was written down how: by what became of the alert.
        how="" if judged is None else judged.judged_how or "alert",
        alert=first.code,
    )


async def _sampled(connection: AsyncConnection, since: datetime, site_ids: Sequence[int]) -> list[Reading]:
    s, a = tables.sample, tables.alert
    found = (
        sa.select(s, a.c.code)
        .outerjoin(a, sa.and_(a.c.id == s.c.alert_id, a.c.is_report.is_(False)))
        .where(s.c.week >= since.date(), sa.or_(s.c.judged_route.is_(None), s.c.judged_route != "misconduct"))
        .order_by(s.c.id)
    )
    if site_ids:
        found = found.where(s.c.site_id.in_(site_ids))
    return [
        Reading(
            id=row.inbox_id or row.id,
            site_id=row.site_id,
            language=row.language,
            read=Level(row.level),
            read_route=row.route,
            meant=None if row.judged_level is None else Level(row.judged_level),
            route=row.judged_route or "none",
            how="sample",
            alert=row.code or "",
            draw=f"{row.site_id}/{row.week.isoformat()}",
            population=row.population,
        )
        for row in await connection.execute(found)
    ]
