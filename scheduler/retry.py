"""What follows from the end of a send, and which reports may change a message's state. Pure.

queued → sending → sent → delivered; beside them uncertain (nobody knows whether it left), failed, expired, withheld.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from channels.base import OUTCOMES, Outcome
from store.queue import PURPOSES

FIRST_WAIT = 15.0  # seconds before the second attempt; doubled for each one after it
LONGEST_WAIT = 900.0
LONGEST_WAIT_URGENT = 120.0
# After so many attempts of an ordinary message the fault is not going to pass while the message is worth sending.
MOST_TRIES = 6
# These go on until their `not_after`: giving up on them is silence towards somebody in danger.
TRIED_TO_THE_END = frozenset({"crisis", "staff_alert", "staff_reply"})

OWN_OUTCOMES = {
    outcome.name: outcome
    for outcome in (
        Outcome("unknown", is_final=True, sentence="Nobody can say whether this left. It was not sent a second time."),
        Outcome("too_late", is_final=True, sentence="It could not leave before it was no longer worth sending."),
        Outcome("no_address", is_final=True, sentence="There is no number or address to send this to."),
        Outcome("no_content", is_final=True, sentence="The content pack does not have this check-in."),
        Outcome("undelivered", is_final=True, sentence="The operator did not deliver it and gave no reason."),
    )
}
RAISED = Outcome(
    "raised", is_final=False, is_uncertain=True, sentence="Sending broke off; the gateway may have taken the message."
)


@dataclass(frozen=True, slots=True)
class Next:
    """`due_at` is when a queued message is tried again."""

    state: Literal["sent", "queued", "failed", "uncertain"]
    due_at: datetime | None = None
    pause_channel_until: datetime | None = None


def after_send(purpose: str, outcome: Outcome, tries: int, now: datetime, not_after: datetime | None) -> Next:
    """What becomes of a message after its attempt number `tries` (the first is 1) ended so."""
    pause = now + timedelta(seconds=outcome.pause_channel) if outcome.pause_channel else None
    if outcome.is_sent:
        return Next("sent", None, pause)
    if outcome.is_uncertain:
        return Next("uncertain", None, pause)
    if outcome.is_final or (tries >= MOST_TRIES and purpose not in TRIED_TO_THE_END):
        return Next("failed", None, pause)
    due = now + timedelta(seconds=wait_after(purpose, outcome, tries))
    if pause is not None:
        due = max(due, pause)
    if not_after is not None and due > not_after:
        return Next("failed", None, pause)
    return Next("queued", due, pause)


def wait_after(purpose: str, outcome: Outcome, tries: int) -> float:
    """Seconds until the next attempt: what the gateway asked for, else doubling up to a cap (lower when urgent)."""
    if outcome.retry_after is not None:
        return outcome.retry_after
    longest = LONGEST_WAIT_URGENT if purpose in TRIED_TO_THE_END else LONGEST_WAIT
    # 2 ** 1000 seconds is not a number of seconds: the exponent stops where the cap has long been reached.
    return float(min(longest, FIRST_WAIT * 2.0 ** min(tries - 1, 20)))


def after_uncertainty(purpose: str, now: datetime, not_after: datetime | None, *, is_denied: bool) -> Next:
    """`is_denied`: the gateway keeps a list and has no such message, so it never left and may go now. Where nobody can
    say whether it left, a double is better than silence for some purposes, and worse for the others."""
    if (is_denied or PURPOSES[purpose].resend_uncertain) and (not_after is None or now <= not_after):
        return Next("queued", now)
    return Next("failed")


_RANKS = {"queued": 0, "sending": 1, "uncertain": 2, "sent": 3, "failed": 4, "delivered": 5}


def receipt_moves(current: str, new: str) -> bool:
    """Whether a report may change the state: one way only, whatever order reports arrive in, however often.

    A phone that received the message has received it, whatever is said before or after: delivered is the end. A message
    that expired or was withheld never left under this report.
    """
    if current not in _RANKS or new not in _RANKS:
        return False
    return _RANKS[new] > _RANKS[current]


def is_news(current: str, outcome: str | None, bound_to: str | None, state: str, provider_id: str) -> bool:
    """Whether a receipt tells something about the latest attempt that is not known yet.

    `bound_to` is the gateway's id that the message carries. One message may have several attempts, and so several of
    these ids: what an earlier attempt came to was acted on when first heard, except that delivered always counts.
    """
    if current == "failed" and outcome == "unknown" and state != "failed":
        return True  # we had given up asking; here is the answer
    if not receipt_moves(current, state):
        return False
    if state == "delivered":
        return True
    if current in ("queued", "sending", "uncertain"):
        return bound_to != provider_id
    return bound_to in (None, provider_id)


def outcome_of(state: str, outcome: Outcome | None) -> Outcome:
    """The outcome a receipt stands for when the gateway gave none."""
    if outcome is not None:
        return outcome
    return {"sent": OUTCOMES["accepted"], "delivered": OUTCOMES["delivered"]}.get(state, OWN_OUTCOMES["undelivered"])


def outcome_named(name: str | None) -> Outcome | None:
    return OUTCOMES.get(name or "") or OWN_OUTCOMES.get(name or "")
