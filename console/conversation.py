"""The conversation with one contact as staff read it: both directions, who said what, and whether it arrived."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from console import words
from console.context import Viewer
from console.language import _
from console.permissions import sees_answer, sees_message
from store import tables

MOST = 60


@dataclass(frozen=True, slots=True)
class Line:
    """One message. `who` is empty for the person; `hidden` says why there is no text."""

    at: datetime
    who: str
    text: str
    is_them: bool = False
    is_automatic: bool = False
    level: int = 0
    media: int = 0
    is_call: bool = False
    state: str = ""
    has_failed: bool = False


async def conversation(connection: AsyncConnection, viewer: Viewer, contact_id: int) -> list[Line]:
    """Oldest first, the newest `MOST` of it. The caller has checked that the viewer may read this person's texts."""
    lines = await _incoming(connection, viewer, contact_id)
    lines += await _outgoing(connection, viewer, contact_id)
    return sorted(lines, key=lambda line: line.at)[-MOST:]


async def _incoming(connection: AsyncConnection, viewer: Viewer, contact_id: int) -> list[Line]:
    m = tables.inbox
    statement = (
        sa.select(m.c.text, m.c.media, m.c.is_call, m.c.received_at, m.c.level)
        .where(m.c.contact_id == contact_id, sees_message(viewer, m.c.id))
        .order_by(m.c.received_at.desc(), m.c.id.desc())
        .limit(MOST)
    )
    return [
        Line(
            at=row.received_at,
            who="",
            text=row.text,
            is_them=True,
            level=row.level,
            media=row.media,
            is_call=row.is_call,
        )
        for row in await connection.execute(statement)
    ]


async def _outgoing(connection: AsyncConnection, viewer: Viewer, contact_id: int) -> list[Line]:
    o, staff = tables.outbox, tables.staff
    statement = (
        sa.select(
            o.c.key,
            o.c.text,
            o.c.created_at,
            o.c.due_at,
            o.c.sent_at,
            o.c.state,
            o.c.purpose,
            staff.c.name.label("staff"),
        )
        .outerjoin(staff, staff.c.id == o.c.staff_id)
        .where(o.c.contact_id == contact_id, sees_answer(viewer))
        .order_by(o.c.created_at.desc(), o.c.id.desc())
        .limit(MOST)
    )
    rows = (await connection.execute(statement)).all()
    hidden = await _hidden_answers(connection, viewer, [row.key for row in rows])
    return [_line(row) for row in rows if row.key not in hidden]


async def _hidden_answers(connection: AsyncConnection, viewer: Viewer, keys: Sequence[str]) -> set[str]:
    """The automatic answer to a report about staff would give the report away (keys are "r/<inbox id>/<n>")."""
    by_message: dict[int, set[str]] = {}
    for key in keys:
        parts = key.split("/")
        if parts[0] == "r" and len(parts) == 3 and parts[1].isdigit():
            by_message.setdefault(int(parts[1]), set()).add(key)
    if not by_message:
        return set()
    m = tables.inbox
    statement = sa.select(m.c.id).where(m.c.id.in_(list(by_message)), ~sees_message(viewer, m.c.id))
    return {key for found in (await connection.execute(statement)).scalars() for key in by_message[found]}


def _line(row: Any) -> Line:
    who = row.staff if row.purpose == "staff_reply" and row.staff else words.label(words.PURPOSES, row.purpose)
    return Line(
        # What waits stands where it will leave: a check-in is planned a day and a half ahead.
        at=row.sent_at or (row.due_at if row.state == "queued" else row.created_at),
        who=who,
        text=row.text or _("(The question is written when it leaves.)"),
        is_automatic=row.purpose != "staff_reply",
        state=words.label(words.DELIVERY, row.state),
        has_failed=row.state in {"failed", "expired", "withheld"},
    )
