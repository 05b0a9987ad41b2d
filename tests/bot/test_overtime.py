"""What only time shows: the person's own usual, twice running, repetition, silence; and that it only raises."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.effects import Assessment, Progress, Reason
from bot.history import EMPTY, History, Signal, seconds
from bot.overtime import (
    Habit,
    LastDanger,
    Past,
    Round,
    Usual,
    gravest,
    habit_of,
    kept,
    kept_sums,
    noted,
    read_answer_over_time,
    read_silence,
    read_sums_over_time,
    repeated,
    series,
    usual,
)
from content.pack import load_pack
from content.schema import ROUTES, Checkin, Level, Option, OverTime, Question, Route, Sum, Worse
from tests.conftest import NOW

SETTINGS = OverTime()
DISTRESS = Question("distress", "scale", minimum=0, maximum=10, worse=Worse(3, Level.ELEVATED, countries={"MZ": 2}))
MEALS = Question("meals", "number", worse=Worse(2, Level.PRACTICAL, "practical", is_lower=True))
WORK = Question(
    "work", "choice", (Option("good"), Option("bad", level=Level.PRACTICAL, route="practical", twice=Level.ELEVATED))
)
ITEMS = tuple(
    Question(f"phq_{n}", "choice", tuple(Option(str(score), score=score) for score in range(4))) for n in (1, 2)
)
PHQ = Sum("phq2", ("phq_1", "phq_2"), 5, Level.ELEVATED, worse=Worse(2, Level.ELEVATED))
MONTHLY = Checkin("monthly", "1", (DISTRESS, MEALS, WORK, *ITEMS), ("en",), sums=(PHQ,))
TODAY = date(2026, 3, 3)


def month(number: int) -> datetime:
    return datetime(2026, 3, 3, 9, tzinfo=UTC) + timedelta(days=28 * number)


def past(number: int, history: History = EMPTY, country: str = "", **scores: float) -> Past:
    progress = Progress("monthly", "1", "en", "distress", 1, opened_at=month(number), scores=scores)
    return Past(MONTHLY, progress, history, SETTINGS, country)


def after(*values: str | float, question: Question = DISTRESS) -> History:
    """The history of one check-in after another, each with this answer."""
    history = EMPTY
    for number, value in enumerate(values):
        history = kept(past(number, history), question, value)
    return history


def read(
    history: History, value: str | float, question: Question = DISTRESS, number: int = 20, country: str = ""
) -> list[tuple[Level, Route, str]]:
    found = read_answer_over_time(past(number, history, country), question, value)
    return [(each.level, each.route, "; ".join(reason.detail for reason in each.reasons)) for each in found]


# --- the person's own usual ---


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], None),
        ([2, 3], None),
        ([2, 3, 2], Usual(2, 2, 3, 3)),
        ([5, 5, 5, 5], Usual(5, 5, 5, 4)),
        ([0, 1, 2, 3, 4, 5, 6, 7], Usual(3.5, 1, 6, 8)),
        ([9, 9, 9, 1, 1, 1, 1, 1, 1, 1, 1], Usual(1, 1, 1, 8)),  # the last eight
    ],
)
def test_the_usual_is_the_middle_of_the_latest_answers(values: list[float], expected: Usual | None) -> None:
    assert usual(values, SETTINGS) == expected


@pytest.mark.parametrize(
    ("before", "now", "found"),
    [
        ((2, 3, 2), 6, [(Level.ELEVATED, "distress", "monthly.distress: usually 2-3, now 6")]),
        ((2, 3, 2), 5, [(Level.ELEVATED, "distress", "monthly.distress: usually 2-3, now 5")]),
        ((2, 3, 2), 4, []),
        ((2, 3), 10, []),  # two answers are no usual
        ((6, 6, 6), 0, []),  # better is no finding, and no clearance
        ((0, 0, 0), 3, [(Level.ELEVATED, "distress", "monthly.distress: usually 0, now 3")]),
    ],
)
def test_an_answer_clearly_worse_than_usual_is_a_signal(
    before: tuple[float, ...], now: float, found: list[tuple[Level, Route, str]]
) -> None:
    assert read(after(*before), now) == found


def test_a_country_has_its_own_size_of_a_change() -> None:
    assert read(after(2, 2, 2), 4, country="KE") == []
    assert [level for level, _, _ in read(after(2, 2, 2), 4, country="MZ")] == [Level.ELEVATED]


def test_where_lower_is_worse_a_fall_is_a_signal() -> None:
    history = after(3, 3, 2, question=MEALS)
    assert read(history, 1, MEALS) == [(Level.PRACTICAL, "practical", "monthly.meals: usually 2-3, now 1")]
    assert read(history, 3, MEALS) == []


def test_the_reason_holds_its_numbers_so_that_it_can_be_said_in_any_language() -> None:
    (found,) = read_answer_over_time(past(9, after(2, 3, 2)), DISTRESS, 6.0)
    assert found.reasons[0].to_json() == {
        "code": "baseline",
        "detail": "monthly.distress: usually 2-3, now 6",
        "data": {
            "checkin": "monthly", "question": "distress", "now": 6, "usual": 2, "low": 2, "high": 3, "answers": 3,
        },
    }  # fmt: skip


def test_a_corrected_answer_takes_the_place_of_the_first_and_is_not_its_own_past() -> None:
    history = after(2, 2, 2)
    slip = kept(past(9, history), DISTRESS, 9.0)
    assert read(slip, 6, number=9) == read(history, 6, number=9)
    assert kept(past(9, slip), DISTRESS, 2.0) == kept(past(9, history), DISTRESS, 2.0)


def test_sums_have_a_usual_of_their_own_and_a_part_is_never_part_of_it() -> None:
    history = EMPTY
    for number, scores in enumerate([{"phq_1": 0, "phq_2": 1}, {"phq_1": 3}, {"phq_1": 1, "phq_2": 0}]):
        history = kept_sums(past(number, history, **scores))
    assert history.before("monthly.phq2", seconds(month(20))) == (1, 1)
    history = kept_sums(past(3, history, phq_1=1, phq_2=0))
    (found,) = read_sums_over_time(past(9, history, phq_1=1, phq_2=2))
    assert (found.level, found.reasons[0].detail) == (Level.ELEVATED, "monthly.phq2: usually 1, now 3")
    # The rest could only add to a part that is worse already.
    assert [each.level for each in read_sums_over_time(past(9, history, phq_1=3))] == [Level.ELEVATED]
    assert read_sums_over_time(past(9, history, phq_1=2)) == []


# --- twice running ---


@pytest.mark.parametrize(
    ("before", "now", "times"),
    [
        ((), "bad", None),
        (("bad",), "bad", 2),
        (("bad", "bad"), "bad", 3),
        (("bad", "good"), "bad", None),
        (("bad",), "good", None),
        (("good", "bad"), "bad", 2),
    ],
)
def test_a_bad_answer_twice_running_is_graver_than_once(before: tuple[str, ...], now: str, times: int | None) -> None:
    history = after(*before, question=WORK)
    expected = [] if times is None else [(Level.ELEVATED, "practical", f"work = bad, {times} times running")]
    assert read(history, now, WORK) == expected


def test_bad_then_corrected_to_good_is_not_counted() -> None:
    history = kept(past(1, kept(past(1, EMPTY), WORK, "bad")), WORK, "good")
    assert read(history, "bad", WORK) == []
    twice_said = kept(past(1, kept(past(1, EMPTY), WORK, "bad")), WORK, "bad")
    assert read(twice_said, "bad", WORK, number=1) == []


def test_people_of_whom_no_rule_asks_have_no_history() -> None:
    plain = Question("mood", "scale", minimum=0, maximum=10)
    assert kept(past(1), plain, 9.0) == EMPTY
    assert kept(past(1), WORK, "good") == EMPTY


# --- repetition ---


def on(*days: int, level: Level = Level.ELEVATED, route: Route = "distress") -> History:
    history = EMPTY
    for ago in sorted(days, reverse=True):
        history = noted(Assessment(level, route), history, TODAY - timedelta(days=ago), SETTINGS)
    return history


LOW = Assessment(Level.PRACTICAL, "distress", (Reason("list", "thinking too much"),))
DOWN = Assessment(Level.ELEVATED, "distress", (Reason("list", "hopeless"),))
NEED = Assessment(Level.PRACTICAL, "practical", (Reason("list", "rent"),))


@pytest.mark.parametrize(
    ("read_now", "history", "level", "detail"),
    [
        (LOW, on(1), Level.PRACTICAL, None),
        (LOW, on(1, 5, level=Level.PRACTICAL), Level.ELEVATED, "distress: on 3 days in 6"),
        (LOW, on(7, 14, level=Level.PRACTICAL), Level.ELEVATED, "distress: on 3 days in 15"),  # three weekly check-ins
        (LOW, on(7, 15, level=Level.PRACTICAL), Level.PRACTICAL, None),
        (LOW, on(0, 0, 0, level=Level.PRACTICAL), Level.PRACTICAL, None),  # one bad evening
        (LOW, on(1, 5, level=Level.PRACTICAL, route="practical"), Level.PRACTICAL, None),
        (LOW, on(1, 5, level=Level.HIGH, route="self_harm"), Level.ELEVATED, "distress: on 3 days in 6"),
        (DOWN, on(1, 5), Level.ELEVATED, "distress: on 3 days in 6"),
        (DOWN, on(1, 5, level=Level.PRACTICAL), Level.ELEVATED, None),
        (NEED, on(1, 5, level=Level.PRACTICAL, route="practical"), Level.PRACTICAL, "practical: on 3 days in 6"),
        (NEED, on(1, 5), Level.PRACTICAL, None),
    ],
)
def test_what_comes_back_day_after_day(
    read_now: Assessment, history: History, level: Level, detail: str | None
) -> None:
    found = repeated(read_now, history, TODAY, SETTINGS)
    assert (found.level, found.route) == (level, read_now.route)
    assert [reason.detail for reason in found.reasons if reason.code == "repeat"] == ([detail] if detail else [])
    assert found.reasons[-1] == read_now.reasons[-1]


def test_danger_needs_no_repetition_and_calm_has_none() -> None:
    for untouched in (Assessment(), Assessment(Level.HIGH, "self_harm"), Assessment(Level.IMMINENT, "threat")):
        assert repeated(untouched, on(1, 2, 3, 4), TODAY, SETTINGS) == untouched


def test_days_that_no_rule_can_see_any_more_are_forgotten() -> None:
    history = noted(DOWN, on(20, 10), TODAY, SETTINGS)
    assert sorted((TODAY - each.day).days for each in history.signals) == [0, 10]


# --- silence ---


def rounds(*waits: float | None) -> list[Round]:
    return [
        Round(NOW - timedelta(weeks=k), None if hours is None else NOW - timedelta(weeks=k) + timedelta(hours=hours))
        for k, hours in enumerate(waits, start=1)
    ]


@pytest.mark.parametrize(
    ("waits", "habit"),
    [
        ((), Habit()),
        ((None, None), Habit(2, 0, None)),
        ((1, 1, 2, 3), Habit(4, 4, 2)),  # three of four within two hours
        ((0.2,), Habit(1, 1, 1)),
        ((1, None, 1, 20), Habit(4, 3, 20)),
        ((1,) * 8 + (None, 90), Habit(8, 8, 1)),  # the latest eight
    ],
)
def test_the_habit_is_how_many_of_the_latest_were_answered_and_how_soon(
    waits: tuple[float | None, ...], habit: Habit
) -> None:
    assert habit_of(rounds(*waits), SETTINGS) == habit


STEADY, SELDOM = Habit(8, 8, 3), Habit(8, 3, 40)
HURT = LastDanger(Level.HIGH, "self_harm", 12)


@pytest.mark.parametrize(
    ("habit", "missed", "level", "route", "details"),
    [
        (Habit(), 1, None, "", ()),
        (Habit(), 2, Level.ELEVATED, "distress", ("check-ins without any answer in a row: 2",)),
        (SELDOM, 1, None, "", ()),
        # A poor habit tells how unusual it is; it excuses nothing.
        (SELDOM, 2, Level.ELEVATED, "distress", (
            "check-ins without any answer in a row: 2",
            "answered 3 of the last 8, usually within 40 hours; nothing for 48 hours",
        )),
        (STEADY, 1, Level.ELEVATED, "distress", (
            "check-ins without any answer in a row: 1",
            "answered 8 of the last 8, usually within 3 hours; nothing for 48 hours",
        )),
        (Habit(5, 5, 1), 1, None, "", ()),  # too few to know
        (Habit(8, 7, 1), 1, None, "", ()),
        (Habit(8, 8, 25), 1, None, "", ()),  # always, but late
        (Habit(1, 1, 2, HURT), 1, Level.HIGH, "self_harm", (
            "high self_harm 12 days ago", "check-ins without any answer in a row: 1",
            "answered 1 of the last 1, usually within 2 hours; nothing for 48 hours",
        )),
    ],
)  # fmt: skip
def test_silence_is_counted_against_the_persons_own_habit(
    habit: Habit, missed: int, level: Level | None, route: str, details: tuple[str, ...]
) -> None:
    found = read_silence(habit, missed, 48, SETTINGS, "sw")
    if level is None:
        assert found is None
        return
    assert found is not None
    assert (found.level, found.route, found.language) == (level, route, "sw")
    assert tuple(reason.detail for reason in found.reasons) == details


def test_the_gravest_of_several_signals_keeps_the_reasons_of_all() -> None:
    one, two = replace(NEED, reasons=(Reason("a"), Reason("b"))), replace(DOWN, reasons=(Reason("b"), Reason("c")))
    found = gravest((None, one, two))
    assert found == replace(two, reasons=(Reason("b"), Reason("c"), Reason("a")))
    assert gravest((None, None)) is None


# --- for a picture ---


def test_a_series_shows_for_each_answer_what_was_usual_until_then() -> None:
    answers = [("monthly", "distress", month(k), value) for k, value in enumerate((2.0, 3.0, 2.0, 6.0))]
    found, unknown = series([*answers, ("gone", "old", month(1), 4.0)], {"monthly": MONTHLY}, SETTINGS)
    assert [(point.value, point.usual, point.is_worse) for point in found.points] == [
        (2, None, False), (3, None, False), (2, None, False), (6, Usual(2, 2, 3, 3), True),
    ]  # fmt: skip
    assert found.usual == Usual(2.5, 2, 6, 4)
    assert (unknown.checkin, unknown.question, unknown.usual, len(unknown.points)) == ("gone", "old", None, 1)


# --- properties ---

days = st.integers(0, 20).map(lambda ago: TODAY - timedelta(days=ago))
signals = st.builds(Signal, days, st.sampled_from(Level), st.sampled_from(ROUTES))
levels = st.sampled_from(Level)
assessments = st.builds(Assessment, levels, st.sampled_from(ROUTES))
scores = st.floats(0, 10, allow_nan=False)


@given(assessments, st.frozensets(signals, max_size=30), st.frozensets(signals, max_size=10))
def test_no_earlier_signal_lowers_what_is_read_today(
    now: Assessment, earlier: frozenset[Signal], more: frozenset[Signal]
) -> None:
    alone = repeated(now, EMPTY, TODAY, SETTINGS)
    few = repeated(now, History(signals=earlier), TODAY, SETTINGS)
    many = repeated(now, History(signals=earlier | more), TODAY, SETTINGS)
    assert now.level == alone.level <= few.level <= many.level
    assert few.route == now.route


@given(st.lists(scores, max_size=12), scores)
def test_no_earlier_answer_lowers_what_an_answer_means_by_itself(before: list[float], now: float) -> None:
    found = read_answer_over_time(past(20, after(*before)), DISTRESS, now)
    assert all(each.level is Level.ELEVATED for each in found)
    graver = read_answer_over_time(past(20, after(*before)), DISTRESS, min(now + 1, 10))
    assert len(graver) >= len(found)


@given(st.lists(st.sampled_from(["good", "bad"]), max_size=8), st.lists(st.sampled_from(["good", "bad"]), max_size=4))
def test_a_longer_bad_past_never_lowers_an_answer(before: list[str], more: list[str]) -> None:
    short = read(after(*before, question=WORK), "bad", WORK)
    long = read(after(*more, *before, question=WORK), "bad", WORK)
    assert len(long) >= len(short)


@given(
    st.integers(0, 8), st.integers(0, 8), st.none() | st.integers(1, 90), st.booleans(), st.integers(1, 6),
    st.integers(1, 6),
)  # fmt: skip
def test_no_habit_lowers_what_a_silence_means(
    asked: int, answered: int, hours: int | None, is_hurt: bool, missed: int, more: int
) -> None:
    def level(habit: Habit, number: int) -> Level:
        found = read_silence(habit, number, 48, SETTINGS, "en")
        return found.level if found is not None else Level.NONE

    habit = Habit(asked, min(answered, asked), hours, HURT if is_hurt else None)
    assert level(habit, missed) >= level(Habit(), missed)
    assert level(habit, missed + more) >= level(habit, missed)
    assert level(replace(habit, danger=HURT), missed) == Level.HIGH


@given(
    st.lists(st.tuples(st.integers(0, 30), scores, st.sampled_from(["good", "bad"])), max_size=30),
    st.frozensets(signals),
)
def test_a_history_survives_its_storage_and_stays_small(
    told: list[tuple[int, float, str]], seen: frozenset[Signal]
) -> None:
    history = History(signals=seen)
    for number, score, work in told:
        history = kept(past(number, history), DISTRESS, score)
        history = kept(past(number, history), WORK, work)
    assert History.from_json(json.loads(json.dumps(history.to_json()))) == history
    assert all(len(each) <= 24 for each in history.values.values())
    opened = [each.opened for each in history.values.get("monthly.distress", ())]
    assert opened == sorted(set(opened))


def test_the_built_in_rules_are_the_ones_that_are_documented() -> None:
    pack = load_pack()
    assert pack.over_time == SETTINGS
    worse: dict[str, float] = {}
    for checkin in pack.checkins.values():
        worse |= {f"{checkin.id}.{one.id}": one.worse.by for one in checkin.questions if one.worse is not None}
        worse |= {f"{checkin.id}.{one.id}": one.worse.by for one in checkin.sums if one.worse is not None}
    assert worse == {"monthly.distress": 3, "monthly.phq2": 2, "monthly.gad2": 2, "phq9.phq9": 5}
    twice = {
        f"{checkin.id}.{question.id} {option.value}"
        for checkin in pack.checkins.values()
        for question in checkin.questions
        for option in question.options
        if option.twice > Level.NONE
    }
    assert twice == {"reintegration.work bad", "reintegration.food 0", "reintegration.food 1"}
