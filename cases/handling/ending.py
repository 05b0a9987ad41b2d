"""Judging an alert's level, and ending it with an outcome."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from cases import rules
from cases.casework import leaving, referrals, weeks
from cases.closing import OUTCOMES, is_supervising, may_close
from cases.handling.frame import Case, add_follow_up, handling, tell_of
from cases.handling.judging import imply
from cases.rules import AlertRuleError
from content.schema import Level
from content.sentence import Sentence
from store import tables
from store.database import Database


async def set_level(
    database: Database,
    alert_id: int,
    staff_id: int,
    level: Level | int,
    reason: str,
    now: datetime,
    *,
    within: AsyncConnection | None = None,
) -> None:
    """A human's judgement of the level, up or down, with its reason. What the machine said is kept beside it."""
    async with handling(database, alert_id, staff_id, now, within=within) as case:
        await case.must_be_mine(or_supervising=True)
        new = Level(level)
        if new == Level.NONE:
            raise AlertRuleError("An alert that was none is closed with an outcome, not lowered to nothing.")
        if new == case.level:
            raise AlertRuleError(Sentence("Alert %(code)s has this level already.", code=case.alert["code"]))
        if not reason.strip():
            raise AlertRuleError("Say why the level changes.")
        target = rules.target_at(new, case.alert["opened_at"], case.hours, case.site.paces)
        if new > case.level:
            target = min(case.alert["target_at"], rules.target_at(new, now, case.hours, case.site.paces))
        due = (
            rules.may_rest_until(new, now, target, case.hours, case.site.paces)
            if case.alert["state"] == "taken"
            else rules.climbs_at(new, now, case.hours, case.site.paces)
        )
        await case.change(level=int(new), target_at=target, due_at=due)
        data = {"from": int(case.level), "to": int(new), "machine_level": case.alert["machine_level"]}
        await imply(case, new, "alert")
        await case.enter("level_set", data, reason.strip())


async def close(
    database: Database,
    alert_id: int,
    staff_id: int,
    outcome: str,
    note: str,
    actor_role: str,
    now: datetime,
    *,
    follow_up_at: datetime | None = None,
    duplicate_of: str = "",
    has_consent: bool = False,
    within: AsyncConnection | None = None,
) -> None:
    """End the alert with an outcome, if the rules allow it (DOMAIN §2.4), and leave the tasks that follow from it."""
    async with handling(database, alert_id, staff_id, now, within=within) as case:
        await case.must_be_mine(or_supervising=True)
        if actor_role != case.actor["role"]:
            raise AlertRuleError("This account's role has changed: log in again.")
        facts = await _attempts(case)
        other = await _other_alert(case, duplicate_of)
        refused = may_close(
            case.level,
            outcome,
            actor_role,
            route=case.alert["route"],
            has_note=bool(note.strip()),
            has_consent=has_consent,
            has_duplicate=other is not None,
            **facts,
        )
        if refused is not None:
            raise AlertRuleError(refused)
        await case.change(
            state="closed",
            outcome=outcome,
            closed_at=now,
            due_at=None,
            asked_outcome=None,
            asked_by=None,
            asked_at=None,
        )
        await _let_go(case, stops=OUTCOMES[outcome].stops_messages)
        await _leave_tasks(case, outcome, follow_up_at)
        if OUTCOMES[outcome].judges:
            await imply(case, case.level if OUTCOMES[outcome].judges == "level" else Level.NONE, "outcome")
        data = {"outcome": outcome, "level": int(case.level), "machine_level": case.alert["machine_level"]}
        more = {"duplicate_of": other} if other is not None else {}
        consent = {"consent": True} if has_consent else {}
        await case.enter("closed", data | more | consent, note.strip())


async def ask_to_close(
    database: Database,
    alert_id: int,
    staff_id: int,
    outcome: str,
    note: str,
    now: datetime,
    *,
    duplicate_of: str = "",
    has_consent: bool = False,
    base_url: str = "",
    within: AsyncConnection | None = None,
) -> None:
    """Ask a supervisor to close the alert with an outcome that the owner may not give alone; supervisors are told.

    Refused unless a supervisor could close it so now. Until they answer the alert stays its owner's, with its deadline.
    """
    async with handling(database, alert_id, staff_id, now, within=within) as case:
        await case.must_be_mine()
        route = case.alert["route"]
        if is_supervising(case.actor["role"], route):
            raise AlertRuleError("You may close it yourself.")
        facts = await _attempts(case)
        other = await _other_alert(case, duplicate_of)
        more = {
            "route": route,
            "has_note": bool(note.strip()),
            "has_consent": has_consent,
            "has_duplicate": other is not None,
        } | facts
        if may_close(case.level, outcome, case.actor["role"], **more) is None:
            raise AlertRuleError("This outcome needs no supervisor: close it.")
        deciding = "focal_point" if route == "misconduct" else "supervisor"
        refused = may_close(case.level, outcome, deciding, **more)
        if refused is not None:
            raise AlertRuleError(refused)
        await case.change(asked_outcome=outcome, asked_by=staff_id, asked_at=now)
        await case.enter("close_asked", {"outcome": outcome}, note.strip())
        await tell_of(case, frozenset({"supervisors"}), case.alert["due_at"] or now, base_url)


