"""Sums the scores of a check-in and says whether they cross a threshold. What was not answered is never a zero."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from bot.effects import Assessment, Reason
from content.schema import Checkin, Level, Question


def score_of(question: Question, value: str | float) -> float | None:
    """What an answer counts: its option's score, or on a scale the number itself. None: it does not count."""
    if question.kind in ("choice", "yesno"):
        return next((option.score for option in question.options if option.value == value), None)
    return float(value) if question.kind == "scale" else None


def total(scores: Mapping[str, float], questions: Collection[str]) -> float | None:
    """The sum of those of the questions that were answered; None if nothing that counts was."""
    found = [score for question, score in scores.items() if question in questions]
    return sum(found) if found else None


def read_scores(checkin: Checkin, scores: Mapping[str, float], country: str = "") -> Assessment | None:
    """The gravest signal in the check-in's sums. A partial sum that reaches its threshold counts too."""
    reached = []
    for one in checkin.sums:
        summed, threshold = total(scores, one.questions), one.threshold_in(country)
        if summed is not None and summed >= threshold:
            is_whole = set(one.questions) <= set(scores)
            partial = "" if is_whole else " (not all questions answered)"
            detail = f"{one.id} {checkin.version}: {summed:g} of threshold {threshold:g}{partial}"
            data: dict[str, str | float] = {
                "checkin": checkin.id,
                "name": one.id,
                "sum": summed,
                "threshold": threshold,
                "whole": is_whole,
            }
            reached.append(Assessment(one.level, one.route, (Reason("score", detail, data),)))
    if not reached:
        return None
    gravest = max(reached, key=lambda found: found.level)
    return replace(gravest, reasons=tuple(reason for found in reached for reason in found.reasons))


def read_value(checkin_id: str, question: Question, value: str | float) -> Assessment | None:
    """The signal in one answer: the level of the option chosen, or a number at or beyond the question's alarm."""
    for option in question.options:
        if option.value == value and option.level > Level.NONE:
            return Assessment(option.level, option.route, (_reason(checkin_id, question, value),))
    if isinstance(value, str) or question.alarm_level is Level.NONE:
        return None
    low, high = question.alarm_at_most, question.alarm_at_least
    if (low is not None and value <= low) or (high is not None and value >= high):
        return Assessment(question.alarm_level, question.alarm_route, (_reason(checkin_id, question, value),))
    return None


def _reason(checkin_id: str, question: Question, value: str | float) -> Reason:
    written = value if isinstance(value, str) else f"{value:g}"
    data = {"checkin": checkin_id, "question": question.id, "value": value}
    return Reason("answer", f"{question.id} = {written}", data)
