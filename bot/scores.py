"""Sums the scores of a check-in and says whether they cross its threshold. What was not answered is never a zero."""

from collections.abc import Mapping

from bot.effects import Assessment, Reason
from content.schema import Checkin, Level, Question


def score_of(question: Question, value: str | float) -> float | None:
    """What an answer counts: its option's score, or on a scale the number itself. None: it does not count."""
    if question.kind in ("choice", "yesno"):
        return next((option.score for option in question.options if option.value == value), None)
    return float(value) if question.kind == "scale" else None


def total(scores: Mapping[str, float]) -> float | None:
    """The sum of what was answered; None if nothing that counts was."""
    return sum(scores.values()) if scores else None


def is_complete(checkin: Checkin, scores: Mapping[str, float]) -> bool:
    """Whether every question that counts was answered: only then is a total below the threshold worth comparing."""
    counting = {q.id for q in checkin.questions if q.kind == "scale" or any(o.score is not None for o in q.options)}
    return counting <= set(scores)


def read_scores(checkin: Checkin, scores: Mapping[str, float]) -> Assessment | None:
    """The signal in the sum, if it reaches the threshold. A partial sum that reaches it counts too."""
    summed = total(scores)
    if checkin.threshold is None or summed is None or summed < checkin.threshold:
        return None
    partial = "" if is_complete(checkin, scores) else " (not all questions answered)"
    detail = f"{checkin.id} {checkin.version}: {summed:g} of threshold {checkin.threshold:g}{partial}"
    return Assessment(checkin.threshold_level, checkin.threshold_route, (Reason("score", detail),))


def read_value(question: Question, value: str | float) -> Assessment | None:
    """The signal in one answer: the level of the option chosen, or a number at or beyond the question's alarm."""
    for option in question.options:
        if option.value == value and option.level > Level.NONE:
            return Assessment(option.level, option.route, (Reason("answer", f"{question.id} = {value}"),))
    if isinstance(value, str) or question.alarm_level is Level.NONE:
        return None
    low, high = question.alarm_at_most, question.alarm_at_least
    if (low is not None and value <= low) or (high is not None and value >= high):
        return Assessment(question.alarm_level, question.alarm_route, (Reason("answer", f"{question.id} = {value:g}"),))
    return None
