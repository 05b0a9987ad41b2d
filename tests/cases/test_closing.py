"""Which outcome closes which alert: DOMAIN §2.4 as a table, every outcome at every level."""

from typing import Any

import pytest

from cases.closing import CONTACT_RESULTS, OUTCOMES, may_close
from content.schema import Level

HIGHS, LOWS = (Level.IMMINENT, Level.HIGH), (Level.ELEVATED, Level.PRACTICAL)
ALL = HIGHS + LOWS
REACHED = {"has_reached_attempt": True, "attempts": 1}
TRIED = {"attempts": 3}
VISITED = {"attempts": 3, "has_field_visit": True}
NOTE = {"has_note": True}

# outcome, levels, role, facts → the first words of the refusal, or None
CASES: list[tuple[str, tuple[Level, ...], str, dict[str, Any], str | None]] = [
    ("SAFE_SUPPORTED", ALL, "psychosocial", REACHED, None),
    ("SAFE_SUPPORTED", ALL, "supervisor", {}, "This outcome says"),
    ("SAFE_SUPPORTED", ALL, "psychosocial", {"has_refused": True}, "This outcome says"),
    ("SAFE_PLAN", ALL, "caseworker", REACHED, None),
    ("SAFE_PLAN", ALL, "caseworker", TRIED, "This outcome says"),
    ("REFERRED_ACCEPTED", ALL, "caseworker", NOTE, None),
    ("REFERRED_ACCEPTED", ALL, "caseworker", REACHED, "Say in a note"),
    ("REFERRED_PENDING", ALL, "supervisor", REACHED | NOTE, "A referral that is not"),
    ("REFERRAL_DECLINED", HIGHS, "psychosocial", REACHED, "At this level only"),
    ("REFERRAL_DECLINED", HIGHS, "supervisor", REACHED, None),
    ("REFERRAL_DECLINED", LOWS, "caseworker", REACHED, None),
    ("REFERRAL_DECLINED", LOWS, "caseworker", {}, "This outcome says"),
    ("EMERGENCY_SERVICES", ALL, "psychosocial", REACHED | NOTE, "At this level only"),
    ("EMERGENCY_SERVICES", ALL, "supervisor", NOTE, None),
    ("EMERGENCY_SERVICES", ALL, "supervisor", REACHED, "Say in a note"),
    ("PROTECTION_RELOCATION", ALL, "psychosocial", NOTE, "At this level only"),
    ("PROTECTION_RELOCATION", ALL, "coordinator", NOTE, None),
    ("CHILD_PROTECTION_HANDOVER", ALL, "caseworker", {}, None),
    ("GBV_REFERRAL", ALL, "psychosocial", REACHED, "A survivor is referred"),
    ("GBV_REFERRAL", ALL, "psychosocial", REACHED | {"has_consent": True}, None),
    ("DECLINED_SUPPORT", HIGHS, "psychosocial", REACHED, "At this level only"),
    ("DECLINED_SUPPORT", HIGHS, "supervisor", {"has_refused": True}, None),
    ("DECLINED_SUPPORT", LOWS, "psychosocial", {"has_refused": True}, None),
    ("DECLINED_SUPPORT", LOWS, "psychosocial", {}, "This outcome says"),
    ("UNREACHED_EXHAUSTED", ALL, "supervisor", {"attempts": 2, "has_field_visit": True}, "Try at least 3"),
    ("UNREACHED_EXHAUSTED", HIGHS, "supervisor", TRIED, "At this level nobody"),
    ("UNREACHED_EXHAUSTED", HIGHS, "psychosocial", VISITED, "At this level only"),
    ("UNREACHED_EXHAUSTED", HIGHS, "supervisor", VISITED, None),
    ("UNREACHED_EXHAUSTED", LOWS, "caseworker", TRIED, None),
    ("UNREACHED_EXHAUSTED", ALL, "supervisor", VISITED | {"has_reached_attempt": True}, "The person was reached"),
    ("FALSE_ALARM_MISREAD", ALL, "psychosocial", {}, None),
    ("FALSE_ALARM_WRONG_PERSON", ALL, "psychosocial", {}, None),
    ("TEST_OR_JOKE", HIGHS, "psychosocial", {}, "At this level only"),
    ("TEST_OR_JOKE", HIGHS, "supervisor", {}, None),
    ("TEST_OR_JOKE", LOWS, "psychosocial", {}, None),
    ("DUPLICATE_OF", ALL, "psychosocial", {}, "Name the other alert"),
    ("DUPLICATE_OF", ALL, "psychosocial", {"has_duplicate": True}, None),
    ("OPTED_OUT", HIGHS, "supervisor", REACHED, "Wanting no more messages"),
    ("OPTED_OUT", LOWS, "psychosocial", {}, None),
    ("DIED", ALL, "psychosocial", NOTE, "At this level only"),
    ("DIED", ALL, "supervisor", {}, "Say in a note"),
    ("DIED", ALL, "supervisor", NOTE, None),
    ("DIED", ALL, "admin", NOTE, "At this level only"),
    ("GONE_FISHING", ALL, "supervisor", REACHED, "There is no outcome"),
]


@pytest.mark.parametrize(
    ("outcome", "level", "role", "facts", "refusal"),
    [(outcome, level, role, facts, no) for outcome, levels, role, facts, no in CASES for level in levels],
)
def test_closing(outcome: str, level: Level, role: str, facts: dict[str, Any], refusal: str | None) -> None:
    said = may_close(level, outcome, role, **facts)
    assert (said or "")[: len(refusal or "")] == (refusal or "")
    assert (said is None) == (refusal is None)


def test_every_outcome_is_in_the_table() -> None:
    assert {case[0] for case in CASES} - {"GONE_FISHING"} == set(OUTCOMES)


def test_a_focal_point_decides_about_reports_on_staff_and_nothing_else() -> None:
    assert may_close(Level.HIGH, "TEST_OR_JOKE", "focal_point", route="misconduct") is None
    assert may_close(Level.HIGH, "TEST_OR_JOKE", "focal_point", route="self_harm") is not None


def test_every_contact_result_of_the_domain_is_there() -> None:
    assert set(CONTACT_RESULTS) == {
        "REACHED_SELF", "REACHED_OTHER_NO_DISCLOSURE", "NO_ANSWER", "PHONE_OFF", "WRONG_NUMBER", "NUMBER_RECYCLED",
        "REFUSED", "UNSAFE_TO_TALK", "LANGUAGE_BARRIER", "VISITED_FOUND", "VISITED_NOT_FOUND",
    }  # fmt: skip
    assert {r.code for r in CONTACT_RESULTS.values() if r.has_reached} == {"REACHED_SELF", "VISITED_FOUND"}
