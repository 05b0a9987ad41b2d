"""A month of 500 alerts at three sites, with staff who come and go and do as they like, on one clock.

At every moment: no alert is without an owner or a next deadline. In the end: none closed against the rules (judged anew
from its own events), and the journal tells every step (each alert is built again from it and is the same).
"""

import contextlib
import random
from collections import defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from cases import alerts, audit
from cases.alerts import AlertRuleError, Danger, open_or_join
from cases.closing import CONTACT_RESULTS, OUTCOMES, may_close
from cases.rota import Entry
from cases.shifts import add_leave, save_rota, set_hours, watch_rota
from content.schema import ROUTES, Level, Pack
from store import tables
from store.database import Database
from tests.builders import a_beneficiary, a_channel, a_contact, a_site, a_staff_member, rows
from tests.conftest import NOW, HandClock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

PACK = Pack("t", "1", ("en",), {}, {}, {}, {}, {"*": ()})
OFFICE = {str(day): [480, 1020] for day in range(5)}
ALERTS, DAYS, TICK = 560, 30, timedelta(minutes=40)
FURTHER, SENSIBLE = 0.1, 0.7  # shares
ZONES = ("Africa/Nairobi", "Africa/Bangui", "America/Bogota")
ROLES = ("psychosocial", "psychosocial", "caseworker", "supervisor")
# How often staff try what, sensible or not; more often what fits an alert's state.
HABITS = {"take": 8, "attempt": 8, "reply": 3, "close": 8, "ask": 2, "decide": 1, "level": 2, "pass": 2, "leave": 0.2}


