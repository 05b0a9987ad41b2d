"""Telling staff of an alert: who they are, the neutral words, and the outbox rows. Never a text, name or number."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from cases import notices, rota
from cases.duty import Duty, Site
from cases.rules import Told
from content.schema import Level
from store import tables
from store.database import Database, signal
from store.queue import outgoing_row

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Notice:
    """One telling to be done: which alert, and everything that decides who hears of it and in which words."""

    alert_id: int
    code: str
    level: Level
    route: str
    site_id: int
    channel_id: int
    contact_id: int
    rung: int
    owner_id: int | None
    tell: frozenset[Told]
    by: datetime
    is_joined: bool = False
    # Told of the first time only, while there is time to look for whoever suits the person best.
    need: rota.Need | None = None
    about_id: int | None = None
    is_drill: bool = False


def notice_text(notice: Notice, site: Site, language: str, base_url: str, now: datetime) -> str:
    """The words of one notice. The time is the site's own, with the day when it is not today."""
    local, today = site.hours.local(notice.by), site.hours.local(now)
    by = f"{local:%H:%M}" if local.date() == today.date() else f"{local:%d/%m %H:%M}"
    template = (notices.OWNER if notice.is_joined else notices.ALERT)[language]
    link = f"{base_url.rstrip('/')}/console/alerts/{notice.code}" if base_url else ""
    level = notices.LEVELS[language].get(notice.level, notice.level.name)
    text = template.format(code=notice.code, level=level, site=site.code, by=by, link=link).strip()
    return f"{notices.DRILL[language]} {text}" if notice.is_drill else text


async def tell(
    database: Database,
    connection: AsyncConnection,
    duty: Duty,
    due: Sequence[Notice],
    now: datetime,
    base_url: str,
) -> list[dict[str, Any]]:
    """Queue the SMS and e-mails of all notices; the alert events that record them are returned, to be inserted.

    An alert that nobody could be told of leaves an event, a task for whoever looks next, and an error in the log.
    """
    if not due:
        return []
    told = {
        notice.alert_id: rota.whom_to_tell(
            notice.tell,
            notice.rung,
            notice.owner_id,
            notice.route,
            notice.site_id,
            duty.entries,
            duty.members,
            now,
            notice.need,
            duty.sites[notice.site_id].fallback_id,
            notice.about_id,
        )
        for notice in due
    }
    addresses = await _addresses(connection, {staff_id for ids in told.values() for staff_id in ids})
    email = duty.email_id
    languages = {m.id: notices.language_of(m.languages) for m in duty.members}
    outgoing, events, unheard = [], [], []
    for notice in due:
        sent: list[int] = []
        for staff_id in told[notice.alert_id]:
            has_phone, has_email = addresses.get(staff_id, (False, False))
            through = [notice.channel_id] * has_phone + [email] * (has_email and email is not None)
            text = notice_text(notice, duty.sites[notice.site_id], languages[staff_id], base_url, now)
            outgoing += [
                outgoing_row(
                    message_id=database.new_id(),
                    purpose="staff_alert",
                    channel_id=channel_id,
                    now=now,
                    text=text,
                    staff_id=staff_id,
                    alert_id=notice.alert_id,
                )
                for channel_id in through
                if channel_id is not None
            ]
            sent += [staff_id] * bool(through)
        kind = "owner_told" if notice.is_joined else "told"
        if not sent:
            kind = "nobody_on_call"
            unheard.append(notice)
        elif notice.route == "misconduct" and not rota.has_focal_point(duty.members, notice.about_id):
            # The administrators know; that nobody may act on it yet is written down all the same.
            unheard.append(notice)
            nobody = {"staff": [], "rung": notice.rung, "without_address": []}
            events.append(event_row(notice.alert_id, now, "nobody_on_call", nobody))
        data = {"staff": sent, "rung": notice.rung, "without_address": sorted({*told[notice.alert_id]} - {*sent})}
        events.append(event_row(notice.alert_id, now, kind, data))
    await database.insert_rows(connection, tables.outbox, outgoing)
    if outgoing:
        signal(connection, "outbox")
    await _task_for_unheard(database, connection, unheard, now)
    return events


