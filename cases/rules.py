"""How an alert moves: targets and ladder by level, joining, the next step, and how to reach the person again."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from cases.hours import Hours
from content.schema import ROUTES, Level, Route
from content.sentence import Sentence

# Who is told at a step: the person's own caseworker, those on the step's rung, the supervisors of the site, everyone on
# any rung, its owner.
Told = Literal["caseworker", "rung", "supervisors", "everyone", "owner"]


class AlertRuleError(Exception):
    """The step is against the rules; the message is a sentence for the staff member who tried it."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast one level must be met. Minutes run day and night; staffed hours and staffed days stop with the site."""

    target_minutes: int = 0
    target_staffed_days: int = 0
    rung_minutes: int = 0
    rung_staffed_hours: int = 0
    at_once: frozenset[Told] = frozenset({"rung"})
    # Whether the person's own caseworker, when there is one to tell, has the first turn alone.
    caseworker_alone: bool = False

    def target(self, start: datetime, hours: Hours) -> datetime:
        if self.target_minutes:
            return start + timedelta(minutes=self.target_minutes)
        return hours.days_after(start, self.target_staffed_days)

    def next_rung(self, start: datetime, hours: Hours) -> datetime:
        if self.rung_minutes:
            return start + timedelta(minutes=self.rung_minutes)
        return hours.after(start, timedelta(hours=self.rung_staffed_hours))


# DOMAIN §3.2. For imminent and high the clock never stops (rule e): nights, weekends and holidays count.
Paces = Mapping[Level, Pace]
PACES: Paces = {
    Level.IMMINENT: Pace(target_minutes=15, rung_minutes=5, at_once=frozenset({"caseworker", "rung", "supervisors"})),
    Level.HIGH: Pace(target_minutes=60, rung_minutes=15, at_once=frozenset({"caseworker", "rung"})),
    Level.ELEVATED: Pace(target_staffed_days=1, rung_staffed_hours=4, caseworker_alone=True),
    Level.PRACTICAL: Pace(target_staffed_days=3, rung_staffed_hours=8, caseworker_alone=True),
}
OUTCOME_DAYS = 3  # staffed days after the person was reached, by which the alert must have an outcome
# What a site may set, and between which ends: slower than this would be no target, faster nobody could keep.
SETTABLE: Mapping[Level, Mapping[str, tuple[int, int]]] = {
    Level.IMMINENT: {"target_minutes": (5, 30), "rung_minutes": (2, 10)},
    Level.HIGH: {"target_minutes": (15, 240), "rung_minutes": (5, 60)},
    Level.ELEVATED: {"target_staffed_days": (1, 3), "rung_staffed_hours": (1, 9)},
    Level.PRACTICAL: {"target_staffed_days": (1, 10), "rung_staffed_hours": (1, 40)},
}


def paces_of(settings: Mapping[str, Mapping[str, int]]) -> Paces:
    """The paces of a site whose `site.paces` is {"high": {"target_minutes": 30}, …}: the rest is the programme's.

    Raises `AlertRuleError` with a sentence for a level, a name or a number that cannot be.
    """
    paces = dict(PACES)
    for name, values in settings.items():
        level = next((one for one in SETTABLE if one.name.lower() == name), None)
        if level is None:
            raise AlertRuleError(Sentence("There is no level %(name)r with a pace of its own.", name=name[:32]))
        for what, number in values.items():
            if what not in SETTABLE[level]:
                raise AlertRuleError(
                    Sentence(
                        "%(level)s has no %(what)r; it has %(names)s.",
                        level=name,
                        what=what[:32],
                        names=", ".join(SETTABLE[level]),
                    )
                )
            low, high = SETTABLE[level][what]
            if isinstance(number, bool) or not isinstance(number, int) or not low <= number <= high:
                raise AlertRuleError(
                    Sentence(
                        "%(level)s, %(what)s: a whole number from %(low)s to %(high)s.",
                        level=name,
                        what=what,
                        low=low,
                        high=high,
                    )
                )
        numbers: Mapping[str, Any] = values
        paces[level] = replace(paces[level], **numbers)
    return paces


