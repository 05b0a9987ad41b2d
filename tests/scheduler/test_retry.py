"""What follows from the end of a send: tables of cases, no database."""

from datetime import timedelta

import pytest

from channels.base import OUTCOMES
from scheduler.outbox import pace
from scheduler.outbox.checks import Decision, Facts, decide
from scheduler.retry import Next, after_send, after_uncertainty, is_news, receipt_moves, wait_after
from store.queue import PURPOSES
from tests.conftest import NOW

LATER = NOW + timedelta(days=2)


@pytest.mark.parametrize(
    ("purpose", "outcome", "tries", "expected"),
    [
        ("reply", "accepted", 1, Next("sent")),
        ("reply", "timeout", 1, Next("uncertain")),
        ("crisis", "bad_number", 1, Next("failed")),
        ("reply", "gateway_fault", 1, Next("queued", NOW + timedelta(seconds=15))),
        ("reply", "gateway_fault", 3, Next("queued", NOW + timedelta(seconds=60))),
        ("reply", "gateway_fault", 6, Next("failed")),
        ("crisis", "gateway_fault", 60, Next("queued", NOW + timedelta(seconds=120))),
        ("checkin", "unreachable", 1, Next("queued", NOW + timedelta(seconds=1800))),
        ("reply", "rate_limited", 1, Next("queued", NOW + timedelta(seconds=15), NOW + timedelta(seconds=2))),
        ("reply", "bad_account", 1, Next("queued", NOW + timedelta(seconds=300), NOW + timedelta(seconds=300))),
    ],
)
def test_each_ending_has_one_consequence(purpose: str, outcome: str, tries: int, expected: Next) -> None:
    assert after_send(purpose, OUTCOMES[outcome], tries, NOW, LATER) == expected


def test_nothing_is_tried_again_after_it_is_no_longer_worth_sending() -> None:
    soon = NOW + timedelta(seconds=14)
    assert after_send("crisis", OUTCOMES["gateway_fault"], 1, NOW, soon) == Next("failed")


def test_waits_double_up_to_a_cap_that_is_lower_when_urgent() -> None:
    fault = OUTCOMES["gateway_fault"]
    assert [wait_after("reply", fault, n) for n in (1, 2, 3, 7, 5000)] == [15, 30, 60, 900, 900]
    assert [wait_after("crisis", fault, n) for n in (1, 4, 5000)] == [15, 120, 120]


def test_only_what_is_worse_unsaid_than_said_twice_is_sent_again() -> None:
    again = {name for name in PURPOSES if after_uncertainty(name, NOW, LATER, is_denied=False).state == "queued"}
    assert again == {"crisis", "staff_alert", "staff_reply"}
    assert after_uncertainty("crisis", NOW, NOW - timedelta(seconds=1), is_denied=True) == Next("failed")


def test_states_move_one_way_only() -> None:
    order = ["queued", "sending", "uncertain", "sent", "failed", "delivered"]
    moves = {(a, b) for a in order for b in order if receipt_moves(a, b)}
    assert moves == {(a, b) for i, a in enumerate(order) for b in order[i + 1 :]}
    assert not any(receipt_moves(a, "delivered") for a in ("expired", "withheld"))


@pytest.mark.parametrize(
    ("current", "outcome", "bound_to", "state", "provider_id", "expected"),
    [
        ("sending", None, None, "failed", "P1", True),
        ("sending", "unreachable", "P1", "failed", "P1", False),  # the first attempt's, once more
        ("queued", "unreachable", "P1", "sent", "P1", False),
        ("queued", "unreachable", "P1", "delivered", "P1", True),
        ("sent", "accepted", "P2", "failed", "P1", False),
        ("sent", "accepted", "P2", "failed", "P2", True),
        ("failed", "unknown", None, "sent", "P1", True),
        ("failed", "bad_number", "P1", "sent", "P1", False),
        ("delivered", "delivered", "P1", "failed", "P1", False),
    ],
)
def test_a_receipt_of_an_earlier_attempt_is_no_news(
    current: str, outcome: str | None, bound_to: str | None, state: str, provider_id: str, expected: bool
) -> None:
    assert is_news(current, outcome, bound_to, state, provider_id) is expected


@pytest.mark.parametrize(
    ("free_in", "rate", "most", "count", "first"),
    [
        (0.0, 500.0, 1000, 250, 0.0),
        (-60.0, 500.0, 1000, 274, 0.0),  # rested: a burst of 0.05 s of rate
        (0.3, 500.0, 1000, 0, 0.3),  # not before half the window is free
        (0.2, 500.0, 1000, 150, 0.2),
        (0.0, 500.0, 10, 10, 0.0),
        (-60.0, 0.1, 200, 1, 0.0),  # one in ten seconds
    ],
)
def test_a_claim_takes_no_more_than_half_a_second_of_rate(
    free_in: float, rate: float, most: int, count: int, first: float
) -> None:
    allowance = pace.allow(NOW + timedelta(seconds=free_in), rate, NOW, most)
    assert (allowance.count, allowance.leaves_in(0)) == (count, pytest.approx(first))


def test_the_local_pace_lets_a_stalled_loop_catch_up_by_no_more_than_a_burst() -> None:
    local = pace.LocalPace()
    moments = [max(10.0, local.slot(0.0, 100.0, 10.0)) for _ in range(30)]
    assert sum(at == 10.0 for at in moments) == 5
    assert moments[-1] == pytest.approx(10.25)


def test_a_crisis_reply_leaves_in_spite_of_every_reason_that_holds_back_a_check_in() -> None:
    facts = {
        "not_after": LATER, "has_address": True, "has_contact": True, "opted_out_by": "word", "held_until": LATER,
        "beneficiary_state": "exited", "age_band": "minor", "open_session": 1,
    }  # fmt: skip
    assert decide(Facts("crisis", **facts), NOW) == Decision("send")
    assert decide(Facts("checkin", **facts), NOW) == Decision("withheld", "opted_out")


def test_a_reminder_of_a_session_that_is_over_is_withheld() -> None:
    facts = Facts("reminder", LATER, True, True, beneficiary_state="active", age_band="adult", session_id=4)
    assert decide(facts, NOW) == Decision("withheld", "session_over")
