"""What may be put into the outbox: purposes with their priority and resend policy, and the one builder of its rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any


@dataclass(frozen=True, slots=True)
class Purpose:
    """Why a message is sent. `resend_uncertain`: if nobody can say whether it left, is a double better than silence?"""

    name: str
    priority: int  # lower leaves first
    resend_uncertain: bool
    lasts: timedelta  # after this it is no longer worth sending, unless `not_after` says otherwise


PURPOSES: Mapping[str, Purpose] = {
    purpose.name: purpose
    for purpose in (
        Purpose("crisis", 0, resend_uncertain=True, lasts=timedelta(days=2)),
        Purpose("staff_alert", 1, resend_uncertain=True, lasts=timedelta(days=2)),
        Purpose("staff_reply", 2, resend_uncertain=True, lasts=timedelta(days=2)),
        Purpose("reply", 3, resend_uncertain=False, lasts=timedelta(hours=6)),
        Purpose("reminder", 5, resend_uncertain=False, lasts=timedelta(hours=6)),
        Purpose("checkin", 6, resend_uncertain=False, lasts=timedelta(hours=6)),
        Purpose("test", 7, resend_uncertain=False, lasts=timedelta(hours=1)),
    )
}


def outgoing_row(
    *,
    message_id: int,
    purpose: str,
    channel_id: int,
    now: datetime,
    text: str | None,
    key: str | None = None,
    contact_id: int | None = None,
    staff_id: int | None = None,
    session_id: int | None = None,
    campaign_id: int | None = None,
    alert_id: int | None = None,
    due_at: datetime | None = None,
    not_after: datetime | None = None,
    segments: int | None = None,
) -> dict[str, Any]:
    """One `outbox` row, queued. Always the same columns, so rows from anywhere fit one executemany."""
    kind = PURPOSES[purpose]
    due = due_at or now
    return {
        "id": message_id,
        "key": key or f"m/{message_id}",
        "channel_id": channel_id,
        "contact_id": contact_id,
        "staff_id": staff_id,
        "campaign_id": campaign_id,
        "session_id": session_id,
        "alert_id": alert_id,
        "purpose": purpose,
        "priority": kind.priority,
        "text": text,
        "segments": segments,
        "created_at": now,
        "due_at": due,
        "not_after": not_after or due + kind.lasts,
        "state": "queued",
    }
