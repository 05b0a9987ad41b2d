"""Counts and times of supervision: who carries how much, who is strained, how fast; small numbers say nothing."""

from collections import Counter
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from cases import workload
from cases.workload import Load, Times, loads, paces
from content.schema import Level
from tests.conftest import NOW

ZONES = {1: "Africa/Nairobi"}
HOUR = timedelta(hours=1)


def row(**values: Any) -> SimpleNamespace:
    return SimpleNamespace(**values)


def alert(number: int, **values: Any) -> SimpleNamespace:
    base = {
        "id": number, "site": "Kisima", "site_id": 1, "level": 3, "state": "taken", "owner_id": 7, "opened_at": NOW,
        "target_at": NOW + HOUR, "due_at": NOW + HOUR, "closed_at": None, "outcome": None,
    }  # fmt: skip
    return row(**base | values)


def event(kind: str, alert_id: int = 1, at: Any = NOW, **values: Any) -> SimpleNamespace:
    return row(
        **{"kind": kind, "alert_id": alert_id, "at": at, "staff_id": 7, "level": 3, "site_id": 1, "data": {}} | values
    )


AMINA = row(id=7, name="Amina", most_alerts=None)
BOTO = row(id=8, name="Boto", most_alerts=1)


@pytest.mark.parametrize(
    ("minutes", "times"),
    [
        ([], Times(0, None, None)),
        ([5, 6, 7, 8], Times(4, None, None)),  # too few to say
        ([5, 1, 3, 2, 4], Times(5, 3, 5)),
        (list(range(1, 11)), Times(10, 5, 9)),
    ],
)
def test_half_and_nine_in_ten(minutes: list[float], times: Times) -> None:
    assert Times.of(minutes) == times


def test_whose_hands_are_full() -> None:
    alerts = [
        alert(1, owner_id=8), alert(2, owner_id=8, level=4, due_at=NOW - HOUR), alert(3),
        alert(4, state="closed", closed_at=NOW - HOUR), alert(5, owner_id=None, state="open"),
        alert(6, state="closed", closed_at=NOW - 9 * 24 * HOUR, outcome="DIED"),
    ]  # fmt: skip
    boto, amina = loads([AMINA, BOTO], alerts, [], NOW, ZONES)
    assert (boto.name, boto.open, boto.late, boto.is_over) == ("Boto", Counter({3: 1, 4: 1}), 1, True)
    assert (amina.total, amina.cap, amina.closed, amina.deaths, amina.is_over) == (1, workload.USUAL_CAP, 1, 0, False)


def test_who_should_be_asked_how_they_are() -> None:
    # 23:00 and 02:00 in Nairobi are one night.
    nights = [NOW.replace(hour=20), NOW.replace(hour=23), NOW - 24 * HOUR + 11 * HOUR, NOW - 48 * HOUR + 11 * HOUR]
    tries = [event("attempt", at=at - 24 * HOUR) for at in nights]
    (load,) = loads([AMINA], [], tries, NOW, ZONES)
    assert (load.nights, load.is_strained) == (3, True)
    grave = [event("taken", n) for n in range(5)]
    assert loads([AMINA], [], grave, NOW, ZONES)[0].is_strained
    assert not loads([AMINA], [], grave[:4], NOW, ZONES)[0].is_strained
    long_ago = [event("taken", n, at=NOW - 8 * 24 * HOUR) for n in range(9)]
    assert not loads([AMINA], [], long_ago, NOW, ZONES)[0].is_strained
    died = [alert(1, state="closed", closed_at=NOW - HOUR, outcome="DIED")]
    assert loads([AMINA], died, [], NOW, ZONES)[0].is_strained


def test_times_by_site_and_level_and_what_came_too_late() -> None:
    alerts = [alert(n) for n in range(6)] + [alert(9, level=4)]
    events = [event("taken", n, NOW + timedelta(minutes=n)) for n in range(6)]
    events += [event("taken", 0, NOW + 5 * HOUR)]  # taken again later: the first time counts
    events += [event("attempt", n, NOW + timedelta(minutes=20 * n), data={"reached": True}) for n in range(5)]
    events += [event("attempt", 5, NOW + HOUR, data={"reached": False})]
    imminent, high = paces(alerts, events, NOW + 3 * HOUR)
    assert (imminent.level, imminent.alerts, imminent.to_take, imminent.missed) == (
        Level.IMMINENT, 1, Times(0, None, None), None,
    )  # fmt: skip
    assert (high.to_take, high.to_reach) == (Times(6, 2, 5), Times(5, 40, 80))
    assert high.missed == 2  # reached after 80 minutes, and never reached


def test_a_load_with_nothing_on_it_is_calm() -> None:
    load = Load(1, "Amina", 8)
    assert (load.total, load.is_over, load.is_strained) == (0, False, False)
