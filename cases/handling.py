"""What staff do with an alert: take, pass on, reply, try to reach the person, note, judge its level, close.

Each step is one transaction: the change, its alert event, and its audit record, or nothing. A step against the rules
raises `AlertRuleError` with a sentence for the person who tried it.
"""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from cases import audit, rules
from cases.closing import CONTACT_RESULTS, OUTCOMES, is_supervising, may_close
from cases.hours import Hours
from cases.rules import AlertRuleError
from cases.telling import Notice, add_follow_ups, event_row, follow_up_row, gather_duty, tell
from content.check import find_forbidden
from content.schema import Level, Pack
from store import tables
from store.database import Database, signal
from store.queue import outgoing_row

HOLD = timedelta(hours=2)  # the bot is silent this long after a human wrote
LONGEST_REPLY = 480  # characters: three parts in Latin script
FindForbidden = Callable[[Pack, str, str], list[str]]


@dataclass(slots=True)
class _Case:
    """One alert in the hands of one staff member, inside one transaction."""

    database: Database
    connection: AsyncConnection
    alert: Mapping[str, Any]
    actor: Mapping[str, Any]
    hours: Hours
    now: datetime

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
            raise AlertRuleError(f"Alert {self.alert['code']} is closed. A new message opens a new one.")

    async def must_be_mine(self, *, or_supervising: bool = False) -> None:
        self.must_be_unclosed()
        if self.alert["owner_id"] == self.actor["id"]:
            return
        if or_supervising and is_supervising(self.actor["role"], self.alert["route"]):
            return
        if self.alert["owner_id"] is None:
            raise AlertRuleError(f"Nobody has taken alert {self.alert['code']} yet: take it first.")
        raise AlertRuleError(f"Alert {self.alert['code']} is with {await self.name_of(self.alert['owner_id'])}.")

    async def name_of(self, staff_id: int) -> str:
        s = tables.staff
        name: str = (await self.connection.execute(sa.select(s.c.name).where(s.c.id == staff_id))).scalar_one()
        return name


@contextlib.asynccontextmanager
async def _handling(
    database: Database, alert_id: int, staff_id: int, now: datetime, *, hands_over: bool = False
) -> AsyncIterator[_Case]:
    """The alert, locked, for a staff member who may work on it, or who only hands over a report nobody has."""
    async with database.write() as connection:
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
        may = alert is not None and (
            may_see(actor["role"], actor["site_ids"], alert["route"], alert["site_id"])
            or (hands_over and actor["role"] == "admin" and await _is_orphan(connection, alert))
        )
        if alert is None or not may:
            raise AlertRuleError("There is no such alert among yours.")
        where = sa.select(st.c.staffed, st.c.time_zone).where(st.c.id == alert["site_id"])
        site = (await connection.execute(where)).one()
        yield _Case(database, connection, dict(alert), dict(actor), Hours(site.staffed, site.time_zone), now)


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


async def take(database: Database, alert_id: int, staff_id: int, now: datetime) -> None:
    """ "Mine": of two who take the same alert one gets it, the other is told who has it."""
    async with _handling(database, alert_id, staff_id, now) as case:
        case.must_be_unclosed()
        if case.alert["owner_id"] == staff_id:
            return
        a = tables.alert
        rest = rules.may_rest_until(case.level, now, case.alert["target_at"], case.hours)
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
    async with _handling(database, alert_id, staff_id, now, hands_over=True) as case:
        if not (case.alert["is_report"] and case.actor["role"] == "admin"):
            await case.must_be_mine(or_supervising=True)
        if to_staff_id == case.alert["owner_id"]:
            raise AlertRuleError(f"Alert {case.alert['code']} is with them already.")
        s = tables.staff
        who = sa.select(s.c.role, s.c.site_ids).where(s.c.id == to_staff_id, s.c.disabled_at.is_(None))
        heir = (await case.connection.execute(who)).first()
        if heir is None or not may_see(heir.role, heir.site_ids, case.alert["route"], case.alert["site_id"]):
            raise AlertRuleError("This colleague may not work on this alert.")
        rest = rules.may_rest_until(case.level, now, case.alert["target_at"], case.hours)
        await case.change(state="taken", owner_id=to_staff_id, taken_at=now, due_at=rest)
        await case.enter("passed_on", {"from": case.alert["owner_id"], "to": to_staff_id})
        if to_staff_id != staff_id:
            await _tell_owner(case, to_staff_id, rest, base_url)


