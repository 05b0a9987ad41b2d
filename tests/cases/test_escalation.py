"""The table of escalation: who is told of an alert that nobody takes, step by step; and the holes a rota can have."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from cases import rota, rules
from cases.duty import Duty, Site
from cases.hours import Hours
from content.schema import Level

SITE = 1
OFFICE = {str(day): [480, 1020] for day in range(5)}  # Mon–Fri 8–17
IDS = {name: i for i, name in enumerate(("Amina", "Boto", "Chen", "Dada", "Efe", "Adm", "Fofo", "Gigi", "Gone"), 1)}
NAMES = {i: name for name, i in IDS.items()}
STAFF = (
    rota.Member(1, "psychosocial", (SITE,), languages=("en", "sw"), gender="female"),
    rota.Member(2, "caseworker", (SITE,), languages=("fr", "sg"), gender="male"),
    rota.Member(3, "psychosocial", (SITE,), languages=("fr",), gender="female"),
    rota.Member(4, "supervisor", (SITE,), languages=("en",), gender="male"),
    rota.Member(5, "coordinator", (), languages=("fr", "en"), gender="female"),
    rota.Member(6, "admin", (), languages=("en",)),
    rota.Member(9, "caseworker", (2,), languages=("en",), gender="male"),
)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CASES = yaml.safe_load((Path(__file__).parent / "escalation.yaml").read_text(encoding="utf-8"))


def test_the_table_has_its_cases_once_each() -> None:
    assert len(CASES) == len({case["case"] for case in CASES}) > 80


def moment(text: str, zone: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def days_of(text: str) -> tuple[int, ...]:
    found: list[int] = []
    for part in text.split("+"):
        first, _, last = part.partition("-")
        found += range(DAYS.index(first), DAYS.index(last or first) + 1)
    return tuple(found)


def minute(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def entry(line: str, zone: str) -> rota.Entry:
    """ "1 Amina mon-fri 08:00-17:00" """
    rung, name, *shift = line.split()
    made = rota.Entry(SITE, int(rung), IDS[name], zone=zone)
    if not shift:
        return made
    start, _, end = shift[1].partition("-")
    return replace(made, weekdays=days_of(shift[0]), from_minute=minute(start), until_minute=minute(end))


def members(case: Mapping[str, Any], zone: str) -> list[rota.Member]:
    leave: dict[str, tuple[rota.Span, ...]] = {}
    for line in case.get("away", ()):
        name, span = line.split(" ", 1)
        start, end = (moment(part.strip(), zone) for part in span.split("/"))
        leave[name] = (*leave.get(name, ()), (start, end))
    focal = [rota.Member(IDS[name], "focal_point") for name in case.get("focal", ())]
    return [
        replace(
            member,
            is_reachable=NAMES[member.id] not in case.get("mute", ()),
            is_disabled=NAMES[member.id] in case.get("disabled", ()),
            leave=leave.get(NAMES[member.id], ()),
        )
        for member in (*STAFF, *focal)
    ]


@dataclass
class Alert:
    """What the ladder keeps of an alert between its steps, told in names and local times."""

    duty: Duty
    level: Level
    route: str
    need: rota.Need
    about_id: int | None
    heard: list[str] = field(default_factory=list)

    def tell(self, step: rules.Step, now: datetime, need: rota.Need | None, day: datetime) -> None:
        told = rota.whom_to_tell(
            step.tell,
            step.rung,
            None,
            self.route,
            SITE,
            self.duty.entries,
            self.duty.members,
            now,
            need,
            self.duty.sites[SITE].fallback_id,
            self.about_id,
        )
        hours = self.duty.sites[SITE].hours
        local, first = hours.local(now), hours.local(day)
        when = f"{local:%H:%M}" if local.date() == first.date() else f"{local:%Y-%m-%d %H:%M}"
        self.heard.append(" ".join([when, *sorted(NAMES[i] for i in told)]))


@pytest.mark.parametrize("case", [pytest.param(case, id=case["case"]) for case in CASES])
def test_who_is_told_and_when(case: Mapping[str, Any]) -> None:
    zone = case.get("zone", "Africa/Nairobi")
    site = Site(
        SITE,
        "KISIMA",
        Hours(OFFICE, zone, frozenset(case.get("holidays", ()))),
        rules.paces_of(case.get("paces", {})),
        IDS[case.get("fallback", "Efe")],
    )
    duty = Duty({SITE: site}, [entry(line, zone) for line in case["rota"]], members(case, zone))
    need = rota.Need(IDS.get(case.get("caseworker", "")), case.get("language", ""), case.get("gender"))
    alert = Alert(
        duty, Level[case["level"].upper()], case.get("route", "self_harm"), need, IDS.get(case.get("about", ""))
    )
    begin = now = moment(case["at"], zone)
    step = duty.first_step(alert.level, alert.route, SITE, need, now)
    alert.tell(step, now, rota.suiting(need, alert.level), begin)
    for _ in case["told"][1:]:
        now = step.due_at
        rungs = duty.rungs(SITE, alert.route, now)
        step = rules.next_step("open", alert.level, step.rung, rungs, now, site.hours, site.paces)
        alert.tell(step, now, None, begin)
    assert alert.heard == case["told"]


AWAY = ["Amina 2026-03-03 00:00 / 2026-03-04 00:00"]
WEEK = (datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 9, tzinfo=UTC))  # Monday to Monday


@pytest.mark.parametrize(
    ("lines", "away", "mute", "found"),
    [
        (["1 Amina"], [], [], []),
        ([], [], [], [("02 00:00", "09 00:00")]),
        (["1 Amina mon-sun 00:00-00:00"], [], [], []),
        (["1 Amina mon-sun 08:00-20:00", "1 Boto mon-sun 20:00-08:00"], [], [], []),
        (["1 Amina mon-fri 00:00-00:00"], [], [], [("07 00:00", "09 00:00")]),
        (["1 Amina mon-fri 00:00-00:00", "2 Boto sat+sun 00:00-00:00"], [], [], []),
        (["1 Amina mon-fri 00:00-00:00", "2 Boto sat 00:00-23:00"], [], [], [("07 23:00", "09 00:00")]),
        (["1 Amina"], AWAY, [], [("03 00:00", "04 00:00")]),
        (["1 Amina", "2 Boto"], AWAY, [], []),
        (["1 Amina", "2 Boto"], [*AWAY, "Boto 2026-03-03 12:00 / 2026-03-09 00:00"], [], [("03 12:00", "04 00:00")]),
        (["1 Amina", "2 Boto mon 00:00-00:00"], [], ["Amina"], [("03 00:00", "09 00:00")]),
        (["1 Amina"], ["Amina 2026-03-01 00:00 / 2026-03-20 00:00"], [], [("02 00:00", "09 00:00")]),
        (["1 Amina"], [*AWAY, "Amina 2026-03-03 08:30 / 2026-03-04 10:00"], [], [("03 00:00", "04 10:00")]),
    ],
)  # fmt: skip
def test_holes(lines: list[str], away: list[str], mute: list[str], found: list[tuple[str, str]]) -> None:
    staff = members({"away": away, "mute": mute}, "UTC")
    holes = rota.holes([entry(line, "UTC") for line in lines], staff, SITE, *WEEK)
    assert [(f"{start:%d %H:%M}", f"{end:%d %H:%M}") for start, end in holes] == found


@pytest.mark.parametrize(
    ("paces", "fault"),
    [
        ({"grave": {"rung_minutes": 5}}, "no level 'grave'"),
        ({"high": {"staffed_hours": 5}}, "high has no 'staffed_hours'"),
        ({"high": {"rung_minutes": 0}}, "high, rung_minutes: a whole number from 5 to 60"),
        ({"imminent": {"target_minutes": 120}}, "a whole number from 5 to 30"),
        ({"imminent": {"target_minutes": True}}, "a whole number from 5 to 30"),
        ({"imminent": {"target_minutes": "15"}}, "a whole number from 5 to 30"),
    ],
)
def test_a_pace_that_would_be_none_is_refused(paces: Any, fault: str) -> None:
    with pytest.raises(rules.AlertRuleError, match=fault):
        rules.paces_of(paces)
