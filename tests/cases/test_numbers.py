"""A number that may be somebody else's by now: nothing personal goes there, until staff have heard the person."""

import pytest

from bot.distress import Reader
from cases import alerts, audit, numbers
from cases.alerts import AlertRuleError
from channels.base import IncomingMessage
from content.pack import load_pack
from content.schema import Level
from scheduler.inbox import Inbox
from scheduler.outbox.checks import Facts, decide
from store import tables
from store.database import Database
from tests.builders import rows
from tests.cases.world import World
from tests.conftest import NOW, HandClock


@pytest.mark.parametrize(
    ("purpose", "state"), [("checkin", "withheld"), ("reminder", "withheld"), ("reply", "send"), ("crisis", "send")]
)
def test_nothing_unasked_goes_to_a_number_that_may_be_somebody_elses(purpose: str, state: str) -> None:
    facts = Facts(purpose, None, True, True, beneficiary_state="active", age_band="adult", is_unverified=True)
    assert decide(facts, NOW).state == state


async def test_whoever_writes_from_it_is_a_stranger_until_staff_have_heard_the_person(
    database: Database, clock: HandClock
) -> None:
    world = await World(database).build()
    inbox = Inbox(database, pack := load_pack(), Reader(pack), clock)
    (number,) = [row.address for row in await rows(database, tables.contact)]
    alert_id = (await world.raise_(world.danger()))[world.contact]
    await alerts.take(database, alert_id, world.first, clock())
    await alerts.log_attempt(database, alert_id, world.first, "NUMBER_RECYCLED", "", clock())
    await alerts.close(database, alert_id, world.first, "FALSE_ALARM_WRONG_PERSON", "", "psychosocial", clock())
    await inbox.accept(world.channel, IncomingMessage("1", number, "+19995550100", "hello who is this"))
    await inbox.accept(world.channel, IncomingMessage("2", number, "+19995550100", "i want to die"))
    found = [row for row in await rows(database, tables.alert) if row.id != alert_id]
    assert [(row.beneficiary_id, row.site_id, row.level) for row in found] == [(None, world.site, Level.HIGH)]
    person = world.person
    assert person is not None
    await numbers.verified_by_voice(database, person, world.first, clock())
    with pytest.raises(AlertRuleError, match="needs no verifying"):
        await numbers.verified_by_voice(database, person, world.first, clock())
    tasks = {row.kind: (row.state, row.result) for row in await rows(database, tables.follow_up)}
    assert tasks["verify_number"] == ("done", "VERIFIED")
    await inbox.accept(world.channel, IncomingMessage("3", number, "+19995550100", "call me please"))
    assert {row.beneficiary_id for row in await rows(database, tables.assessment)} == {None, person}
    assert await audit.verify(database) == []