class Programme:
    """Three sites with their staff, shifts and people."""

    def __init__(self, database: Database, clock: HandClock, dice: random.Random) -> None:
        self.database, self.clock, self.dice = database, clock, dice
        self.roles: dict[int, str] = {}
        self.people: list[tuple[int, int, int]] = []  # contact, person, site
        self.next = 0

    async def build(self) -> "Programme":
        db = self.database
        self.channel = await a_channel(db)
        self.focal = await a_staff_member(db, role="focal_point")
        boss = await a_staff_member(db, role="coordinator")
        self.roles |= {self.focal: "focal_point", boss: "coordinator"}
        for number in range(len(ZONES)):
            site = await a_site(
                db, staffed=OFFICE, time_zone=("Africa/Nairobi", "Africa/Bangui", "America/Bogota")[number]
            )
            staff = [await a_staff_member(db, role=role, site_ids=[site]) for role in ROLES]
            self.roles |= dict(zip(staff, ROLES, strict=True))
            week = tuple(range(7))
            entries = [
                Entry(site, 1, staff[0], weekdays=week, from_minute=480, until_minute=1200),
                Entry(site, 1, staff[1], weekdays=week, from_minute=1200, until_minute=480),
                Entry(site, 2, staff[2]),
                Entry(site, 3, staff[3]),
            ]
            await save_rota(db, site, entries, boss, self.clock(), by=boss)
            holiday = (NOW + timedelta(days=number + 5)).date().isoformat()
            await set_hours(db, site, self.clock(), by=boss, holidays={holiday: "feast"})
            for _ in range(ALERTS // len(ZONES)):
                contact = await a_contact(db, self.channel)
                caseworker = self.dice.choice((None, staff[2]))
                person = await a_beneficiary(db, site, contact, caseworker_id=caseworker)
                self.people.append((contact, person, site))
        return self

    async def cry(self) -> None:
        """One in ten is a further message of somebody who wrote before, whatever became of that."""
        place = self.dice.randrange(len(self.people)) if self.dice.random() < FURTHER else self.next % len(self.people)
        self.next += 1
        contact, person, site = self.people[place]
        level, route = Level(self.dice.choice((1, 2, 2, 3, 3, 3, 4))), self.dice.choice(ROUTES)
        reasons = [{"code": "list", "detail": "x"}]
        danger = Danger(contact, person, site, self.channel, level, route, reasons, None, self.clock())
        async with self.database.write() as connection:
            await open_or_join(self.database, connection, [danger], self.clock())

    async def somebody_does_something(self, open_alerts: list[Any]) -> None:
        # Mostly the oldest: what is begun is seen through.
        old = self.dice.random() < SENSIBLE
        alert, dice, now = self.dice.choice(open_alerts[:10] if old else open_alerts), self.dice, self.clock()
        who = alert.owner_id if alert.owner_id and dice.random() < SENSIBLE else dice.choice(list(self.roles))
        habits = HABITS | ({"take": 40} if alert.state == "open" else {"attempt": 20, "close": 20})
        habit = dice.choices(list(habits), list(habits.values()))[0]
        usual = dice.choice(("SAFE_SUPPORTED", "SAFE_PLAN", "FALSE_ALARM_MISREAD"))
        outcome = usual if dice.random() < SENSIBLE else dice.choice(list(OUTCOMES))
        consent, note = dice.choice((True, False)), dice.choice(("", "said so"))
        db, role = self.database, self.roles[who]
        steps: dict[str, Callable[[], Awaitable[object]]] = {
            "take": lambda: alerts.take(db, alert.id, who, now),
            "attempt": lambda: alerts.log_attempt(db, alert.id, who, dice.choice(list(CONTACT_RESULTS)), "", now),
            "reply": lambda: alerts.reply(db, PACK, alert.id, who, "Hello", now),
            "close": lambda: alerts.close(db, alert.id, who, outcome, note, role, now, has_consent=consent),
            "ask": lambda: alerts.ask_to_close(db, alert.id, who, outcome, note, now, has_consent=consent),
            "decide": lambda: alerts.refuse_to_close(db, alert.id, who, note, now),
            "level": lambda: alerts.set_level(db, alert.id, who, dice.choice(list(Level)), note, now),
            "pass": lambda: alerts.pass_on(db, alert.id, who, dice.choice(list(self.roles)), now),
            "leave": lambda: add_leave(db, who, now, now + timedelta(days=dice.randint(1, 4)), now, by=None),
        }
        with contextlib.suppress(AlertRuleError):
            await steps[habit]()


async def forsaken(database: Database, now: datetime) -> list[Any]:
    """Alerts that are not closed and have no deadline ahead, or are taken by nobody."""
    a = tables.alert
    return await rows(
        database,
        a,
        a.c.state != "closed",
        sa.or_(a.c.due_at.is_(None), a.c.due_at <= now, (a.c.state == "taken") == a.c.owner_id.is_(None)),
    )


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("seed", [7])
async def test_five_hundred_alerts_in_a_month(sqlite_database: Database, clock: HandClock, seed: int) -> None:
    db, dice = sqlite_database, random.Random(seed)
    programme = await Programme(db, clock, dice).build()
    moments = sorted(dice.uniform(0, DAYS * 86_400) for _ in range(ALERTS))
    end = clock() + timedelta(days=DAYS)
    start = clock()
    while clock() < end:
        clock.forward(minutes=int(TICK.total_seconds()) // 60)
        while moments and start + timedelta(seconds=moments[0]) <= clock():
            moments.pop(0)
            await programme.cry()
        unclosed = await rows(db, tables.alert, tables.alert.c.state != "closed")
        for _ in range(min(6, len(unclosed))):
            await programme.somebody_does_something(unclosed)
        while await alerts.climb_due(db, clock):
            pass
        assert await forsaken(db, clock()) == []
    await watch_rota(db, clock)
    found = await rows(db, tables.alert)
    events: defaultdict[int, list[Any]] = defaultdict(list)
    for event in await rows(db, tables.alert_event):
        events[event.alert_id].append(event)
    signals = sum(event.kind in {"opened", "joined", "raised"} for each in events.values() for event in each)
    assert signals == ALERTS
    assert len(found) >= 500
    ended = [alert.outcome for alert in found if alert.state == "closed"]
    assert (len(ended) > 100, len(set(ended)) > 5) == (True, True)
    for alert in found:
        assert built_from(events[alert.id]) == (alert.state, alert.owner_id, alert.level, alert.outcome)
        for event in events[alert.id]:
            if event.kind == "closed":
                assert judged(alert, events[alert.id], event, programme.roles) is None
    assert await audit.verify(db) == []


def built_from(events: list[Any]) -> tuple[str, int | None, int, str | None]:
    """State, owner, level and outcome of an alert, from its events alone."""
    state, owner, level, outcome = "open", None, 0, None
    for event in events:
        data = event.data
        match event.kind:
            case "opened":
                level = data["level"]
            case "joined" | "raised":
                level = max(level, data["level"])
            case "taken":
                state, owner = "taken", event.staff_id
            case "passed_on":
                state, owner = "taken", data["to"]
            case "returned":
                state, owner = "open", None
            case "level_set":
                level = data["to"]
            case "closed":
                state, outcome = "closed", data["outcome"]
    return state, owner, level, outcome


def judged(alert: Any, events: list[Any], closing: Any, roles: dict[int, str]) -> str | None:
    """What the rules say to this closing, from the attempts written down before it."""
    tries = [event.data for event in events if event.kind == "attempt" and event.id < closing.id]
    return may_close(
        Level(closing.data["level"]),
        closing.data["outcome"],
        roles[closing.staff_id],
        route=alert.route,
        has_reached_attempt=any(one["reached"] for one in tries),
        has_refused=any(one["result"] == "REFUSED" for one in tries),
        attempts=len(tries),
        has_field_visit=any(one["visit"] for one in tries),
        has_note=bool(closing.note),
        has_consent=bool(closing.data.get("consent")),
        has_duplicate="duplicate_of" in closing.data,
    )
