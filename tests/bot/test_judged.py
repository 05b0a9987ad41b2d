"""Figures from staff's judgements: what stands for how many, what is known of misses, and what is not shown."""

from dataclasses import dataclass
from math import isclose
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import judged
from bot.evaluation import wilson
from bot.judged import Judged, Line, coverage, figures, folded, weigh, worst
from content.schema import Level


@dataclass(frozen=True)
class Read:
    id: int = 1
    site_id: int = 1
    language: str = "sw"
    read: Level = Level.HIGH
    read_route: str = "self_harm"
    meant: Level | None = Level.HIGH
    route: str = "self_harm"
    how: str = "message"
    alert: str = "A1"
    draw: str = ""
    population: int = 0


def alerted(count: int, read: Level, meant: Level | None, **values: Any) -> list[Read]:
    route = "none" if meant in (None, Level.NONE) else "self_harm"
    return [Read(**{"read": read, "meant": meant, "route": route} | values) for _ in range(count)]


def sampled(count: int, meant: Level | None, population: int, draw: str = "1/w1", **values: Any) -> list[Read]:
    base = {"read": Level.NONE, "read_route": "none", "meant": meant, "how": "sample", "alert": "", "draw": draw}
    route = "none" if meant in (None, Level.NONE) else "self_harm"
    return [Read(**base | {"route": route, "population": population} | values) for _ in range(count)]


def line(readings: list[Read], what: str, by: str = "all", name: str = "all") -> Line:
    found = [one for one in figures(weigh(readings)) if (one.what, one.by, one.name) == (what, by, name)]
    assert len(found) == 1
    return found[0]


def test_a_sampled_message_stands_for_its_draw_and_an_alerted_one_for_those_not_judged() -> None:
    readings = [
        *sampled(2, Level.NONE, 100), *sampled(3, None, 100), *sampled(1, Level.NONE, 7, "2/w1"),
        *alerted(3, Level.HIGH, Level.HIGH), *alerted(1, Level.HIGH, None), *alerted(1, Level.ELEVATED, Level.NONE),
    ]  # fmt: skip
    weights = [x.weight for x in weigh(readings)]
    assert weights == [50.0, 50.0, 7.0, 4 / 3, 4 / 3, 4 / 3, 1.0]
    assert coverage(readings) == judged.Coverage(
        alerted=5, judged=4, judged_themselves=5, sampled_from=107, drawn=6, read=3
    )


def test_without_a_sample_nothing_is_said_of_what_is_missed() -> None:
    found = line(alerted(40, Level.HIGH, Level.HIGH), "danger heard")
    assert (found.part, found.whole, found.share, found.low, found.high) == (40, 40, None, None, None)


def test_what_the_sample_missed_weighs_as_much_as_it_stands_for() -> None:
    readings = alerted(30, Level.HIGH, Level.HIGH) + sampled(1, Level.HIGH, 200) + sampled(19, Level.NONE, 200)
    found = line(readings, "danger heard")
    assert (found.part, found.whole) == (30, 31)
    assert found.share == pytest.approx(30 / 40)  # one in twenty of 200 is ten
    low, high = (end * 200 for end in wilson(1 / 20, 20))
    alarm_low, _ = wilson(1, 30)
    assert (found.low, found.high) == (pytest.approx(alarm_low * 30 / (30 + high)), pytest.approx(30 / (30 + low)))


def test_no_miss_among_the_few_that_were_read_is_no_proof() -> None:
    few = line(alerted(30, Level.HIGH, Level.HIGH) + sampled(20, Level.NONE, 1000), "danger heard")
    many = line(alerted(30, Level.HIGH, Level.HIGH) + sampled(500, Level.NONE, 1000), "danger heard")
    assert few.share == many.share == 1
    assert few.low is not None
    assert many.low is not None
    assert few.low < 0.2
    assert many.low > 0.7


def test_danger_read_as_elevated_only_is_not_heard_as_danger() -> None:
    readings = alerted(3, Level.HIGH, Level.HIGH) + alerted(1, Level.ELEVATED, Level.HIGH) + sampled(9, Level.NONE, 9)
    assert line(readings, "danger heard").share == pytest.approx(3 / 4)
    assert line(readings, "danger read as elevated or more").share == 1
    assert line(readings, "danger heard: self_harm", "route", "self_harm").share == pytest.approx(3 / 4)


