"""Targets, the ladder, joining and hours, as tables."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases import rules
from cases.hours import Hours
from content.schema import ROUTES, Level, Route

ALWAYS = Hours({}, "Africa/Nairobi")
OFFICE = Hours({str(day): [480, 1020] for day in range(5)}, "Africa/Nairobi")  # Mon–Fri 8–17 local, UTC+3
BERLIN = Hours({str(day): [480, 1020] for day in range(7)}, "Europe/Berlin")
IMMINENT, HIGH, ELEVATED, PRACTICAL = Level.IMMINENT, Level.HIGH, Level.ELEVATED, Level.PRACTICAL


def at(text: str) -> datetime:
    """ "3 12:00" → that day of March 2026 (the 3rd is a Tuesday) at that hour UTC."""
    day, _, clock = text.partition(" ")
    return datetime.fromisoformat(f"2026-03-{int(day):02d}T{clock}").replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("level", "hours", "start", "target", "climbs"),
    [
        (IMMINENT, ALWAYS, "3 09:00", "3 09:15", "3 09:05"),
        (IMMINENT, OFFICE, "7 23:00", "7 23:15", "7 23:05"),  # Saturday night: the clock never stops
        (HIGH, ALWAYS, "3 09:00", "3 10:00", "3 09:15"),
        (HIGH, OFFICE, "8 02:00", "8 03:00", "8 02:15"),
        (ELEVATED, ALWAYS, "3 09:00", "4 09:00", "3 13:00"),
        (ELEVATED, OFFICE, "3 09:00", "4 09:00", "3 13:00"),
        (ELEVATED, OFFICE, "3 12:00", "4 12:00", "4 07:00"),  # two hours left today, two tomorrow
        (ELEVATED, OFFICE, "6 12:00", "9 12:00", "9 07:00"),  # Friday to Monday
        (ELEVATED, OFFICE, "7 12:00", "9 14:00", "9 09:00"),  # Saturday: by the end of Monday
        (ELEVATED, OFFICE, "5 20:00", "6 14:00", "6 09:00"),  # after hours: by the end of the next day
        (ELEVATED, OFFICE, "5 02:00", "6 05:00", "5 09:00"),  # before hours: when the next day opens
        (PRACTICAL, ALWAYS, "3 09:00", "6 09:00", "3 17:00"),
        (PRACTICAL, OFFICE, "3 09:00", "6 09:00", "4 08:00"),
        (PRACTICAL, OFFICE, "5 09:00", "10 09:00", "6 08:00"),
        (PRACTICAL, OFFICE, "7 09:00", "11 14:00", "9 13:00"),
    ],
)
def test_targets_and_rungs_by_level_and_hours(level: Level, hours: Hours, start: str, target: str, climbs: str) -> None:
    assert rules.target_at(level, at(start), hours) == at(target)
    assert rules.climbs_at(level, at(start), hours) == at(climbs)


def test_a_day_keeps_its_local_hour_over_daylight_saving() -> None:
    # Clocks go forward on 29 March 2026 in Berlin: 10:00 stays 10:00.
    assert BERLIN.days_after(at("28 09:00"), 1) == at("29 08:00")
    assert BERLIN.after(at("28 15:30"), timedelta(hours=2)) == at("29 07:30")


@pytest.mark.parametrize(
    ("open_level", "open_route", "level", "route", "joined"),
    [
        (HIGH, "self_harm", IMMINENT, "self_harm", (IMMINENT, "self_harm", True)),
        (HIGH, "distress", IMMINENT, "medical", (IMMINENT, "medical", True)),
        (HIGH, "self_harm", ELEVATED, "distress", (HIGH, "self_harm", False)),
        (HIGH, "self_harm", Level.NONE, "none", (HIGH, "self_harm", False)),
        (HIGH, "threat", HIGH, "self_harm", (HIGH, "self_harm", False)),
        (HIGH, "self_harm", HIGH, "threat", (HIGH, "self_harm", False)),
        (ELEVATED, "distress", HIGH, "none", (HIGH, "distress", True)),
        (PRACTICAL, "practical", ELEVATED, "distress", (ELEVATED, "distress", True)),
        (IMMINENT, "self_harm", IMMINENT, "self_harm", (IMMINENT, "self_harm", False)),
        (IMMINENT, "threat", PRACTICAL, "practical", (IMMINENT, "threat", False)),
    ],
)
def test_joining_raises_and_never_lowers(
    open_level: Level, open_route: Route, level: Level, route: Route, joined: tuple[Level, Route, bool]
) -> None:
    assert rules.join(open_level, open_route, level, route) == rules.Joined(*joined)


@given(st.sampled_from(Level), st.sampled_from(ROUTES), st.sampled_from(Level), st.sampled_from(ROUTES))
def test_no_signal_ever_lowers_an_alert(open_level: Level, open_route: Route, level: Level, route: Route) -> None:
    joined = rules.join(open_level, open_route, level, route)
    assert joined.level == max(open_level, level)
    assert joined.is_raised == (level > open_level)


RUNG, BOTH = frozenset({"rung"}), frozenset({"rung", "supervisors"})
TOP, BACK = frozenset({"everyone", "supervisors"}), frozenset({"rung", "supervisors", "owner"})


@pytest.mark.parametrize(
    ("state", "level", "rung", "rungs", "after", "tell", "minutes", "returns"),
    [
        ("open", IMMINENT, 1, [1, 2, 3], 2, BOTH, 5, False),
        ("open", IMMINENT, 3, [1, 2, 3], 3, TOP, 5, False),
        ("open", HIGH, 1, [1, 2, 3], 2, RUNG, 15, False),
        ("open", HIGH, 2, [1, 2, 3], 3, RUNG, 15, False),
        ("open", HIGH, 3, [1, 2, 3], 3, TOP, 15, False),
        ("open", HIGH, 1, [1, 3], 3, RUNG, 15, False),  # rung 2 is empty now
        ("open", HIGH, 2, [1], 2, TOP, 15, False),  # the rungs above went home
        ("open", HIGH, 0, [], 0, TOP, 15, False),
        ("open", ELEVATED, 1, [1, 2], 2, RUNG, 240, False),
        ("open", PRACTICAL, 1, [1, 2], 2, RUNG, 480, False),
        ("taken", IMMINENT, 2, [1, 2, 3], 1, BACK, 5, True),
        ("taken", HIGH, 3, [2, 3], 2, BACK, 15, True),
        ("taken", ELEVATED, 1, [], 0, BACK, 240, True),
    ],
)
def test_the_ladder_climbs_and_at_its_top_goes_on(
    state: str, level: Level, rung: int, rungs: list[int], after: int, tell: frozenset[str], minutes: int, returns: bool
) -> None:
    now = at("3 09:00")
    step = rules.next_step(state, level, rung, rungs, now, ALWAYS)  # type: ignore[arg-type]
    assert step == rules.Step(after, tell, now + timedelta(minutes=minutes), returns)  # type: ignore[arg-type]


@given(
    st.sampled_from(["open", "taken"]),
    st.sampled_from(Level),
    st.integers(0, 5),
    st.lists(st.integers(1, 5), unique=True).map(sorted),
    st.integers(0, 700 * 24 * 60),
    st.sampled_from([ALWAYS, OFFICE, BERLIN]),
)
def test_every_step_has_a_next_one_and_somebody_to_tell(
    state: str, level: Level, rung: int, rungs: list[int], minutes: int, hours: Hours
) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    step = rules.next_step(state, level, rung, rungs, now, hours)  # type: ignore[arg-type]
    assert now < step.due_at <= now + timedelta(days=7)
    assert step.tell


def test_a_late_taker_still_gets_one_rungs_time() -> None:
    taken = at("3 09:14")
    assert rules.may_rest_until(IMMINENT, taken, at("3 09:15"), ALWAYS) == at("3 09:19")
    assert rules.may_rest_until(IMMINENT, at("3 09:01"), at("3 09:15"), ALWAYS) == at("3 09:15")


def test_codes_are_four_letters_nobody_mistakes() -> None:
    codes = {rules.new_code() for _ in range(500)}
    assert len(codes) > 490
    assert all(len(code) == 4 and not set(code) & set("01OI") for code in codes)
