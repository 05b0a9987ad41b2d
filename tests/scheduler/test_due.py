"""When a check-in is due, in every corner of the calendar: the tables are local wall-clock times, written by hand."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.due import AllowedHours, Group, Plan, PlanError, Slot, slots

NAIROBI, CAIRO, PARIS = "Africa/Nairobi", "Africa/Cairo", "Europe/Paris"
CASABLANCA, BOGOTA = "Africa/Casablanca", "America/Bogota"


def clock(text: str) -> int:
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


def hours_of(text: str) -> tuple[int, int]:
    start, end = text.split("-")
    return clock(start), clock(end)


def a_group(zone: str, day: date, hour: str, quiet: str = "00:00-00:00", safe: str = "") -> Group:
    quiet_from, quiet_until = hours_of(quiet)
    safe_from, safe_until = hours_of(safe) if safe else (None, None)
    return Group(zone, day.weekday(), clock(hour), safe_from, safe_until, quiet_from, quiet_until)


def local(at: datetime, zone: str) -> str:
    return at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M %z")


NIGHT = "21:00-07:00"
# zone, day meant, own hour, quiet, safe → slot, last moment (late policy: 6 hours)
TABLE = [
    # Ordinary days, and hours that fall into quiet time.
    (NAIROBI, "2026-03-03", "10:00", NIGHT, "", "2026-03-03 10:00 +0300", "2026-03-03 16:00 +0300"),
    (NAIROBI, "2026-03-03", "07:00", NIGHT, "", "2026-03-03 07:00 +0300", "2026-03-03 13:00 +0300"),
    (NAIROBI, "2026-03-03", "06:59", NIGHT, "", "2026-03-03 07:00 +0300", "2026-03-03 13:00 +0300"),
    (NAIROBI, "2026-03-03", "00:00", NIGHT, "", "2026-03-03 07:00 +0300", "2026-03-03 13:00 +0300"),
    (NAIROBI, "2026-03-03", "20:59", NIGHT, "", "2026-03-03 20:59 +0300", "2026-03-03 21:00 +0300"),
    (NAIROBI, "2026-03-03", "21:00", NIGHT, "", "2026-03-04 07:00 +0300", "2026-03-04 13:00 +0300"),
    (NAIROBI, "2026-03-03", "23:59", NIGHT, "", "2026-03-04 07:00 +0300", "2026-03-04 13:00 +0300"),
    (NAIROBI, "2026-03-03", "18:30", NIGHT, "", "2026-03-03 18:30 +0300", "2026-03-03 21:00 +0300"),
    # Quiet hours inside one day, and none at all.
    (NAIROBI, "2026-03-03", "12:30", "12:00-14:00", "", "2026-03-03 14:00 +0300", "2026-03-03 20:00 +0300"),
    (NAIROBI, "2026-03-03", "11:30", "12:00-14:00", "", "2026-03-03 11:30 +0300", "2026-03-03 12:00 +0300"),
    (NAIROBI, "2026-03-03", "23:00", "12:00-14:00", "", "2026-03-03 23:00 +0300", "2026-03-04 05:00 +0300"),
    (NAIROBI, "2026-03-03", "23:59", "00:00-00:00", "", "2026-03-03 23:59 +0300", "2026-03-04 05:59 +0300"),
    (NAIROBI, "2026-03-03", "00:00", "22:00-00:00", "", "2026-03-03 00:00 +0300", "2026-03-03 06:00 +0300"),
    (NAIROBI, "2026-03-03", "22:00", "22:00-00:00", "", "2026-03-04 00:00 +0300", "2026-03-04 06:00 +0300"),
    # Safe hours of the person.
    (NAIROBI, "2026-03-03", "10:00", NIGHT, "09:00-11:00", "2026-03-03 10:00 +0300", "2026-03-03 11:00 +0300"),
    (NAIROBI, "2026-03-03", "08:00", NIGHT, "09:00-11:00", "2026-03-03 09:00 +0300", "2026-03-03 11:00 +0300"),
    (NAIROBI, "2026-03-03", "10:59", NIGHT, "09:00-11:00", "2026-03-03 10:59 +0300", "2026-03-03 11:00 +0300"),
    (NAIROBI, "2026-03-03", "11:00", NIGHT, "09:00-11:00", "2026-03-04 09:00 +0300", "2026-03-04 11:00 +0300"),
    (NAIROBI, "2026-03-03", "20:00", NIGHT, "09:00-11:00", "2026-03-04 09:00 +0300", "2026-03-04 11:00 +0300"),
    (NAIROBI, "2026-03-03", "02:00", NIGHT, "06:00-08:00", "2026-03-03 07:00 +0300", "2026-03-03 08:00 +0300"),
    (NAIROBI, "2026-03-03", "10:00", NIGHT, "20:00-22:00", "2026-03-03 20:00 +0300", "2026-03-03 21:00 +0300"),
    # Safe hours that cross midnight, with and without quiet hours.
    (NAIROBI, "2026-03-03", "10:00", "00:00-00:00", "22:00-02:00", "2026-03-03 22:00 +0300", "2026-03-04 02:00 +0300"),
    (NAIROBI, "2026-03-03", "23:30", "00:00-00:00", "22:00-02:00", "2026-03-03 23:30 +0300", "2026-03-04 02:00 +0300"),
    (NAIROBI, "2026-03-03", "01:00", "00:00-00:00", "22:00-02:00", "2026-03-03 01:00 +0300", "2026-03-03 02:00 +0300"),
    (NAIROBI, "2026-03-03", "02:00", "00:00-00:00", "22:00-02:00", "2026-03-03 22:00 +0300", "2026-03-04 02:00 +0300"),
    (NAIROBI, "2026-03-03", "10:00", NIGHT, "20:00-08:00", "2026-03-03 20:00 +0300", "2026-03-03 21:00 +0300"),
    (NAIROBI, "2026-03-03", "21:30", NIGHT, "20:00-08:00", "2026-03-04 07:00 +0300", "2026-03-04 08:00 +0300"),
    (NAIROBI, "2026-03-03", "07:30", NIGHT, "20:00-08:00", "2026-03-03 07:30 +0300", "2026-03-03 08:00 +0300"),
    (NAIROBI, "2026-03-03", "12:00", "00:00-00:00", "00:00-24:00", "2026-03-03 12:00 +0300", "2026-03-03 18:00 +0300"),
    # Ends of years, leap days.
    (NAIROBI, "2026-12-31", "10:00", NIGHT, "", "2026-12-31 10:00 +0300", "2026-12-31 16:00 +0300"),
    (NAIROBI, "2026-12-31", "22:00", NIGHT, "", "2027-01-01 07:00 +0300", "2027-01-01 13:00 +0300"),
    (NAIROBI, "2027-01-01", "00:00", "00:00-00:00", "", "2027-01-01 00:00 +0300", "2027-01-01 06:00 +0300"),
    (NAIROBI, "2026-12-31", "23:00", "00:00-00:00", "", "2026-12-31 23:00 +0300", "2027-01-01 05:00 +0300"),
    (NAIROBI, "2028-02-29", "10:00", NIGHT, "", "2028-02-29 10:00 +0300", "2028-02-29 16:00 +0300"),
    (NAIROBI, "2028-02-28", "22:00", NIGHT, "", "2028-02-29 07:00 +0300", "2028-02-29 13:00 +0300"),
    (NAIROBI, "2027-02-28", "22:00", NIGHT, "", "2027-03-01 07:00 +0300", "2027-03-01 13:00 +0300"),
    (BOGOTA, "2028-02-29", "23:30", "00:00-00:00", "", "2028-02-29 23:30 -0500", "2028-03-01 05:30 -0500"),
    # Bogotá never changes its clocks; its evening is the next day in UTC.
    (BOGOTA, "2026-03-08", "02:30", "00:00-00:00", "", "2026-03-08 02:30 -0500", "2026-03-08 08:30 -0500"),
    (BOGOTA, "2026-03-29", "19:30", NIGHT, "", "2026-03-29 19:30 -0500", "2026-03-29 21:00 -0500"),
    (BOGOTA, "2026-11-01", "01:30", NIGHT, "", "2026-11-01 07:00 -0500", "2026-11-01 13:00 -0500"),
    (BOGOTA, "2026-12-31", "20:30", NIGHT, "", "2026-12-31 20:30 -0500", "2026-12-31 21:00 -0500"),
    # Paris, 2026-03-29: 02:00 → 03:00.
    (PARIS, "2026-03-29", "01:59", "00:00-00:00", "", "2026-03-29 01:59 +0100", "2026-03-29 08:59 +0200"),
    (PARIS, "2026-03-29", "02:00", "00:00-00:00", "", "2026-03-29 03:00 +0200", "2026-03-29 09:00 +0200"),
    (PARIS, "2026-03-29", "02:30", "00:00-00:00", "", "2026-03-29 03:30 +0200", "2026-03-29 09:30 +0200"),
    (PARIS, "2026-03-29", "03:00", "00:00-00:00", "", "2026-03-29 03:00 +0200", "2026-03-29 09:00 +0200"),
    (PARIS, "2026-03-29", "10:00", NIGHT, "", "2026-03-29 10:00 +0200", "2026-03-29 16:00 +0200"),
    (PARIS, "2026-03-29", "00:30", NIGHT, "", "2026-03-29 07:00 +0200", "2026-03-29 13:00 +0200"),
    (PARIS, "2026-03-28", "22:00", NIGHT, "", "2026-03-29 07:00 +0200", "2026-03-29 13:00 +0200"),
    (PARIS, "2026-03-29", "02:30", "03:00-04:00", "", "2026-03-29 04:00 +0200", "2026-03-29 10:00 +0200"),
    (PARIS, "2026-03-29", "01:00", "02:30-07:00", "", "2026-03-29 01:00 +0100", "2026-03-29 03:00 +0200"),
    (PARIS, "2026-03-29", "01:00", "00:00-00:00", "00:30-02:30", "2026-03-29 01:00 +0100", "2026-03-29 03:00 +0200"),
    (PARIS, "2026-03-29", "01:00", "00:00-00:00", "02:15-04:00", "2026-03-29 03:00 +0200", "2026-03-29 04:00 +0200"),
    # … safe hours that do not exist on that day wait for the next.
    (PARIS, "2026-03-29", "01:00", "00:00-00:00", "02:15-02:45", "2026-03-30 02:15 +0200", "2026-03-30 02:45 +0200"),
    # Paris, 2026-10-25: 03:00 → 02:00. The first of two counts.
    (PARIS, "2026-10-25", "02:30", "00:00-00:00", "", "2026-10-25 02:30 +0200", "2026-10-25 07:30 +0100"),
    (PARIS, "2026-10-25", "01:30", "02:30-07:00", "", "2026-10-25 01:30 +0200", "2026-10-25 02:30 +0200"),
    (PARIS, "2026-10-25", "02:40", "00:00-00:00", "02:30-04:00", "2026-10-25 02:40 +0200", "2026-10-25 02:00 +0100"),
    (PARIS, "2026-10-25", "01:00", "00:00-00:00", "02:10-02:20", "2026-10-25 02:10 +0200", "2026-10-25 02:20 +0200"),
    (PARIS, "2026-10-25", "10:00", NIGHT, "", "2026-10-25 10:00 +0100", "2026-10-25 16:00 +0100"),
    (PARIS, "2026-10-24", "22:00", NIGHT, "", "2026-10-25 07:00 +0100", "2026-10-25 13:00 +0100"),
    # Cairo changes at midnight: 2026-04-24 begins at 01:00; 2026-10-29 has its last hour twice.
    (CAIRO, "2026-04-24", "00:00", "00:00-00:00", "", "2026-04-24 01:00 +0300", "2026-04-24 07:00 +0300"),
    (CAIRO, "2026-04-24", "00:30", "00:00-00:00", "", "2026-04-24 01:30 +0300", "2026-04-24 07:30 +0300"),
    (CAIRO, "2026-04-24", "10:00", NIGHT, "", "2026-04-24 10:00 +0300", "2026-04-24 16:00 +0300"),
    (CAIRO, "2026-04-23", "22:00", NIGHT, "", "2026-04-24 07:00 +0300", "2026-04-24 13:00 +0300"),
    (CAIRO, "2026-04-23", "23:00", "00:30-07:00", "", "2026-04-23 23:00 +0200", "2026-04-24 01:00 +0300"),
    (CAIRO, "2026-10-29", "23:30", "00:00-00:00", "", "2026-10-29 23:30 +0300", "2026-10-30 04:30 +0200"),
    (CAIRO, "2026-10-29", "22:30", NIGHT, "", "2026-10-30 07:00 +0200", "2026-10-30 13:00 +0200"),
    (CAIRO, "2026-10-29", "20:00", "23:30-07:00", "", "2026-10-29 20:00 +0300", "2026-10-29 23:30 +0300"),
    # Casablanca lives at +01 and goes back to +00 for Ramadan (2026-02-15 to 2026-03-22).
    (CASABLANCA, "2026-02-14", "10:00", NIGHT, "", "2026-02-14 10:00 +0100", "2026-02-14 16:00 +0100"),
    (CASABLANCA, "2026-02-15", "02:30", "00:00-00:00", "", "2026-02-15 02:30 +0100", "2026-02-15 07:30 +0000"),
    (CASABLANCA, "2026-02-16", "10:00", NIGHT, "", "2026-02-16 10:00 +0000", "2026-02-16 16:00 +0000"),
    (CASABLANCA, "2026-03-22", "02:30", "00:00-00:00", "", "2026-03-22 03:30 +0100", "2026-03-22 09:30 +0100"),
    (CASABLANCA, "2026-03-22", "01:00", NIGHT, "", "2026-03-22 07:00 +0100", "2026-03-22 13:00 +0100"),
    (CASABLANCA, "2026-03-23", "10:00", NIGHT, "", "2026-03-23 10:00 +0100", "2026-03-23 16:00 +0100"),
]


@pytest.mark.parametrize(("zone", "day", "hour", "quiet", "safe", "at", "not_after"), TABLE)
def test_an_hour_becomes_a_slot(zone: str, day: str, hour: str, quiet: str, safe: str, at: str, not_after: str) -> None:
    meant = date.fromisoformat(day)
    midnight = datetime.combine(meant, datetime.min.time(), UTC)
    found = slots(
        Plan("once", date=meant),
        a_group(zone, meant, hour, quiet, safe),
        midnight - timedelta(days=3),
        midnight + timedelta(days=4),
    )
    assert [(local(x.at, zone), local(x.not_after, zone), x.key_date) for x in found] == [(at, not_after, meant)]


@pytest.mark.parametrize(
    ("quiet", "safe"),
    [(NIGHT, "22:00-06:00"), (NIGHT, "21:00-07:00"), ("07:00-21:00", "08:00-20:00"), ("00:00-00:00", "09:00-09:00"),
     ("00:00-24:00", "")],
)  # fmt: skip
def test_nobody_is_written_to_when_no_minute_is_allowed(quiet: str, safe: str) -> None:
    day = date(2026, 3, 3)
    group = a_group(NAIROBI, day, "10:00", quiet, safe)
    at = datetime(2026, 3, 1, tzinfo=UTC)
    assert group.hours.is_never()
    assert group.hours.first_allowed(at) is None
    assert slots(Plan("weekly"), group, at, at + timedelta(days=30)) == []


WEEKLY = a_group(NAIROBI, date(2026, 3, 3), "10:00", NIGHT)
NINETY = (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 5, 30, tzinfo=UTC))


def days(plan: Plan, group: Group = WEEKLY) -> list[str]:
    return [slot.key_date.isoformat() for slot in slots(plan, group, *NINETY)]


def test_a_weekly_plan_comes_every_week_on_the_persons_own_day() -> None:
    assert days(Plan("weekly")) == [(date(2026, 3, 3) + timedelta(days=7 * k)).isoformat() for k in range(13)]


@pytest.mark.parametrize(
    ("every", "since", "expected"),
    [
        (2, date(2026, 3, 2), ["2026-03-03", "2026-03-17", "2026-03-31", "2026-04-14", "2026-04-28", "2026-05-12",
                               "2026-05-26"]),
        (2, date(2026, 3, 8), ["2026-03-03", "2026-03-17", "2026-03-31", "2026-04-14", "2026-04-28", "2026-05-12",
                               "2026-05-26"]),
        (2, date(2026, 3, 9), ["2026-03-10", "2026-03-24", "2026-04-07", "2026-04-21", "2026-05-05", "2026-05-19"]),
        (4, date(2026, 3, 2), ["2026-03-03", "2026-03-31", "2026-04-28", "2026-05-26"]),
        (13, date(2025, 12, 1), ["2026-03-03"]),
    ],
)  # fmt: skip
def test_every_so_many_weeks_is_counted_from_the_week_it_is_anchored_in(
    every: int, since: date, expected: list[str]
) -> None:
    assert days(Plan("weekly", every=every, since=since)) == expected


def test_days_after_the_anchor_are_the_persons_own() -> None:
    group = Group(NAIROBI, 0, 600, quiet_from=1260, quiet_until=420, anchor_date=date(2026, 2, 10))
    assert days(Plan("after_anchor", days=(90, 30, 1)), group) == ["2026-03-12", "2026-05-11"]
    assert days(Plan("after_anchor", days=(30,)), WEEKLY) == []


def test_a_leap_day_counts_among_the_days_after_the_anchor() -> None:
    group = Group(NAIROBI, 0, 600, anchor_date=date(2028, 1, 31))
    window = (datetime(2028, 2, 1, tzinfo=UTC), datetime(2028, 4, 1, tzinfo=UTC))
    found = slots(Plan("after_anchor", days=(29, 30)), group, *window)
    assert [slot.key_date for slot in found] == [date(2028, 2, 29), date(2028, 3, 1)]


def test_a_plan_may_name_the_hour_for_everybody() -> None:
    found = slots(Plan("once", date=date(2026, 3, 5), minute=15 * 60), WEEKLY, *NINETY)
    at = datetime(2026, 3, 5, 12, 0, tzinfo=UTC)
    assert found == [Slot(at, at + timedelta(hours=6), date(2026, 3, 5))]


def test_a_slot_at_the_border_belongs_to_the_later_of_two_windows() -> None:
    at = datetime(2026, 3, 3, 7, 0, tzinfo=UTC)
    assert slots(Plan("weekly"), WEEKLY, at - timedelta(days=1), at) == []
    assert [slot.at for slot in slots(Plan("weekly"), WEEKLY, at, at + timedelta(minutes=1))] == [at]


def test_the_spread_never_leaves_the_allowed_stretch() -> None:
    late = a_group(NAIROBI, date(2026, 3, 3), "20:58", NIGHT)
    wide = slots(Plan("weekly"), WEEKLY, *NINETY)[0]
    narrow = slots(Plan("weekly"), late, *NINETY)[0]
    assert (wide.room, narrow.room) == (timedelta(minutes=15), timedelta(minutes=1))


@pytest.mark.parametrize(
    "plan",
    [
        Plan("once", date=date(2026, 3, 5)),
        Plan("once", date=date(2028, 2, 29), minute=0),
        Plan("weekly"),
        Plan("weekly", every=2, since=date(2026, 3, 2), minute=1439),
        Plan("after_anchor", days=(30, 90, 365)),
    ],
)
def test_a_plan_survives_its_json(plan: Plan) -> None:
    assert Plan.from_json(plan.to_json()) == plan


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"kind": "daily"},
        {"kind": "once"},
        {"kind": "once", "date": "2026-02-30"},
        {"kind": "weekly", "every": 0},
        {"kind": "weekly", "date": "2026-03-03"},
        {"kind": "weekly", "minute": 1440},
        {"kind": "after_anchor"},
        {"kind": "after_anchor", "days": [-1]},
        {"kind": "after_anchor", "days": [30, 30]},
        {"kind": "after_anchor", "days": 30},
    ],
)
def test_a_plan_that_cannot_be_carried_out_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(PlanError):
        Plan.from_json(data)


MINUTES = st.integers(0, 1439)
SAFE = st.one_of(st.none(), MINUTES)
ZONES = st.sampled_from([NAIROBI, CAIRO, PARIS, CASABLANCA, BOGOTA, "Asia/Kathmandu", "Australia/Lord_Howe"])
HOURS = st.builds(AllowedHours, ZONES, MINUTES, MINUTES, SAFE, SAFE)
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001  given above


def is_allowed(hours: AllowedHours, at: datetime) -> bool:
    """The rule in its plainest words, minute by minute."""
    here = at.astimezone(ZoneInfo(hours.time_zone))
    minute = here.hour * 60 + here.minute

    def between(start: int, end: int) -> bool:
        return start <= minute < end if start <= end else minute >= start or minute < end

    has_safe = (hours.safe_from, hours.safe_until) != (None, None)
    safe_until = 1440 if hours.safe_until is None else hours.safe_until
    return not between(hours.quiet_from, hours.quiet_until) and (
        not has_safe or between(hours.safe_from or 0, safe_until)
    )


@given(HOURS, MOMENTS)
def test_the_first_allowed_minute_is_allowed_and_none_before_it_is(hours: AllowedHours, at: datetime) -> None:
    found = hours.first_allowed(at)
    if found is None:
        assert not any(is_allowed(hours, at + timedelta(minutes=k)) for k in range(0, 2880, 7))
        return
    assert is_allowed(hours, found)
    assert not any(is_allowed(hours, at + timedelta(minutes=k)) for k in range((found - at) // timedelta(minutes=1)))


@given(HOURS, MOMENTS, st.integers(1, 1000))
def test_every_minute_until_the_end_of_the_stretch_is_allowed(hours: AllowedHours, at: datetime, late: int) -> None:
    start = hours.first_allowed(at)
    if start is None:
        return
    end = hours.allowed_until(start, start + timedelta(minutes=late))
    assert start < end <= start + timedelta(minutes=late)
    assert all(is_allowed(hours, start + timedelta(minutes=k)) for k in range((end - start) // timedelta(minutes=1)))
    assert end == start + timedelta(minutes=late) or not is_allowed(hours, end)
