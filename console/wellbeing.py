"""A person's answers over time as small pictures, beside the person's own usual value, drawn on the server."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.overtime import Usual, usual
from console.language import _, language
from console.pages import number
from content.schema import OverTime, Pack, QuestionText
from store import tables

WIDTH, HEIGHT, PAD = 560, 150, 26
MOST_POINTS = 26
DEFAULT = OverTime()


@dataclass(frozen=True, slots=True)
class Point:
    x: float
    y: float
    value: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Mark:
    """An alert in the picture."""

    x: float
    at: datetime
    code: str
    level: int


@dataclass(frozen=True, slots=True)
class Chart:
    """One question over time. `baseline` is the height of the person's own usual, `band` its top and its depth."""

    title: str
    points: Sequence[Point]
    usual: Usual | None
    baseline: float
    band: tuple[float, float]
    marks: Sequence[Mark]
    low: float
    high: float
    says: str  # the picture in words

    @property
    def path(self) -> str:
        return " ".join(f"{p.x:.1f},{p.y:.1f}" for p in self.points)


async def charts(connection: AsyncConnection, pack: Pack, person_id: int, alerts: Sequence[Any] = ()) -> list[Chart]:
    """One picture for each question with numbers. `alerts`: those the viewer may see, with code, level, opened_at."""
    answer = tables.answer
    statement = (
        sa.select(answer.c.checkin, answer.c.question, answer.c.value, answer.c.score, answer.c.answered_at)
        .where(answer.c.beneficiary_id == person_id)
        .order_by(answer.c.answered_at, answer.c.id)
    )
    series: dict[tuple[str, str], list[tuple[datetime, float]]] = {}
    for row in await connection.execute(statement):
        value = row.score if row.score is not None else _number(row.value)
        if value is not None:
            series.setdefault((row.checkin, row.question), []).append((row.answered_at, value))
    return [
        draw(_title(pack, checkin, question), values, _range(pack, checkin, question, values), alerts, pack.over_time)
        for (checkin, question), values in series.items()
        if len(values) > 1
    ]


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _title(pack: Pack, checkin: str, question: str) -> str:
    found = _text(pack, checkin, question)
    return found.text if found is not None else question.replace("_", " ").capitalize()


def _text(pack: Pack, checkin: str, question: str) -> QuestionText | None:
    """The question as staff read it: in the language of the page where the check-in has it, else in English."""
    texts = pack.texts
    return texts.get((checkin, question, language())) or texts.get((checkin, question, "en"))


def _range(pack: Pack, checkin: str, question: str, values: Sequence[tuple[datetime, float]]) -> tuple[float, float]:
    """The question's own range where the content knows it, so that two people's pictures compare."""
    known = pack.checkins.get(checkin)
    asked = known.question(question) if known else None
    found = [value for _, value in values]
    if asked is not None and asked.minimum is not None and asked.maximum is not None:
        found += [asked.minimum, asked.maximum]
    if asked is not None:
        found += [option.score for option in asked.options if option.score is not None]
    return min(found), max(found)


def draw(
    title: str,
    values: Sequence[tuple[datetime, float]],
    bounds: tuple[float, float],
    alerts: Sequence[Any] = (),
    settings: OverTime = DEFAULT,
) -> Chart:
    """The newest `MOST_POINTS` answers. What is usual was so before the last of all that are given."""
    low, high = bounds
    own = usual([value for _at, value in values[:-1]], settings)
    shown = values[-MOST_POINTS:]
    first, last = shown[0][0], shown[-1][0]
    span = (last - first).total_seconds() or 1.0

    def across(at: datetime) -> float:
        return PAD + (at - first).total_seconds() / span * (WIDTH - 2 * PAD)

    def height(value: float) -> float:
        share = (value - low) / (high - low) if high > low else 0.5
        return HEIGHT - PAD - share * (HEIGHT - 2 * PAD)

    points = [Point(across(at), height(value), value, at) for at, value in shown]
    marks = [
        Mark(across(alert.opened_at), alert.opened_at, alert.code, alert.level)
        for alert in alerts
        if first <= alert.opened_at <= last
    ]
    top, bottom = (height(own.high), height(own.low)) if own else (0.0, 0.0)
    return Chart(
        title=title,
        points=points,
        usual=own,
        baseline=height(own.middle) if own else 0.0,
        band=(top, max(bottom - top, 1.0)) if own else (0.0, 0.0),
        marks=marks,
        low=low,
        high=high,
        says=_says(len(values), own, shown[-1][1]),
    )


def _says(count: int, own: Usual | None, last: float) -> str:
    if own is None:
        return _("%(count)s answers, last %(last)s; too few to know what is usual", count=count, last=number(last))
    return _(
        "%(count)s answers, usually %(usual)s (half of them %(low)s to %(high)s), last %(last)s",
        count=number(count),
        usual=number(own.middle),
        low=number(own.low),
        high=number(own.high),
        last=number(last),
    )


def answer_words(pack: Pack, checkin: str, question: str, value: Any) -> tuple[str, str]:
    """The question and the answer as a person would say them."""
    text = _text(pack, checkin, question)
    if text is None:
        return question.replace("_", " ").capitalize(), str(value)
    labels = text.options.get(str(value))
    return text.text, labels[0] if labels else str(value)
