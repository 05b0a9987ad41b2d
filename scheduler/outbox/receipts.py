"""Status callbacks: they settle messages, in whatever order and however often they come, many in one commit."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from channels.base import Receipt
from scheduler.outbox.losses import Loss, lose
from scheduler.outbox.record import early_receipts
from scheduler.retry import after_send, is_news, outcome_named, outcome_of
from store import tables as t
from store.database import Database, signal


@dataclass(frozen=True, slots=True)
class Arrived:
    channel_id: int
    receipt: Receipt
    at: datetime


@dataclass(slots=True)
class _Known:
    """A row as it stands while the receipts of one batch are applied to it."""

    row: Any
    state: str
    provider_id: str | None
    outcome: str | None
    due_at: datetime
    settled_at: datetime | None
    is_changed: bool = False


_WRITE = (
    sa.update(t.outbox)
    .where(t.outbox.c.id == sa.bindparam("row_key"))
    .values(
        state=sa.bindparam("becomes"),
        provider_id=sa.bindparam("given_id"),
        outcome=sa.bindparam("ended"),
        due_at=sa.bindparam("due"),
        sent_at=sa.func.coalesce(t.outbox.c.sent_at, sa.bindparam("at", type_=t.Instant())),
        settled_at=sa.bindparam("settled"),
        lease_until=None,
    )
)


async def apply(connection: AsyncConnection, database: Database, arrived: Sequence[Arrived], now: datetime) -> int:
    """Apply receipts in order; those of messages we do not know yet are kept. How many rows changed."""
    by_id, by_provider = await _gather(connection, database, arrived)
    lost: list[Loss] = []
    early = []
    for one in arrived:
        known = _find(one, by_id, by_provider)
        if known is None:
            early.append(_early_row(database, one))
            continue
        loss = _change(known, one)
        if loss is not None:
            lost.append(loss)
    changed = [known for known in by_id.values() if known.is_changed]
    if changed:
        rows = [
            {
                "row_key": known.row.id,
                "becomes": known.state,
                "given_id": known.provider_id,
                "ended": known.outcome,
                "due": known.due_at,
                "at": now,
                "settled": known.settled_at,
            }
            for known in changed
        ]
        await connection.execute(_WRITE, rows)
        if any(known.state == "queued" for known in changed):
            signal(connection, "outbox")
    await database.insert_rows(connection, t.early_receipt, early)
    # A failure that a later receipt of the same batch takes back was none.
    ended = {known.row.id for known in changed if known.state == "failed"}
    await lose(connection, database, [loss for loss in lost if loss.id in ended], now)
    return len(changed)


async def _gather(
    connection: AsyncConnection, database: Database, arrived: Sequence[Arrived]
) -> tuple[dict[int, _Known], dict[tuple[int, str], _Known]]:
    o = t.outbox
    ids = {one.receipt.message_id for one in arrived if one.receipt.message_id is not None}
    providers = {one.receipt.provider_id for one in arrived if one.receipt.provider_id}
    columns = (
        o.c.id, o.c.channel_id, o.c.state, o.c.provider_id, o.c.outcome, o.c.due_at, o.c.settled_at, o.c.purpose,
        o.c.tries, o.c.not_after, o.c.contact_id, o.c.staff_id, o.c.session_id, o.c.alert_id,
    )  # fmt: skip
    statement = sa.select(*columns).where(sa.or_(o.c.id.in_(ids), o.c.provider_id.in_(providers))).order_by(o.c.id)
    if database.kind == "postgresql":
        statement = statement.with_for_update()
    rows = (await connection.execute(statement)).all()
    known = {r.id: _Known(r, r.state, r.provider_id, r.outcome, r.due_at, r.settled_at) for r in rows}
    return known, {(k.row.channel_id, k.provider_id): k for k in known.values() if k.provider_id}


def _find(one: Arrived, by_id: dict[int, _Known], by_provider: dict[tuple[int, str], _Known]) -> _Known | None:
    """By our own id, which the callback's signed address carries, else by the gateway's; only on its own channel."""
    known = by_id.get(one.receipt.message_id) if one.receipt.message_id is not None else None
    if known is not None and known.row.channel_id == one.channel_id:
        return known
    return by_provider.get((one.channel_id, one.receipt.provider_id))


def _change(known: _Known, one: Arrived) -> Loss | None:
    receipt = one.receipt
    if not is_news(known.state, known.outcome, known.provider_id, receipt.state, receipt.provider_id):
        return None
    outcome = outcome_of(receipt.state, receipt.outcome)
    row = known.row
    known.is_changed = True
    known.provider_id = receipt.provider_id or known.provider_id
    known.outcome = outcome.name
    known.settled_at = None
    if receipt.state == "sent":
        known.state = "sent"
        return None
    if receipt.state == "delivered":
        known.state, known.settled_at = "delivered", one.at
        return None
    following = after_send(row.purpose, outcome, row.tries, one.at, row.not_after)
    if following.state == "queued" and following.due_at is not None:
        known.state, known.due_at = "queued", following.due_at
        return None
    known.state, known.settled_at = "failed", one.at
    return Loss(row.id, row.purpose, row.contact_id, row.staff_id, row.session_id, row.alert_id, outcome.name, outcome)


def _early_row(database: Database, one: Arrived) -> dict[str, Any]:
    receipt = one.receipt
    return {
        "id": database.new_id(),
        "channel_id": one.channel_id,
        "provider_id": receipt.provider_id[:64],
        "state": receipt.state,
        "outcome": receipt.outcome.name if receipt.outcome is not None else None,
        "received_at": one.at,
    }


async def take_early(
    connection: AsyncConnection, database: Database, bound: Sequence[tuple[int, str]], now: datetime
) -> int:
    """Apply what had been said of messages whose (channel, provider id) is written down in this transaction."""
    found = await early_receipts(connection, bound)
    if not found:
        return 0
    arrived = [
        Arrived(row.channel_id, Receipt(row.provider_id, row.state, outcome_named(row.outcome)), row.received_at)
        for row in found
    ]
    return await apply(connection, database, arrived, now)
