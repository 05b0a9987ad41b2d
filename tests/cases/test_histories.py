"""Whatever staff and people do, in any order: no alert is without a next deadline, none closes against the rules."""

import contextlib
import random
from datetime import datetime, timedelta

import pytest

from cases import alerts, audit
from cases.closing import CONTACT_RESULTS, OUTCOMES
from content.schema import ROUTES, Level, Pack
from store import tables
from store.database import Database
from tests.builders import a_staff_member, rows
from tests.cases.world import World
from tests.conftest import HandClock

PACK = Pack("t", "1", ("en",), {}, {}, {}, {}, {"*": ()})
OFFICE_HOURS = {str(day): [480, 1020] for day in range(5)}


async def some_step(world: World, dice: random.Random, roles: dict[int, str], alert_id: int, now: datetime) -> None:
    """One thing a random member of staff tries, sensible or not, or a further message."""
    db, who = world.database, dice.choice(list(roles))
    match dice.randrange(7):
        case 0:
            await alerts.take(db, alert_id, who, now)
        case 1:
            await alerts.pass_on(db, alert_id, who, dice.choice(list(roles)), now)
        case 2:
            await alerts.reply(db, PACK, alert_id, who, "Hello", now)
        case 3:
            await alerts.log_attempt(db, alert_id, who, dice.choice(list(CONTACT_RESULTS)), "", now)
        case 4:
            await alerts.set_level(db, alert_id, who, dice.choice(list(Level)), "because", now)
        case 5:
            outcome, consent = dice.choice(list(OUTCOMES)), dice.random() < 0.5
            await alerts.close(db, alert_id, who, outcome, "", roles[who], now, has_consent=consent)
        case 6:
            danger = world.danger(Level(dice.randint(1, 4)), route=dice.choice(ROUTES))
            await world.raise_(danger, now=now)


@pytest.mark.parametrize("seed", range(6))
async def test_random_histories_keep_every_alert_owned_or_due(
    sqlite_database: Database, clock: HandClock, seed: int
) -> None:
    world = await World(sqlite_database).build(staffed=OFFICE_HOURS)
    db, dice = sqlite_database, random.Random(seed)
    focal = await a_staff_member(db, role="focal_point")
    roles = {world.first: "psychosocial", world.second: "caseworker", world.boss: "supervisor", focal: "focal_point"}
    await world.raise_(world.danger(), now=clock())
    for _ in range(80):
        now = clock.forward(minutes=dice.choice((1, 7, 60, 600)))
        chosen = dice.choice(await rows(db, tables.alert)).id
        with contextlib.suppress(alerts.AlertRuleError):
            await some_step(world, dice, roles, chosen, now)
        await alerts.climb_due(db, clock)
        for alert in await rows(db, tables.alert):
            if alert.state == "closed":
                assert (alert.due_at, alert.closed_at is None, alert.outcome in OUTCOMES) == (None, False, True)
            else:
                assert (alert.owner_id is not None, alert.outcome) == (alert.state == "taken", None)
                assert now < alert.due_at < now + timedelta(days=8)
    assert await audit.verify(db) == []
    ended = [a.id for a in await rows(db, tables.alert, tables.alert.c.state == "closed")]
    closings = await rows(db, tables.alert_event, tables.alert_event.c.kind == "closed")
    assert sorted(event.alert_id for event in closings) == ended
