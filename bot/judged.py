"""How well danger is read, from staff's own judgements: alerts are nearly all judged, of the rest only a sample is.

So a message of the sample stands for many, and what is missed is known with much more doubt than what is a false alarm.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bot.evaluation import WORST, wilson
from content.schema import ROUTES, Level

FEWEST = 10  # judged messages of one site or language, before it is shown by itself


class Reading(Protocol):
    """One message as read and as judged (`cases.judged.Reading`); `draw` "" if it was alerted, not sampled."""

    @property
    def id(self) -> int: ...
    @property
    def site_id(self) -> int: ...
    @property
    def language(self) -> str: ...
    @property
    def read(self) -> Level: ...
    @property
    def read_route(self) -> str: ...
    @property
    def meant(self) -> Level | None: ...
    @property
    def route(self) -> str: ...
    @property
    def how(self) -> str: ...
    @property
    def alert(self) -> str: ...
    @property
    def draw(self) -> str: ...
    @property
    def population(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Judged:
    """A judged message and how many it stands for, itself among them."""

    reading: Reading
    meant: Level
    weight: float

    @property
    def is_sampled(self) -> bool:
        return bool(self.reading.draw)


@dataclass(frozen=True, slots=True)
class Line:
    """One figure: `part` of `whole` as counted, and the share with its 95 % interval as weighted; None: not known."""

    what: str
    by: str  # all · language · route · level · site
    name: str
    part: int
    whole: int
    share: float | None
    low: float | None
    high: float | None

    def to_json(self) -> dict[str, Any]:
        ends = {"share": self.share, "from": self.low, "to": self.high}
        rounded = {name: None if value is None else round(value, 4) for name, value in ends.items()}
        return {"what": self.what, "by": self.by, "name": self.name, "part": self.part, "whole": self.whole, **rounded}


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the figures rest on: alerted messages, and the messages that the sample was drawn from."""

    alerted: int
    judged: int
    judged_themselves: int  # by somebody who judged that very message; the rest follow from their alert's end
    sampled_from: int
    drawn: int
    read: int


def coverage(readings: Iterable[Reading]) -> Coverage:
    readings = list(readings)
    alerted = [one for one in readings if not one.draw]
    sampled = [one for one in readings if one.draw]
    return Coverage(
        alerted=len(alerted),
        judged=sum(one.meant is not None for one in alerted),
        judged_themselves=sum(one.how == "message" for one in alerted),
        sampled_from=sum({one.draw: one.population for one in sampled}.values()),
        drawn=len(sampled),
        read=sum(one.meant is not None for one in sampled),
    )


def weigh(readings: Iterable[Reading]) -> list[Judged]:
    """Each judged message with its weight: the messages of its draw, or alerted at its level, over those judged."""
    groups: defaultdict[tuple[str, int], list[Reading]] = defaultdict(list)
    for one in readings:
        groups[one.draw, 0 if one.draw else int(one.read)].append(one)
    found = []
    for (draw, _), group in groups.items():
        judged = [(one, one.meant) for one in group if one.meant is not None]
        size = group[0].population if draw else len(group)
        found += [Judged(one, meant, size / len(judged)) for one, meant in judged]
    return found


# --- figures


def figures(judged: Sequence[Judged]) -> list[Line]:
    """For all, then by language, by the route and the level that was meant, and by the level that was read."""
    lines = list(_main("all", "all", judged))
    by_language = _grouped(judged, lambda one: one.reading.language)
    for language in sorted(by_language):
        lines += _main("language", language, by_language[language])
    for route in ROUTES:
        line = _recall(f"danger heard: {route}", "route", route, judged, _is_danger_of(route), Level.HIGH)
        lines += [line] if line.whole else []
    lines += _by_level(judged)
    return lines


def _main(by: str, name: str, judged: Sequence[Judged]) -> Iterator[Line]:
    yield _recall("danger heard", by, name, judged, _is_at_least(Level.HIGH), Level.HIGH)
    yield _recall("danger read as elevated or more", by, name, judged, _is_at_least(Level.HIGH), Level.ELEVATED)
    yield _recall("distress read as elevated or more", by, name, judged, _is_meant(Level.ELEVATED), Level.ELEVATED)
    alarms = [x for x in judged if x.reading.read >= Level.HIGH]
    yield _share("alarms that were danger", by, name, alarms, _is_at_least(Level.HIGH))
    alerts = [x for x in judged if x.reading.read >= Level.ELEVATED]
    yield _share("alerts that were needed", by, name, alerts, _is_at_least(Level.ELEVATED))
    heard = [x for x in alarms if x.meant >= Level.HIGH]
    yield _share("heard under its own route", by, name, heard, lambda x: x.reading.route == x.reading.read_route)


def _by_level(judged: Sequence[Judged]) -> Iterator[Line]:
    for level in reversed(Level):
        if level is Level.NONE:
            continue
        what = f"meant {level.word}, read so or graver"
        line = _recall(what, "level", level.word, judged, _is_meant(level), level)
        if line.whole:
            yield line
        read = [x for x in judged if x.reading.read is level]
        if read:
            yield _share(f"read {level.word}, meant so or graver", "level", level.word, read, _is_at_least(level))


