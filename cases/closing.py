"""How an alert may end: contact results, outcomes, and which of them close at which level (DOMAIN §2.4). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from content.schema import Level
from content.sentence import Sentence

# Enough tries to call the attempt ladder finished: three calls at different times of day.
LADDER_ATTEMPTS = 3
_SUPERVISING = frozenset({"supervisor", "coordinator"})


@dataclass(frozen=True, slots=True)
class ContactResult:
    """How one attempt to reach the person went."""

    code: str
    sentence: str
    has_reached: bool = False  # spoke with the person themselves
    is_visit: bool = False
    follow_up: str = ""  # the kind of task it leaves


@dataclass(frozen=True, slots=True)
class AlertOutcome:
    """How an alert ended, and what it needs to end that way."""

    code: str
    sentence: str
    closes: bool = True
    needs_reached: bool = False
    takes_refusal: bool = False  # a person who would not talk was reached enough for this
    needs_note: bool = False
    supervisor_from: Level | None = None  # from this level up, a supervisor must close
    never_from: Level | None = None  # from this level up it does not close at all
    follow_up: str = ""
    follow_up_days: int = 0
    stops_messages: bool = False
    # What it says about how the message was read: "nothing" if it was misread, "level" if the danger was real, "" if
    # it does not say.
    judges: Literal["", "nothing", "level"] = ""


CONTACT_RESULTS: Mapping[str, ContactResult] = {
    r.code: r
    for r in (
        ContactResult("REACHED_SELF", "Spoke with the person themselves.", has_reached=True),
        ContactResult("REACHED_OTHER_NO_DISCLOSURE", "Someone else answered; nothing was said about the programme."),
        ContactResult("NO_ANSWER", "Nobody answered."),
        ContactResult("PHONE_OFF", "The phone was off or out of coverage."),
        ContactResult("WRONG_NUMBER", "The number belongs to someone else.", follow_up="verify_number"),
        ContactResult("NUMBER_RECYCLED", "The number has a new owner.", follow_up="verify_number"),
        ContactResult("REFUSED", "The person did not want to talk now."),
        ContactResult(
            "UNSAFE_TO_TALK", "The person could not talk safely; the call was ended.", follow_up="call_safely"
        ),
        ContactResult(
            "LANGUAGE_BARRIER", "No common language; find someone who speaks theirs.", follow_up="interpreter"
        ),
        ContactResult("VISITED_FOUND", "Visited and met the person.", has_reached=True, is_visit=True),
        ContactResult("VISITED_NOT_FOUND", "Visited; the person was not there.", is_visit=True),
    )
}

OUTCOMES: Mapping[str, AlertOutcome] = {
    o.code: o
    for o in (
        AlertOutcome("SAFE_SUPPORTED", "Reached, assessed, support given.", needs_reached=True, judges="level"),
        AlertOutcome(
            "SAFE_PLAN",
            "Safety plan made, next contact dated.",
            needs_reached=True,
            follow_up="next_contact",
            follow_up_days=1,
            judges="level",
        ),
        AlertOutcome(
            "REFERRED_ACCEPTED",
            "The service confirmed the person arrived or has an appointment.",
            needs_note=True,
            judges="level",
        ),
        AlertOutcome("REFERRED_PENDING", "Referral sent, not confirmed yet.", closes=False),
        AlertOutcome(
            "REFERRAL_DECLINED",
            "Reached; the person said no to the referral.",
            needs_reached=True,
            takes_refusal=True,
            supervisor_from=Level.HIGH,
        ),
        AlertOutcome(
            "EMERGENCY_SERVICES",
            "Ambulance or hospital; consent recorded or going without it justified.",
            needs_note=True,
            supervisor_from=Level.NONE,
            judges="level",
        ),
        AlertOutcome(
            "PROTECTION_RELOCATION",
            "A protection actor took over.",
            needs_note=True,
            supervisor_from=Level.NONE,
            judges="level",
        ),
        AlertOutcome("CHILD_PROTECTION_HANDOVER", "Under 18: handed to the child-protection actor.", judges="level"),
        AlertOutcome(
            "GBV_REFERRAL",
            "Referred to a survivors' service, with the survivor's consent.",
            needs_reached=True,
            judges="level",
        ),
        AlertOutcome(
            "DECLINED_SUPPORT",
            "Reached; does not want help.",
            needs_reached=True,
            takes_refusal=True,
            supervisor_from=Level.HIGH,
        ),
        AlertOutcome("UNREACHED_EXHAUSTED", "Every way to reach the person was tried.", supervisor_from=Level.HIGH),
        AlertOutcome("FALSE_ALARM_MISREAD", "The system misread the message.", judges="nothing"),
        AlertOutcome(
            "FALSE_ALARM_WRONG_PERSON", "Someone else had the phone.", follow_up="verify_number", follow_up_days=1
        ),
        AlertOutcome("TEST_OR_JOKE", "A test or a joke.", supervisor_from=Level.HIGH),
        AlertOutcome("DUPLICATE_OF", "The same matter as another alert."),
        AlertOutcome("OPTED_OUT", "The person wants no more messages.", never_from=Level.HIGH),
        AlertOutcome(
            "DIED",
            "The person has died; all messages stop.",
            needs_note=True,
            supervisor_from=Level.NONE,
            stops_messages=True,
        ),
    )
}


def is_supervising(role: str, route: str = "none") -> bool:
    """Whether this role decides what needs a supervisor; for reports about staff that is the focal point."""
    return role in _SUPERVISING or (route == "misconduct" and role == "focal_point")


def may_close(
    level: Level,
    outcome: str,
    actor_role: str,
    *,
    route: str = "none",
    has_reached_attempt: bool = False,
    has_refused: bool = False,
    attempts: int = 0,
    has_field_visit: bool = False,
    has_note: bool = False,
    has_consent: bool = False,
    has_duplicate: bool = False,
    has_unconfirmed_referral: bool = False,
) -> Sentence | None:
    """None, or the sentence that says why this alert may not be closed this way by this person."""
    found = OUTCOMES.get(outcome)
    if found is None:
        return Sentence("There is no outcome called %(name)s.", name=outcome[:32])
    reached = has_reached_attempt or (found.takes_refusal and has_refused)
    high = level >= Level.HIGH
    supervisor = is_supervising(actor_role, route)
    exhausting = outcome == "UNREACHED_EXHAUSTED"
    # In the order in which staff can do something about them.
    objections = (
        (
            not found.closes,
            Sentence(
                "A referral that is not confirmed does not close an alert: confirm that the person arrived first."
            ),
        ),
        (
            outcome == "REFERRED_ACCEPTED" and has_unconfirmed_referral,
            Sentence("The referral of this alert is not confirmed: confirm that the person arrived first."),
        ),
        (
            found.never_from is not None and level >= found.never_from,
            Sentence("Wanting no more messages does not end an alert of this level: someone must reach the person."),
        ),
        (
            found.needs_reached and not reached,
            Sentence("This outcome says the person was reached: log the attempt that reached them first."),
        ),
        (
            exhausting and (has_reached_attempt or has_refused),
            Sentence("The person was reached: choose the outcome that says what came of it."),
        ),
        (
            exhausting and attempts < LADDER_ATTEMPTS,
            Sentence(
                "Try at least %(most)s times before giving up; %(count)s logged so far.",
                most=LADDER_ATTEMPTS,
                count=attempts,
            ),
        ),
        (
            exhausting and high and not has_field_visit,
            Sentence("At this level nobody is given up before a field visit: log the visit first."),
        ),
        (
            found.supervisor_from is not None and level >= found.supervisor_from and not supervisor,
            Sentence("At this level only a supervisor may close an alert with this outcome."),
        ),
        (found.needs_note and not has_note, Sentence("Say in a note what was arranged and with whom.")),
        (
            outcome == "GBV_REFERRAL" and not has_consent,
            Sentence("A survivor is referred with their consent only: record that it was given."),
        ),
        (
            outcome == "DUPLICATE_OF" and not has_duplicate,
            Sentence("Name the other alert of the same person that this one repeats."),
        ),
    )
    return next((sentence for applies, sentence in objections if applies), None)
