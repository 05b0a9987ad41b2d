"""A person's own usual, and answers and sums that are clearly worse than it. Pure.

A change for the better is no finding: sudden calm after a bad time is never clearance (DOMAIN 1.2, 3.2).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from bot.effects import Assessment, Reason
from bot.scores import score_of
from content.schema import Checkin, OverTime, Question, Worse


@dataclass(frozen=True, slots=True)
class Usual:
    """What is usual for a person: the middle of their earlier answers, and between what at least half of them lie."""

    middle: float
    low: float
    high: float
    answers: int

    @property
    def words(self) -> str:
        return f"{self.low:g}" if self.low == self.high else f"{self.low:g}-{self.high:g}"


def usual(values: Sequence[float], settings: OverTime) -> Usual | None:
    """Of the latest earlier values, oldest first; None while they are too few to call anything usual."""
    kept = sorted(values[-settings.usual_of :])
    if len(kept) < settings.usual_from:
        return None
    last = len(kept) - 1
    return Usual(median(kept), kept[last // 4], kept[last - last // 4], len(kept))


def measure(question: Question, value: str | float) -> float | None:
    """The number in an answer: its score, or the number itself. None: it has none."""
    score = score_of(question, value)
    if score is not None or isinstance(value, str):
        return score
    return float(value) if question.kind == "number" else None


def is_worse(worse: Worse, number: float, own: Usual, country: str = "") -> bool:
    by = own.middle - number if worse.is_lower else number - own.middle
    return by >= worse.by_in(country)


def read_change(
    checkin: str, name: str, worse: Worse, number: float, before: Sequence[float], settings: OverTime, country: str = ""
) -> Assessment | None:
    """The signal in the number of one answer or sum (`name`) after those `before` it, oldest first."""
    own = usual(before, settings)
    if own is None or not is_worse(worse, number, own, country):
        return None
    data: dict[str, str | float] = {
        "checkin": checkin, "question": name, "now": number, "usual": own.middle, "low": own.low, "high": own.high,
        "answers": own.answers,
    }  # fmt: skip
    reason = Reason("baseline", f"{checkin}.{name}: usually {own.words}, now {number:g}", data)
    return Assessment(worse.level, worse.route, (reason,))


# --- for a picture of it ---


@dataclass(frozen=True, slots=True)
class Point:
    """One answer in time, and what was usual for the person until then."""

    at: datetime
    value: float
    usual: Usual | None
    is_worse: bool


@dataclass(frozen=True, slots=True)
class Series:
    """One question or sum over time, oldest first; `usual` is the person's own as it stands now."""

    checkin: str
    question: str
    points: tuple[Point, ...]
    usual: Usual | None


def series(
    answers: Iterable[tuple[str, str, datetime, float]],
    checkins: Mapping[str, Checkin],
    settings: OverTime,
    country: str = "",
) -> list[Series]:
    """Scored answers (check-in, question, when, number), oldest first, as series with each person's own usual.

    A question that the content no longer has is shown all the same, without a rule for what is worse.
    """
    grouped: dict[tuple[str, str], list[tuple[datetime, float]]] = {}
    for checkin, question, at, value in answers:
        grouped.setdefault((checkin, question), []).append((at, value))
    return [
        Series(
            checkin,
            question,
            tuple(_points(values, _worse(checkins.get(checkin), question), settings, country)),
            usual([value for _, value in values], settings),
        )
        for (checkin, question), values in grouped.items()
    ]


def _worse(checkin: Checkin | None, name: str) -> Worse | None:
    if checkin is None:
        return None
    asked = checkin.question(name)
    return asked.worse if asked is not None else next((one.worse for one in checkin.sums if one.id == name), None)


def _points(
    values: Sequence[tuple[datetime, float]], worse: Worse | None, settings: OverTime, country: str
) -> Iterable[Point]:
    for number, (at, value) in enumerate(values):
        own = usual([earlier for _, earlier in values[:number]], settings)
        found = own is not None and worse is not None and is_worse(worse, value, own, country)
        yield Point(at, value, own, found)
