"""One answer, or the sums of a whole check-in, read against what the person answered before, and kept for next time."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from bot.effects import Assessment, Progress
from bot.history import History, seconds
from bot.overtime.baseline import measure, read_change
from bot.overtime.repetition import read_twice
from bot.scores import total
from content.schema import Checkin, Level, OverTime, Question


@dataclass(frozen=True, slots=True)
class Past:
    """The person's history as one check-in of theirs sees it."""

    checkin: Checkin
    progress: Progress
    history: History
    settings: OverTime
    country: str = ""

    @property
    def opened(self) -> int:
        return seconds(self.progress.opened_at)

    def key(self, name: str) -> str:
        return f"{self.checkin.id}.{name}"


def read_answer_over_time(past: Past, question: Question, value: str | float) -> list[Assessment]:
    """What the answer means beside the person's own earlier ones."""
    found = read_twice(past.checkin.id, question, value, past.history.times_before(past.key(question.id), past.opened))
    number = measure(question, value)
    change = None
    if question.worse is not None and number is not None:
        before = past.history.before(past.key(question.id), past.opened)
        change = read_change(past.checkin.id, question.id, question.worse, number, before, past.settings, past.country)
    return [each for each in (found, change) if each is not None]


def read_sums_over_time(past: Past) -> list[Assessment]:
    """The same of the check-in's sums. A partial sum that is worse already counts: the rest could only add to it."""
    found = []
    for one in past.checkin.sums:
        summed = total(past.progress.scores, one.questions)
        is_whole = set(one.questions) <= set(past.progress.scores)
        if one.worse is None or summed is None or (one.worse.is_lower and not is_whole):
            continue
        before = past.history.before(past.key(one.id), past.opened)
        found.append(read_change(past.checkin.id, one.id, one.worse, summed, before, past.settings, past.country))
    return [each for each in found if each is not None]


def kept(past: Past, question: Question, value: str | float) -> History:
    """The history with this answer, where a rule may look at it later. A correction takes the place of the first."""
    history, key, number = past.history, past.key(question.id), measure(question, value)
    if question.worse is not None and number is not None:
        history = history.with_value(key, past.opened, number)
    if any(option.twice > Level.NONE for option in question.options):
        is_bad = any(option.value == value and option.twice > Level.NONE for option in question.options)
        history = history.with_run(key, past.opened, is_bad=is_bad)
    return history


def kept_sums(past: Past) -> History:
    """The history with the check-in's sums: whole ones, for a part says nothing of what is usual."""
    history = past.history
    for one in past.checkin.sums:
        summed = total(past.progress.scores, one.questions)
        if one.worse is not None and summed is not None and set(one.questions) <= set(past.progress.scores):
            history = history.with_value(past.key(one.id), past.opened, summed)
    return history


def gravest(found: Iterable[Assessment | None]) -> Assessment | None:
    """The gravest signal, with the reasons of all; between equals the earlier one names the route."""
    signals = [each for each in found if each is not None]
    if not signals:
        return None
    first = max(signals, key=lambda each: each.level)
    others = [reason for each in signals if each is not first for reason in each.reasons]
    return replace(first, reasons=tuple(dict.fromkeys((*first.reasons, *others))))
