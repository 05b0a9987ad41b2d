"""Silence, counted against the person's own habit of answering. Pure.

Two rounds missed are a signal in anybody (DOMAIN 3.2). In somebody who always answers, soon, the first one is; after a
high or imminent alert it is danger. A poor habit never excuses a silence: it only tells staff how unusual it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil

from bot.effects import Assessment, Reason
from content.schema import Level, OverTime, Route


@dataclass(frozen=True, slots=True)
class Round:
    """One check-in that reached its end: when it was opened, and when it was first answered, if it was."""

    opened_at: datetime
    answered_at: datetime | None


@dataclass(frozen=True, slots=True)
class LastDanger:
    """The gravest high or imminent alert of the last weeks that no human called a false alarm."""

    level: Level
    route: Route
    days: int  # since it was last open


@dataclass(frozen=True, slots=True)
class Habit:
    """How a person answers check-ins: how many of the latest, and within how many hours three of four answers came."""

    asked: int = 0
    answered: int = 0
    usual_hours: int | None = None
    danger: LastDanger | None = None

    def is_steady(self, settings: OverTime) -> bool:
        """Answers each one, and soon: such a person is missed at once."""
        return (
            self.asked >= settings.steady_from
            and self.answered == self.asked
            and self.usual_hours is not None
            and self.usual_hours <= settings.steady_hours
        )


def habit_of(rounds: Sequence[Round], settings: OverTime, danger: LastDanger | None = None) -> Habit:
    """The habit in the latest rounds, newest first; the one that is being counted is not among them."""
    kept = rounds[: settings.habit_of]
    waits = sorted(
        (each.answered_at - each.opened_at).total_seconds() / 3600 for each in kept if each.answered_at is not None
    )
    usual = max(1, ceil(waits[ceil(0.75 * len(waits)) - 1])) if waits else None
    return Habit(len(kept), len(waits), usual, danger)


def read_silence(habit: Habit, missed: int, hours: int, settings: OverTime, language: str) -> Assessment | None:
    """What it means that a check-in, opened `hours` ago, got no answer, the `missed`-th in a row. None: a task only."""
    if habit.danger is not None:
        danger = habit.danger
        data: dict[str, str | float] = {"route": danger.route, "level": int(danger.level), "days": danger.days}
        reason = Reason("after_danger", f"{danger.level.word} {danger.route} {danger.days} days ago", data)
        return Assessment(Level.HIGH, danger.route, (reason, *_reasons(habit, missed, hours)), language)
    if missed >= settings.missed_rounds or habit.is_steady(settings):
        return Assessment(Level.ELEVATED, "distress", _reasons(habit, missed, hours), language)
    return None


def _reasons(habit: Habit, missed: int, hours: int) -> tuple[Reason, ...]:
    found = [Reason("silence", f"check-ins without any answer in a row: {missed}", {"missed": missed})]
    if habit.asked:
        within = f", usually within {habit.usual_hours} hours" if habit.usual_hours is not None else ""
        data: dict[str, str | float] = {"answered": habit.answered, "asked": habit.asked, "hours": hours}
        if habit.usual_hours is not None:
            data["usual_hours"] = habit.usual_hours
        detail = f"answered {habit.answered} of the last {habit.asked}{within}; nothing for {hours} hours"
        found.append(Reason("habit", detail, data))
    return tuple(found)
