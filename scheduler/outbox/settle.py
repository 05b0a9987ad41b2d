"""Messages of which nobody knows whether they left: asked for at the gateway, then sent again or given up."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog

from channels.base import Channel, Found
from scheduler.outbox.losses import Loss, lose
from scheduler.outbox.receipts import take_early
from scheduler.outbox.record import ASK_AFTER, ASK_SOON
from scheduler.retry import OWN_OUTCOMES, after_uncertainty
from store import tables as t
from store.database import Database, signal
from store.queue import PURPOSES

log = structlog.get_logger()

_MOST = 50
_CLOCKS_DIFFER = timedelta(minutes=2)
# A gateway that cannot be asked at all for so long will not settle it; staff should know instead.
_GIVE_UP_ASKING = timedelta(hours=24)
_STRANDED_AFTER = timedelta(seconds=60)


async def expire_leases(database: Database, now: datetime, ask_after: timedelta = ASK_AFTER) -> int:
    """A lease that ran out does not mean unsent: its worker may have died right after the gateway took the message."""
    o = t.outbox
    chosen = sa.select(o.c.id).where(o.c.state == "sending", o.c.lease_until < now).order_by(o.c.id)
    async with database.read() as connection:
        if (await connection.execute(chosen.limit(1))).first() is None:
            return 0
    if database.kind == "postgresql":
        chosen = chosen.with_for_update(skip_locked=True)
    is_sent_again = o.c.purpose.in_([name for name, purpose in PURPOSES.items() if purpose.resend_uncertain])
    soon, later = (sa.literal(now + wait, t.Instant) for wait in (min(ask_after, ASK_SOON), ask_after))
    async with database.write() as connection:
        ids = (await connection.execute(chosen)).scalars().all()
        if not ids:
            return 0
        changed = await connection.execute(
            sa.update(o)
            .where(o.c.id.in_(ids), o.c.state == "sending", o.c.lease_until < now)
            .values(state="uncertain", lease_until=sa.case((is_sent_again, soon), else_=later))
        )
        return changed.rowcount


async def resolve(
    database: Database,
    channels: Mapping[int, Channel],
    now: datetime,
    *,
    lease: timedelta,
    ask_after: timedelta = ASK_AFTER,
) -> Counter[str]:
    """Ask the gateways about uncertain messages whose grace is over, and settle each of them."""
    rows = await _claim(database, now, lease)
    counts: Counter[str] = Counter()
    bound: set[tuple[int, str]] = set()
    for row in rows:
        channel = channels.get(row.channel_id)
        found, could_ask = await _ask(database, channel, row, bound)
        is_denied = could_ask and found is None and channel is not None and channel.can_find
        settled = await _settle(database, row, found, now, ask_after, could_ask=could_ask, is_denied=is_denied)
        counts[settled] += 1
    return counts


async def _claim(database: Database, now: datetime, lease: timedelta) -> Sequence[Any]:
    """The lease moves on, so that two processes do not ask, and decide, about one message at the same time."""
    o = t.outbox
    due = sa.and_(o.c.state == "uncertain", o.c.lease_until < now)
    async with database.read() as connection:
        if (await connection.execute(sa.select(o.c.id).where(due).limit(1))).first() is None:
            return []
    chosen = sa.select(o.c.id).where(due).order_by(o.c.priority, o.c.id).limit(_MOST)
    if database.kind == "postgresql":
        chosen = chosen.with_for_update(skip_locked=True)
    async with database.write() as connection:
        ids = (await connection.execute(chosen)).scalars().all()
        if not ids:
            return []
        await connection.execute(sa.update(o).where(o.c.id.in_(ids), due).values(lease_until=now + lease))
        rows = (
            sa.select(o, t.contact.c.address, t.staff.c.phone, t.staff.c.email, t.channel.c.kind.label("channel_kind"))
            .join(t.channel, t.channel.c.id == o.c.channel_id)
            .outerjoin(t.contact, t.contact.c.id == o.c.contact_id)
            .outerjoin(t.staff, t.staff.c.id == o.c.staff_id)
            .where(o.c.id.in_(ids))
            .order_by(o.c.priority, o.c.id)
        )
        return (await connection.execute(rows)).all()


async def _ask(
    database: Database, channel: Channel | None, row: Any, bound: set[tuple[int, str]]
) -> tuple[Found | None, bool]:
    """The gateway's own record of this message, and whether it could be asked."""
    recipient = row.address or (row.email if row.channel_kind == "email" else row.phone)
    if channel is None or not recipient:
        return None, False
    since = row.due_at - _CLOCKS_DIFFER
    try:
        candidates = [
            found
            async for found in channel.find(recipient, since)
            if found.text.strip() == (row.text or "").strip() and found.created_at >= since
        ]
    except Exception as error:  # noqa: BLE001  whatever is wrong with the gateway, the message is still uncertain
        log.warning("gateway_cannot_be_asked", outbox_id=row.id, channel_id=row.channel_id, error=type(error).__name__)
        return None, False
    taken = bound | await _bound_elsewhere(database, row, [found.provider_id for found in candidates])
    # What the row itself is bound to is an earlier attempt, whose end is known: it did not arrive.
    taken.add((row.channel_id, row.provider_id))
    for found in sorted(candidates, key=lambda one: one.created_at):
        if (row.channel_id, found.provider_id) not in taken:
            bound.add((row.channel_id, found.provider_id))
            return found, True
    return None, True


