"""Claiming: due rows of one channel become ours under a lease, at the pace the channel allows, in one transaction.

The first statement writes the channel's row. That is the write lock on SQLite and the row lock on PostgreSQL: claims
on one channel follow one another, and the rate holds across all processes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.checkin import Opening, open_checkin
from channels.segments import count
from content.schema import Pack
from scheduler.audience import CONSENTING, Audience
from scheduler.outbox import checks, pace
from scheduler.outbox.losses import Loss, lose
from scheduler.retry import OWN_OUTCOMES
from store import tables as t
from store.database import Database
from store.queue import PURPOSES, outgoing_row

log = structlog.get_logger()

_AFTER_WELCOME = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Claimed:
    """One message that is ours to send until `lease_until`. `leaves_in`: seconds after the claim's `now`."""

    id: int
    channel_id: int
    purpose: str
    recipient: str
    text: str
    tries: int  # this attempt's number
    not_after: datetime | None
    leaves_in: float
    lease_until: datetime
    contact_id: int | None
    staff_id: int | None
    session_id: int | None
    alert_id: int | None


@dataclass(slots=True)
class Batch:
    """What one claim came to. `wait`: seconds until the channel allows the next one."""

    messages: list[Claimed] = field(default_factory=list)
    rate: float = 1.0
    wait: float = 0.0
    settled: dict[str, int] = field(default_factory=dict)  # state → rows that do not leave

    @property
    def handled(self) -> int:
        return len(self.messages) + sum(self.settled.values())


def _due_ids() -> sa.Subquery:
    """Due ids in order of priority. One seek per priority: the index would otherwise be walked through every sleeping
    row of a million-person campaign."""
    o = t.outbox
    parts = [
        sa.select(o.c.id)
        .where(
            o.c.channel_id == sa.bindparam("channel"),
            o.c.state == sa.literal_column("'queued'"),
            o.c.priority == priority,
            sa.literal(priority) <= sa.bindparam("least_urgent", type_=sa.Integer()),
            o.c.due_at <= sa.bindparam("now", type_=t.Instant()),
        )
        .order_by(o.c.due_at)
        .limit(sa.bindparam("most", type_=sa.Integer()))
        .subquery()
        for priority in sorted({purpose.priority for purpose in PURPOSES.values()})
    ]
    together = sa.union_all(*(sa.select(part.c.id) for part in parts)).subquery()
    return sa.select(together.c.id).limit(sa.bindparam("most", type_=sa.Integer())).subquery()


