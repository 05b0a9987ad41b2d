"""Who is on call: pure questions to a site's rota, its shifts, and its staff with their leave."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from cases.rules import Told
from content.schema import Level

SUPERVISING = frozenset({"supervisor", "coordinator"})
FALLBACK = frozenset({"supervisor", "coordinator", "admin"})
Span = tuple[datetime, datetime]
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Entry:
    """One staff member on one rung of one site; open ends mean always, `weekdays` None the whole time.

    A shift that returns every week begins on its `weekdays` (Monday 0) at `from_minute` after local midnight in `zone`
    and ends at `until_minute`, on the next day if that is not later. Wall-clock times, so it survives daylight saving.
    """

    site_id: int
    rung: int
    staff_id: int
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    weekdays: tuple[int, ...] | None = None
    from_minute: int = 0
    until_minute: int = 0
    zone: str = "UTC"

    def covers(self, at: datetime) -> bool:
        return bool(self.spans(at, at + timedelta(microseconds=1)))

    def spans(self, start: datetime, end: datetime) -> list[Span]:
        """The stretches between `start` and `end` that this entry covers, in order."""
        low, high = max(self.starts_at or start, start), min(self.ends_at or end, end)
        if low >= high:
            return []
        if self.weekdays is None:
            return [(low, high)]
        zone = ZoneInfo(self.zone)
        day, last = low.astimezone(zone).date() - _DAY, high.astimezone(zone).date()
        found = []
        while day <= last:
            if day.weekday() in self.weekdays:
                begin = _moment(day, self.from_minute, zone)
                until = _moment(day + _DAY * (self.until_minute <= self.from_minute), self.until_minute, zone)
                if max(begin, low) < min(until, high):
                    found.append((max(begin, low), min(until, high)))
            day += _DAY
        return found


def _moment(day: date, minute: int, zone: ZoneInfo) -> datetime:
    wall = datetime.combine(day + timedelta(days=minute // 1440), time(minute % 1440 // 60, minute % 60), zone)
    return wall.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Member:
    """A staff member as the rota sees one. No sites named means all sites."""

    id: int
    role: str
    site_ids: tuple[int, ...] = ()
    is_disabled: bool = False
    is_reachable: bool = True  # has a telephone or an e-mail address that we can use
    languages: tuple[str, ...] = ()
    gender: str | None = None
    leave: tuple[Span, ...] = ()

    def works_at(self, site_id: int) -> bool:
        return not self.is_disabled and (not self.site_ids or site_id in self.site_ids)

    def is_there(self, at: datetime) -> bool:
        return not self.is_disabled and not any(start <= at < end for start, end in self.leave)


@dataclass(frozen=True, slots=True)
class Need:
    """Whom the person would best be reached by: their caseworker, their language, the staff gender they asked for."""

    caseworker_id: int | None = None
    language: str = ""
    gender: str | None = None


def on_call(
    entries: Iterable[Entry], members: Iterable[Member], site_id: int, rung: int, now: datetime
) -> tuple[int, ...]:
    there = _there(members, now)
    return tuple(
        sorted(
            {
                entry.staff_id
                for entry in entries
                if entry.site_id == site_id and entry.rung == rung and entry.staff_id in there and entry.covers(now)
            }
        )
    )


def rungs(entries: Iterable[Entry], members: Iterable[Member], site_id: int, now: datetime) -> list[int]:
    """The rungs on which somebody who is neither disabled nor on leave is on call at `now`, lowest first."""
    there = _there(members, now)
    return sorted(
        {entry.rung for entry in entries if entry.site_id == site_id and entry.staff_id in there and entry.covers(now)}
    )


def _there(members: Iterable[Member], now: datetime) -> set[int]:
    return {member.id for member in members if member.is_there(now)}


def holes(
    entries: Sequence[Entry], members: Iterable[Member], site_id: int, start: datetime, end: datetime
) -> list[Span]:
    """The stretches between `start` and `end` in which nobody who can be reached is on call at this site."""
    by_id = {member.id: member for member in members if not member.is_disabled and member.is_reachable}
    spans = sorted(
        span
        for entry in entries
        if entry.site_id == site_id and entry.staff_id in by_id
        for span in without(entry.spans(start, end), by_id[entry.staff_id].leave)
    )
    found, covered = [], start
    for begin, until in spans:
        if begin > covered:
            found.append((covered, begin))
        covered = max(covered, until)
    if covered < end:
        found.append((covered, end))
    return found


def without(spans: Iterable[Span], leave: Iterable[Span]) -> list[Span]:
    """What is left of some stretches when leave is taken out of them."""
    left = list(spans)
    for away, back in leave:
        left = [
            part
            for begin, until in left
            for part in ((begin, min(until, away)), (max(begin, back), until))
            if part[0] < part[1]
        ]
    return left


def has_caseworker(need: Need, members: Iterable[Member], site_id: int, now: datetime) -> bool:
    """Whether the person has a caseworker of their own who can be told now."""
    return any(
        m.id == need.caseworker_id and m.works_at(site_id) and m.is_reachable and m.is_there(now) for m in members
    )


def suiting(need: Need | None, level: Level) -> Need | None:
    """What to go by when a rung is first told: in the gravest case a minute spent on whom it suits is too much."""
    return replace(need, language="", gender=None) if need is not None and level >= Level.IMMINENT else need


def best(chosen: Collection[int], members: Iterable[Member], need: Need) -> set[int]:
    """Of those on one rung, the ones whom the person asked for or can talk with; all of them if there is none such.

    Gender comes first, because the person asked for it; then language. Who cannot be reached narrows nothing.
    """
    left = [m for m in members if m.id in chosen and m.is_reachable]
    if not left:
        return set(chosen)
    if need.gender:
        left = [m for m in left if m.gender == need.gender] or left
    if need.language:
        left = [m for m in left if need.language in m.languages] or left
    return {m.id for m in left}


def supervisors(members: Iterable[Member], site_id: int, now: datetime) -> tuple[int, ...]:
    return tuple(sorted(m.id for m in members if m.role in SUPERVISING and m.works_at(site_id) and m.is_there(now)))


def fallback(
    members: Collection[Member], site_id: int, now: datetime, fallback_id: int | None = None
) -> tuple[int, ...]:
    """Whom to tell when the rota names nobody: the named fallback with the site's supervisors, coordinators, admins.

    Those on leave are left out only while somebody else of them can be reached.
    """
    named = (m for m in members if m.id == fallback_id and not m.is_disabled)
    all_of_them = [*named, *(m for m in members if m.role in FALLBACK and m.works_at(site_id) and m.id != fallback_id)]
    there = [m for m in all_of_them if m.is_there(now)]
    return tuple(sorted(m.id for m in (there if any(m.is_reachable for m in there) else all_of_them)))


def focal_points(members: Iterable[Member], about_id: int | None = None) -> tuple[int, ...]:
    """For reports about staff: the focal points of the whole programme, but never the one a report is about."""
    return tuple(sorted(m.id for m in members if m.role == "focal_point" and not m.is_disabled and m.id != about_id))


def report_readers(members: Collection[Member], about_id: int | None = None) -> tuple[int, ...]:
    """Whom to tell of a report about staff: the focal points; while none can be reached, all administrators as well.

    Administrators are told that it is there and needs a focal point, whatever their sites; they never read it.
    """
    focal = focal_points(members, about_id)
    if has_focal_point(members, about_id):
        return focal
    admins = {m.id for m in members if m.role == "admin" and not m.is_disabled and m.id != about_id}
    return tuple(sorted({*focal, *admins}))


def has_focal_point(members: Iterable[Member], about_id: int | None = None) -> bool:
    return any(m.role == "focal_point" and m.is_reachable and not m.is_disabled and m.id != about_id for m in members)


def whom_to_tell(
    tell: Collection[Told],
    rung: int,
    owner_id: int | None,
    route: str,
    site_id: int,
    entries: Sequence[Entry],
    members: Sequence[Member],
    now: datetime,
    need: Need | None = None,
    fallback_id: int | None = None,
    about_id: int | None = None,
) -> tuple[int, ...]:
    """The staff to tell at one step, in order of id.

    Reports about staff (route misconduct) go to `report_readers` and to nobody of the site. `need` narrows one rung to
    those who suit the person best; None tells all of it. If none of the staff chosen can be reached, the fallback of
    the site is told too; an empty answer means there is truly nobody.
    """
    if route == "misconduct":
        return report_readers(members, about_id)
    chosen: set[int] = set()
    if "rung" in tell:
        on_rung = on_call(entries, members, site_id, rung, now)
        chosen.update(on_rung if need is None else best(on_rung, members, need))
    if "caseworker" in tell and need is not None and has_caseworker(need, members, site_id, now):
        chosen.add(need.caseworker_id or 0)
    if "everyone" in tell:
        for each in rungs(entries, members, site_id, now):
            chosen.update(on_call(entries, members, site_id, each, now))
    if "supervisors" in tell:
        chosen.update(supervisors(members, site_id, now))
    if "owner" in tell and owner_id is not None:
        chosen.update(m.id for m in members if m.id == owner_id and not m.is_disabled)
    if not any(m.is_reachable for m in members if m.id in chosen):
        chosen.update(fallback(members, site_id, now, fallback_id))
    return tuple(sorted(chosen))
