"""How well messages are read, from pairs of what was meant and what was read: recall, precision, and their doubt."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

from content.schema import Level

Z = 1.96  # 95 %
WORST = 10
_GRAVE = Level.HIGH


@dataclass(frozen=True, slots=True)
class Pair:
    """One labelled message: what it is, and what it was read as. `sureness` orders misses; 0 where nobody was sure."""

    text: str
    language: str
    meant: Level
    read: Level
    route: str = "none"
    read_route: str = "none"
    kind: str = ""


def wilson(share: float, n: float) -> tuple[float, float]:
    """The ends of Wilson's 95 % interval for a share found among `n` (a fraction, where some count for more)."""
    middle = (share + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z * sqrt(share * (1 - share) / n + Z * Z / (4 * n * n)) / (1 + Z * Z / n)
    return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True, slots=True)
class Share:
    """`part` of `whole`, with the ends of Wilson's 95 % interval: a few messages prove little."""

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        return self.part / self.whole if self.whole else None

    def interval(self) -> tuple[float, float] | None:
        return wilson(self.part / self.whole, self.whole) if self.whole else None

    def to_json(self) -> dict[str, Any]:
        ends = self.interval()
        return {
            "part": self.part,
            "whole": self.whole,
            "share": None if self.value is None else round(self.value, 4),
            "from": None if ends is None else round(ends[0], 4),
            "to": None if ends is None else round(ends[1], 4),
        }


def report(pairs: Sequence[Pair]) -> Iterator[dict[str, Any]]:
    """For each language, and for all: what was heard and what was a false alarm. Then routes and the confusion."""
    languages = sorted({pair.language for pair in pairs})
    for language in [*languages, *(["all"] if len(languages) > 1 else [])]:
        chosen = [pair for pair in pairs if language in (pair.language, "all")]
        for what, share in _shares(chosen):
            yield {"what": what, "language": language, **share.to_json()}
    for route in sorted({pair.route for pair in pairs if pair.meant >= _GRAVE}):
        those = [pair for pair in pairs if pair.route == route and pair.meant >= _GRAVE]
        yield {"what": f"danger heard: {route}", "language": "all", **_heard(those, _GRAVE).to_json()}


def _shares(pairs: Sequence[Pair]) -> Iterator[tuple[str, Share]]:
    grave = [pair for pair in pairs if pair.meant >= _GRAVE]
    hard = [pair for pair in pairs if pair.meant is Level.ELEVATED]
    yield "danger read as high or imminent", _heard(grave, _GRAVE)
    yield "danger read as elevated or more", _heard(grave, Level.ELEVATED)
    yield "distress read as elevated or more", _heard(hard, Level.ELEVATED)
    for kind in sorted({pair.kind for pair in pairs if pair.meant is Level.NONE}):
        calm = [pair for pair in pairs if pair.meant is Level.NONE and pair.kind == kind]
        name = kind or "harmless"
        yield f"{name} read as high or imminent", _heard(calm, _GRAVE)
        yield f"{name} read as elevated or more", _heard(calm, Level.ELEVATED)
    alarms = [pair for pair in pairs if pair.read >= _GRAVE]
    yield "precision of high or imminent", Share(sum(pair.meant >= _GRAVE for pair in alarms), len(alarms))
    named = [pair for pair in grave if pair.read >= _GRAVE]
    yield "heard under its own route", Share(sum(pair.route == pair.read_route for pair in named), len(named))


def _heard(pairs: Iterable[Pair], least: Level) -> Share:
    found = list(pairs)
    return Share(sum(pair.read >= least for pair in found), len(found))


def confusion(pairs: Iterable[Pair]) -> Mapping[tuple[Level, Level], int]:
    """How many messages of each level were read as which."""
    return Counter((pair.meant, pair.read) for pair in pairs)


def worst(pairs: Iterable[Pair]) -> list[Pair]:
    """The gravest mistakes: danger not heard first, then what was read furthest too high."""
    wrong = [pair for pair in pairs if (pair.meant >= _GRAVE) != (pair.read >= _GRAVE)]
    return sorted(wrong, key=lambda pair: (pair.meant < _GRAVE, -abs(pair.meant - pair.read)))[:WORST]