def _is_danger_of(route: str) -> Callable[[Judged], bool]:
    return lambda x: x.meant >= Level.HIGH and x.reading.route == route


def _is_meant(level: Level) -> Callable[[Judged], bool]:
    return lambda x: x.meant is level


def _is_at_least(level: Level) -> Callable[[Judged], bool]:
    return lambda x: x.meant >= level


def _share(what: str, by: str, name: str, among: Sequence[Judged], is_part: Callable[[Judged], bool]) -> Line:
    part = [x for x in among if is_part(x)]
    if not among:
        return Line(what, by, name, 0, 0, None, None, None)
    share = _sum(part) / _sum(among)
    return Line(what, by, name, len(part), len(among), share, *wilson(share, _effective(among)))


def _recall(
    what: str, by: str, name: str, judged: Sequence[Judged], is_meant: Callable[[Judged], bool], least: Level
) -> Line:
    """Of what was meant so, how much was read at `least`: known among alerts, estimated among the rest.

    The doubt is that of the sample: none missed among 100 read may still be 37 missed in 1,000. Without a sample
    nothing can be said of what is missed, however well the alerts look.
    """
    meant = [x for x in judged if is_meant(x)]
    heard = [x for x in meant if x.reading.read >= least]
    counts = len(heard), len(meant)
    sample = [x for x in judged if x.is_sampled]
    if least <= Level.PRACTICAL:  # a practical need raises no alert: both parts are in the sample
        return _share(what, by, name, meant, lambda x: x.reading.read >= least)
    if not sample:
        return Line(what, by, name, *counts, None, None, None)
    alerted = [x for x in meant if not x.is_sampled]
    known, rest = _sum(alerted), _sum(sample)
    missed = _sum(x for x in meant if x.is_sampled) / rest
    least_missed, most_missed = (end * rest for end in wilson(missed, _effective(sample)))
    if not meant:
        return Line(what, by, name, *counts, None, None, None)
    right = _sum(heard) / known if known else 0.0
    low, high = wilson(right, _effective(alerted)) if alerted else (0.0, 0.0)
    share = right * known / (known + missed * rest)
    return Line(
        what, by, name, *counts, share,
        low * known / (known + most_missed) if known else 0.0, high * known / (known + least_missed) if known else 0.0,
    )  # fmt: skip


def _sum(judged: Iterable[Judged]) -> float:
    return sum(x.weight for x in judged)


def _effective(judged: Sequence[Judged]) -> float:
    """How many equally weighted messages would tell as much (Kish): a few heavy ones tell less than they count."""
    return _sum(judged) ** 2 / sum(x.weight**2 for x in judged)


# --- tables, mistakes, places


def confusion(judged: Iterable[Judged]) -> Mapping[tuple[Level, Level], tuple[int, float]]:
    """(meant, read) → how many were judged so, and how many they stand for."""
    counts: Counter[tuple[Level, Level]] = Counter()
    weights: defaultdict[tuple[Level, Level], float] = defaultdict(float)
    for x in judged:
        counts[x.meant, x.reading.read] += 1
        weights[x.meant, x.reading.read] += x.weight
    return {key: (counts[key], weights[key]) for key in counts}


def worst(judged: Iterable[Judged]) -> list[Judged]:
    """The gravest mistakes: danger not heard first, then what was read furthest too high."""
    wrong = [x for x in judged if (x.meant >= Level.HIGH) != (x.reading.read >= Level.HIGH)]
    return sorted(wrong, key=lambda x: (x.meant < Level.HIGH, -abs(x.meant - x.reading.read), -x.reading.id))[:WORST]


def by_site(judged: Sequence[Judged], fewest: int = FEWEST) -> list[tuple[frozenset[int], list[Line]]]:
    """The main figures of each site, small ones taken together so that none of them can be told from the rest."""
    found = []
    for sites in folded(Counter(x.reading.site_id for x in judged), fewest):
        own = [x for x in judged if x.reading.site_id in sites]
        found.append((sites, list(_main("site", "", own))))
    return found


def folded(counts: Mapping[int, int], fewest: int = FEWEST) -> list[frozenset[int]]:
    """Groups that are large enough to be shown. Of one small group alone its figures would follow by subtraction, so
    the next smallest joins it. Empty if there is nothing but one group of too few."""
    large = sorted((key for key in counts if counts[key] >= fewest), key=lambda key: (-counts[key], key))
    small = [key for key in counts if counts[key] < fewest]
    while small and large and (len(small) < 2 or sum(counts[key] for key in small) < fewest):
        small.append(large.pop())
    groups = [frozenset((key,)) for key in large]
    if small and sum(counts[key] for key in small) >= fewest:
        groups.append(frozenset(small))
    return groups


def _grouped(judged: Iterable[Judged], key: Callable[[Judged], str]) -> dict[str, list[Judged]]:
    groups: defaultdict[str, list[Judged]] = defaultdict(list)
    for x in judged:
        groups[key(x)].append(x)
    return groups
