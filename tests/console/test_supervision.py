"""Supervision and the hand-over sheet: what they show, to whom, and that they tell nothing of a single person."""

from datetime import timedelta
from typing import Any

from cases import alerts
from content.schema import Level
from store import tables
from store.database import Database
from tests.builders import a_site, a_staff_member, rows
from tests.cases.world import World
from tests.conftest import NOW, HandClock


async def test_supervisors_see_load_and_what_waits_for_their_word(
    database: Database, log_in: Any, clock: HandClock
) -> None:
    world = await World(database).build()
    alert_id = (await world.raise_(world.danger(Level.ELEVATED, route="distress")))[world.contact]
    await alerts.take(database, alert_id, world.first, clock())
    await alerts.log_attempt(database, alert_id, world.first, "REACHED_SELF", "", clock())
    await alerts.ask_to_close(database, alert_id, world.first, "EMERGENCY_SERVICES", "taken to hospital", clock())
    browser = await log_in(database, role="supervisor", site_ids=[world.site])
    text = await browser.text("/supervision")
    (alert,) = await rows(database, tables.alert)
    assert alert.code in text
    assert "Waiting for your word" in text
    assert "1/8" in text
    assert "taken to hospital" not in text
    assert "&lt; 5" in text  # one alert: neither its number nor its times
    assert "No drills are held yet" in await browser.text("/supervision?days=7")


async def test_another_sites_supervisor_sees_nothing_of_it(database: Database, log_in: Any) -> None:
    world = await World(database).build()
    await world.raise_(world.danger())
    browser = await log_in(database, role="supervisor", site_ids=[await a_site(database)])
    assert "No alerts in these days" in await browser.text("/supervision")
    assert (await browser.get("/handover/KISIMA")).status == 404


async def test_a_shift_is_handed_over_and_read_by_the_next(database: Database, log_in: Any, clock: HandClock) -> None:
    world = await World(database).build()
    await world.raise_(world.danger())
    (alert,) = await rows(database, tables.alert)
    browser = await log_in(database, role="psychosocial", site_ids=[world.site])
    sheet = await browser.text("/handover/KISIMA")
    assert alert.code in sheet
    assert "Nobody has it" in sheet
    assert "1. First" in sheet
    assert (await browser.post("/handover/KISIMA", note=" ")).status == 422
    assert (await browser.post("/handover/KISIMA", note="B-1: his brother answers the phone")).status == 303
    (kept,) = await rows(database, tables.handover)
    assert "his brother answers" in await browser.text("/handover/KISIMA")
    for _ in range(2):
        assert (await browser.post("/handover/KISIMA/read", sheet=str(kept.id))).status == 303
    (kept,) = await rows(database, tables.handover)
    assert kept.read_at == clock()
    actions = [row.action for row in await rows(database, tables.audit)]
    assert (actions.count("handover.written"), actions.count("handover.read")) == (1, 1)


async def test_those_who_read_no_messages_see_no_notes(database: Database, log_in: Any) -> None:
    world = await World(database).build()
    writer = await a_staff_member(database, site_ids=[world.site])
    async with database.write() as connection:
        row = {"id": database.new_id(), "site_id": world.site, "from_id": writer, "at": NOW - timedelta(hours=1)}
        await connection.execute(tables.handover.insert(), [row | {"note": "canary of the note"}])
    browser = await log_in(database, role="coordinator", site_ids=[world.site])
    assert "canary of the note" not in await browser.text("/handover/KISIMA")