_URGENT = PURPOSES["staff_reply"].priority
_LEAST_URGENT = max(purpose.priority for purpose in PURPOSES.values())
_OPEN = t.session.alias("open_session")
_WELCOME = t.outbox.alias("welcome")
# Whether the person has been told what these messages are and how to end them: before the first check-in they must be.
_IS_WELCOMED = sa.case(
    (
        sa.and_(t.outbox.c.purpose == "checkin", t.outbox.c.text.is_(None)),
        sa.or_(
            sa.exists().where(t.session.c.contact_id == t.outbox.c.contact_id),
            sa.exists().where(_WELCOME.c.key == "welcome/" + sa.cast(t.outbox.c.contact_id, sa.String)),
        ),
    ),
    else_=sa.true(),
)
# Of those who have left only; what others consented to was looked at when their message was planned.
_MAY_FOLLOW_EXIT = sa.case((t.beneficiary.c.state == "exited", CONSENTING), else_=sa.false())
_DUE = _due_ids()
_CANDIDATES = (
    sa.select(
        t.outbox.c.id, t.outbox.c.purpose, t.outbox.c.text, t.outbox.c.tries, t.outbox.c.not_after,
        t.outbox.c.contact_id, t.outbox.c.staff_id, t.outbox.c.session_id, t.outbox.c.alert_id, t.outbox.c.campaign_id,
        t.outbox.c.segments, t.outbox.c.channel_id,
        t.contact.c.address, t.contact.c.opted_out_at, t.contact.c.opted_out_by, t.contact.c.held_until,
        t.contact.c.unverified_since, t.contact.c.language.label("contact_language"),
        t.beneficiary.c.id.label("beneficiary_id"), t.beneficiary.c.language,
        t.beneficiary.c.state.label("beneficiary_state"), t.beneficiary.c.age_band,
        t.staff.c.phone, t.staff.c.email, t.staff.c.disabled_at,
        _OPEN.c.id.label("open_session"), t.campaign.c.checkin, t.campaign.c.audience,
        _IS_WELCOMED.label("is_welcomed"), _MAY_FOLLOW_EXIT.label("may_follow_exit"),
    )
    .join(_DUE, _DUE.c.id == t.outbox.c.id)
    .outerjoin(t.contact, t.contact.c.id == t.outbox.c.contact_id)
    .outerjoin(t.beneficiary, t.beneficiary.c.contact_id == t.outbox.c.contact_id)
    .outerjoin(t.staff, t.staff.c.id == t.outbox.c.staff_id)
    .outerjoin(t.campaign, t.campaign.c.id == t.outbox.c.campaign_id)
    .outerjoin(_OPEN, sa.and_(_OPEN.c.contact_id == t.outbox.c.contact_id, _OPEN.c.state == "open"))
    .order_by(t.outbox.c.priority, t.outbox.c.due_at, t.outbox.c.id)
)  # fmt: skip
# Only rows that can be ours are locked: whoever else holds one (a pause, a receipt) keeps it.
_CANDIDATES_LOCKED = _CANDIDATES.with_for_update(of=t.outbox, skip_locked=True)
_ANY_DUE = sa.select(sa.exists(sa.select(_DUE.c.id)))
_LOCK = (
    sa.update(t.channel)
    .where(
        t.channel.c.id == sa.bindparam("channel"),
        t.channel.c.state == "active",
        t.channel.c.rate > 0,
    )
    .values(free_at=t.channel.c.free_at)
    .returning(t.channel.c.free_at, t.channel.c.rate, t.channel.c.kind, t.channel.c.paused_until)
)
_MOVE = sa.update(t.channel).where(t.channel.c.id == sa.bindparam("channel")).values(free_at=sa.bindparam("free"))
_TAKE = (
    sa.update(t.outbox)
    .where(t.outbox.c.id.in_(sa.bindparam("ids", expanding=True)), t.outbox.c.state == "queued")
    .values(
        state="sending",
        lease_until=sa.bindparam("lease"),
        owner=sa.bindparam("holder"),
        tries=t.outbox.c.tries + 1,
    )
    .returning(t.outbox.c.id)
)
_WRITE_TEXT = (
    sa.update(t.outbox)
    .where(t.outbox.c.id == sa.bindparam("row_key"))
    .values(text=sa.bindparam("words"), segments=sa.bindparam("parts"), session_id=sa.bindparam("opened"))
)
_POSTPONE = (
    sa.update(t.outbox)
    .where(t.outbox.c.id == sa.bindparam("row_key"), t.outbox.c.state == "queued")
    .values(due_at=sa.bindparam("later"))
)


def is_urgent(purpose: str) -> bool:
    """Whether somebody in danger, or staff who are to help, wait for it."""
    return PURPOSES[purpose].priority <= _URGENT


async def is_any_due(connection: AsyncConnection, channel_id: int, now: datetime, *, only_urgent: bool = False) -> bool:
    """A look without a lock: a claim that finds nothing still costs a commit."""
    least = _URGENT if only_urgent else _LEAST_URGENT
    given = {"channel": channel_id, "now": now, "most": 1, "least_urgent": least}
    return bool((await connection.execute(_ANY_DUE, given)).scalar())


