"""When a check-in is due: the person's own day and hour, moved out of quiet and unsafe hours, in their time zone.

Pure. Two promises are kept here and nowhere else:

- **Nothing leaves in quiet or unsafe hours.** An hour that falls into them moves forward to the first allowed minute,
  which is on the same local day whenever that day still has one; it never moves to an earlier hour.
- **Late is stated.** A message that an outage held up may still leave until `not_after`: `late_minutes` after its
  slot, or the end of the allowed stretch its slot lies in, whichever comes first. After that it is not sent.

Local times that do not exist (clocks go forward) move forward by what the clocks skip; of local times that exist twice
(clocks go back) the first counts (RFC 5545, 3.3.5).
"""

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

from content.sentence import Sentence

PlanKind = Literal["once", "weekly", "after_anchor", "after_exit"]
ANCHORED: frozenset[str] = frozenset({"after_anchor", "after_exit"})
LATE_MINUTES = 6 * 60
DAY = 1440  # minutes
_NEVER = 0xFFFF
_MINUTE = timedelta(minutes=1)
_ONE_DAY = timedelta(days=1)
_SPREAD = timedelta(minutes=15)  # over which a group that is due at one minute is spread
_A_MONDAY = date(1970, 1, 5)


_Date = date  # a plan has a field named date


class PlanError(ValueError):
    """The plan cannot be carried out; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Plan:
    """On which days, and at which minute after local midnight (`None`: each person's own)."""

    kind: PlanKind
    date: _Date | None = None  # once
    every: int = 1  # weekly: every so many weeks …
    since: _Date | None = None  # … counted from the week of this day
    days: tuple[int, ...] = ()  # after_anchor, after_exit: days after that date of the person's
    minute: int | None = None

    def __post_init__(self) -> None:
        fault = self._fault()
        if fault:
            raise PlanError(fault)

    def _fault(self) -> Sentence | None:  # noqa: PLR0911  one line for each way to be wrong
        if self.kind not in get_args(PlanKind):
            return Sentence("a plan is once, weekly, after_anchor or after_exit, not %(kind)r", kind=self.kind)
        if (self.kind == "once") != (self.date is not None):
            return Sentence("a plan for once names its date, and only that one does")
        if (self.kind in ANCHORED) != bool(self.days):
            return Sentence("a plan after the anchor date or exit names its days, and only such a one does")
        if any(not 0 <= day <= 36500 for day in self.days) or len(set(self.days)) != len(self.days):
            return Sentence("days after the anchor date or exit are different numbers from 0 up")
        if not 1 <= self.every <= 520:
            return Sentence("a weekly plan comes every 1 to 520 weeks")
        if self.minute is not None and not 0 <= self.minute < DAY:
            return Sentence("the hour of a plan lies between 00:00 and 23:59")
        return None

    def to_json(self) -> dict[str, Any]:
        data: dict[str, Any] = {"kind": self.kind, "minute": self.minute}
        match self.kind:
            case "once":
                data["date"] = self.date.isoformat() if self.date else None
            case "weekly":
                data |= {"every": self.every, "since": self.since.isoformat() if self.since else None}
            case "after_anchor" | "after_exit":
                data["days"] = list(self.days)
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Plan":
        """The plan as stored. Raises PlanError for anything else."""
        try:
            return cls(
                kind=data["kind"],
                date=_day(data.get("date")),
                every=int(data.get("every", 1)),
                since=_day(data.get("since")),
                days=tuple(int(day) for day in data.get("days", ())),
                minute=data.get("minute"),
            )
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, PlanError):
                raise
            raise PlanError("this is not a plan") from None


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


@dataclass(frozen=True, slots=True)
class AllowedHours:
    """When a person may be written to: minutes after local midnight; a `from` after its `until` crosses midnight.

    Equal quiet minutes mean no quiet hours. Equal safe minutes mean that no minute is safe: of two readings of a slip
    the one that exposes nobody. One safe minute without the other is open to midnight.
    """

    time_zone: str
    quiet_from: int = 0
    quiet_until: int = 0
    safe_from: int | None = None
    safe_until: int | None = None

    def is_never(self) -> bool:
        """No minute of the day is allowed: a fault to be reported, since such a person is never written to."""
        return self._minutes().wait[0] == _NEVER

    def first_allowed(self, at: datetime) -> datetime | None:
        """`at` itself if it is allowed, else the first allowed minute after it."""
        zone, minutes = _zone(self.time_zone), self._minutes()
        local = at.astimezone(zone)
        wait = minutes.wait[local.hour * 60 + local.minute]
        if wait == _NEVER:
            return None
        if wait == 0:
            return at
        start = at.replace(second=0, microsecond=0)
        found = start + wait * _MINUTE
        if found.astimezone(zone).utcoffset() == local.utcoffset():
            return found
        # The clocks change in between, twice a year: count minutes.
        for step in range(1, 3 * DAY):
            found = start + step * _MINUTE
            if minutes.wait[_minute_of(found.astimezone(zone))] == 0:
                return found
        return None

    def allowed_until(self, at: datetime, limit: datetime) -> datetime:
        """The end of the allowed stretch in which `at` lies, at most `limit`. `at` is allowed."""
        zone, minutes = _zone(self.time_zone), self._minutes()
        local = at.astimezone(zone)
        lasts = minutes.lasts[local.hour * 60 + local.minute]
        if lasts == _NEVER:
            return limit
        start = at.replace(second=0, microsecond=0)
        end = min(start + lasts * _MINUTE, limit)
        if end.astimezone(zone).utcoffset() == local.utcoffset():
            return end
        found = start
        while found < limit and minutes.wait[_minute_of(found.astimezone(zone))] == 0:
            found += _MINUTE
        return min(found, limit)

    def _minutes(self) -> "_Minutes":
        return _minutes(self.quiet_from, self.quiet_until, self.safe_from, self.safe_until)


