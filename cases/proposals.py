"""Phrases that staff propose for the word lists, from a message that was misread. None is active by itself."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from cases import audit
from cases.handling.frame import handling
from cases.handling.judging import must_fit
from cases.rules import AlertRuleError
from content.patterns import is_pattern
from content.schema import Level, Pack
from content.sentence import Sentence
from store import tables
from store.database import Database

LONGEST = 60  # characters: a phrase, not the message
STATES = ("waiting", "taken", "declined")
_LETTERS = re.compile(r"[^\W\d_]{2}")
_NUMBER = re.compile(r"\d\D{0,2}\d\D{0,2}\d\D{0,2}\d")


def refusal(phrase: str, language: str, pack: Pack) -> Sentence | None:
    """Why this cannot be proposed, as a sentence; None if it can. Whole messages, numbers and names must not travel."""
    if language not in pack.languages:
        return Sentence("Choose the language of the phrase.")
    if not _LETTERS.search(phrase):
        return Sentence("Write the words that were misread.")
    if len(phrase) > LONGEST:
        return Sentence("Write only the words that matter, at most %(most)s characters.", most=LONGEST)
    if _NUMBER.search(phrase) or "@" in phrase:
        return Sentence("Leave numbers and addresses out: the phrase is read by people who do not know this person.")
    if is_pattern(phrase):
        return Sentence("Write the words as people write them, without brackets.")
    return None


async def propose(
    database: Database,
    pack: Pack,
    alert_id: int,
    staff_id: int,
    phrase: str,
    language: str,
    level: Level,
    route: str,
    now: datetime,
) -> int:
    """Keep a phrase for whoever owns the content: for a danger list, or (level none) for the harmless ones."""
    phrase = " ".join(phrase.split())
    refused = refusal(phrase, language, pack)
    if refused is not None:
        raise AlertRuleError(refused)
    must_fit(level, route)
    proposal_id = database.new_id()
    async with handling(database, alert_id, staff_id, now) as case:
        if case.alert["is_report"]:
            raise AlertRuleError("Nothing of a report about staff leaves it: write to whoever owns the content.")
        row = {
            "id": proposal_id,
            "alert_id": alert_id,
            "kind": "harmless" if level is Level.NONE else "signal",
            "language": language,
            "phrase": phrase,
            "level": int(level),
            "route": route,
            "pack": pack.version,
            "state": "waiting",
            "proposed_at": now,
            "proposed_by": staff_id,
        }
        await case.connection.execute(sa.insert(tables.proposal), [row])
        await case.enter("proposed", {"proposal": proposal_id})
    return proposal_id


async def list_proposals(database: Database, state: str, now: datetime) -> list[dict[str, Any]]:
    """Oldest first, without who they came from. That they were read is in the trail."""
    p = tables.proposal
    found = (
        sa.select(p.c.id, p.c.language, p.c.kind, p.c.level, p.c.route, p.c.phrase, p.c.state, p.c.pack)
        .add_columns(p.c.proposed_at)
        .where(p.c.state == state)
        .order_by(p.c.proposed_at, p.c.id)
    )
    async with database.write() as connection:
        rows = [dict(row) for row in (await connection.execute(found)).mappings()]
        if rows:
            data = {"state": state, "count": len(rows)}
            await audit.record(connection, database, None, "proposals.read", "proposals", data, now)
    return [{**row, "level": Level(row["level"]).word} for row in rows]


async def settle(database: Database, ids: Sequence[int], state: str, now: datetime) -> int:
    """Mark waiting proposals as taken into the lists, or as declined. How many of them were waiting."""
    p = tables.proposal
    async with database.write() as connection:
        changed = await connection.execute(
            sa.update(p).where(p.c.id.in_(ids), p.c.state == "waiting").values(state=state, settled_at=now)
        )
        if changed.rowcount:
            data = {"ids": sorted(ids), "state": state}
            await audit.record(connection, database, None, "proposals.settled", "proposals", data, now)
    return int(changed.rowcount)
