"""The same again: a bad answer twice running, and signals that come back on one day after another. Pure.

Repeating raises by one step at most, and never to a level that wakes somebody: "thinking too much" is said in 138
studies and by most people at some time; it is level 2 on repetition, not level 1 (DOMAIN 6.0). So low distress that
keeps coming back becomes elevated; elevated distress stays elevated and says how often; a practical need stays one, for
the caseworker, since poverty that lasts is no emergency of the mind.
"""

from dataclasses import replace
from datetime import date, timedelta

from bot.effects import Assessment, Reason
from bot.history import History, Signal
from content.schema import Level, OverTime, Question


def read_twice(checkin: str, question: Question, value: str | float, times_before: int) -> Assessment | None:
    """The signal in a bad answer after so many bad ones in a row to the same question (options with `twice`)."""
    option = next((each for each in question.options if each.value == value), None)
    if option is None or option.twice is Level.NONE or times_before < 1:
        return None
    times = times_before + 1
    data: dict[str, str | float] = {
        "checkin": checkin, "question": question.id, "value": option.value, "times": times,
    }  # fmt: skip
    reason = Reason("twice", f"{question.id} = {option.value}, {times} times running", data)
    return Assessment(option.twice, option.route, (reason,))


def repeated(read: Assessment, history: History, today: date, settings: OverTime) -> Assessment:
    """The signal with its repetition told, and raised where that is more than a single one says. Danger stays as it is.

    Several messages of one day are one time: a bad evening is not three.
    """
    if not Level.PRACTICAL <= read.level <= Level.ELEVATED:
        return read
    since = today - timedelta(days=settings.repeat_days)
    days = {each.day for each in history.signals if since <= each.day < today and _is_same_kind(each, read)}
    times = len(days) + 1
    if times < settings.repeat_times:
        return read
    lasted = (today - min(days)).days + 1
    data: dict[str, str | float] = {"route": read.route, "times": times, "days": lasted}
    reason = Reason("repeat", f"{read.route}: on {times} days in {lasted}", data)
    is_low_distress = read.level is Level.PRACTICAL and read.route == "distress"
    return replace(
        read, level=Level.ELEVATED if is_low_distress else read.level, reasons=(reason, *read.reasons)
    )  # the reason stands first: what staff see at once is that it is not the first time


def _is_same_kind(signal: Signal, read: Assessment) -> bool:
    """Graver ones are of the kind too: three bad days are three, also where one of them was a cry for help."""
    return signal.level >= read.level and (
        signal.route == read.route or (read.route == "distress" and signal.level >= Level.ELEVATED)
    )


def noted(read: Assessment, history: History, today: date, settings: OverTime) -> History:
    """The history with what was read today, as it was read by itself."""
    if read.level is Level.NONE:
        return history
    return history.with_signal(
        Signal(today, read.level, read.route), since=today - timedelta(days=settings.repeat_days)
    )
