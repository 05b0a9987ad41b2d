"""One alert in the hands of one staff member: locked, allowed, and every change entered in the trail."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from cases import audit, rules
from cases.closing import is_supervising
from cases.duty import Site, gather_duty, site_of
from cases.hours import Hours
from cases.rules import AlertRuleError
from cases.telling import Notice, add_follow_ups, event_row, follow_up_row, tell
from content.schema import Level
from content.sentence import Sentence
from store import tables
from store.database import Database, signal


@dataclass(slots=True)
class Case:
    """One alert in the hands of one staff member, inside one transaction."""

    database: Database
    connection: AsyncConnection
    alert: dict[str, Any]
    actor: Mapping[str, Any]
    site: Site
    now: datetime

    @property
    def hours(self) -> Hours:
        return self.site.hours

    @property
    def level(self) -> Level:
        return Level(self.alert["level"])

    async def change(self, **values: Any) -> None:
        a = tables.alert
        await self.connection.execute(sa.update(a).where(a.c.id == self.alert["id"]).values(**values))

    async def enter(self, kind: str, data: Mapping[str, Any], note: str | None = None) -> None:
        """Append the event and its audit record. Notes go into the event (sealed), never into the audit trail."""
        alert_id, staff_id = self.alert["id"], self.actor["id"]
        event = event_row(alert_id, self.now, kind, data, staff_id, note or None)
        await self.connection.execute(sa.insert(tables.alert_event), [event])
        await audit.record(
            self.connection, self.database, staff_id, f"alert.{kind}", f"alert/{alert_id}", data, self.now
        )
        signal(self.connection, "alerts")

    def must_be_unclosed(self) -> None:
        if self.alert["state"] == "closed":
            raise AlertRuleError(
                Sentence("Alert %(code)s is closed. A new message opens a new one.", code=self.alert["code"])
            )

    async def must_be_mine(self, *, or_supervising: bool = False) -> None:
        self.must_be_unclosed()
        if self.alert["owner_id"] == self.actor["id"]:
            return
        if or_supervising and is_supervising(self.actor["role"], self.alert["route"]):
            return
        if self.alert["owner_id"] is None:
            raise AlertRuleError(
                Sentence("Nobody has taken alert %(code)s yet: take it first.", code=self.alert["code"])
            )
        raise AlertRuleError(
            Sentence(
                "Alert %(code)s is with %(name)s.",
                code=self.alert["code"],
                name=await self.name_of(self.alert["owner_id"]),
            )
        )

    async def name_of(self, staff_id: int) -> str:
        s = tables.staff
        name: str = (await self.connection.execute(sa.select(s.c.name).where(s.c.id == staff_id))).scalar_one()
        return name


@contextlib.asynccontextmanager
async def _transaction(database: Database, within: AsyncConnection | None) -> AsyncIterator[AsyncConnection]:
    """A transaction of its own, or a part of the one given: a step that is refused leaves nothing of itself in it."""
    if within is None:
        async with database.write() as connection:
            yield connection
    else:
        async with within.begin_nested():
            yield within


@contextlib.asynccontextmanager
async def handling(
    database: Database,
    alert_id: int,
    staff_id: int,
    now: datetime,
    *,
    hands_over: bool = False,
    within: AsyncConnection | None = None,
) -> AsyncIterator[Case]:
    """The alert, locked, for a staff member who may work on it, or who only hands over a report nobody has."""
    async with _transaction(database, within) as connection:
        a, s, st = tables.alert, tables.staff, tables.site
        found = sa.select(a).where(a.c.id == alert_id)
        if database.kind == "postgresql":
            # The contact first, then its alert: the order in which an arriving message locks them.
            c = tables.contact
            of_alert = sa.select(a.c.contact_id).where(a.c.id == alert_id).scalar_subquery()
            await connection.execute(sa.select(c.c.id).where(c.c.id == of_alert).with_for_update())
            found = found.with_for_update()
        alert = (await connection.execute(found)).mappings().first()
        who = sa.select(s.c.id, s.c.role, s.c.site_ids, s.c.disabled_at).where(s.c.id == staff_id)
        actor = (await connection.execute(who)).mappings().first()
        if actor is None or actor["disabled_at"] is not None:
            raise AlertRuleError("This account may not work on alerts.")
        # Whoever a report is about has nothing to do with it, whatever their role.
        may = (
            alert is not None
            and alert["about_id"] != staff_id
            and (
                may_see(actor["role"], actor["site_ids"], alert["route"], alert["site_id"])
                or (hands_over and actor["role"] == "admin" and await _is_orphan(connection, alert))
            )
        )
        if alert is None or not may:
            raise AlertRuleError("There is no such alert among yours.")
        where = sa.select(st).where(st.c.id == alert["site_id"])
        site = (await connection.execute(where)).one()
        yield Case(
            database,
            connection,
            dict(alert),
            dict(actor),
            site_of(site),
            now,
        )


async def _is_orphan(connection: AsyncConnection, alert: sa.RowMapping) -> bool:
    """A report about staff that nobody has, and that reached no focal point when it was told."""
    e = tables.alert_event
    unheard = sa.exists().where(e.c.alert_id == alert["id"], e.c.kind == "nobody_on_call")
    return (
        bool(alert["is_report"])
        and alert["state"] == "open"
        and bool((await connection.execute(sa.select(unheard))).scalar())
    )


def may_see(role: str, site_ids: list[int], route: str, site_id: int) -> bool:
    """Reports about staff are seen by focal points alone; other alerts by staff of the site (none named: of all)."""
    if route == "misconduct":
        return role == "focal_point"
    return not site_ids or site_id in site_ids


async def add_follow_up(case: Case, kind: str, due_at: datetime) -> None:
    alert = case.alert
    row = follow_up_row(
        case.database,
        f"{kind}/{alert['id']}",
        kind,
        case.now,
        due_at,
        contact_id=alert["contact_id"],
        beneficiary_id=alert["beneficiary_id"],
        alert_id=alert["id"],
        # A report about staff is in no list of its site.
        site_id=None if alert["route"] == "misconduct" else alert["site_id"],
        staff_id=alert["owner_id"] or case.actor["id"],
    )
    await add_follow_ups(case.database, case.connection, [row])


async def tell_of(case: Case, whom: frozenset[rules.Told], by: datetime, base_url: str) -> None:
    """Tell staff of a step that needs them. An owner who cannot be reached sees it in the console."""
    alert = case.alert
    duty = await gather_duty(case.connection, {alert["site_id"]})
    owner = alert["owner_id"]
    if whom == {"owner"} and not any(member.id == owner and member.is_reachable for member in duty.members):
        return  # handing over is agreed between two people
    c = tables.contact
    channel = sa.select(c.c.channel_id).where(c.c.id == alert["contact_id"])
    notice = Notice(
        alert_id=alert["id"],
        code=alert["code"],
        level=case.level,
        route=alert["route"],
        site_id=alert["site_id"],
        channel_id=(await case.connection.execute(channel)).scalar_one(),
        contact_id=alert["contact_id"],
        rung=alert["rung"],
        owner_id=owner,
        tell=whom,
        by=by,
        about_id=alert["about_id"],
        is_drill=bool(alert["is_drill"]),
    )
    events = await tell(case.database, case.connection, duty, [notice], case.now, base_url)
    await case.database.insert_rows(case.connection, tables.alert_event, events)
