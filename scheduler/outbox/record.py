"""Writing down how sends ended: many results in one transaction, each only if the row is still that attempt's."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from channels.base import SendResult
from scheduler.outbox.claim import Claimed
from scheduler.outbox.losses import Loss, lose
from scheduler.retry import Next, after_send
from store import tables as t
from store.database import Database
from store.queue import PURPOSES

ASK_AFTER = timedelta(seconds=60)  # a gateway's own list lags behind what it accepted
ASK_SOON = timedelta(seconds=10)  # where a double is better than silence, silence must not last


@dataclass(frozen=True, slots=True)
class Ended:
    """`result` None: this message was not handed to the gateway at all."""

    message: Claimed
    result: SendResult | None
    at: datetime


def _is_this_attempt() -> sa.ColumnElement[bool]:
    """A worker that wakes up late finds another owner, another attempt or a settled row, and changes nothing."""
    o = t.outbox
    return sa.and_(
        o.c.id == sa.bindparam("row_key"),
        o.c.owner == sa.bindparam("holder"),
        o.c.tries == sa.bindparam("attempt"),
        o.c.state.in_([sa.literal_column("'sending'"), sa.literal_column("'uncertain'")]),
    )


_SENT = (
    sa.update(t.outbox)
    .where(_is_this_attempt())
    .values(
        state="sent",
        provider_id=sa.bindparam("given_id"),
        outcome=sa.bindparam("ended"),
        detail=None,
        sent_at=sa.bindparam("at"),
        lease_until=None,
    )
)
_AGAIN = (
    sa.update(t.outbox)
    .where(_is_this_attempt())
    .values(
        state=sa.bindparam("becomes"),
        outcome=sa.bindparam("ended"),
        detail=sa.bindparam("code"),
        due_at=sa.bindparam("due"),
        lease_until=sa.bindparam("ask"),
    )
)
# Also where the lease ran out meanwhile: nobody but we know that this attempt never left.
_RELEASE = (
    sa.update(t.outbox).where(_is_this_attempt()).values(state="queued", tries=t.outbox.c.tries - 1, lease_until=None)
)
_FAILED = (
    sa.update(t.outbox)
    .where(_is_this_attempt())
    .values(
        state="failed",
        provider_id=sa.func.coalesce(sa.bindparam("given_id", type_=sa.String()), t.outbox.c.provider_id),
        outcome=sa.bindparam("ended"),
        detail=sa.bindparam("code"),
        settled_at=sa.bindparam("at"),
        lease_until=None,
    )
)
_PAUSE = (
    sa.update(t.channel)
    .where(
        t.channel.c.id == sa.bindparam("row_key"),
        sa.or_(t.channel.c.paused_until.is_(None), t.channel.c.paused_until < sa.bindparam("until")),
    )
    .values(paused_until=sa.bindparam("until"))
)


async def record(
    connection: AsyncConnection,
    database: Database,
    owner: str,
    ended: Sequence[Ended],
    now: datetime,
    ask_after: timedelta = ASK_AFTER,
) -> Counter[str]:
    """How many ended in which state. Rows are written in order of id, as everywhere, so that no two processes cross."""
    counts: Counter[str] = Counter()
    sent, again, released = [], [], []
    failed: list[tuple[dict[str, Any], Loss]] = []
    pauses: dict[int, datetime] = {}
    for one in sorted(ended, key=lambda e: e.message.id):
        message, result = one.message, one.result
        attempt = {"row_key": message.id, "holder": owner, "attempt": message.tries}
        if result is None:
            released.append(attempt)
            counts["released"] += 1
            continue
        following = after_send(message.purpose, result.outcome, message.tries, one.at, message.not_after)
        counts[following.state if following.state != "queued" else "retried"] += 1
        if following.pause_channel_until is not None:
            known = pauses.get(message.channel_id, following.pause_channel_until)
            pauses[message.channel_id] = max(known, following.pause_channel_until)
        said = {"ended": result.outcome.name, "code": result.detail[:200] or None, "at": one.at}
        given_id = {"given_id": result.provider_id or None}
        if following.state == "sent":
            sent.append(attempt | given_id | {"ended": result.outcome.name, "at": one.at})
        elif following.state == "failed":
            failed.append((attempt | given_id | said, _loss(message, result)))
        else:
            del said["at"]
            again.append(attempt | said | _later(following, one, ask_after))
    if sent:
        await connection.execute(_SENT, sent)
    if again:
        await connection.execute(_AGAIN, again)
    if released:
        await connection.execute(_RELEASE, released)
    lost = [loss for values, loss in failed if (await connection.execute(_FAILED, values)).rowcount == 1]
    await lose(connection, database, lost, now)
    for channel_id, until in sorted(pauses.items()):
        await connection.execute(_PAUSE, {"row_key": channel_id, "until": until})
    return counts


def _later(following: Next, one: Ended, ask_after: timedelta) -> dict[str, Any]:
    is_uncertain = following.state == "uncertain"
    soon = PURPOSES[one.message.purpose].resend_uncertain
    return {
        "becomes": following.state,
        "due": following.due_at or one.at,
        "ask": one.at + (min(ask_after, ASK_SOON) if soon else ask_after) if is_uncertain else None,
    }


def _loss(message: Claimed, result: SendResult) -> Loss:
    return Loss(
        message.id, message.purpose, message.contact_id, message.staff_id, message.session_id, message.alert_id,
        result.outcome.name, result.outcome,
    )  # fmt: skip


async def early_receipts(connection: AsyncConnection, bound: Iterable[tuple[int, str]]) -> Sequence[Any]:
    """Receipts that came before we had written down these (channel, provider id) pairs; they are taken away."""
    ids = {provider_id for _, provider_id in bound if provider_id}
    if not ids:
        return []
    e = t.early_receipt
    found = (await connection.execute(sa.select(e).where(e.c.provider_id.in_(ids)).order_by(e.c.id))).all()
    pairs = set(bound)
    ours = [row for row in found if (row.channel_id, row.provider_id) in pairs]
    if ours:
        await connection.execute(sa.delete(e).where(e.c.id.in_([row.id for row in ours])))
    return ours
