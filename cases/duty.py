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


# Made once: they are asked in the middle of answering somebody in danger.
_S, _STAFF, _LEAVE, _C, _B = tables.site, tables.staff, tables.leave, tables.contact, tables.beneficiary
_CHOSEN: sa.BindParameter[Any] = sa.bindparam("chosen", expanding=True)
_SITES = sa.select(_S.c.id, _S.c.code, _S.c.staffed, _S.c.time_zone, _S.c.holidays, _S.c.paces, _S.c.fallback_id).where(
    _S.c.id.in_(_CHOSEN)
)
_ENTRIES = sa.select(tables.rota).where(tables.rota.c.site_id.in_(_CHOSEN))
_EMAIL = sa.select(sa.func.min(tables.channel.c.id)).where(
    tables.channel.c.kind == "email", tables.channel.c.state == "active"
)
_MEMBERS = (
    sa.select(
        _STAFF.c.id, _STAFF.c.role, _STAFF.c.site_ids, _STAFF.c.languages, _STAFF.c.gender,
        _STAFF.c.phone_index.is_not(None).label("has_phone"), _STAFF.c.email.is_not(None).label("has_email"),
        _LEAVE.c.starts_at, _LEAVE.c.ends_at, _EMAIL.scalar_subquery().label("email_id"),
    )
    .select_from(_STAFF)
    .outerjoin(_LEAVE, sa.and_(_LEAVE.c.staff_id == _STAFF.c.id, _LEAVE.c.cancelled_at.is_(None)))
    .where(_STAFF.c.disabled_at.is_(None))
    .order_by(_STAFF.c.id)
)  # fmt: skip
_NEEDS = (
    sa.select(_C.c.id, _C.c.language, _B.c.caseworker_id, _B.c.staff_gender)
    .select_from(_C.outerjoin(_B, _B.c.contact_id == _C.c.id))
    .where(_C.c.id.in_(_CHOSEN))
)


def site_of(row: Any) -> Site:
    """A row of `site`, with all its columns that the rules of alerts go by."""
    hours = Hours(row.staffed, row.time_zone, frozenset(row.holidays))
    return Site(row.id, row.code, hours, paces_or_usual(row.id, row.paces), row.fallback_id)


async def gather_duty(connection: AsyncConnection, site_ids: Collection[int]) -> Duty:
    chosen = {"chosen": list(site_ids)}
    sites = (await connection.execute(_SITES, chosen)).all()
    zones = {row.id: row.time_zone for row in sites}
    entries = await connection.execute(_ENTRIES, chosen)
    members, email_id = await _gather_members(connection)
    return Duty(
        sites={row.id: site_of(row) for row in sites},
        entries=[entry_of(row, zones[row.site_id]) for row in entries],
        members=members,
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


async def _gather_members(connection: AsyncConnection) -> tuple[list[rota.Member], int | None]:
    """All staff whose account is open, and the channel that e-mail leaves through.

    Leave that is over long since does no harm: it covers nothing that is asked.
    """
    rows: dict[int, Any] = {}
    away: defaultdict[int, list[rota.Span]] = defaultdict(list)
    for row in await connection.execute(_MEMBERS):
        rows[row.id] = row
        if row.starts_at is not None:
            away[row.id].append((row.starts_at, row.ends_at))
    members = [
        rota.Member(
            m.id,
            m.role,
            tuple(m.site_ids),
            is_reachable=bool(m.has_phone or (m.has_email and m.email_id is not None)),
            languages=tuple(m.languages),
            gender=m.gender,
            leave=tuple(sorted(away[m.id])),
        )
        for m in rows.values()
    ]
    return members, next((m.email_id for m in rows.values()), None)


async def gather_needs(connection: AsyncConnection, contact_ids: Collection[int]) -> dict[int, rota.Need]:
    """What each contact in danger needs of whoever reaches them. A stranger has a language and nothing else."""
    if not contact_ids:
        return {}
    found = await connection.execute(_NEEDS, {"chosen": list(contact_ids)})
    return {row.id: rota.Need(row.caseworker_id, row.language, row.staff_gender) for row in found}
