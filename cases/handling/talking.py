"""Reaching the person: replies, attempts to reach them, and notes."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from cases import audit, rules
from cases.closing import CONTACT_RESULTS
from cases.handling.frame import Case, add_follow_up, handling
from cases.numbers import unverify
from cases.replying import Addressee, Assent, ReplyRefusedError, concerns, leaves_at
from cases.rules import AlertRuleError
from cases.telling import event_row
from content.check import find_forbidden_typed
from content.schema import Pack
from content.sentence import Sentence
from store import tables
from store.database import Database, signal
from store.queue import outgoing_row

HOLD = timedelta(hours=2)  # the bot is silent this long after a human wrote
LONGEST_REPLY = 480  # characters: three parts in Latin script
FindForbidden = Callable[[Pack, str, str], list[str]]
_NOTHING_SETTLED = Assent()
_SLOT = re.compile(r"\{\w*\}")  # {time} of a prepared reply, still to be filled in


async def reply(
    database: Database,
    pack: Pack,
    alert_id: int,
    staff_id: int,
    text: str,
    now: datetime,
    *,
    assent: Assent = _NOTHING_SETTLED,
    seen: int | None = None,
    check: FindForbidden = find_forbidden_typed,
    count_segments: Callable[[str], int] | None = None,
    within: AsyncConnection | None = None,
) -> int:
    """Send the owner's own words to the person; the outbox id. From here the bot is silent for a while.

    What could hurt the person (`cases.replying`) raises `ReplyRefusedError` until `assent` settles it. `seen` is
    the newest step of the alert that the sender had before their eyes: one of a colleague after it is read first.
    """
    text = text.strip()
    async with handling(database, alert_id, staff_id, now, within=within) as case:
        await _must_have_seen(case, seen)
        await case.must_be_mine()
        _must_be_sendable(text)
        c = tables.contact
        to, contact = await _addressee(case)
        words = check(pack, text, contact.language)
        unsettled = concerns(to, words, assent, now, is_silent=case.alert["is_silent"])
        if unsettled:
            raise ReplyRefusedError(unsettled)
        leaves = leaves_at(to, assent, now)
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
            due_at=leaves,
            segments=count_segments(text) if count_segments else None,
        )
        await database.insert_rows(case.connection, tables.outbox, [row])
        await case.connection.execute(
            sa.update(c).where(c.c.id == case.alert["contact_id"]).values(held_until=leaves + HOLD)
        )
        due = rules.after_attempt(case.level, False, now, case.hours, case.site.paces)
        await case.change(due_at=max(due, case.alert["due_at"] or due))
        data: dict[str, Any] = {
            "outbox_id": message_id,
            "confirmed_words": len(words),
            "agreed": assent.agreed,
        }
        if leaves > now:
            data["leaves_at"] = tables.to_ms(leaves)
        await case.enter("replied", data, assent.reason.strip())
        signal(case.connection, "outbox")
        return message_id


def _must_be_sendable(text: str) -> None:
    if not text:
        raise AlertRuleError("Write something first.")
    if len(text) > LONGEST_REPLY:
        raise AlertRuleError(
            Sentence(
                "Too long: %(count)s characters, at most %(most)s are sent in one go.",
                count=len(text),
                most=LONGEST_REPLY,
            )
        )
    slot = _SLOT.search(text)
    if slot is not None:
        raise AlertRuleError(Sentence("Put something in the place of %(slot)s first.", slot=slot[0]))


async def _addressee(case: Case) -> tuple[Addressee, Any]:
    """Who reads what is sent, and the contact it goes to."""
    b, c = tables.beneficiary, tables.contact
    found = (
        sa.select(
            c.c.channel_id,
            c.c.language,
            c.c.opted_out_at,
            c.c.unverified_since,
            b.c.phone_kind,
            b.c.safe_from,
            b.c.safe_until,
        )
        .select_from(c.outerjoin(b, b.c.id == case.alert["beneficiary_id"]))
        .where(c.c.id == case.alert["contact_id"])
    )
    row = (await case.connection.execute(found)).one()
    return Addressee(
        phone_kind=row.phone_kind or "",
        has_opted_out=row.opted_out_at is not None,
        is_unverified=row.unverified_since is not None,
        safe_from=row.safe_from,
        safe_until=row.safe_until,
        zone=case.hours.time_zone,
    ), row


_COLLEAGUES_STEPS: Mapping[str, Sentence] = {
    "taken": Sentence("%(name)s took this alert %(minutes)s min ago. Read it first."),
    "replied": Sentence("%(name)s answered %(minutes)s min ago. Read it first."),
    "attempt": Sentence("%(name)s tried to reach the person %(minutes)s min ago. Read it first."),
}


async def _must_have_seen(case: Case, seen: int | None) -> None:
    """Two people who answer one cry for help without knowing of each other can do harm."""
    if seen is None:
        return
    e = tables.alert_event
    found = (
        sa.select(e.c.kind, e.c.at, e.c.staff_id)
        .where(
            e.c.alert_id == case.alert["id"],
            e.c.id > seen,
            e.c.staff_id != case.actor["id"],
            e.c.kind.in_(list(_COLLEAGUES_STEPS)),
        )
        .order_by(e.c.id.desc())
        .limit(1)
    )
    step = (await case.connection.execute(found)).first()
    if step is not None:
        minutes = max(int((case.now - step.at).total_seconds()) // 60, 1)
        name = await case.name_of(step.staff_id)
        raise AlertRuleError(Sentence(_COLLEAGUES_STEPS[step.kind].pattern, name=name, minutes=minutes))


async def mark_step(
    database: Database, alert_id: int, staff_id: int, step: str, now: datetime, *, is_done: bool = True
) -> None:
    """A step of the protocol card done, or not done after all: the file shows what was tried. Twice is once."""
    async with handling(database, alert_id, staff_id, now) as case:
        await case.must_be_mine(or_supervising=True)
        e = tables.alert_event
        found = (
            sa.select(e.c.kind, e.c.data)
            .where(e.c.alert_id == alert_id, e.c.kind.in_(["step_done", "step_undone"]))
            .order_by(e.c.id)
        )
        marks = {row.data["step"]: row.kind == "step_done" for row in await case.connection.execute(found)}
        if marks.get(step, False) != is_done:
            await case.enter("step_done" if is_done else "step_undone", {"step": step, "route": case.alert["route"]})


async def open_text(database: Database, alert_id: int, staff_id: int, now: datetime) -> None:
    """A colleague who does not have the alert opens its conversation: the file and the trail say so."""
    async with handling(database, alert_id, staff_id, now) as case:
        event = event_row(alert_id, now, "text_opened", {}, staff_id)
        await case.connection.execute(sa.insert(tables.alert_event), [event])
        await audit.record(case.connection, database, staff_id, "text.opened", f"alert/{alert_id}", {}, now)


async def log_attempt(
    database: Database,
    alert_id: int,
    staff_id: int,
    result: str,
    note: str,
    now: datetime,
    *,
    within: AsyncConnection | None = None,
) -> None:
    """One attempt to reach the person and how it went (`CONTACT_RESULTS`). It keeps the alert off the ladder."""
    async with handling(database, alert_id, staff_id, now, within=within) as case:
        await case.must_be_mine(or_supervising=True)
        found = CONTACT_RESULTS.get(result)
        if found is None:
            raise AlertRuleError(Sentence("There is no contact result called %(name)s.", name=result[:32]))
        if case.alert["state"] == "taken":
            due = rules.after_attempt(case.level, found.has_reached, now, case.hours, case.site.paces)
            await case.change(due_at=due)
        data = {"result": result, "reached": found.has_reached, "visit": found.is_visit}
        if found.follow_up == "verify_number":
            await unverify(case.connection, case.alert["contact_id"], now)
        if found.follow_up:
            await add_follow_up(case, found.follow_up, now)
        await case.enter("attempt", data, note)


async def add_note(
    database: Database, alert_id: int, staff_id: int, note: str, now: datetime, *, within: AsyncConnection | None = None
) -> None:
    """A note by anyone who may see the alert, at any time, also after its end."""
    if not note.strip():
        raise AlertRuleError("Write something first.")
    async with handling(database, alert_id, staff_id, now, within=within) as case:
        await case.enter("note", {}, note.strip())
