"""The alert queue: what a viewer may see, sorted by danger and then by deadline, and one row of it as a value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from console.context import Viewer
from console.forms import whole
from console.language import _
from console.permissions import sees_alert
from content.schema import Level
from store import tables
from store.tables import to_ms

MOST_ROWS = 200


@dataclass(frozen=True, slots=True)
class Filters:
    """What the viewer asked to see; the empty filter is everything that is not closed."""

    state: str = ""  # "" not closed · open · mine · asked · closed
    level: int = 0
    site_id: int = 0

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Filters":
        state = query.get("state", "")
        return cls(
            state=state if state in {"open", "mine", "asked", "closed"} else "",
            level=whole(query.get("level", "")),
            site_id=whole(query.get("site", "")),
        )

    def where(self, viewer: Viewer) -> list[sa.ColumnElement[bool]]:
        alert = tables.alert
        found: list[sa.ColumnElement[bool]] = [sees_alert(viewer)]
        if self.state == "closed":
            found.append(alert.c.state == "closed")
        else:
            found.append(alert.c.state != "closed")
        if self.state == "open":
            found.append(alert.c.state == "open")
        if self.state == "asked":
            found.append(alert.c.asked_outcome.is_not(None))
        if self.state == "mine":
            found.append(alert.c.owner_id == viewer.id)
        if self.level:
            found.append(alert.c.level == self.level)
        if self.site_id:
            found.append(alert.c.site_id == self.site_id)
        return found

    @property
    def query(self) -> str:
        parts = [("state", self.state), ("level", self.level), ("site", self.site_id)]
        return "&".join(f"{name}={value}" for name, value in parts if value)


def rows_statement(viewer: Viewer) -> sa.Select[Any]:
    alert, site, person, staff = tables.alert, tables.site, tables.beneficiary, tables.staff
    # Who reported staff is for the focal points.
    who = (
        person.c.code
        if viewer.role == "focal_point"
        else sa.case((alert.c.is_report, _("Hidden")), else_=person.c.code)
    )
    return (
        sa.select(
            alert.c.id,
            alert.c.code,
            alert.c.level,
            alert.c.route,
            alert.c.state,
            alert.c.opened_at,
            alert.c.target_at,
            alert.c.closed_at,
            alert.c.outcome,
            alert.c.messages,
            alert.c.asked_outcome,
            alert.c.owner_id,
            site.c.name.label("site"),
            who.label("person"),
            staff.c.name.label("owner"),
        )
        .join(site, site.c.id == alert.c.site_id)
        .outerjoin(person, person.c.id == alert.c.beneficiary_id)
        .outerjoin(staff, staff.c.id == alert.c.owner_id)
    )


async def queue(connection: AsyncConnection, viewer: Viewer, filters: Filters) -> Sequence[Any]:
    alert = tables.alert
    statement = rows_statement(viewer).where(*filters.where(viewer)).limit(MOST_ROWS)
    if filters.state == "closed":
        statement = statement.order_by(alert.c.closed_at.desc(), alert.c.id.desc())
    else:
        statement = statement.order_by(alert.c.level.desc(), alert.c.target_at, alert.c.id)
    rows: Sequence[Any] = (await connection.execute(statement)).all()
    return rows


async def counts(connection: AsyncConnection, viewer: Viewer) -> dict[int, int]:
    """Level → alerts that are not closed, as far as the viewer may see them."""
    alert = tables.alert
    statement = (
        sa.select(alert.c.level, sa.func.count())
        .where(sees_alert(viewer), alert.c.state != "closed")
        .group_by(alert.c.level)
    )
    found = {int(row[0]): int(row[1]) for row in await connection.execute(statement)}
    return {int(level): found.get(int(level), 0) for level in sorted(Level, reverse=True) if level}


async def last_event(connection: AsyncConnection) -> int:
    """Where the live stream takes over from this page."""
    return (await connection.execute(sa.select(sa.func.max(tables.alert_event.c.id)))).scalar() or 0


def sort_key(level: int, target_at: datetime) -> str:
    """Text that sorts as the queue does: static/app.js puts a new row where it belongs."""
    return f"{9 - level}{to_ms(target_at):014d}"
