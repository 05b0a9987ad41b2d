"""The rules of case work as tables: referrals, weeks, areas of life, facts of safe contact."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases import services
from cases.casework import areas, facts, rules
from cases.casework.areas import Area, Report
from content.pack import load_pack
from content.schema import DOMAINS, Level

NOW = datetime(2026, 3, 3, 9, tzinfo=UTC)
DAY = timedelta(days=1)


# --- referrals ---


@pytest.mark.parametrize(
    ("state", "to", "consent", "agreement", "refused"),
    [
        ("proposed", "sent", "spoken", True, None),
        ("proposed", "sent", "written", True, None),
        ("proposed", "sent", "none_needed", False, None),
        ("proposed", "sent", "spoken", False, "no agreement"),
        ("proposed", "sent", "not_asked", True, "Ask the person first"),
        ("proposed", "sent", "assumed", True, "no consent called assumed"),
        ("proposed", "declined", "not_asked", False, None),
        ("proposed", "arrived", "spoken", True, "cannot become arrived"),
        ("sent", "accepted", "spoken", True, None),
        ("sent", "arrived", "spoken", True, None),
        ("sent", "refused", "spoken", True, None),
        ("sent", "lost", "spoken", True, None),
        ("sent", "proposed", "spoken", True, "cannot become proposed"),
        ("accepted", "arrived", "spoken", True, None),
        ("accepted", "refused", "spoken", True, "cannot become refused"),
        ("accepted", "lost", "spoken", True, None),
        ("lost", "arrived", "spoken", True, None),
        ("arrived", "lost", "spoken", True, "cannot become lost"),
        ("refused", "sent", "spoken", True, "cannot become sent"),
        ("declined", "sent", "spoken", True, "cannot become sent"),
        ("nonsense", "sent", "spoken", True, "cannot become sent"),
    ],
)
def test_how_a_referral_moves(state: str, to: str, consent: str, agreement: bool, refused: str | None) -> None:
    said = rules.may_move(state, to, consent=consent, has_agreement=agreement)
    assert said is None if refused is None else refused in str(said)


def test_every_state_of_a_referral_ends_or_goes_on() -> None:
    moves = rules.REFERRAL_MOVES
    assert {to for targets in moves.values() for to in targets} < set(moves)
    assert {state for state, targets in moves.items() if not targets} | {"lost"} == rules.SETTLED


# --- the weeks after an alert ---


@pytest.mark.parametrize(
    ("week", "done_after", "expected"),
    [
        (1, -2 * DAY, (2, 7 * DAY)),  # done early: the grid stays
        (1, timedelta(0), (2, 7 * DAY)),
        (1, 6 * DAY, (2, 7 * DAY)),
        (1, 7 * DAY, (3, 14 * DAY)),  # a week was missed: it is gone
        (1, 30 * DAY, (6, 35 * DAY)),
        (7, timedelta(0), (8, 7 * DAY)),
        (8, timedelta(0), None),
        (3, 60 * DAY, None),
    ],
)
def test_the_week_after_a_week(week: int, done_after: timedelta, expected: tuple[int, timedelta] | None) -> None:
    following = rules.next_week(week, NOW, NOW + done_after)
    assert following == (None if expected is None else (expected[0], NOW + expected[1]))


@given(st.lists(st.integers(-6, 40), min_size=8, max_size=8))
def test_the_weeks_go_up_and_end_at_eight_however_late_each_is_done(days: list[int]) -> None:
    week, due_at, now, seen = 1, NOW + 7 * DAY, NOW, [1]
    for late in days:
        now = max(now, due_at + late * DAY)
        following = rules.next_week(week, due_at, now)
        if following is None:
            break
        week, due_at = following
        assert due_at > now
        assert (due_at - NOW) == week * 7 * DAY
        seen.append(week)
    else:
        raise AssertionError("eight contacts and still no end")
    assert seen == sorted(set(seen))
    assert seen[-1] <= rules.WEEKS


@pytest.mark.parametrize(
    ("key", "week"),
    [("weekly_contact/12/3", 3), ("weekly_contact/12/x", 0), ("silence/12/3", 0), ("weekly_contact", 0), ("", 0)],
)
def test_the_week_is_read_from_the_key(key: str, week: int) -> None:
    assert rules.week_of(key) == week
    assert rules.week_of(rules.week_key(99, 8)) == 8


@pytest.mark.parametrize(
    ("week", "level", "settles"),
    [
        (1, Level.ELEVATED, False),
        (2, Level.ELEVATED, True),
        (4, Level.HIGH, False),
        (4, Level.IMMINENT, False),
        (5, Level.HIGH, True),
        (8, Level.IMMINENT, True),
    ],
)
def test_fine_stands_for_a_contact_only_when_the_first_weeks_are_over(week: int, level: Level, settles: bool) -> None:
    assert rules.is_settled_by_answer(week, level) is settles


# --- who ---


@pytest.mark.parametrize(
    ("role", "sites", "may"),
    [
        ("caseworker", [], True),
        ("caseworker", [1], True),
        ("caseworker", [2], False),
        ("psychosocial", [1, 2], True),
        ("coordinator", [], False),
        ("admin", [], False),
        ("focal_point", [], False),
    ],
)
def test_who_works_on_a_person(role: str, sites: list[int], may: bool) -> None:
    assert rules.may_work(role, rules.CARING, sites, 1) is may


# --- areas of life ---


@pytest.mark.parametrize(
    ("checkin", "question", "value", "expected"),
    [
        ("reintegration", "work", "good", ("LIV", 1)),
        ("reintegration", "food", "1", ("FOOD", 3)),
        ("reintegration", "food", "2", ("FOOD", 2)),
        ("reintegration", "safety", "call_me", ("SAF", 3)),
        ("monthly", "distress", 3, ("PSY", 1)),
        ("monthly", "distress", 4, ("PSY", 2)),
        ("monthly", "distress", 7, ("PSY", 3)),
        ("monthly", "distress", True, None),
        ("weekly", "mood", "so_so", ("PSY", 2)),
        ("weekly", "hard", "money", None),
        ("ours", "work", "good", None),
        ("reintegration", "work", "unheard", None),
    ],
)
def test_what_an_answer_says_of_an_area(checkin: str, question: str, value: Any, expected: Any) -> None:
    report = areas.report_of(checkin, question, value, NOW)
    assert (None if report is None else (report.domain, report.value)) == expected


def test_every_answer_of_the_builtin_check_in_by_area_is_understood() -> None:
    checkin = load_pack().checkins["reintegration"]
    reports = {
        (question.id, option.value): areas.report_of("reintegration", question.id, option.value, NOW)
        for question in checkin.questions
        for option in question.options
    }
    assert [key for key, report in reports.items() if report is None] == []
    assert {report.domain for report in reports.values() if report} == set(DOMAINS) - {"PSY"}


def test_the_newest_of_each_side_is_compared_in_the_programmes_order() -> None:
    said = [Report("FAM", 1, NOW, "r"), Report("FAM", 3, NOW + DAY, "r"), Report("HEA", 2, NOW, "r")]
    confirmed = [Report("FAM", 1, NOW, "visit"), Report("LIV", 2, NOW, "call"), Report("HEA", 3, NOW, "call")]
    found = areas.compare(said, confirmed)
    assert found[1] == Area("FAM", said[1], confirmed[0])
    assert [(a.domain, a.apart) for a in found] == [("LIV", 0), ("FAM", 2), ("HEA", 1)]


# --- safe contact ---

_FACTS: dict[str, Any] = {
    "phone_kind": "private", "safe_from": None, "safe_until": None, "safe_word": None, "duress_word": None,
    "staff_gender": None, "language": "en", "weekday": 1, "minute": 600,
}  # fmt: skip


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        ({}, None),
        ({"safe_from": 540, "safe_until": 660}, None),
        ({"safe_from": 1320, "safe_until": 660}, None),  # over midnight
        ({"phone_kind": "borrowed"}, "whose phone"),
        ({"language": "xx"}, "language"),
        ({"staff_gender": "any"}, "speak with"),
        ({"weekday": 7}, "day and the hour"),
        ({"minute": None}, "day and the hour"),
        ({"safe_from": 540}, "both a beginning and an end"),
        ({"safe_from": 540, "safe_until": 540}, "different times"),
        ({"safe_from": 660, "safe_until": 720}, "outside the safe hours"),
        ({"safe_word": "hi"}, "3 to 40 letters"),
        ({"duress_word": "12345"}, "not a number"),
        ({"safe_word": "Mango tree", "duress_word": "mangotree"}, "must differ"),
    ],
)
def test_facts_that_contradict_each_other_are_refused(values: dict[str, Any], refused: str | None) -> None:
    said = facts.refuse(_FACTS | values)
    assert said is None if refused is None else refused in str(said)


# --- tasks ---


@pytest.mark.parametrize(
    ("kind", "result", "settled", "refused"),
    [
        ("weekly_contact", "DONE", True, "how the contact went"),
        ("weekly_contact", "REACHED_SELF", True, None),
        ("weekly_contact", "NOT_NEEDED", True, None),
        ("confirm_arrival", "DONE", False, "referrals"),
        ("confirm_arrival", "DONE", True, None),
        ("call_me", "DONE", True, None),
    ],
)
def test_how_a_task_may_end(kind: str, result: str, settled: bool, refused: str | None) -> None:
    said = rules.may_finish(kind, result, is_settled=settled)
    assert said is None if refused is None else refused in str(said)


# --- services ---


def _service(name: str, kind: str = "health", **values: Any) -> Any:
    base = {"site_ids": [], "languages": ["en"], "is_women_friendly": False, "is_child_friendly": False}
    return SimpleNamespace(name=name, kind=kind, **base | values)


def test_the_most_fitting_service_comes_first_and_nothing_of_the_site_is_lost() -> None:
    every = [
        _service("a clinic", languages=["fr"]),
        _service("b clinic"),
        _service("c clinic", languages=["sw"], is_child_friendly=True),
        _service("elsewhere", site_ids=[2]),
        _service("food store", kind="food"),
        _service("d centre", kind="gbv", languages=["sw"]),
    ]
    wish = services.Wish(site_id=1, domain="HEA", language="sw", for_children=True)
    assert [one.name for one in services.fitting(every, wish)] == ["c clinic", "d centre", "a clinic", "b clinic"]
    assert len(services.fitting(every, services.Wish())) == len(every)


def test_every_kind_of_service_helps_with_some_area() -> None:
    assert {domain for domains in services.KINDS.values() for domain in domains} == set(DOMAINS)
