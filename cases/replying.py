"""What must be settled before words of staff leave for a person's phone: pure. Values in, concerns and an hour out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from cases.rules import AlertRuleError
from content.sentence import Sentence

Kind = Literal["silent", "opted_out", "unverified", "words", "hours"]


@dataclass(frozen=True, slots=True)
class Addressee:
    """Who reads the message. `phone_kind` is private, shared, monitored, or empty: nobody knows, not enrolled.

    `safe_from` and `safe_until` are minutes after local midnight; one without the other is open to midnight.
    """

    phone_kind: str = ""
    has_opted_out: bool = False
    is_unverified: bool = False
    safe_from: int | None = None
    safe_until: int | None = None
    zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Assent:
    """What the sender has settled. `reason` is why it goes although it may be read or comes at an unsafe hour."""

    confirmed: bool = False  # the words, or writing to somebody who wants no more messages, or a number not verified
    agreed: bool = False  # agreed beforehand with the person, in a silent alert
    at_safe_hour: bool = False  # it waits for the next safe hour
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Concern:
    """One thing that stands in the way. `safe_at`: when the next safe hour begins, if there is one.

    `needs_reason`: a tick is not enough, the file must say why.
    """

    kind: Kind
    sentence: Sentence
    needs_reason: bool = False
    safe_at: datetime | None = None


class ReplyRefusedError(AlertRuleError):
    """The reply has not gone; `concerns` is everything the sender has not settled yet."""

    def __init__(self, concerns: Sequence[Concern]) -> None:
        super().__init__(concerns[0].sentence)
        self.concerns = tuple(concerns)


# --- safe hours ---


def is_safe(at: datetime, to: Addressee) -> bool:
    if to.safe_from is None and to.safe_until is None:
        return True
    local = at.astimezone(ZoneInfo(to.zone))
    start, end = to.safe_from or 0, 1440 if to.safe_until is None else to.safe_until
    minute = local.hour * 60 + local.minute
    # Equal ends mean that no minute is safe, as for check-ins: of two readings of a slip the one that exposes nobody.
    return start <= minute < end if start <= end else minute >= start or minute < end


def next_safe(at: datetime, to: Addressee) -> datetime | None:
    """The first safe minute from `at` on, in UTC; None: no minute of any day is safe."""
    if is_safe(at, to):
        return at
    zone = ZoneInfo(to.zone)
    today = at.astimezone(zone).date()
    start = to.safe_from or 0
    for days in range(3):
        opening = datetime.combine(today + timedelta(days=days), time(start // 60 % 24, start % 60), zone)
        # A wall clock time that daylight saving leaves out is read an hour later: look whether it is safe there.
        found = opening.astimezone(UTC)
        if found > at and is_safe(found, to):
            return found
    return None


def clock(minutes: int) -> str:
    return f"{minutes // 60 % 24:02d}:{minutes % 60:02d}"


# --- the decision ---


def concerns(
    to: Addressee, words: Sequence[str], assent: Assent, now: datetime, *, is_silent: bool = False
) -> tuple[Concern, ...]:
    """Everything not settled yet, gravest first. Empty: it may go, at `leaves_at`."""
    found = []
    if is_silent and not assent.agreed:
        found.append(
            Concern(
                "silent",
                Sentence(
                    "This person wrote under duress. Do not write or call, unless that was agreed with them beforehand."
                ),
            )
        )
    if to.has_opted_out and not assent.confirmed:
        found.append(Concern("opted_out", Sentence("This person asked for no more messages. Calling is safer.")))
    if to.is_unverified and not assent.confirmed:
        found.append(
            Concern(
                "unverified",
                Sentence(
                    "Nobody knows who holds this number now. Find out by voice first, and write nothing personal."
                ),
            )
        )
    # Where others read the phone a tick is too little: the file must say why it went all the same.
    is_read = to.phone_kind != "private"
    if words and not (assent.confirmed and (assent.reason.strip() or not is_read)):
        found.append(Concern("words", _exposed(to.phone_kind, words), needs_reason=is_read))
    if not is_safe(now, to) and not assent.reason.strip():
        safe_at = next_safe(now, to)
        if not (assent.at_safe_hour and safe_at is not None):
            hours = f"{clock(to.safe_from or 0)}-{clock(to.safe_until or 0)}"
            sentence = Sentence("It is outside the person’s safe hours, %(hours)s.", hours=hours)
            found.append(Concern("hours", sentence, needs_reason=True, safe_at=safe_at))
    return tuple(found)


def _exposed(phone_kind: str, words: Sequence[str]) -> Sentence:
    listed = ", ".join(f"“{word}”" for word in words)
    if phone_kind == "monitored":
        return Sentence("Somebody checks this phone. These words put the person in danger: %(words)s.", words=listed)
    if phone_kind == "private":
        return Sentence(
            "These words can give the person away, should somebody else read them: %(words)s.", words=listed
        )
    return Sentence("Others read this phone. These words can give the person away: %(words)s.", words=listed)


def leaves_at(to: Addressee, assent: Assent, now: datetime) -> datetime:
    """When a reply without concerns leaves: now, or where its sender chose so the next safe hour."""
    return (next_safe(now, to) or now) if assent.at_safe_hour else now