async def _bound_elsewhere(database: Database, row: Any, provider_ids: Sequence[str]) -> set[tuple[int, str]]:
    """Two messages may have the same text: what is another row's is not ours."""
    if not provider_ids:
        return set()
    o = t.outbox
    async with database.read() as connection:
        statement = sa.select(o.c.provider_id).where(
            o.c.provider_id.in_(provider_ids), o.c.channel_id == row.channel_id, o.c.id != row.id
        )
        return {(row.channel_id, number) for number in (await connection.execute(statement)).scalars()}


async def _settle(
    database: Database,
    row: Any,
    found: Found | None,
    now: datetime,
    ask_after: timedelta,
    *,
    could_ask: bool,
    is_denied: bool,
) -> str:
    purpose = PURPOSES[row.purpose]
    if not could_ask and not purpose.resend_uncertain and now < row.due_at + _GIVE_UP_ASKING:
        return await _write(database, row, now, "uncertain", lease_until=now + ask_after)
    if found is not None:
        sent = {"provider_id": found.provider_id, "sent_at": found.created_at, "outcome": "accepted"}
        return await _write(database, row, now, "sent", lease_until=None, **sent)
    following = after_uncertainty(row.purpose, now, row.not_after, is_denied=is_denied)
    if following.state == "queued":
        return await _write(database, row, now, "queued", lease_until=None, due_at=now)
    return await _write(database, row, now, "failed", lease_until=None, outcome="unknown", settled_at=now)


async def _write(database: Database, row: Any, now: datetime, state: str, **values: Any) -> str:
    """Compare and set: a receipt or the late worker itself may have settled the row while we asked."""
    o = t.outbox
    async with database.write() as connection:
        changed = await connection.execute(
            sa.update(o)
            .where(o.c.id == row.id, o.c.state == "uncertain", o.c.tries == row.tries)
            .values(state=state, **values)
        )
        if changed.rowcount != 1:
            return "settled_meanwhile"
        if state == "sent":
            await take_early(connection, database, [(row.channel_id, values["provider_id"])], now)
        elif state == "queued":
            signal(connection, "outbox")
        elif state == "failed":
            loss = Loss(
                row.id, row.purpose, row.contact_id, row.staff_id, row.session_id, row.alert_id,
                "unknown", OWN_OUTCOMES["unknown"], may_have_arrived=True,
            )  # fmt: skip
            await lose(connection, database, [loss], now)
    return state


async def take_stranded(database: Database, now: datetime) -> int:
    """Receipts that were written down in the very moment in which their message was: neither saw the other."""
    e, o = t.early_receipt, t.outbox
    matched = (
        sa.select(e.c.channel_id, e.c.provider_id)
        .join(o, sa.and_(o.c.provider_id == e.c.provider_id, o.c.channel_id == e.c.channel_id))
        .where(e.c.received_at <= now - _STRANDED_AFTER)
        .limit(200)
    )
    async with database.read() as connection:
        pairs = [(row.channel_id, row.provider_id) for row in (await connection.execute(matched)).all()]
    if not pairs:
        return 0
    async with database.write() as connection:
        return await take_early(connection, database, pairs, now)
