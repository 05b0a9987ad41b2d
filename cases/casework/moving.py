"""Handing a person over: to another caseworker, or to another site with its open alerts and tasks."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from cases import notices, rota, rules
from cases.casework.frame import PersonCase, a_note, working_on
from cases.casework.rules import CARING, MOVING, CaseError, may_work
from cases.duty import Duty, gather_duty, gather_needs
from cases.telling import Notice, event_row, send_to_staff, tell
from content.schema import Level
from store import tables
from store.database import Database, signal


async def transfer(
    database: Database,
    beneficiary_id: int,
    staff_id: int,
    to_site_id: int,
    to_caseworker_id: int | None,
    note: str,
    now: datetime,
    *,
    base_url: str = "",
    within: AsyncConnection | None = None,
) -> None:
    """Hand the person over; the receiving caseworker is told, without a name. None: the site finds one.

    Open alerts move to the new site. One whose owner does not work there is nobody's again, and whoever is on call
    there is told at once. Reports about staff do not move: they were never the site's.
    """
    async with working_on(database, beneficiary_id, staff_id, now, roles=MOVING, within=within) as case:
        case.must_be_alive()
        from_site, from_caseworker = case.person["site_id"], case.person["caseworker_id"]
        if (to_site_id, to_caseworker_id) == (from_site, from_caseworker):
            raise CaseError("The person is there already.")
        site = tables.site
        if (await case.connection.execute(sa.select(site.c.id).where(site.c.id == to_site_id))).first() is None:
            raise CaseError("There is no such site.")
        heir = await _heir(case, to_site_id, to_caseworker_id)
        note = a_note(note, "Write what whoever takes over must know.")
        await case.change(site_id=to_site_id, caseworker_id=to_caseworker_id)
        await _move_tasks(case, to_site_id, to_caseworker_id)
        if to_site_id != from_site:
            await _move_alerts(case, to_site_id, base_url)
        data = {
            "from_site": from_site,
            "to_site": to_site_id,
            "from_staff": from_caseworker,
            "to_staff": to_caseworker_id,
        }
        await case.enter("transfer", data, note)
        if heir is not None and heir.id != staff_id and to_caseworker_id != from_caseworker:
            await _tell_heir(case, heir.id, to_site_id, base_url)


async def _heir(case: PersonCase, site_id: int, caseworker_id: int | None) -> Any | None:
    if caseworker_id is None:
        return None
    s = tables.staff
    found = sa.select(s).where(s.c.id == caseworker_id, s.c.disabled_at.is_(None))
    heir = (await case.connection.execute(found)).first()
    if heir is None or not may_work(heir.role, CARING, heir.site_ids, site_id):
        raise CaseError("This colleague does not work on cases of that site.")
    return heir


async def _move_tasks(case: PersonCase, site_id: int, caseworker_id: int | None) -> None:
    """All open tasks go to the new site; on another site, or if they were the old caseworker's, to the new one."""
    f, a = tables.follow_up, tables.alert
    of_report = sa.exists().where(a.c.id == f.c.alert_id, a.c.route == "misconduct")
    is_moved: sa.ColumnElement[bool] = sa.true()
    if site_id == case.person["site_id"]:
        old = case.person["caseworker_id"]
        is_moved = f.c.staff_id == old if old is not None else f.c.staff_id.is_(None)
    await case.connection.execute(
        sa.update(f)
        .where(f.c.beneficiary_id == case.id, f.c.state == "open", ~of_report, is_moved)
        .values(site_id=site_id, staff_id=caseworker_id)
    )


