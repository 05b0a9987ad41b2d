"""A person's answers over time as small pictures, beside the person's own usual value, drawn on the server."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from console.language import _, language
from console.pages import number
from content.schema import Pack, QuestionText
from store import tables

WIDTH, HEIGHT, PAD = 560, 150, 26
MOST_POINTS = 26


@dataclass(frozen=True, slots=True)
class Point:
    x: float
    y: float
    value: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Chart:
    """One question over time. `baseline` is the height of the person's own median."""

    title: str
    points: Sequence[Point]
    baseline: float
    usual: float
    low: float
    high: float
    says: str  # the picture in words

    @property
    def path(self) -> str:
        return " ".join(f"{p.x:.1f},{p.y:.1f}" for p in self.points)


async def charts(connection: AsyncConnection, pack: Pack, person_id: int) -> list[Chart]:
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
        draw(_title(pack, checkin, question), values[-MOST_POINTS:], _range(pack, checkin, question, values))
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


def draw(title: str, values: Sequence[tuple[datetime, float]], bounds: tuple[float, float]) -> Chart:
    low, high = bounds
    first, last = values[0][0], values[-1][0]
    span = (last - first).total_seconds() or 1.0

    def height(value: float) -> float:
        share = (value - low) / (high - low) if high > low else 0.5
        return HEIGHT - PAD - share * (HEIGHT - 2 * PAD)

    points = [
        Point(PAD + (at - first).total_seconds() / span * (WIDTH - 2 * PAD), height(value), value, at)
        for at, value in values
    ]
    usual = median(value for _, value in values)
    says = _(
        "%(count)s answers, usually %(usual)s, last %(last)s",
        count=number(len(values)),
        usual=number(usual),
        last=number(values[-1][1]),
    )
    return Chart(title, points, height(usual), usual, low, high, says)


def answer_words(pack: Pack, checkin: str, question: str, value: Any) -> tuple[str, str]:
    """The question and the answer as a person would say them."""
    text = _text(pack, checkin, question)
    if text is None:
        return question.replace("_", " ").capitalize(), str(value)
    labels = text.options.get(str(value))
    return text.text, labels[0] if labels else str(value)
