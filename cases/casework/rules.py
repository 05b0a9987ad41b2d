"""The rules of case work: who may do what, how a referral moves, the weeks after an alert, leaving. Pure."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from content.schema import Level
from content.sentence import Sentence

# Who works with a person: they edit the file. Coordinators move people between sites, and read no text.
CARING = frozenset({"psychosocial", "supervisor", "caseworker"})
MOVING = CARING | {"coordinator"}
DECIDING = frozenset({"supervisor", "coordinator"})
LONGEST_NOTE = 4000


class CaseError(ValueError):
    """The step is against the rules; the message is a sentence for the staff member who tried it."""


def may_work(role: str, roles: Collection[str], site_ids: Collection[int], site_id: int) -> bool:
    """Whether somebody of this role and these sites (none named: all) works on a person of this site."""
    return role in roles and (not site_ids or site_id in site_ids)


# --- referrals ---

# declined: by the person · refused: by the service · lost: never arrived. Somebody given up as lost may still arrive.
REFERRAL_MOVES: Mapping[str, tuple[str, ...]] = {
    "proposed": ("sent", "declined"),
    "sent": ("accepted", "arrived", "refused", "declined", "lost"),
    "accepted": ("arrived", "declined", "lost"),
    "arrived": (),
    "declined": (),
    "refused": (),
    "lost": ("arrived",),
}
SETTLED = frozenset({"arrived", "declined", "refused", "lost"})
# What an alert may be closed on as "referral confirmed".
CONFIRMED = frozenset({"accepted", "arrived"})
# not_asked: only while the referral is no more than proposed · none_needed: the person goes themselves, with nothing of
# ours; what is passed on for them needs their consent, spoken or written.
CONSENTS = ("not_asked", "spoken", "written", "none_needed")
LONGEST_WAIT = timedelta(days=90)
USUAL_WAIT = timedelta(days=7)


def may_move(state: str, to: str, *, consent: str, has_agreement: bool) -> Sentence | None:
    """None, or the sentence that says why this referral does not go from `state` to `to`."""
    if to not in REFERRAL_MOVES.get(state, ()):
        return Sentence("A referral that is %(state)s cannot become %(to)s.", state=state[:16], to=to[:16])
    if to == "sent":
        return may_send(consent, has_agreement=has_agreement)
    return None


def may_send(consent: str, *, has_agreement: bool) -> Sentence | None:
    """None, or why nothing may be passed to the service yet (DOMAIN §5.1, principle 5)."""
    if consent not in CONSENTS:
        return Sentence("There is no consent called %(name)s.", name=consent[:16])
    if consent == "not_asked":
        return Sentence("Ask the person first, and record how they agreed.")
    if consent != "none_needed" and not has_agreement:
        return Sentence(
            "There is no agreement under which facts may be passed to this service: the person can go themselves."
        )
    return None


# --- the weeks after an alert ---

WEEKS = 8
WEEK = timedelta(days=7)
WEEKLY = "weekly_contact"
# After an alert of high or more a human speaks with the person in each of the first weeks, whatever they answer.
_HUMAN_WEEKS: Mapping[bool, int] = {False: 1, True: 4}


def week_key(alert_id: int, week: int) -> str:
    return f"{WEEKLY}/{alert_id}/{week}"


def week_of(key: str) -> int:
    """Which of the eight weeks a task is for; 0 if it is none of them."""
    kind, _, rest = key.partition("/")
    week = rest.rpartition("/")[2]
    return int(week) if kind == WEEKLY and week.isdigit() else 0


def next_week(week: int, due_at: datetime, now: datetime) -> tuple[int, datetime] | None:
    """The week after this one and when its contact is due, always later than now; None when the eight are over.

    Weeks that went by while the task lay undone are gone: nobody is rung up three times in a day to make up for them.
    """
    missed = max(0, (now - due_at) // WEEK)
    following = week + 1 + missed
    return None if following > WEEKS else (following, due_at + WEEK * (1 + missed))


def is_settled_by_answer(week: int, level: Level) -> bool:
    """Whether the person's own "fine" in their weekly check-in stands for this week's contact.

    It is a sign of life, never a clearance (DOMAIN §1.2): so not at first, and later for the gravest.
    """
    return week > _HUMAN_WEEKS[level >= Level.HIGH]


# --- the plan ---

GOAL_STATES = ("open", "reached", "dropped")
SOURCES = ("visit", "call", "office", "partner", "document")
STANDINGS = (1, 2, 3)  # well · so-so · badly

# --- leaving ---

EXITS = ("completed", "moved_away", "asked_to_leave", "other_programme", "lost_contact", "programme_ended")
# yes, no, or to be asked: being written to after the end of the programme is a purpose of its own.
AFTER_EXIT = ("yes", "no", "later")
AFTER_EXIT_DAYS = (182, 365)  # DOMAIN §2.3: one contact 6 and 12 months after exit

# --- tasks ---

# Kinds that are there to speak with the person: a try that reaches nobody leaves them open.
CONTACTS = frozenset({WEEKLY, "next_contact", "call_me", "call_safely", "after_exit", "after_alert"})
DONE, NOT_NEEDED = "DONE", "NOT_NEEDED"


def may_finish(kind: str, result: str, *, is_settled: bool) -> Sentence | None:
    """None, or why a task of this kind does not end with this result. `is_settled`: its referral, if any."""
    if kind == WEEKLY and result == DONE:
        return Sentence("Say how the contact went.")
    if kind == "confirm_arrival" and not is_settled:
        return Sentence("Say in the person’s referrals what came of it: that ends this task.")
    return None
