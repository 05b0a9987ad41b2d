"""Alerts: opened or joined in the transaction of the message that caused them. (Their later life: ladder, handling.)"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from cases import rota, rules
from cases.duty import Duty, gather_duty, gather_needs
from cases.handling import (
    add_note,
    ask_to_close,
    close,
    judge_message,
    log_attempt,
    mark_step,
    open_text,
    pass_on,
    refuse_to_close,
    release,
    reply,
    say_whom_about,
    set_level,
    take,
)
from cases.ladder import climb_due
from cases.rules import AlertRuleError
from cases.telling import Notice, event_row, tell
from content.schema import Level, Route
from store import tables
from store.database import Database, signal

_OWNER_TOLD_EVERY = timedelta(minutes=2)
_ROUNDS = 5
# (contact, is it a report about staff): a person has at most one unclosed alert of each, and they never touch. Those
# who look after the person may be those the report is about.
Key = tuple[int, bool]


@dataclass(frozen=True, slots=True)
class Danger:
    """One signal that a human must act on. `reasons` are {"code", "detail", "data"?}, never the message itself."""

    contact_id: int
    beneficiary_id: int | None
    site_id: int
    channel_id: int
    level: Level
    route: Route
    reasons: list[dict[str, Any]]
    inbox_id: int | None
    at: datetime
    is_drill: bool = False

    @property
    def is_silent(self) -> bool:
        """Told by the duress word: whoever forces the person must notice nothing."""
        return any(reason.get("code") == "duress" for reason in self.reasons)

    @property
    def key(self) -> Key:
        return self.contact_id, self.route == "misconduct"

    def as_data(self, **more: Any) -> dict[str, Any]:
        return {
            "level": int(self.level),
            "route": self.route,
            "reasons": self.reasons,
            "inbox_id": self.inbox_id,
            "received_at": tables.to_ms(self.at),
            **more,
        }


@dataclass(slots=True)
class _Written:
    """What a batch comes to: rows to write and staff to tell; and what the people in it need of them."""

    needs: dict[int, rota.Need] = field(default_factory=dict)
    alert_ids: dict[Key, int] = field(default_factory=dict)
    updates: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)


async def open_or_join(
    database: Database,
    connection: AsyncConnection,
    dangers: Sequence[Danger],
    now: datetime,
    *,
    base_url: str = "",
) -> dict[Key, int]:
    """Open an alert for each contact in danger, or join the one that is not closed: (contact, is a report) → alert.

    In the caller's transaction. Machines raise and never lower. Staff on call are told at once, without the text.
    """
    if not dangers:
        return {}
    by_key: defaultdict[Key, list[Danger]] = defaultdict(list)
    for danger in dangers:
        by_key[danger.key].append(danger)
    duty = await gather_duty(connection, {danger.site_id for danger in dangers})
    written = _Written(needs=await gather_needs(connection, {danger.contact_id for danger in dangers}))
    waiting = dict(by_key)
    for _ in range(_ROUNDS):
        # A second process may open an alert for the same contact between our look and our insert: then we look again.
        await _join(database, connection, duty, waiting, written, now)
        waiting = {key: ds for key, ds in waiting.items() if key not in written.alert_ids}
        if not waiting:
            break
        await _open(database, connection, duty, waiting, written, now)
        waiting = {key: ds for key, ds in waiting.items() if key not in written.alert_ids}
        if not waiting:
            break
    else:
        raise RuntimeError(f"no alert could be opened for contacts {sorted({contact for contact, _ in waiting})}")
    told = await tell(database, connection, duty, written.notices, now, base_url)
    await database.insert_rows(connection, tables.alert_event, written.events + told)
    signal(connection, "alerts")
    return written.alert_ids


async def _open(
    database: Database,
    connection: AsyncConnection,
    duty: Duty,
    waiting: dict[Key, list[Danger]],
    written: _Written,
    now: datetime,
) -> None:
    codes = await _fresh_codes(connection, len(waiting))
    rows = {
        key: _new_alert(database.new_id(), code, dangers, duty, written.needs.get(key[0]), now)
        for code, (key, dangers) in zip(codes, waiting.items(), strict=True)
    }
    statement = (
        database.insert(tables.alert)
        .values(list(rows.values()))
        .on_conflict_do_nothing()
        .returning(tables.alert.c.contact_id, tables.alert.c.is_report)
    )
    for contact_id, is_report in (await connection.execute(statement)).all():
        key = (contact_id, bool(is_report))
        row, dangers = rows[key], waiting[key]
        written.alert_ids[key] = row["id"]
        written.events.append(event_row(row["id"], now, "opened", dangers[0].as_data()))
        written.events += [event_row(row["id"], now, "joined", d.as_data()) for d in dangers[1:]]
        need = written.needs.get(contact_id)
        step = duty.first_step(Level(row["level"]), row["route"], row["site_id"], need, now)
        suits = rota.suiting(need, Level(row["level"]))
        written.notices.append(_notice(row, dangers[-1].channel_id, step.tell, row["due_at"], need=suits))


def _new_alert(
    alert_id: int, code: str, dangers: Sequence[Danger], duty: Duty, need: rota.Need | None, now: datetime
) -> dict[str, Any]:
    first = dangers[0]
    joined = rules.Joined(first.level, first.route, is_raised=False)
    for danger in dangers[1:]:
        joined = rules.join(joined.level, joined.route, danger.level, danger.route)
    site = duty.sites[first.site_id]
    step = duty.first_step(joined.level, joined.route, first.site_id, need, now)
    return {
        "id": alert_id,
        "code": code,
        "contact_id": first.contact_id,
        "beneficiary_id": first.beneficiary_id,
        "site_id": first.site_id,
        "level": int(joined.level),
        "route": joined.route,
        "machine_level": int(joined.level),
        "state": "open",
        "rung": step.rung,
        "owner_id": None,
        "opened_at": now,
        "target_at": rules.target_at(joined.level, now, site.hours, site.paces),
        "due_at": step.due_at,
        "messages": len(dangers),
        "is_report": first.key[1],
        "is_silent": any(danger.is_silent for danger in dangers),
        "is_drill": first.is_drill,
    }


async def _fresh_codes(connection: AsyncConnection, count: int) -> list[str]:
    codes: set[str] = set()
    while len(codes) < count:
        drawn = {rules.new_code() for _ in range(count - len(codes))} - codes
        taken = await connection.execute(sa.select(tables.alert.c.code).where(tables.alert.c.code.in_(drawn)))
        codes |= drawn - set(taken.scalars())
    return list(codes)


async def _join(
    database: Database,
    connection: AsyncConnection,
    duty: Duty,
    waiting: dict[Key, list[Danger]],
    written: _Written,
    now: datetime,
) -> None:
    alerts = await _unclosed(database, connection, waiting)
    if not alerts:
        return
    await _add_sites(connection, duty, {row["site_id"] for row in alerts})
    told_lately = await _told_lately(connection, [a["id"] for a in alerts if a["owner_id"] is not None], now)
    updates = [_joined(row, waiting[_key(row)], duty, written, told_lately, now) for row in alerts]
    a = tables.alert
    await connection.execute(
        sa.update(a)
        .where(a.c.id == sa.bindparam("alert_id"))
        .values(
            level=sa.bindparam("new_level"),
            route=sa.bindparam("new_route"),
            machine_level=sa.bindparam("new_machine_level"),
            target_at=sa.bindparam("new_target_at"),
            due_at=sa.bindparam("new_due_at"),
            state=sa.bindparam("new_state"),
            owner_id=sa.bindparam("new_owner_id"),
            taken_at=sa.bindparam("new_taken_at"),
            rung=sa.bindparam("new_rung"),
            is_silent=sa.bindparam("new_is_silent"),
            messages=a.c.messages + sa.bindparam("more"),
        ),
        updates,
    )


def _joined(
    row: dict[str, Any],
    dangers: Sequence[Danger],
    duty: Duty,
    written: _Written,
    told_lately: Collection[int],
    now: datetime,
) -> dict[str, Any]:
    """Fold the dangers into the alert `row` (which is updated in place); the parameters of its UPDATE."""
    site = duty.sites[row["site_id"]]
    written.alert_ids[_key(row)] = row["id"]
    raised = False
    for danger in dangers:
        joined = rules.join(Level(row["level"]), row["route"], danger.level, danger.route)
        row["level"], row["route"] = int(joined.level), joined.route
        row["machine_level"] = max(row["machine_level"], int(danger.level))
        raised = raised or joined.is_raised
        kind = "raised" if joined.is_raised else "joined"
        written.events.append(event_row(row["id"], now, kind, danger.as_data()))
    if row["route"] == "misconduct" and row["owner_id"] not in {None, *rota.focal_points(duty.members)}:
        # Its owner is no focal point any more and may not see it: it must be free for one who is.
        written.events.append(event_row(row["id"], now, "returned", {"from": row["owner_id"]}))
        row["state"], row["owner_id"], row["taken_at"], raised = "open", None, None, True
    if raised:
        if row["state"] == "open" and row["rung"] == rules.CASEWORKER_RUNG:
            # It was the caseworker's alone until now.
            row["rung"] = next(iter(duty.rungs(row["site_id"], row["route"], now)), rules.CASEWORKER_RUNG)
        row["target_at"] = min(row["target_at"], rules.target_at(Level(row["level"]), now, site.hours, site.paces))
        due = rules.climbs_at(Level(row["level"]), now, site.hours, site.paces)
        if row["state"] == "taken":
            due = rules.may_rest_until(Level(row["level"]), now, row["target_at"], site.hours, site.paces)
        row["due_at"] = min(row["due_at"] or due, due)
    _tell_of_join(row, dangers[-1].channel_id, raised, row["id"] in told_lately, written)
    return {
        "alert_id": row["id"],
        "new_level": row["level"],
        "new_route": row["route"],
        "new_machine_level": row["machine_level"],
        "new_target_at": row["target_at"],
        "new_due_at": row["due_at"],
        "new_state": row["state"],
        "new_owner_id": row["owner_id"],
        "new_taken_at": row["taken_at"],
        "new_rung": row["rung"],
        "new_is_silent": bool(row["is_silent"]) or any(danger.is_silent for danger in dangers),
        "more": len(dangers),
    }


def _tell_of_join(row: dict[str, Any], channel_id: int, raised: bool, told_lately: bool, written: _Written) -> None:
    """A raise is told again at once. Without one the owner hears of new messages, but not of each in a flood."""
    if row["state"] == "taken":
        if raised or not told_lately:
            whom: set[rules.Told] = {"owner"}
            if raised and row["level"] == Level.IMMINENT:
                whom.add("supervisors")
            written.notices.append(_notice(row, channel_id, frozenset(whom), row["due_at"], is_joined=True))
    elif raised:
        whom_at_once = rules.pace_of(Level(row["level"])).at_once
        written.notices.append(_notice(row, channel_id, whom_at_once, row["due_at"]))


async def _unclosed(database: Database, connection: AsyncConnection, keys: Collection[Key]) -> list[dict[str, Any]]:
    a = tables.alert
    chosen = sa.or_(
        *(
            sa.and_(a.c.is_report.is_(is_report), a.c.contact_id.in_(contacts))
            for is_report in (False, True)
            if (contacts := [contact for contact, report in keys if report == is_report])
        )
    )
    statement = sa.select(a).where(chosen, a.c.state != "closed").order_by(a.c.id)
    if database.kind == "postgresql":
        statement = statement.with_for_update()
    return [dict(row) for row in (await connection.execute(statement)).mappings()]


async def _add_sites(connection: AsyncConnection, duty: Duty, site_ids: Collection[int]) -> None:
    """An alert stays with the site it was opened at, even if its person has moved to another since."""
    missing = set(site_ids) - set(duty.sites)
    if missing:
        more = await gather_duty(connection, missing)
        duty.sites.update(more.sites)
        duty.entries.extend(more.entries)


async def _told_lately(connection: AsyncConnection, alert_ids: Sequence[int], now: datetime) -> set[int]:
    if not alert_ids:
        return set()
    e = tables.alert_event
    statement = sa.select(e.c.alert_id).where(
        e.c.alert_id.in_(alert_ids), e.c.kind == "owner_told", e.c.at > now - _OWNER_TOLD_EVERY
    )
    return set((await connection.execute(statement)).scalars())


def _key(row: dict[str, Any]) -> Key:
    return row["contact_id"], bool(row["is_report"])


def _notice(
    row: dict[str, Any],
    channel_id: int,
    whom: frozenset[rules.Told],
    by: datetime,
    *,
    is_joined: bool = False,
    need: rota.Need | None = None,
) -> Notice:
    return Notice(
        alert_id=row["id"],
        code=row["code"],
        level=Level(row["level"]),
        route=row["route"],
        site_id=row["site_id"],
        channel_id=channel_id,
        contact_id=row["contact_id"],
        rung=row["rung"],
        owner_id=row["owner_id"],
        tell=whom,
        by=by,
        is_joined=is_joined,
        need=need,
        about_id=row.get("about_id"),
        is_drill=bool(row["is_drill"]),
    )


__all__ = [
    "AlertRuleError",
    "Danger",
    "Key",
    "add_note",
    "ask_to_close",
    "climb_due",
    "close",
    "judge_message",
    "log_attempt",
    "mark_step",
    "open_or_join",
    "open_text",
    "pass_on",
    "refuse_to_close",
    "release",
    "reply",
    "say_whom_about",
    "set_level",
    "take",
]