def pace_of(level: Level, paces: Paces = PACES) -> Pace:
    """An alert at level NONE cannot be; it is paced as the lowest level rather than never."""
    return paces[max(level, Level.PRACTICAL)]


def target_at(level: Level, start: datetime, hours: Hours, paces: Paces = PACES) -> datetime:
    return pace_of(level, paces).target(start, hours)


def climbs_at(level: Level, start: datetime, hours: Hours, paces: Paces = PACES) -> datetime:
    return pace_of(level, paces).next_rung(start, hours)


def may_rest_until(level: Level, taken_at: datetime, target: datetime, hours: Hours, paces: Paces = PACES) -> datetime:
    """Until when a taken alert may show no contact attempt: its target, but never less than one rung's time."""
    return max(target, climbs_at(level, taken_at, hours, paces))


def after_attempt(level: Level, has_reached: bool, at: datetime, hours: Hours, paces: Paces = PACES) -> datetime:
    """When an alert goes back to the ladder if nothing follows: another attempt, or after reaching, an outcome."""
    if has_reached:
        return hours.days_after(at, OUTCOME_DAYS)
    return target_at(level, at, hours, paces)


@dataclass(frozen=True, slots=True)
class Joined:
    level: Level
    route: Route
    is_raised: bool


def join(open_level: Level, open_route: Route, new_level: Level, new_route: Route) -> Joined:
    """A further signal joins an open alert. It may raise, never lower (DOMAIN §3.2 rules a and c)."""
    if new_level > open_level:
        return Joined(new_level, new_route if new_route != "none" else open_route, is_raised=True)
    if new_level == open_level and ROUTES.index(new_route) < ROUTES.index(open_route):
        return Joined(open_level, new_route, is_raised=False)
    return Joined(open_level, open_route, is_raised=False)


@dataclass(frozen=True, slots=True)
class Step:
    """What the ladder does now: the rung it stands on after it, who is told, and when it moves again."""

    rung: int
    tell: frozenset[Told]
    due_at: datetime
    returns: bool = False  # the alert was taken and left alone: it is open again


CASEWORKER_RUNG = 0


def first_step(
    level: Level,
    rungs: Sequence[int],
    now: datetime,
    hours: Hours,
    paces: Paces = PACES,
    *,
    has_caseworker: bool = False,
) -> Step:
    """`rungs` are the numbers of the rungs on which somebody is on call now, in order.

    Below high the person's own caseworker, if there is one to tell, is a rung of their own before the first.
    """
    pace, due = pace_of(level, paces), climbs_at(level, now, hours, paces)
    if has_caseworker and pace.caseworker_alone:
        return Step(CASEWORKER_RUNG, frozenset({"caseworker"}), due)
    return Step(rungs[0] if rungs else 0, pace.at_once, due)


def next_step(
    state: Literal["open", "taken"],
    level: Level,
    rung: int,
    rungs: Sequence[int],
    now: datetime,
    hours: Hours,
    paces: Paces = PACES,
) -> Step:
    """The step of an alert whose time has come. It always has a next due time: nothing expires silently.

    At the top it stays there and tells everyone on call and the supervisors again and again. A taken alert whose
    time came was left alone: it goes back to the first rung, its owner and the supervisors are told.
    """
    due = climbs_at(level, now, hours, paces)
    if state == "taken":
        return Step(rungs[0] if rungs else 0, frozenset({"rung", "supervisors", "owner"}), due, returns=True)
    above = [r for r in rungs if r > rung]
    if not above:
        return Step(rung, frozenset({"everyone", "supervisors"}), due)
    return Step(above[0], pace_of(level, paces).at_once - {"caseworker"}, due)


CODE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # no 0/O, no 1/I: it is read out over bad lines


def new_code() -> str:
    return "".join(secrets.choice(CODE_LETTERS) for _ in range(4))