async def _tell_owner(case: _Case, owner_id: int, by: datetime, base_url: str) -> None:
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


async def reply(
    database: Database,
    pack: Pack,
    alert_id: int,
    staff_id: int,
    text: str,
    now: datetime,
    *,
    confirmed: bool = False,
    check: FindForbidden = find_forbidden,
    count_segments: Callable[[str], int] | None = None,
) -> int:
    """Send the owner's own words to the person; the outbox id. From here the bot is silent for a while.

    Words that must never be sent (DOMAIN §5.3), and texts to a person who opted out, go only when `confirmed`.
    """
    text = text.strip()
    async with _handling(database, alert_id, staff_id, now) as case:
        await case.must_be_mine()
        if not text:
            raise AlertRuleError("Write something first.")
        if len(text) > LONGEST_REPLY:
            raise AlertRuleError(f"Too long: {len(text)} characters, at most {LONGEST_REPLY} are sent in one go.")
        c = tables.contact
        found = sa.select(c.c.channel_id, c.c.language, c.c.opted_out_at).where(c.c.id == case.alert["contact_id"])
        contact = (await case.connection.execute(found)).one()
        words = check(pack, text, contact.language)
        if words and not confirmed:
            raise AlertRuleError(f"These words can give the person away: {', '.join(words)}. Send all the same?")
        if contact.opted_out_at is not None and not confirmed:
            raise AlertRuleError("This person asked for no more messages: call instead. Send all the same?")
        message_id = database.new_id()
        row = outgoing_row(
            message_id=message_id,
            purpose="staff_reply",
            channel_id=contact.channel_id,
            now=now,
            text=text,
            contact_id=case.alert["contact_id"],
            staff_id=staff_id,
            alert_id=alert_id,
            segments=count_segments(text) if count_segments else None,
        )
        await database.insert_rows(case.connection, tables.outbox, [row])
        await case.connection.execute(
            sa.update(c).where(c.c.id == case.alert["contact_id"]).values(held_until=now + HOLD)
        )
        due = rules.after_attempt(case.level, False, now, case.hours)
        await case.change(due_at=max(due, case.alert["due_at"] or due))
        await case.enter("replied", {"outbox_id": message_id, "confirmed_words": len(words)})
        signal(case.connection, "outbox")
        return message_id


async def log_attempt(database: Database, alert_id: int, staff_id: int, result: str, note: str, now: datetime) -> None:
    """One attempt to reach the person and how it went (`CONTACT_RESULTS`). It keeps the alert off the ladder."""
    async with _handling(database, alert_id, staff_id, now) as case:
        await case.must_be_mine(or_supervising=True)
        found = CONTACT_RESULTS.get(result)
        if found is None:
            raise AlertRuleError(f"There is no contact result called {result[:32]}.")
        if case.alert["state"] == "taken":
            due = rules.after_attempt(case.level, found.has_reached, now, case.hours)
            await case.change(due_at=due)
        data = {"result": result, "reached": found.has_reached, "visit": found.is_visit}
        if found.follow_up:
            await _add_follow_up(case, found.follow_up, now)
        await case.enter("attempt", data, note)


async def add_note(database: Database, alert_id: int, staff_id: int, note: str, now: datetime) -> None:
    """A note by anyone who may see the alert, at any time, also after its end."""
    if not note.strip():
        raise AlertRuleError("Write something first.")
    async with _handling(database, alert_id, staff_id, now) as case:
        await case.enter("note", {}, note.strip())


async def set_level(
    database: Database, alert_id: int, staff_id: int, level: Level | int, reason: str, now: datetime
) -> None:
    """A human's judgement of the level, up or down, with its reason. What the machine said is kept beside it."""
    async with _handling(database, alert_id, staff_id, now) as case:
        await case.must_be_mine(or_supervising=True)
        new = Level(level)
        if new == Level.NONE:
            raise AlertRuleError("An alert that was none is closed with an outcome, not lowered to nothing.")
        if new == case.level:
            raise AlertRuleError(f"Alert {case.alert['code']} has this level already.")
        if not reason.strip():
            raise AlertRuleError("Say why the level changes.")
        target = rules.target_at(new, case.alert["opened_at"], case.hours)
        if new > case.level:
            target = min(case.alert["target_at"], rules.target_at(new, now, case.hours))
        due = (
            rules.may_rest_until(new, now, target, case.hours)
            if case.alert["state"] == "taken"
            else rules.climbs_at(new, now, case.hours)
        )
        await case.change(level=int(new), target_at=target, due_at=due)
        data = {"from": int(case.level), "to": int(new), "machine_level": case.alert["machine_level"]}
        await _judge(case, new)
        await case.enter("level_set", data, reason.strip())