def test_precision_counts_what_was_read_as_grave() -> None:
    readings = alerted(3, Level.HIGH, Level.IMMINENT) + alerted(1, Level.IMMINENT, Level.NONE, read_route="threat")
    found = line(readings, "alarms that were danger")
    assert (found.part, found.whole, found.share) == (3, 4, 0.75)
    assert (found.low, found.high) == wilson(0.75, 4)
    assert line(readings, "heard under its own route").share == 1
    assert line(readings, "read imminent, meant so or graver", "level", "imminent").share == 0
    assert line([*readings, *sampled(4, Level.NONE, 4)], "meant imminent, read so or graver", "level", "imminent") == (
        Line("meant imminent, read so or graver", "level", "imminent", 0, 3, 0.0, 0.0, pytest.approx(wilson(0, 3)[1]))
    )


def test_a_practical_need_is_known_from_the_sample_alone() -> None:
    readings = sampled(3, Level.PRACTICAL, 80) + sampled(1, Level.PRACTICAL, 80, read=Level.PRACTICAL)
    found = line(readings, "meant practical, read so or graver", "level", "practical")
    assert (found.part, found.whole, found.share) == (1, 4, 0.25)


def test_nothing_judged_has_no_shares() -> None:
    assert all(one.share is None and one.whole == 0 for one in figures([]))
    assert (worst([]), judged.confusion([]), judged.by_site([])) == ([], {}, [])


def test_the_worst_are_what_was_missed_first_then_the_loudest_false_alarms() -> None:
    readings = [
        Read(id=1, read=Level.HIGH, meant=Level.NONE),
        Read(id=2, read=Level.IMMINENT, meant=Level.NONE),
        Read(id=3, read=Level.NONE, meant=Level.HIGH),
        Read(id=4, read=Level.NONE, meant=Level.IMMINENT),
        Read(id=5, read=Level.HIGH, meant=Level.IMMINENT),
        Read(id=6, read=Level.ELEVATED, meant=Level.NONE),
    ]
    assert [x.reading.id for x in worst(weigh(readings))] == [4, 3, 2, 1]


def test_the_confusion_counts_and_says_how_many_it_stands_for() -> None:
    table = judged.confusion(weigh(sampled(2, Level.NONE, 10) + alerted(1, Level.HIGH, Level.NONE)))
    assert table == {(Level.NONE, Level.NONE): (2, 10.0), (Level.NONE, Level.HIGH): (1, 1.0)}


FOLDS: list[tuple[dict[int, int], list[set[int]]]] = [
    ({}, []),
    ({1: 3}, []),
    ({1: 30}, [{1}]),
    ({1: 30, 2: 25}, [{1}, {2}]),
    ({1: 3, 2: 4}, []),
    ({1: 6, 2: 7}, [{1, 2}]),
    ({1: 30, 2: 3}, [{1, 2}]),  # alone, the small one would follow by subtraction
    ({1: 30, 2: 20, 3: 3}, [{1}, {2, 3}]),
    ({1: 30, 2: 3, 3: 4}, [{1, 2, 3}]),
    ({1: 30, 2: 6, 3: 7}, [{1}, {2, 3}]),
]


@pytest.mark.parametrize(("counts", "groups"), FOLDS)
def test_no_small_site_is_singled_out(counts: dict[int, int], groups: list[set[int]]) -> None:
    assert [set(group) for group in folded(counts)] == groups


@given(st.dictionaries(st.integers(1, 8), st.integers(1, 40)))
def test_every_group_shown_is_large_enough_and_all_of_it_or_none_is_shown(counts: dict[int, int]) -> None:
    groups = folded(counts)
    assert all(sum(counts[key] for key in group) >= judged.FEWEST for group in groups)
    assert all(len(group) > 1 or counts[next(iter(group))] >= judged.FEWEST for group in groups)
    shown = [key for group in groups for key in group]
    assert len(shown) == len(set(shown))
    assert set(shown) in (set(counts), set())


LEVELS = st.sampled_from(list(Level))


@st.composite
def _readings(draw: Any) -> list[Read]:
    found = []
    for k, (read, meant) in enumerate(draw(st.lists(st.tuples(LEVELS, st.none() | LEVELS), max_size=40))):
        if read >= Level.ELEVATED:
            found += alerted(1, read, meant, id=k)
        else:
            found += sampled(1, meant, 50, id=k, read=read)
    return found


@given(_readings())
def test_a_share_lies_between_its_ends_and_all_of_them_between_nothing_and_all(readings: list[Read]) -> None:
    for one in figures(weigh(readings)):
        assert 0 <= one.part <= one.whole
        if one.share is not None:
            assert one.low is not None
            assert one.high is not None
            assert 0 <= one.low <= one.share + 1e-9
            assert one.share - 1e-9 <= one.high <= 1 + 1e-9


@given(_readings())
def test_the_weights_of_a_judged_group_are_its_size(readings: list[Read]) -> None:
    weighed = weigh(readings)
    sample: list[Judged] = [x for x in weighed if x.is_sampled]
    assert not sample or isclose(sum(x.weight for x in sample), 50)
