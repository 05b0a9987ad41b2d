"""Dates, by figures and by names. Day first, as all our countries write it, or year first; ISO out."""

import re
from calendar import monthrange
from datetime import date, timedelta

from bot.answers.speech import Answer, Speech
from bot.replies import contains
from bot.text import fold, tokens

_DATE = re.compile(r"^\D*(\d{1,4})\s*[-/. ]\s*(\d{1,2})\s*[-/. ]\s*(\d{1,4})\D*$")
_DAY_AND_MONTH = re.compile(r"^\D*(\d{1,2})\s*[-/.]\s*(\d{1,2})\D*$")
_DATE_PARTS = re.compile(r"\d+")
_DATE_WORDS = 6  # a longer text tells of something else: "may" and "mar" are also no months
_CENTURY = 100
_SURELY_THIS_YEAR = timedelta(days=120)  # a day without a year that is further away may be last year's or next year's


def read_date(text: str, speech: Speech, today: date | None) -> Answer:
    """Day first, as all our countries write it, or year first; months and days also by name. ISO out."""
    folded = fold(text)
    said = tokens(folded)
    written = _DATE.match(folded) or _DAY_AND_MONTH.match(folded)
    if written:
        return _certain_date(*_by_place([int(part) for part in written.groups()]), today)
    if len(said) > _DATE_WORDS:
        return Answer(None, "not a date")
    parts = [int(part) for part in _DATE_PARTS.findall(folded) if len(part) <= 4]
    offset = next((value for form, value in speech.days.items() if contains(said, form)), None)
    if offset is not None and not parts:
        return Answer((today + timedelta(days=offset)).isoformat(), "day") if today else Answer(None, "not a date")
    month = next((value for form, value in speech.months.items() if contains(said, form)), None)
    if month is None or len(parts) not in (1, 2):
        return Answer(None, "not a date")
    day, year = (parts[0], parts[1] if len(parts) > 1 else None)
    if day > 31 and year is not None:
        day, year = year, day
    return _certain_date(day, month, year, today)


def _by_place(parts: list[int]) -> tuple[int, int, int | None]:
    if len(parts) == 2:
        return parts[0], parts[1], None
    first, second, last = parts
    if first > 31:
        return last, second, first
    # "03/25/2024": the other order, and no doubt about it.
    return (second, first, last) if first <= 12 < second <= 31 else (first, second, last)


def _certain_date(day: int, month: int, year: int | None, today: date | None) -> Answer:
    try:
        if year is not None:
            return Answer(date(_whole_year(year, today), month, day).isoformat(), "date")
        if today is None:
            return Answer(None, "no year")
        around = [date(today.year + step, month, day) for step in (-1, 0, 1) if _exists(today.year + step, month, day)]
    except ValueError:
        return Answer(None, "no such day")
    if not around:
        return Answer(None, "no such day")
    nearest = min(around, key=lambda found: abs(found - today))
    if abs(nearest - today) > _SURELY_THIS_YEAR:
        return Answer(None, "no year")
    return Answer(nearest.isoformat(), "date without a year")


def _exists(year: int, month: int, day: int) -> bool:
    return 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]


def _whole_year(year: int, today: date | None) -> int:
    """Two digits are this century, or the last where that would be more than a year ahead: births are told too."""
    if year >= _CENTURY:
        return year
    this = 2000 + year
    return this - _CENTURY if today is not None and this > today.year + 1 else this
