"""What a batch of alerts needs to know: its sites' hours and paces, rota, staff with their leave, people's needs."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from cases import rota, rules
from cases.hours import Hours
from content.schema import Level
from store import tables

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Site:
    id: int
    code: str
    hours: Hours
    paces: rules.Paces = field(default_factory=lambda: rules.PACES)
    fallback_id: int | None = None


@dataclass(slots=True)
class Duty:
    """The rota, staff and sites that a batch of alerts needs, gathered once."""

    sites: dict[int, Site] = field(default_factory=dict)
    entries: list[rota.Entry] = field(default_factory=list)
    members: list[rota.Member] = field(default_factory=list)
    email_id: int | None = None  # the channel e-mail leaves through, if there is one

    def rungs(self, site_id: int, route: str, now: datetime) -> list[int]:
        """A report about staff has no ladder of the site: its focal points are one rung that is told again."""
        return [] if route == "misconduct" else rota.rungs(self.entries, self.members, site_id, now)

    def first_step(self, level: Level, route: str, site_id: int, need: rota.Need | None, now: datetime) -> rules.Step:
        site = self.sites[site_id]
        alone = need is not None and route != "misconduct" and rota.has_caseworker(need, self.members, site_id, now)
        rungs = self.rungs(site_id, route, now)
        return rules.first_step(level, rungs, now, site.hours, site.paces, has_caseworker=alone)


def paces_or_usual(site_id: int, settings: Mapping[str, Any]) -> rules.Paces:
    """A site's paces. A setting that cannot be was refused when it was saved; here it must not stop an alert."""
    try:
        return rules.paces_of(settings)
    except rules.AlertRuleError:
        log.exception("site_paces_unreadable", site_id=site_id)
        return rules.PACES


async def gather_duty(connection: AsyncConnection, site_ids: Collection[int]) -> Duty:
    s, r = tables.site, tables.rota
    columns = (s.c.id, s.c.code, s.c.staffed, s.c.time_zone, s.c.holidays, s.c.paces, s.c.fallback_id)
    sites = (await connection.execute(sa.select(*columns).where(s.c.id.in_(site_ids)))).all()
    zones = {row.id: row.time_zone for row in sites}
    entries = await connection.execute(sa.select(r).where(r.c.site_id.in_(site_ids)))
    email_id = await _email_channel(connection)
    return Duty(
        sites={
            row.id: Site(
                row.id,
                row.code,
                Hours(row.staffed, row.time_zone, frozenset(row.holidays)),
                paces_or_usual(row.id, row.paces),
                row.fallback_id,
            )
            for row in sites
        },
        entries=[entry_of(row, zones[row.site_id]) for row in entries],
        members=await gather_members(connection, email_id),
        email_id=email_id,
    )


def entry_of(row: Any, zone: str) -> rota.Entry:
    weekdays = None if row.weekdays is None else tuple(row.weekdays)
    return rota.Entry(
        row.site_id,
        row.rung,
        row.staff_id,
        row.starts_at,
        row.ends_at,
        weekdays,
        row.from_minute or 0,
        row.until_minute or 0,
        zone,
    )


async def gather_members(connection: AsyncConnection, email_id: int | None) -> list[rota.Member]:
    """All staff whose account is open. Leave that is over long since does no harm: it covers nothing that is asked."""
    staff, leave = tables.staff, tables.leave
    has_address: sa.ColumnElement[bool] = staff.c.phone_index.is_not(None)
    if email_id is not None:
        has_address = sa.or_(has_address, staff.c.email.is_not(None))
    columns = (staff.c.id, staff.c.role, staff.c.site_ids, staff.c.languages, staff.c.gender)
    found = await connection.execute(
        sa.select(*columns, has_address.label("is_reachable")).where(staff.c.disabled_at.is_(None))
    )
    away: defaultdict[int, list[rota.Span]] = defaultdict(list)
    for row in await connection.execute(
        sa.select(leave.c.staff_id, leave.c.starts_at, leave.c.ends_at).where(leave.c.cancelled_at.is_(None))
    ):
        away[row.staff_id].append((row.starts_at, row.ends_at))
    return [
        rota.Member(
            m.id,
            m.role,
            tuple(m.site_ids),
            is_reachable=bool(m.is_reachable),
            languages=tuple(m.languages),
            gender=m.gender,
            leave=tuple(sorted(away[m.id])),
        )
        for m in found
    ]


async def gather_needs(connection: AsyncConnection, contact_ids: Collection[int]) -> dict[int, rota.Need]:
    """What each contact in danger needs of whoever reaches them. A stranger has a language and nothing else."""
    if not contact_ids:
        return {}
    c, b = tables.contact, tables.beneficiary
    found = await connection.execute(
        sa.select(c.c.id, c.c.language, b.c.caseworker_id, b.c.staff_gender)
        .select_from(c.outerjoin(b, b.c.contact_id == c.c.id))
        .where(c.c.id.in_(contact_ids))
    )
    return {row.id: rota.Need(row.caseworker_id, row.language, row.staff_gender) for row in found}


async def _email_channel(connection: AsyncConnection) -> int | None:
    c = tables.channel
    found = sa.select(sa.func.min(c.c.id)).where(c.c.kind == "email", c.c.state == "active")
    channel_id: int | None = (await connection.execute(found)).scalar()
    return channel_id