async def claim(
    connection: AsyncConnection,
    database: Database,
    pack: Pack,
    channel_id: int,
    *,
    owner: str,
    now: datetime,
    lease: timedelta,
    most: int,
    only_urgent: bool = False,
) -> Batch:
    """Take up to `most` due rows of the channel, as many as its rate allows; the others of the batch are settled."""
    channel = (await connection.execute(_LOCK, {"channel": channel_id})).one_or_none()
    if channel is None:
        return Batch(wait=1.0)
    allowance = pace.allow(channel.free_at, channel.rate, now, most)
    if allowance.count == 0:
        return Batch(rate=channel.rate, wait=pace.wait(channel.free_at, now))
    # Some rows that turn out not to leave must not eat the allowance.
    looked_at = min(most, allowance.count * 2 + 10)
    statement = _CANDIDATES_LOCKED if database.kind == "postgresql" else _CANDIDATES
    # A pause is for the traffic: what a person in danger waits for is tried all the same, each with its own backoff.
    is_paused = channel.paused_until is not None and channel.paused_until > now
    given = {
        "channel": channel_id,
        "now": now,
        "most": looked_at,
        "least_urgent": _URGENT if is_paused or only_urgent else _LEAST_URGENT,
    }
    rows = (await connection.execute(statement, given)).all()
    if is_paused and not rows:
        return Batch(rate=channel.rate, wait=1.0)
    sorting = _Sorting(pack, channel.kind, now, allowance.count)
    for row in rows:
        sorting.add(row, database)
    await _settle(connection, database, sorting, now)
    taken = await _take(connection, database, sorting, owner, now + lease)
    if taken:
        await connection.execute(_MOVE, {"channel": channel_id, "free": allowance.free_at(len(taken))})
    messages = [
        Claimed(
            id=row.id,
            channel_id=channel_id,
            purpose=row.purpose,
            recipient=address,
            text=text,
            tries=row.tries + 1,
            not_after=row.not_after,
            leaves_in=allowance.leaves_in(position),
            lease_until=now + lease,
            contact_id=row.contact_id,
            staff_id=row.staff_id,
            session_id=session_id,
            alert_id=row.alert_id,
        )
        for position, (row, address, text, session_id) in enumerate(taken)
    ]
    free_at = allowance.free_at(len(taken)) if taken else channel.free_at
    return Batch(messages, channel.rate, pace.wait(free_at, now), sorting.counts())


class _Sorting:
    """Sorts candidates into what leaves, what waits and what never leaves; opens the check-ins that leave."""

    def __init__(self, pack: Pack, channel_kind: str, now: datetime, most: int) -> None:
        self._pack = pack
        self._kind = channel_kind
        self._now = now
        self._most = most
        self.leaving: list[tuple[Any, str, str, int | None]] = []  # row, address, text, session
        self.sessions: dict[int, dict[str, Any]] = {}  # outbox id → session row
        self.later: list[dict[str, Any]] = []
        self.lost: dict[tuple[str, str], list[Any]] = {}  # (state, outcome) → rows
        self.welcomes: list[dict[str, Any]] = []
        self._opening: set[int] = set()

    def counts(self) -> dict[str, int]:
        counts = {"waiting": len(self.later)} if self.later else {}
        for (state, _), rows in self.lost.items():
            counts[state] = counts.get(state, 0) + len(rows)
        return counts

    def add(self, row: Any, database: Database) -> None:
        address = row.address if row.contact_id is not None else row.email if self._kind == "email" else row.phone
        decision = checks.decide(self._facts(row, address), self._now)
        if decision.state == "send" and row.contact_id in self._opening and row.purpose == "checkin":
            decision = checks.Decision("withheld", "session_open")
        if decision.state == "wait":
            self.later.append({"row_key": row.id, "later": decision.due_at})
        elif decision.state != "send":
            self.lost.setdefault((decision.state, decision.outcome or ""), []).append(row)
        elif not row.is_welcomed:
            self._welcome(row, database)
        elif len(self.leaving) < self._most:
            self._leave(row, address, database)

    def _welcome(self, row: Any, database: Database) -> None:
        """The first check-in makes way for the message that says what these messages are and how to end them."""
        if row.contact_id in self._opening:
            return
        self._opening.add(row.contact_id)
        text = self._pack.phrase("welcome", row.language or row.contact_language)
        self.welcomes.append(
            outgoing_row(
                message_id=database.new_id(), purpose="reply", channel_id=row.channel_id, contact_id=row.contact_id,
                now=self._now, not_after=row.not_after, text=text, segments=count(text).segments,
                key=f"welcome/{row.contact_id}",
            )
        )  # fmt: skip
        self.later.append({"row_key": row.id, "later": self._now + _AFTER_WELCOME})

    def _leave(self, row: Any, address: str, database: Database) -> None:
        if row.text is not None:
            self.leaving.append((row, address, row.text, row.session_id))
            return
        opening = self._open(row)
        if opening is None:
            self.lost.setdefault(("failed", "no_content"), []).append(row)
            return
        session = _session_row(database.new_id(), row, opening)
        self.sessions[row.id] = session
        self._opening.add(row.contact_id)
        self.leaving.append((row, address, opening.text, session["id"]))

    def _open(self, row: Any) -> Opening | None:
        try:
            return open_checkin(self._pack, row.checkin, row.language or row.contact_language, self._now)
        except (KeyError, IndexError):
            log.error("checkin_not_in_pack", outbox_id=row.id, campaign_id=row.campaign_id)  # noqa: TRY400  no trace
            return None

    def _facts(self, row: Any, address: str | None) -> checks.Facts:
        return checks.Facts(
            purpose=row.purpose,
            not_after=row.not_after,
            has_address=bool(address),
            has_contact=row.contact_id is not None,
            opted_out_by=(row.opted_out_by or "word") if row.opted_out_at is not None else None,
            held_until=row.held_until,
            beneficiary_state=row.beneficiary_state,
            follows_exit=bool(row.may_follow_exit) and _is_for_those_who_left(row),
            age_band=row.age_band,
            open_session=row.open_session,
            session_id=row.session_id,
            staff_disabled=row.disabled_at is not None,
            is_unverified=row.unverified_since is not None,
        )