async def _judge(case: _Case, level: Level) -> None:
    """The pair of machine's and human's level is the only accuracy data the service will ever have (DOMAIN §2.4)."""
    x = tables.assessment
    await case.connection.execute(
        sa.update(x)
        .where(x.c.alert_id == case.alert["id"])
        .values(judged_level=int(level), judged_route=case.alert["route"], judged_by=case.actor["id"])
    )


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
) -> None:
    """End the alert with an outcome, if the rules allow it (DOMAIN §2.4), and leave the tasks that follow from it."""
    async with _handling(database, alert_id, staff_id, now) as case:
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
        await case.change(state="closed", outcome=outcome, closed_at=now, due_at=None)
        await _let_go(case, stops=OUTCOMES[outcome].stops_messages)
        await _leave_tasks(case, outcome, follow_up_at)
        if outcome == "FALSE_ALARM_MISREAD":
            await _judge(case, Level.NONE)
        data = {"outcome": outcome, "level": int(case.level), "machine_level": case.alert["machine_level"]}
        more = {"duplicate_of": other} if other is not None else {}
        consent = {"consent": True} if has_consent else {}
        await case.enter("closed", data | more | consent, note.strip())


async def _attempts(case: _Case) -> dict[str, Any]:
    e = tables.alert_event
    found = sa.select(e.c.data).where(e.c.alert_id == case.alert["id"], e.c.kind == "attempt")
    attempts = (await case.connection.execute(found)).scalars().all()
    return {
        "attempts": len(attempts),
        "has_reached_attempt": any(a["reached"] for a in attempts),
        "has_refused": any(a["result"] == "REFUSED" for a in attempts),
        "has_field_visit": any(a["visit"] for a in attempts),
    }


async def _other_alert(case: _Case, code: str) -> int | None:
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


async def _let_go(case: _Case, *, stops: bool) -> None:
    """The bot may speak again; or, after a death, nothing may be sent any more."""
    c, b, o = tables.contact, tables.beneficiary, tables.outbox
    contact_id = case.alert["contact_id"]
    a = tables.alert
    other = sa.exists().where(a.c.contact_id == contact_id, a.c.id != case.alert["id"], a.c.state != "closed")
    # Whoever has the person's other alert may be in the middle of talking with them.
    await case.connection.execute(sa.update(c).where(c.c.id == contact_id, ~other).values(held_until=None))
    if not stops:
        return
    await case.connection.execute(
        sa.update(c).where(c.c.id == contact_id).values(opted_out_at=case.now, opted_out_by="staff")
    )
    await case.connection.execute(
        sa.update(o)
        .where(o.c.contact_id == contact_id, o.c.state == "queued")
        .values(state="withheld", detail="the person has died", settled_at=case.now)
    )
    if case.alert["beneficiary_id"] is not None:
        await case.connection.execute(sa.update(b).where(b.c.id == case.alert["beneficiary_id"]).values(state="died"))


async def _leave_tasks(case: _Case, outcome: str, follow_up_at: datetime | None) -> None:
    found = OUTCOMES[outcome]
    if found.stops_messages:
        return
    if found.follow_up:
        due = case.hours.days_after(case.now, found.follow_up_days)
        await _add_follow_up(case, found.follow_up, follow_up_at or due)
    elif follow_up_at is not None:
        await _add_follow_up(case, "next_contact", follow_up_at)
    if case.level >= Level.ELEVATED and not outcome.startswith(("FALSE_ALARM", "DUPLICATE", "TEST")):
        await _add_follow_up(case, "after_alert", case.now + timedelta(days=7))


async def _add_follow_up(case: _Case, kind: str, due_at: datetime) -> None:
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
