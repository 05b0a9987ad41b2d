"""Taking an alert, and passing it on."""

from datetime import datetime

import sqlalchemy as sa

from cases import rules
from cases.duty import gather_duty
from cases.handling.frame import Case, handling, may_see
from cases.rules import AlertRuleError
from cases.telling import Notice, tell
from store import tables
from store.database import Database


async def take(database: Database, alert_id: int, staff_id: int, now: datetime) -> None:
    """ "Mine": of two who take the same alert one gets it, the other is told who has it."""
    async with handling(database, alert_id, staff_id, now) as case:
        case.must_be_unclosed()
        if case.alert["owner_id"] == staff_id:
            return
        a = tables.alert
        rest = rules.may_rest_until(case.level, now, case.alert["target_at"], case.hours, case.site.paces)
        taken = await case.connection.execute(
            sa.update(a)
            .where(a.c.id == alert_id, a.c.state == "open")
            .values(state="taken", owner_id=staff_id, taken_at=now, due_at=rest)
        )
        if taken.rowcount != 1:
            raise AlertRuleError(f"Alert {case.alert['code']} is with {await case.name_of(case.alert['owner_id'])}.")
        await case.enter("taken", {"rung": case.alert["rung"]})


async def pass_on(
    database: Database, alert_id: int, staff_id: int, to_staff_id: int, now: datetime, *, base_url: str = ""
) -> None:
    """Hand the alert to a colleague, who is told at once. A supervisor may also take it off someone.

    An administrator may give a report about staff that found no focal point to one, unread.
    """
    async with handling(database, alert_id, staff_id, now, hands_over=True) as case:
        if not (case.alert["is_report"] and case.actor["role"] == "admin"):
            await case.must_be_mine(or_supervising=True)
        if to_staff_id == case.alert["owner_id"]:
            raise AlertRuleError(f"Alert {case.alert['code']} is with them already.")
        s = tables.staff
        who = sa.select(s.c.role, s.c.site_ids).where(s.c.id == to_staff_id, s.c.disabled_at.is_(None))
        heir = (await case.connection.execute(who)).first()
        if heir is None or not may_see(heir.role, heir.site_ids, case.alert["route"], case.alert["site_id"]):
            raise AlertRuleError("This colleague may not work on this alert.")
        rest = rules.may_rest_until(case.level, now, case.alert["target_at"], case.hours, case.site.paces)
        await case.change(state="taken", owner_id=to_staff_id, taken_at=now, due_at=rest)
        await case.enter("passed_on", {"from": case.alert["owner_id"], "to": to_staff_id})
        if to_staff_id != staff_id:
            await _tell_owner(case, to_staff_id, rest, base_url)


async def _tell_owner(case: Case, owner_id: int, by: datetime, base_url: str) -> None:
    alert = case.alert
    duty = await gather_duty(case.connection, {alert["site_id"]})
    if not any(member.id == owner_id and member.is_reachable for member in duty.members):
        return  # the console shows it; handing over is agreed between two people
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
        owner_id=owner_id,
        tell=frozenset({"owner"}),
        by=by,
    )
    events = await tell(case.database, case.connection, duty, [notice], case.now, base_url)
    await case.database.insert_rows(case.connection, tables.alert_event, events)
