"""Who is on call: rungs, leave at midnight, disabled staff, holes and the fallback."""

from datetime import timedelta

from cases.rota import Entry, Member, holes, on_call, rungs, whom_to_tell
from tests.conftest import NOW

MIDNIGHT = NOW.replace(hour=0) + timedelta(days=1)
STAFF = [
    Member(1, "psychosocial"),
    Member(2, "psychosocial", is_disabled=True),
    Member(3, "supervisor", (7,)),
    Member(4, "admin", (8,)),
    Member(5, "focal_point"),
    Member(6, "caseworker", is_reachable=False),
    Member(9, "coordinator", (7, 8)),
]
ROTA = [
    Entry(7, 1, 1, None, MIDNIGHT),
    Entry(7, 1, 2),
    Entry(7, 2, 6, MIDNIGHT, None),
    Entry(7, 3, 3),
    Entry(8, 1, 6),
]


def test_leave_begins_at_midnight_and_not_a_moment_before() -> None:
    before = MIDNIGHT - timedelta(milliseconds=1)
    assert on_call(ROTA, STAFF, 7, 1, before) == (1,)
    assert on_call(ROTA, STAFF, 7, 1, MIDNIGHT) == ()
    assert rungs(ROTA, STAFF, 7, before) == [1, 3]
    assert rungs(ROTA, STAFF, 7, MIDNIGHT) == [2, 3]


def test_disabled_staff_are_on_no_rung() -> None:
    assert on_call(ROTA, STAFF, 7, 1, NOW) == (1,)
    assert rungs([Entry(7, 1, 2)], STAFF, 7, NOW) == []


def test_holes_are_found_whole() -> None:
    hour = timedelta(hours=1)
    entries = [
        Entry(7, 1, 1, NOW + hour, NOW + 2 * hour),
        Entry(7, 2, 3, NOW + 2 * hour, NOW + 3 * hour),
        Entry(7, 1, 2, NOW, NOW + 9 * hour),  # disabled: covers nothing
        Entry(7, 1, 1, NOW + 5 * hour, None),
    ]
    end = NOW + 8 * hour
    assert holes(entries, STAFF, 7, NOW, end) == [(NOW, NOW + hour), (NOW + 3 * hour, NOW + 5 * hour)]
    assert holes([], STAFF, 7, NOW, end) == [(NOW, end)]
    assert holes([Entry(7, 1, 1)], STAFF, 7, NOW, end) == []


def tell(
    *who: str, rung: int = 1, owner: int | None = None, route: str = "self_harm", site: int = 7
) -> tuple[int, ...]:
    return whom_to_tell(who, rung, owner, route, site, ROTA, STAFF, NOW)  # type: ignore[arg-type]


def test_whom_a_step_tells() -> None:
    assert tell("rung") == (1,)
    assert tell("rung", "supervisors") == (1, 3, 9)
    assert tell("everyone") == (1, 3)
    assert tell("owner", owner=5) == (5,)
    assert tell("owner", owner=2) == (3, 9)  # their account was closed: those who supervise


def test_a_rung_without_telephones_is_as_good_as_empty() -> None:
    assert tell("rung", site=8) == (4, 6, 9)


def test_a_report_about_staff_is_for_focal_points_whatever_the_step() -> None:
    assert tell("everyone", "supervisors", "owner", owner=1, route="misconduct") == (5,)
