"""A site's staffed hours, and counting time in them: pure, local time only inside."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)
_LOOK_AHEAD_DAYS = 370


@dataclass(frozen=True, slots=True)
class Hours:
    """`staffed` is {weekday as text, Monday "0": [from, until] in minutes after local midnight}, as `site.staffed`.

    A site that names no hours is taken to be staffed always: a clock must never stop for want of a setting.
    `holidays` are local days as "2026-12-25" on which nobody is on duty.
    """

    staffed: Mapping[str, Sequence[int]]
    time_zone: str
    holidays: Collection[str] = ()

    def _stretch(self, local_day: datetime) -> tuple[datetime, datetime] | None:
        """The staffed stretch of this local day, in UTC. Wall-clock times, so it survives daylight saving."""
        span = self.staffed.get(str(local_day.weekday()))
        if not span or span[0] >= span[1] or local_day.date().isoformat() in self.holidays:
            return None
        zone = ZoneInfo(self.time_zone)
        midnight = datetime.combine(local_day.date(), time(), zone)
        start, until = (
            datetime.combine(
                midnight.date() + timedelta(days=minute // 1440),
                time(minute % 1440 // 60, minute % 60),
                zone,
            )
            for minute in span
        )
        return start.astimezone(UTC), until.astimezone(UTC)

    def is_always(self) -> bool:
        return not any(span and span[0] < span[1] for span in self.staffed.values())

    def local(self, at: datetime) -> datetime:
        return at.astimezone(ZoneInfo(self.time_zone))

    def is_staffed(self, at: datetime) -> bool:
        if self.is_always():
            return True
        stretch = self._stretch(self.local(at))
        return stretch is not None and stretch[0] <= at < stretch[1]

    def after(self, start: datetime, duration: timedelta) -> datetime:
        """When `duration` of staffed time has passed since `start`."""
        if self.is_always():
            return start + duration
        left, day = duration, self.local(start)
        for _ in range(_LOOK_AHEAD_DAYS):
            stretch = self._stretch(day)
            if stretch is not None and stretch[1] > start:
                begin = max(start, stretch[0])
                if stretch[1] - begin >= left:
                    return begin + left
                left -= stretch[1] - begin
            day = _next_day(day)
        return start + duration

    def days_after(self, start: datetime, days: int) -> datetime:
        """The same local time `days` staffed days later, inside that day's staffed hours.

        Days without staff do not count; written after hours counts as written when the next staffed day opens.
        """
        if self.is_always():
            return start + days * _DAY
        local = self.local(start)
        today = self._stretch(local)
        if today is None or start >= today[1]:
            opening = self._next_opening(local)
            if opening is None:
                return start + days * _DAY
            # The day of the opening is the first one that counts, up to its end.
            local, days = self.local(opening), days - 1
            wanted = time(23, 59)
        else:
            wanted = local.time()
        day, counted = local, 0
        for _ in range(_LOOK_AHEAD_DAYS):
            if counted == days:
                break
            day = _next_day(day)
            counted += self._stretch(day) is not None
        stretch = self._stretch(day)
        moment = datetime.combine(day.date(), wanted, ZoneInfo(self.time_zone)).astimezone(UTC)
        return min(max(moment, stretch[0]), stretch[1]) if stretch else moment

    def _next_opening(self, local: datetime) -> datetime | None:
        day = local
        for _ in range(_LOOK_AHEAD_DAYS):
            day = _next_day(day)
            stretch = self._stretch(day)
            if stretch is not None:
                return stretch[0]
        return None


def _next_day(day: datetime) -> datetime:
    return datetime.combine(day.date() + _DAY, time(12), day.tzinfo)
