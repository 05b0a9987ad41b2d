"""Areas of life: what people say of them in check-ins, beside what staff saw or confirmed. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from content.schema import DOMAINS

WELL, SO_SO, BADLY = 1, 2, 3
_THREE: Mapping[str, int] = {"good": WELL, "some": SO_SO, "bad": BADLY}
_MOOD: Mapping[str, int] = {"fine": WELL, "so_so": SO_SO, "call_me": BADLY}
_SAFE: Mapping[str, int] = {"yes": WELL, "no": BADLY, "call_me": BADLY}
_MEALS: Mapping[str, int] = {"0": BADLY, "1": BADLY, "2": SO_SO, "3": WELL}
# (check-in, question) → the area it asks about, and how its answers read. A programme's own check-ins have none.
_ASKED: Mapping[tuple[str, str], tuple[str, Mapping[str, int]]] = {
    ("reintegration", "work"): ("LIV", _THREE),
    ("reintegration", "food"): ("FOOD", _MEALS),
    ("reintegration", "housing"): ("HOU", _THREE),
    ("reintegration", "family"): ("FAM", _THREE),
    ("reintegration", "neighbours"): ("COM", _THREE),
    ("reintegration", "safety"): ("SAF", _SAFE),
    ("reintegration", "health"): ("HEA", _THREE),
    ("reintegration", "papers"): ("DOC", _THREE),
    ("reintegration", "training"): ("EDU", _THREE),
    ("exit", "work"): ("LIV", _THREE),
    ("exit_6_months", "work"): ("LIV", _THREE),
    ("exit_12_months", "work"): ("LIV", _THREE),
    ("weekly", "mood"): ("PSY", _MOOD),
}
_DISTRESS = ("monthly", "distress")  # 0 none to 10 worst


@dataclass(frozen=True, slots=True)
class Report:
    """How one area stands according to somebody: 1 well, 2 so-so, 3 badly. `source`: a check-in, or a finding's."""

    domain: str
    value: int
    at: datetime
    source: str


@dataclass(frozen=True, slots=True)
class Area:
    """One area of life: what the person said last, what staff confirmed last, and how far these are apart (0 to 2)."""

    domain: str
    said: Report | None
    confirmed: Report | None

    @property
    def apart(self) -> int:
        if self.said is None or self.confirmed is None:
            return 0
        return abs(self.said.value - self.confirmed.value)


def report_of(checkin: str, question: str, value: Any, at: datetime) -> Report | None:
    """What an answer says of an area of life; None if it is about none."""
    if (checkin, question) == _DISTRESS:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return Report("PSY", WELL if value <= 3 else SO_SO if value <= 6 else BADLY, at, checkin)
    domain, words = _ASKED.get((checkin, question), ("", {}))
    found = words.get(str(value))
    return None if found is None else Report(domain, found, at, checkin)


def compare(said: Sequence[Report], confirmed: Sequence[Report]) -> list[Area]:
    """Every area of which either side says something, in the programme's order, each with the newest of each side."""
    newest_said, newest_confirmed = _newest(said), _newest(confirmed)
    return [
        Area(domain, newest_said.get(domain), newest_confirmed.get(domain))
        for domain in DOMAINS
        if domain in newest_said or domain in newest_confirmed
    ]


def _newest(reports: Sequence[Report]) -> dict[str, Report]:
    found: dict[str, Report] = {}
    for report in reports:
        if report.domain not in found or report.at >= found[report.domain].at:
            found[report.domain] = report
    return found