def _is_for_those_who_left(row: Any) -> bool:
    """A reminder follows a check-in that left for them; exit ends the sessions of all earlier ones."""
    return row.audience is None or "exited" in Audience.from_json(row.audience).states


def _session_row(session_id: int, row: Any, opening: Opening) -> dict[str, Any]:
    progress = opening.progress
    reminds = opening.remind_at < opening.expire_at
    return {
        "id": session_id,
        "beneficiary_id": row.beneficiary_id,
        "contact_id": row.contact_id,
        "campaign_id": row.campaign_id,
        "checkin": progress.checkin,
        "version": progress.version,
        "state": "open",
        "progress": progress.to_json(),
        "opened_at": progress.opened_at,
        "due_at": opening.remind_at if reminds else opening.expire_at,
        "timer": "remind" if reminds else "expire",
        "timer_step": progress.step,
    }


async def _settle(connection: AsyncConnection, database: Database, sorting: _Sorting, now: datetime) -> None:
    if sorting.later:
        await connection.execute(_POSTPONE, sorting.later)
    if sorting.welcomes:
        once = database.insert(t.outbox).on_conflict_do_nothing(index_elements=["key"])
        await connection.execute(once, sorting.welcomes)
    for (state, outcome), rows in sorting.lost.items():
        await connection.execute(
            sa.update(t.outbox)
            .where(t.outbox.c.id.in_([row.id for row in rows]), t.outbox.c.state == "queued")
            .values(state=state, outcome=outcome, settled_at=now)
        )
        losses = [
            Loss(
                row.id,
                row.purpose,
                row.contact_id,
                row.staff_id,
                row.session_id,
                row.alert_id,
                outcome,
                OWN_OUTCOMES.get(outcome),
            )
            for row in rows
        ]
        await lose(connection, database, losses, now)


async def _take(
    connection: AsyncConnection, database: Database, sorting: _Sorting, owner: str, lease_until: datetime
) -> Sequence[tuple[Any, str, str, int | None]]:
    """Mark the rows as ours; only what the database says it changed is ours."""
    if not sorting.leaving:
        return []
    opened = await _open_sessions(connection, database, sorting.sessions)
    wanted = [row.id for row, *_ in sorting.leaving if row.id not in sorting.sessions or row.id in opened]
    if not wanted:
        return []
    given = {"ids": wanted, "lease": lease_until, "holder": owner}
    ours = set((await connection.execute(_TAKE, given)).scalars().all())
    taken = [one for one in sorting.leaving if one[0].id in ours]
    texts = [
        {"row_key": row.id, "words": text, "parts": count(text).segments, "opened": session_id}
        for row, _, text, session_id in taken
        if row.id in sorting.sessions
    ]
    if texts:
        await connection.execute(_WRITE_TEXT, texts)
    return taken


async def _open_sessions(
    connection: AsyncConnection, database: Database, sessions: Mapping[int, dict[str, Any]]
) -> set[int]:
    """The outbox ids whose session now stands. One open session per contact is the database's own rule: if somebody
    else was quicker, the row stays queued and is withheld by the next claim, which sees that session."""
    if not sessions:
        return set()
    statement = (
        database.insert(t.session).values(list(sessions.values())).on_conflict_do_nothing().returning(t.session.c.id)
    )
    stands = set((await connection.execute(statement)).scalars().all())
    return {outbox_id for outbox_id, row in sessions.items() if row["id"] in stands}
