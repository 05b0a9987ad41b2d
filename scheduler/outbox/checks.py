"""Whether a due message may leave now: the last look at the person before anything is sent. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

# Nobody asked for these: they wait for, and give way to, everything a person wants.
UNASKED = frozenset({"checkin", "reminder"})
# These answer the person's own cry for help, also after a STOP.
ANSWERS_IN_DANGER = frozenset({"crisis", "staff_reply"})


@dataclass(frozen=True, slots=True)
class Facts:
    """What is true of one due row and the people it concerns, at the moment of its claim."""

    purpose: str
    not_after: datetime | None
    has_address: bool
    has_contact: bool
    opted_out_by: str | None = None
    held_until: datetime | None = None
    beneficiary_state: str | None = None
    follows_exit: bool = False  # meant for people who have left, and this one's consent to that still stands
    age_band: str | None = None
    open_session: int | None = None  # of the contact
    session_id: int | None = None  # of the row
    staff_disabled: bool = False
    is_unverified: bool = False  # nobody knows any more who holds this number


@dataclass(frozen=True, slots=True)
class Decision:
    """`outcome` names why a row does not leave; `due_at` is when one that waits is looked at again."""

    state: Literal["send", "wait", "expired", "withheld", "failed"]
    outcome: str | None = None
    due_at: datetime | None = None


SEND = Decision("send")


def decide(facts: Facts, now: datetime) -> Decision:
    if facts.not_after is not None and now > facts.not_after:
        return Decision("expired", "too_late")
    if facts.staff_disabled:
        return Decision("withheld", "staff_disabled")
    reason = _why_withheld(facts)
    if reason:
        return Decision("withheld", reason)
    until = _waits_until(facts, now)
    if until is not None:
        return Decision("wait", None, min(until, facts.not_after) if facts.not_after else until)
    return SEND if facts.has_address else Decision("failed", "no_address")


def _why_withheld(facts: Facts) -> str | None:  # noqa: PLR0911  one line per reason
    if not facts.has_contact:
        return None
    if facts.opted_out_by is not None and not _answers_in_spite_of(facts.purpose, facts.opted_out_by):
        return "opted_out"
    if facts.purpose not in UNASKED:
        return None
    if facts.is_unverified:
        return "unverified"
    if facts.beneficiary_state != "active" and not (facts.beneficiary_state == "exited" and facts.follows_exit):
        return "not_active"
    if facts.purpose == "checkin" and facts.age_band != "adult":
        return "minor"
    if facts.session_id is not None and facts.session_id != facts.open_session:
        return "session_over"
    if facts.purpose == "checkin" and facts.session_id is None and facts.open_session is not None:
        return "session_open"
    return None


def _answers_in_spite_of(purpose: str, opted_out_by: str) -> bool:
    """A reply answers what the person has just written (the confirmation of STOP is one). Where the gateway itself
    blocks, only what concerns a danger is tried: the gateway's block may have ended without anybody telling us."""
    return purpose in ANSWERS_IN_DANGER or (purpose == "reply" and opted_out_by != "provider")


def _waits_until(facts: Facts, now: datetime) -> datetime | None:
    if facts.purpose not in UNASKED:
        return None
    if facts.held_until is not None and facts.held_until > now:
        return facts.held_until
    return None
