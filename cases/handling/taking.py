"""Taking an alert, and passing it on."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from cases import rules
from cases.handling.frame import handling, may_see, tell_of
from cases.rules import AlertRuleError
from content.sentence import Sentence
from store import tables
from store.database import Database


async def take(
    database: Database, alert_id: int, staff_id: int, now: datetime, *, within: AsyncConnection | None = None
) -> None:
    """ "Mine": of two who take the same alert one gets it, the other is told who has it."""
    async with handling(database, alert_id, staff_id, now, within=within) as case:
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
            raise AlertRuleError(
                Sentence(
                    "Alert %(code)s is with %(name)s.",
                    code=case.alert["code"],
                    name=await case.name_of(case.alert["owner_id"]),
                )
            )
        await case.enter("taken", {"rung": case.alert["rung"]})


async def pass_on(
    database: Database,
    alert_id: int,
    staff_id: int,
    to_staff_id: int,
    now: datetime,
    *,
    base_url: str = "",
    within: AsyncConnection | None = None,
) -> None:
    """Hand the alert to a colleague, who is told at once. A supervisor may also take it off someone.

    An administrator may give a report about staff that found no focal point to one, unread.
    """
    async with handling(database, alert_id, staff_id, now, hands_over=True, within=within) as case:
        if not (case.alert["is_report"] and case.actor["role"] == "admin"):
            await case.must_be_mine(or_supervising=True)
        if to_staff_id == case.alert["owner_id"]:
            raise AlertRuleError(Sentence("Alert %(code)s is with them already.", code=case.alert["code"]))
        s = tables.staff
        who = sa.select(s.c.role, s.c.site_ids).where(s.c.id == to_staff_id, s.c.disabled_at.is_(None))
        heir = (await case.connection.execute(who)).first()
        is_fit = heir is not None and may_see(heir.role, heir.site_ids, case.alert["route"], case.alert["site_id"])
        if not is_fit or to_staff_id == case.alert["about_id"]:
            raise AlertRuleError("This colleague may not work on this alert.")
        rest = rules.may_rest_until(case.level, now, case.alert["target_at"], case.hours, case.site.paces)
        await case.change(state="taken", owner_id=to_staff_id, taken_at=now, due_at=rest)
        await case.enter("passed_on", {"from": case.alert["owner_id"], "to": to_staff_id})
        if to_staff_id != staff_id:
            case.alert["owner_id"] = to_staff_id
            await tell_of(case, frozenset({"owner"}), rest, base_url)


async def release(
    database: Database, alert_id: int, staff_id: int, now: datetime, *, within: AsyncConnection | None = None
) -> None:
    """Give an alert back to nobody in particular: the ladder goes on with the next rung at once."""
    async with handling(database, alert_id, staff_id, now, within=within) as case:
        await case.must_be_mine()
        await case.change(state="open", owner_id=None, taken_at=None, due_at=now)
        await case.enter("returned", {"from": staff_id, "rung": case.alert["rung"]})
