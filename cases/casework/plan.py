"""The reintegration plan: goals by area of life, and how each area stands as staff saw or confirmed it."""

from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from cases.casework.frame import a_note, working_on
from cases.casework.rules import GOAL_STATES, SOURCES, STANDINGS, CaseError
from content.schema import DOMAINS
from content.sentence import Sentence
from store import tables
from store.database import Database

LONGEST_GOAL = 300
_FURTHEST = timedelta(days=3660)


async def add_goal(
    database: Database,
    beneficiary_id: int,
    staff_id: int,
    domain: str,
    text: str,
    due_on: date | None,
    now: datetime,
    *,
    within: AsyncConnection | None = None,
) -> int:
    """A goal the person agreed to, in one area of life; its id."""
    async with working_on(database, beneficiary_id, staff_id, now, within=within) as case:
        case.must_be_alive()
        if domain not in DOMAINS:
            raise CaseError("Choose an area of life.")
        text = a_note(text, "Write what is to be reached.")
        if len(text) > LONGEST_GOAL:
            raise CaseError(Sentence("Too long: at most %(most)s characters.", most=LONGEST_GOAL))
        if due_on is not None and not case.today <= due_on <= case.today + _FURTHEST:
            raise CaseError("The day by which it is to be reached lies ahead, within ten years.")
        goal_id = database.new_id()
        row = {
            "id": goal_id,
            "beneficiary_id": case.id,
            "domain": domain,
            "text": text,
            "state": "open",
            "set_at": now,
            "set_by": staff_id,
            "due_on": due_on,
            "ended_at": None,
        }
        await case.connection.execute(sa.insert(tables.goal), [row])
        await case.enter("goal", {"goal_id": goal_id, "domain": domain, "state": "open"})
        return goal_id


async def end_goal(
    database: Database,
    beneficiary_id: int,
    goal_id: int,
    staff_id: int,
    state: str,
    note: str,
    now: datetime,
    *,
    within: AsyncConnection | None = None,
) -> None:
    """Reached, dropped, or open again: people's lives go both ways."""
    async with working_on(database, beneficiary_id, staff_id, now, within=within) as case:
        g = tables.goal
        found = sa.select(g.c.domain, g.c.state).where(g.c.id == goal_id, g.c.beneficiary_id == case.id)
        goal = (await case.connection.execute(found)).first()
        if goal is None or state not in GOAL_STATES:
            raise CaseError("There is no such goal in this person’s plan.")
        if goal.state == state:
            return
        ended_at = None if state == "open" else now
        await case.connection.execute(sa.update(g).where(g.c.id == goal_id).values(state=state, ended_at=ended_at))
        data = {"goal_id": goal_id, "domain": goal.domain, "state": state, "from": goal.state}
        await case.enter("goal", data, a_note(note))


async def add_finding(
    database: Database,
    beneficiary_id: int,
    staff_id: int,
    domain: str,
    value: int,
    source: str,
    note: str,
    now: datetime,
    *,
    within: AsyncConnection | None = None,
) -> None:
    """How one area stands (1 well, 2 so-so, 3 badly), and how that is known."""
    async with working_on(database, beneficiary_id, staff_id, now, within=within) as case:
        if domain not in DOMAINS:
            raise CaseError("Choose an area of life.")
        if value not in STANDINGS or source not in SOURCES:
            raise CaseError("Say how it stands, and how you know.")
        row = {
            "id": database.new_id(),
            "beneficiary_id": case.id,
            "domain": domain,
            "value": value,
            "source": source,
            "at": now,
            "staff_id": staff_id,
            "note": a_note(note) or None,
        }
        # Findings are a journal of their own: they need no event beside them.
        await case.connection.execute(sa.insert(tables.finding), [row])
        await case.audit("case.finding", {"domain": domain, "value": value, "source": source})
