"""A language's small words as answers need them, and what an answer is."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from bot.text import tokens
from content.schema import Words

Form = tuple[str, ...]
Value = str | float


@dataclass(frozen=True, slots=True)
class Answer:
    """`value` is what is stored: an option's value, a number, yes or no, an ISO date, an E.164 number, a text."""

    value: Value | None
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Speech:
    """A language's words as answers need them; built once per `Words`."""

    words: Words
    numbers: Mapping[Form, int]
    joins: frozenset[str]
    halves: tuple[Form, ...]
    ranges: frozenset[str]
    months: Mapping[Form, int]
    days: Mapping[Form, int]
    marks: frozenset[str]
    polite: frozenset[str]
    fillers: frozenset[str]
    phrases: tuple[Form, ...]  # fillers of several words
    denials: frozenset[str]


_speeches: dict[int, Speech] = {}


def speech_of(words: Words) -> Speech:
    # Kept by identity (and alive, so that no id returns): hashing all phrases costs more than reading the message.
    found = _speeches.get(id(words))
    if found is None:
        marks, polite = frozenset(words.number_marks), frozenset(words.polite)
        found = _speeches[id(words)] = Speech(
            words,
            {form_of(name): value for name, value in words.numbers.items()},
            frozenset(words.number_joins),
            tuple(form_of(half) for half in words.halves),
            frozenset(words.ranges),
            {form_of(name): value for name, value in words.months.items()},
            # "The day before yesterday" before "yesterday".
            {form_of(name): words.days[name] for name in sorted(words.days, key=len, reverse=True)},
            marks,
            polite,
            marks | polite | frozenset(words.fillers),
            tuple(form for filler in words.fillers if len(form := form_of(filler)) > 1),
            frozenset(words.denials) - marks,
        )
    return found


@lru_cache(maxsize=4096)
def form_of(label: str) -> Form:
    return tuple(tokens(label))
