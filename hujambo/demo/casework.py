"""What staff have done in twelve weeks besides alerts: plans, findings, referrals to invented services, drills."""

import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from cases.casework import plan, referrals
from cases.drills import set_drill
from hujambo.demo.people import PLACES, Someone
from hujambo.demo.stories import Stage
from store import tables as t
from store.database import Database

_EVERY = 3  # one person in so many has a plan
_DRILLS = 7  # days
_SHARE = 0.4  # of those who have one: a goal reached, a referral made
# Kind of service → name, who it is for, hours. None of them exists.
_SERVICES = (
    ("health", "Health post", "Everybody", "Mon-Sat 08:00-16:00"),
    ("mental_health", "Listening centre", "Adults; children with a guardian", "Mon-Fri 09:00-15:00"),
    ("livelihood", "Workshop for carpenters and tailors", "Over 18, three months", "Mon-Fri 08:00-13:00"),
    ("gbv", "Women's safe space", "Women and girls; walk in", "Every day, nights too"),
    ("legal", "Papers and land desk", "Whoever has lost an identity card", "Tue, Thu 09:00-12:00"),
    ("education", "Evening school", "Over 15", "Mon-Thu 17:00-19:00"),
)
_GOALS = (
    ("LIV", "Finish the tailoring course and rent a machine"),
    ("LIV", "Plant the two acres before the long rains"),
    ("DOC", "Get the identity card"),
    ("HOU", "Mend the roof with the neighbours"),
    ("FAM", "Visit the sister who does not answer yet"),
    ("EDU", "The eldest child back in school"),
    ("HEA", "See the health post about the knee"),
    ("PSY", "Go to the listening centre every second week"),
)
_REFERRED = (("arrived",), ("accepted",), (), ("accepted", "lost"))  # what became of a referral that was sent


class Casework:
    """Written as staff would have, through the rules of case work; the stage does each step at its own time."""

    def __init__(self, database: Database, staff: Mapping[str, int], stage: Stage, now: datetime) -> None:
        self._database, self._staff, self._stage, self._now = database, staff, stage, now

    async def add(
        self, sites: Mapping[str, dict[str, Any]], channel_id: int, people: Sequence[Someone], rng: random.Random
    ) -> None:
        database = self._database
        services = [
            _service(database, sites[place.code], place.languages, one, self._now)
            for place in PLACES
            for one in _SERVICES
        ]
        async with database.write() as connection:
            await database.insert_rows(connection, t.service, services)
        for someone in [one for one in people if one.gets_checkins][::_EVERY]:
            begun = self._now - timedelta(weeks=rng.randrange(6, 12), hours=rng.randrange(6))
            for number, (domain, text) in enumerate(rng.sample(_GOALS, 2)):
                self._goal(someone, domain, text, begun, rng, is_reached=number == 0 and rng.random() < _SHARE)
            if rng.random() < _SHARE:
                here = [one["id"] for one in services if someone.beneficiary["site_id"] in one["site_ids"]]
                self._referral(someone, rng.choice(here), begun + timedelta(days=3), rng.choice(_REFERRED))
        for place in PLACES:
            self._drill(sites[place.code]["id"], channel_id)

    def _goal(
        self, someone: Someone, domain: str, text: str, begun: datetime, rng: random.Random, *, is_reached: bool
    ) -> None:
        person, by = someone.beneficiary["id"], someone.beneficiary["caseworker_id"]
        made: list[int] = []
        due, value = (begun + timedelta(weeks=rng.randrange(4, 20))).date(), rng.choice((2, 2, 3))

        async def begin(at: datetime) -> None:
            made.append(await plan.add_goal(self._database, person, by, domain, text, due, at))
            await plan.add_finding(self._database, person, by, domain, value, "visit", "", at)

        async def look_again(at: datetime) -> None:
            await plan.add_finding(self._database, person, by, domain, value - 1, "visit", "", at)
            if is_reached:
                await plan.end_goal(self._database, person, made[0], by, "reached", "", at)

        self._stage.do(begun, begin)
        self._stage.do(begun + timedelta(weeks=5), look_again)

    def _referral(self, someone: Someone, service_id: int, sent: datetime, became: Sequence[str]) -> None:
        person, by = someone.beneficiary["id"], someone.beneficiary["caseworker_id"]
        made: list[int] = []

        async def send(at: datetime) -> None:
            due = at + timedelta(days=14)
            made.append(
                await referrals.refer(self._database, person, by, service_id, "spoken", due, "", at, is_sent=True)
            )

        async def move(at: datetime) -> None:
            await referrals.move(self._database, person, made[0], by, left.pop(0), "", at)

        left = list(became)
        self._stage.do(sent, send)
        for number in range(len(became)):
            self._stage.do(sent + timedelta(days=4 * (number + 1)), move)

    def _drill(self, site_id: int, channel_id: int) -> None:
        async def begin(at: datetime) -> None:
            await set_drill(self._database, site_id, channel_id, _DRILLS, at, by=self._staff["daniel"])

        self._stage.do(self._now, begin)


def _service(
    database: Database, site: Mapping[str, Any], languages: Sequence[str], one: tuple[str, str, str, str], now: datetime
) -> dict[str, Any]:
    kind, name, eligibility, hours = one
    return {
        "id": database.new_id(),
        "code": f"{site['code']}-{kind}"[:32],
        "name": f"{name}, {site['name']}",
        "kind": kind,
        "site_ids": [site["id"]],
        "languages": list(languages),
        "eligibility": eligibility,
        "hours": hours,
        "address": "Behind the market",
        "phone": "",
        "agreement": "Data agreement 2026",
        "is_women_friendly": kind in ("gbv", "health"),
        "is_child_friendly": kind in ("health", "education"),
        "checked_on": (now - timedelta(days=20)).date(),
        "disabled_at": None,
    }