async def refuse_to_close(
    database: Database,
    alert_id: int,
    staff_id: int,
    why: str,
    now: datetime,
    *,
    base_url: str = "",
    within: AsyncConnection | None = None,
) -> None:
    """A supervisor's no: the alert goes on, and its owner is told that there is more to do."""
    async with handling(database, alert_id, staff_id, now, within=within) as case:
        case.must_be_unclosed()
        if not is_supervising(case.actor["role"], case.alert["route"]):
            raise AlertRuleError("Only a supervisor decides on this.")
        if case.alert["asked_outcome"] is None:
            raise AlertRuleError(Sentence("Nobody has asked to close alert %(code)s.", code=case.alert["code"]))
        if not why.strip():
            raise AlertRuleError("Say what is still to be done.")
        await case.change(asked_outcome=None, asked_by=None, asked_at=None)
        await case.enter("close_refused", {"outcome": case.alert["asked_outcome"]}, why.strip())
        if case.alert["owner_id"] is not None:
            await tell_of(case, frozenset({"owner"}), case.alert["due_at"] or now, base_url)


async def _attempts(case: Case) -> dict[str, Any]:
    e = tables.alert_event
    found = sa.select(e.c.data).where(e.c.alert_id == case.alert["id"], e.c.kind == "attempt")
    attempts = (await case.connection.execute(found)).scalars().all()
    return {
        "attempts": len(attempts),
        "has_reached_attempt": any(a["reached"] for a in attempts),
        "has_refused": any(a["result"] == "REFUSED" for a in attempts),
        "has_field_visit": any(a["visit"] for a in attempts),
        "has_unconfirmed_referral": await referrals.is_unconfirmed(case.connection, case.alert["id"]),
    }


async def _other_alert(case: Case, code: str) -> int | None:
    """The alert this one repeats: another one of the same person, so that no slip of typing loses one."""
    if not code:
        return None
    a = tables.alert
    same = a.c.contact_id == case.alert["contact_id"]
    if case.alert["beneficiary_id"] is not None:
        same = sa.or_(same, a.c.beneficiary_id == case.alert["beneficiary_id"])
    # A report about staff repeats no alert of the site, nor the other way round.
    same = sa.and_(same, a.c.is_report.is_(bool(case.alert["is_report"])))
    found = sa.select(a.c.id).where(a.c.code == code.strip().upper(), a.c.id != case.alert["id"], same)
    other: int | None = (await case.connection.execute(found)).scalar()
    return other


async def _let_go(case: Case, *, stops: bool) -> None:
    """The bot may speak again; or, after a death, nothing may be sent any more."""
    c = tables.contact
    contact_id = case.alert["contact_id"]
    a = tables.alert
    other = sa.exists().where(a.c.contact_id == contact_id, a.c.id != case.alert["id"], a.c.state != "closed")
    # Whoever has the person's other alert may be in the middle of talking with them.
    await case.connection.execute(sa.update(c).where(c.c.id == contact_id, ~other).values(held_until=None))
    if stops:
        await leaving.died_in_alert(
            case.connection, contact_id, case.alert["beneficiary_id"], case.actor["id"], case.now
        )


async def _leave_tasks(case: Case, outcome: str, follow_up_at: datetime | None) -> None:
    found = OUTCOMES[outcome]
    if found.stops_messages:
        return
    if found.follow_up:
        due = case.hours.days_after(case.now, found.follow_up_days)
        await add_follow_up(case, found.follow_up, follow_up_at or due)
    elif follow_up_at is not None:
        await add_follow_up(case, "next_contact", follow_up_at)
    if case.alert["is_drill"]:
        return
    if case.level >= Level.ELEVATED and not outcome.startswith(("FALSE_ALARM", "DUPLICATE", "TEST")):
        await weeks.begin(
            case.database, case.connection, case.alert, case.alert["owner_id"] or case.actor["id"], case.now
        )
