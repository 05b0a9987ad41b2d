"""Who is on call: pure questions to a site's rota and its staff."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cases.rules import Told

SUPERVISING = frozenset({"supervisor", "coordinator"})
FALLBACK = frozenset({"supervisor", "coordinator", "admin"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One staff member on one rung of one site; open ends mean always."""

    site_id: int
    rung: int
    staff_id: int
    starts_at: datetime | None = None
    ends_at: datetime | None = None

    def covers(self, at: datetime) -> bool:
        return (self.starts_at is None or self.starts_at <= at) and (self.ends_at is None or at < self.ends_at)


@dataclass(frozen=True, slots=True)
class Member:
    """A staff member as the rota sees one. No sites named means all sites."""

    id: int
    role: str
    site_ids: tuple[int, ...] = ()
    is_disabled: bool = False
    is_reachable: bool = True  # has a telephone or an e-mail address that we can use

    def works_at(self, site_id: int) -> bool:
        return not self.is_disabled and (not self.site_ids or site_id in self.site_ids)


def on_call(
    entries: Iterable[Entry], members: Iterable[Member], site_id: int, rung: int, now: datetime
) -> tuple[int, ...]:
    enabled = {member.id for member in members if not member.is_disabled}
    return tuple(
        sorted(
            {
                entry.staff_id
                for entry in entries
                if entry.site_id == site_id and entry.rung == rung and entry.covers(now) and entry.staff_id in enabled
            }
        )
    )


def rungs(entries: Iterable[Entry], members: Iterable[Member], site_id: int, now: datetime) -> list[int]:
    """The rungs on which somebody who is not disabled is on call at `now`, lowest first."""
    enabled = {member.id for member in members if not member.is_disabled}
    return sorted(
        {
            entry.rung
            for entry in entries
            if entry.site_id == site_id and entry.covers(now) and entry.staff_id in enabled
        }
    )


def holes(
    entries: Sequence[Entry], members: Iterable[Member], site_id: int, start: datetime, end: datetime
) -> list[tuple[datetime, datetime]]:
    """The stretches between `start` and `end` in which nobody is on call at this site on any rung."""
    enabled = {member.id for member in members if not member.is_disabled}
    spans = sorted(
        (max(entry.starts_at or start, start), min(entry.ends_at or end, end))
        for entry in entries
        if entry.site_id == site_id and entry.staff_id in enabled
    )
    found, covered = [], start
    for begin, until in spans:
        if begin >= until:
            continue
        if begin > covered:
            found.append((covered, begin))
        covered = max(covered, until)
    if covered < end:
        found.append((covered, end))
    return found


def supervisors(members: Iterable[Member], site_id: int) -> tuple[int, ...]:
    return tuple(sorted(m.id for m in members if m.role in SUPERVISING and m.works_at(site_id)))


def fallback(members: Iterable[Member], site_id: int) -> tuple[int, ...]:
    """Whom to tell when the rota names nobody: supervisors, coordinators and administrators of the site."""
    return tuple(sorted(m.id for m in members if m.role in FALLBACK and m.works_at(site_id)))


def focal_points(members: Iterable[Member]) -> tuple[int, ...]:
    """For reports about staff: the focal points of the whole programme, whichever site they sit at."""
    return tuple(sorted(m.id for m in members if m.role == "focal_point" and not m.is_disabled))


def report_readers(members: Collection[Member]) -> tuple[int, ...]:
    """Whom to tell of a report about staff: the focal points; while none can be reached, all administrators as well.

    Administrators are told that it is there and needs a focal point, whatever their sites; they never read it.
    """
    focal = focal_points(members)
    if has_focal_point(members):
        return focal
    return tuple(sorted({*focal, *(m.id for m in members if m.role == "admin" and not m.is_disabled)}))


def has_focal_point(members: Iterable[Member]) -> bool:
    return any(m.role == "focal_point" and m.is_reachable and not m.is_disabled for m in members)


def whom_to_tell(
    tell: Collection[Told],
    rung: int,
    owner_id: int | None,
    route: str,
    site_id: int,
    entries: Sequence[Entry],
    members: Sequence[Member],
    now: datetime,
) -> tuple[int, ...]:
    """The staff to tell at one step, in order of id.

    Reports about staff (route misconduct) go to `report_readers` and to nobody of the site. If none of the staff
    chosen can be reached, the fallback of the site is told too; an empty answer means there is truly nobody.
    """
    if route == "misconduct":
        return report_readers(members)
    chosen: set[int] = set()
    if "rung" in tell:
        chosen.update(on_call(entries, members, site_id, rung, now))
    if "everyone" in tell:
        for each in rungs(entries, members, site_id, now):
            chosen.update(on_call(entries, members, site_id, each, now))
    if "supervisors" in tell:
        chosen.update(supervisors(members, site_id))
    if "owner" in tell and owner_id is not None:
        chosen.update(m.id for m in members if m.id == owner_id and not m.is_disabled)
    if not any(m.is_reachable for m in members if m.id in chosen):
        chosen.update(fallback(members, site_id))
    return tuple(sorted(chosen))