async def send_to_staff(
    database: Database,
    connection: AsyncConnection,
    staff_ids: Collection[int],
    words: Mapping[str, str],
    values: Mapping[str, str],
    channel_id: int | None,
    email_id: int | None,
    now: datetime,
) -> int:
    """Queue the same notice to several staff, each in their language, by SMS and e-mail; to how many it goes."""
    s = tables.staff
    columns = (s.c.id, s.c.languages, s.c.phone_index.is_not(None), s.c.email.is_not(None))
    rows, told = [], 0
    for staff_id, languages, has_phone, has_email in await connection.execute(
        sa.select(*columns).where(s.c.id.in_(staff_ids))
    ):
        language = notices.language_of(languages)
        text = words[language].format(**values).strip()
        through = [one for one, has in ((channel_id, has_phone), (email_id, has_email)) if has and one is not None]
        told += bool(through)
        rows += [
            outgoing_row(
                message_id=database.new_id(),
                purpose="staff_alert",
                channel_id=one,
                now=now,
                text=text,
                staff_id=staff_id,
            )
            for one in through
        ]
    await database.insert_rows(connection, tables.outbox, rows)
    if rows:
        signal(connection, "outbox")
    return told


async def _addresses(connection: AsyncConnection, staff_ids: Collection[int]) -> dict[int, tuple[bool, bool]]:
    if not staff_ids:
        return {}
    s = tables.staff
    found = await connection.execute(
        sa.select(s.c.id, s.c.phone_index.is_not(None), s.c.email.is_not(None)).where(s.c.id.in_(staff_ids))
    )
    return {row[0]: (bool(row[1]), bool(row[2])) for row in found}


async def _task_for_unheard(
    database: Database, connection: AsyncConnection, unheard: Iterable[Notice], now: datetime
) -> None:
    rows = [
        follow_up_row(
            database,
            f"nobody/{n.alert_id}",
            "nobody_on_call",
            now,
            now,
            alert_id=n.alert_id,
            # A report about staff is in no list of its site.
            site_id=None if n.route == "misconduct" else n.site_id,
        )
        for n in unheard
    ]
    for row in rows:
        log.error("alert_reached_nobody", alert_id=row["alert_id"], site_id=row["site_id"])
    await add_follow_ups(database, connection, rows)


def event_row(
    alert_id: int,
    at: datetime,
    kind: str,
    data: Mapping[str, Any],
    staff_id: int | None = None,
    note: str | None = None,
) -> dict[str, Any]:
    """One `alert_event` row, always with the same columns."""
    return {"alert_id": alert_id, "at": at, "kind": kind, "staff_id": staff_id, "data": dict(data), "note": note}


def follow_up_row(
    database: Database,
    key: str,
    kind: str,
    now: datetime,
    due_at: datetime,
    *,
    contact_id: int | None = None,
    beneficiary_id: int | None = None,
    alert_id: int | None = None,
    site_id: int | None = None,
    staff_id: int | None = None,
    note: str | None = None,
) -> dict[str, Any]:
    """One `follow_up` row, open. `key` names the task: a second one of the same key does nothing."""
    return {
        "id": database.new_id(),
        "key": key,
        "contact_id": contact_id,
        "beneficiary_id": beneficiary_id,
        "alert_id": alert_id,
        "site_id": site_id,
        "staff_id": staff_id,
        "kind": kind,
        "note": note,
        "state": "open",
        "created_at": now,
        "due_at": due_at,
    }


async def add_follow_ups(database: Database, connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        await connection.execute(database.insert(tables.follow_up).on_conflict_do_nothing(index_elements=["key"]), rows)