async def _move_alerts(case: PersonCase, site_id: int, base_url: str) -> None:
    a = tables.alert
    found = (
        sa.select(a)
        .where(
            sa.or_(a.c.beneficiary_id == case.id, a.c.contact_id == case.person["contact_id"]),
            a.c.state != "closed",
            a.c.is_report.is_(False),
            a.c.route != "misconduct",
        )
        .order_by(a.c.id)
    )
    if case.database.kind == "postgresql":
        found = found.with_for_update()
    alerts = [dict(row) for row in (await case.connection.execute(found)).mappings()]
    if not alerts:
        return
    duty = await gather_duty(case.connection, {site_id})
    needs = await gather_needs(case.connection, {alert["contact_id"] for alert in alerts})
    owners = {member.id for member in duty.members if member.works_at(site_id)}
    events: list[dict[str, Any]] = []
    free: list[Notice] = []
    for alert in alerts:
        values: dict[str, Any] = {"site_id": site_id}
        if alert["owner_id"] not in owners:
            values |= _as_new(alert, duty, site_id, needs.get(alert["contact_id"]), case.now)
            free.append(await _notice(case, alert | values, duty, needs.get(alert["contact_id"])))
        await case.connection.execute(sa.update(a).where(a.c.id == alert["id"]).values(**values))
        data = {"from_site": alert["site_id"], "to_site": site_id, "from": alert["owner_id"], "freed": len(values) > 1}
        events.append(event_row(alert["id"], case.now, "moved", data, case.actor["id"]))
    events += await tell(case.database, case.connection, duty, free, case.now, base_url)
    await case.database.insert_rows(case.connection, tables.alert_event, events)
    signal(case.connection, "alerts")


def _as_new(alert: dict[str, Any], duty: Duty, site_id: int, need: rota.Need | None, now: datetime) -> dict[str, Any]:
    """Nobody's, on the new site's ladder from its first step; its target stays: the person does not wait anew."""
    step = duty.first_step(Level(alert["level"]), alert["route"], site_id, need, now)
    return {
        "state": "open",
        "owner_id": None,
        "taken_at": None,
        "rung": step.rung,
        "due_at": step.due_at,
        "asked_outcome": None,
        "asked_by": None,
        "asked_at": None,
    }


async def _notice(case: PersonCase, alert: dict[str, Any], duty: Duty, need: rota.Need | None) -> Notice:
    c = tables.contact
    channel = sa.select(c.c.channel_id).where(c.c.id == alert["contact_id"])
    level = Level(alert["level"])
    told: frozenset[rules.Told] = duty.first_step(level, alert["route"], alert["site_id"], need, case.now).tell
    return Notice(
        alert_id=alert["id"],
        code=alert["code"],
        level=level,
        route=alert["route"],
        site_id=alert["site_id"],
        channel_id=(await case.connection.execute(channel)).scalar_one(),
        contact_id=alert["contact_id"],
        rung=alert["rung"],
        owner_id=None,
        tell=told,
        by=alert["due_at"],
        need=rota.suiting(need, level),
        about_id=alert["about_id"],
    )


async def _tell_heir(case: PersonCase, heir_id: int, site_id: int, base_url: str) -> None:
    """One neutral message, by SMS and e-mail as far as the colleague has them. Who it is about stands in the file."""
    duty = await gather_duty(case.connection, {site_id})
    link = f"{base_url.rstrip('/')}/console/people/{case.id}" if base_url else ""
    values = {"site": duty.sites[site_id].code, "link": link}
    await send_to_staff(
        case.database,
        case.connection,
        [heir_id],
        notices.HANDED,
        values,
        await _sms_channel(case),
        duty.email_id,
        case.now,
    )


async def _sms_channel(case: PersonCase) -> int | None:
    """The channel that reaches the person, else the first that is no e-mail: it reaches staff of the same country."""
    c = tables.channel
    if case.person["contact_id"] is not None:
        o = tables.contact
        found = sa.select(o.c.channel_id).where(o.c.id == case.person["contact_id"])
        return int((await case.connection.execute(found)).scalar_one())
    first = sa.select(sa.func.min(c.c.id)).where(c.c.kind != "email", c.c.state == "active")
    channel_id: int | None = (await case.connection.execute(first)).scalar()
    return channel_id
