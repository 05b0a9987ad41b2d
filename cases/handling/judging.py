"""Judging how a message was read. The pair of the machine's level and a human's is all that accuracy is measured by."""

from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from cases.handling.frame import Case, handling
from cases.rules import AlertRuleError
from content.schema import ROUTES, Level
from store import tables
from store.database import Database


async def judge_message(
    database: Database, alert_id: int, staff_id: int, inbox_id: int, level: Level, route: str, now: datetime
) -> None:
    """What one message of the alert really meant, as somebody who has read it sees it; also after the alert is closed.

    The alert itself stays as it is. A judgement of the message stands above whatever becomes of its alert.
    """
    must_fit(level, route)
    x = tables.assessment
    async with handling(database, alert_id, staff_id, now) as case:
        changed = await case.connection.execute(
            sa.update(x)
            .where(x.c.alert_id == alert_id, x.c.inbox_id == inbox_id)
            .values(**judgement(level, route, staff_id, now), judged_how="message")
        )
        if not changed.rowcount:
            raise AlertRuleError("This message is not one of this alert's.")
        # The trail is read by more people than a report about staff.
        data = {} if case.alert["is_report"] else {"inbox_id": inbox_id, "level": int(level), "route": route}
        await case.enter("judged", data)


def must_fit(level: Level, route: str) -> None:
    """Raises AlertRuleError for a level without what it is about, or the other way round."""
    if route not in ROUTES:
        raise AlertRuleError("Choose what the message is about.")
    if (level is Level.NONE) != (route == "none"):
        raise AlertRuleError("Say what the message is about, or that it is nothing.")


def judgement(level: Level, route: str, staff_id: int, now: datetime) -> dict[str, object]:
    return {"judged_level": int(level), "judged_route": route, "judged_by": staff_id, "judged_at": now}


async def imply(case: Case, level: Level, how: Literal["alert", "outcome"]) -> None:
    """What becomes of an alert says something of its messages, unless somebody judged them one by one.

    A level below the machine's corrects every message above it; the same or a higher one speaks of the gravest only.
    """
    x, s = tables.assessment, tables.sample
    machine = Level(case.alert["machine_level"])
    spoken_of = x.c.level > int(level) if level < machine else x.c.level == int(machine)
    route = "none" if level is Level.NONE else case.alert["route"]
    values = judgement(level, route, case.actor["id"], case.now)
    await case.connection.execute(
        sa.update(x)
        .where(
            x.c.alert_id == case.alert["id"], spoken_of, sa.or_(x.c.judged_how.is_(None), x.c.judged_how != "message")
        )
        .values(**values, judged_how=how)
    )
    # Whoever spoke with the person knows more than whoever read one message in a sample.
    await case.connection.execute(sa.update(s).where(s.c.alert_id == case.alert["id"]).values(**values))