@dataclass(frozen=True, slots=True)
class _Minutes:
    """For each minute of the day: how long until an allowed one, and how long the allowed stretch still lasts.

    `_NEVER` in `wait`: no minute is allowed. `_NEVER` in `lasts`: all are.
    """

    wait: "array[int]"
    lasts: "array[int]"


@lru_cache(maxsize=1024)
def _minutes(quiet_from: int, quiet_until: int, safe_from: int | None, safe_until: int | None) -> _Minutes:
    allowed = bytearray(
        _is_safe(minute, safe_from, safe_until) and not _is_between(minute, quiet_from, quiet_until)
        for minute in range(DAY)
    )
    wait, lasts = (array("H", [_NEVER]) * DAY for _ in range(2))
    until_allowed = until_end = _NEVER
    for minute in reversed(range(2 * DAY)):  # twice round: the day is a circle
        if allowed[minute % DAY]:
            until_allowed = 0
            until_end = until_end + 1 if until_end != _NEVER else _NEVER
        else:
            until_allowed = until_allowed + 1 if until_allowed != _NEVER else _NEVER
            until_end = 0
        wait[minute % DAY] = until_allowed
        lasts[minute % DAY] = until_end
    return _Minutes(wait, lasts)


def _is_between(minute: int, start: int, end: int) -> bool:
    return start <= minute < end if start <= end else minute >= start or minute < end


def _is_safe(minute: int, safe_from: int | None, safe_until: int | None) -> bool:
    if safe_from is None and safe_until is None:
        return True
    return _is_between(minute, safe_from or 0, DAY if safe_until is None else safe_until)


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _minute_of(local: datetime) -> int:
    return local.hour * 60 + local.minute


@dataclass(frozen=True, slots=True)
class Group:
    """Everybody who is due at the same moments: one time zone, day, hour and one set of allowed hours."""

    time_zone: str
    weekday: int  # Monday 0
    minute: int
    safe_from: int | None = None
    safe_until: int | None = None
    quiet_from: int = 0
    quiet_until: int = 0
    anchor_date: date | None = None  # arrival, or exit: whichever the plan counts from

    @property
    def hours(self) -> AllowedHours:
        return AllowedHours(self.time_zone, self.quiet_from, self.quiet_until, self.safe_from, self.safe_until)


@dataclass(frozen=True, slots=True)
class Slot:
    """One moment at which a group is due. `key_date` is the local day it is meant for, even if `at` had to move on."""

    at: datetime
    not_after: datetime
    key_date: date

    @property
    def room(self) -> timedelta:
        """Over how long after `at` the group may be spread, leaving the second half of the stretch for being late."""
        return min(_SPREAD, (self.not_after - self.at) / 2)


def slots(
    plan: Plan, group: Group, window_start: datetime, window_end: datetime, late_minutes: int = LATE_MINUTES
) -> list[Slot]:
    """The group's slots with `window_start <= at < window_end`, in order. Windows side by side share no slot."""
    hours = group.hours
    if window_start >= window_end or hours.is_never():
        return []
    zone = _zone(group.time_zone)
    minute = group.minute if plan.minute is None else plan.minute
    # A slot may be up to a day later than the hour it was meant for, and a day longer where the clocks change.
    first = window_start.astimezone(zone).date() - 2 * _ONE_DAY
    last = window_end.astimezone(zone).date() + _ONE_DAY
    found = []
    for day in _days(plan, group, first, last):
        at = hours.first_allowed(_to_utc(day, minute, zone))
        if at is not None and window_start <= at < window_end:
            not_after = hours.allowed_until(at, at + late_minutes * _MINUTE)
            found.append(Slot(at, not_after, day))
    return found


def _days(plan: Plan, group: Group, first: date, last: date) -> Iterator[date]:
    """The local days from `first` to `last` on which the plan has something for the group."""
    if plan.kind == "weekly":
        monday = (plan.since or _A_MONDAY) - timedelta(days=(plan.since or _A_MONDAY).weekday())
        day = first + timedelta(days=(group.weekday - first.weekday()) % 7)
        while day <= last:
            if (day - monday).days // 7 % plan.every == 0:
                yield day
            day += timedelta(days=7)
    elif plan.kind == "once":
        if plan.date is not None and first <= plan.date <= last:
            yield plan.date
    elif group.anchor_date is not None:
        for days in sorted(plan.days):
            if (first - group.anchor_date).days <= days <= (last - group.anchor_date).days:
                yield group.anchor_date + timedelta(days=days)


def _to_utc(day: date, minute: int, zone: ZoneInfo) -> datetime:
    # fold=0: the offset before the change, which is the first of two, and carries a skipped time over the gap.
    return datetime.combine(day, time(minute // 60, minute % 60), zone).astimezone(UTC)
