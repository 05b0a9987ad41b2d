"""Reaching the person: replies, attempts to reach them, and notes."""

from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from cases import rules
from cases.closing import CONTACT_RESULTS
from cases.handling.frame import add_follow_up, handling
from cases.numbers import unverify
from cases.rules import AlertRuleError
from content.check import find_forbidden
from content.schema import Pack
from content.sentence import Sentence
from store import tables
from store.database import Database, signal
from store.queue import outgoing_row

HOLD = timedelta(hours=2)  # the bot is silent this long after a human wrote
LONGEST_REPLY = 480  # characters: three parts in Latin script
FindForbidden = Callable[[Pack, str, str], list[str]]


async def reply(
    database: Database,
    pack: Pack,
    alert_id: int,
    staff_id: int,
    text: str,
    now: datetime,
    *,
    confirmed: bool = False,
    is_agreed: bool = False,
    check: FindForbidden = find_forbidden,
    count_segments: Callable[[str], int] | None = None,
    within: AsyncConnection | None = None,
) -> int:
    """Send the owner's own words to the person; the outbox id. From here the bot is silent for a while.

    Words that must never be sent (DOMAIN §5.3), and texts to a person who opted out, go only when `confirmed`. To
    somebody who wrote under duress nothing goes, unless it `is_agreed` with them beforehand.
    """
    text = text.strip()
    async with handling(database, alert_id, staff_id, now, within=within) as case:
        await case.must_be_mine()
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
        if case.alert["is_silent"] and not is_agreed:
            raise AlertRuleError(
                "This person wrote under duress. Do not write or call, unless that was agreed with them beforehand."
            )
        c = tables.contact
        found = sa.select(c.c.channel_id, c.c.language, c.c.opted_out_at).where(c.c.id == case.alert["contact_id"])
        contact = (await case.connection.execute(found)).one()
        words = check(pack, text, contact.language)
        if words and not confirmed:
            raise AlertRuleError(
                Sentence("These words can give the person away: %(words)s. Send all the same?", words=", ".join(words))
            )
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
        due = rules.after_attempt(case.level, False, now, case.hours, case.site.paces)
        await case.change(due_at=max(due, case.alert["due_at"] or due))
        await case.enter("replied", {"outbox_id": message_id, "confirmed_words": len(words), "agreed": is_agreed})
        signal(case.connection, "outbox")
        return message_id


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
