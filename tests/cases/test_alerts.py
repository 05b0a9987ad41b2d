"""Opening and joining alerts: one per person, told at once, never lowered by a machine, and without the text."""

import asyncio
from datetime import timedelta

import pytest

from cases import alerts
from cases.alerts import AlertRuleError, climb_due
from content.schema import Level
from store import tables
from store.database import Database
from tests.builders import a_beneficiary, a_channel, a_contact, a_site, a_staff_member, on_rota, rows
from tests.cases.world import World
from tests.conftest import NOW, HandClock


async def test_a_danger_opens_an_alert_and_tells_the_first_rung_without_the_text(world: World) -> None:
    opened = await world.raise_(world.danger(), base_url="https://h.example/")
    alert = await world.alert()
    assert opened == {world.contact: alert.id}
    assert (alert.level, alert.route, alert.state, alert.rung, alert.messages) == (3, "self_harm", "open", 1, 1)
    assert alert.target_at == NOW + timedelta(minutes=60)
    assert alert.due_at == NOW + timedelta(minutes=15)
    (sent,) = await rows(world.database, tables.outbox)
    assert (sent.staff_id, sent.purpose, sent.alert_id, sent.channel_id, sent.contact_id) == (
        world.first,
        "staff_alert",
        alert.id,
        world.channel,
        None,
    )
    assert sent.text == (
        f"Hujambo: alert {alert.code} HIGH at KISIMA. Please take it by 12:15: reply {alert.code}."
        f" https://h.example/console/alerts/{alert.code}"
    )
    assert await world.events() == ["opened", "told"]


async def test_an_imminent_alert_is_told_to_the_first_rung_and_the_supervisor_together(world: World) -> None:
    await world.raise_(world.danger(Level.IMMINENT))
    assert await world.told() == [world.first, world.boss]


async def test_a_milder_message_joins_and_lowers_nothing(world: World) -> None:
    first = await world.raise_(world.danger())
    again = await world.raise_(world.danger(Level.PRACTICAL, route="practical"), now=NOW + timedelta(minutes=1))
    alert = await world.alert()
    assert again == first
    assert (alert.level, alert.route, alert.messages) == (3, "self_harm", 2)
    assert alert.due_at == NOW + timedelta(minutes=15)
    assert await world.events() == ["opened", "told", "joined"]


async def test_a_worse_message_raises_shortens_the_target_and_tells_again(world: World) -> None:
    await world.raise_(world.danger(Level.ELEVATED, route="distress"))
    later = NOW + timedelta(minutes=30)
    await world.raise_(world.danger(Level.IMMINENT), now=later)
    alert = await world.alert()
    assert (alert.level, alert.machine_level, alert.route) == (4, 4, "self_harm")
    assert alert.target_at == later + timedelta(minutes=15)
    assert alert.due_at == later + timedelta(minutes=5)
    assert await world.told() == [world.first, world.first, world.boss]
    assert await world.events() == ["opened", "told", "raised", "told"]


async def test_several_dangers_of_one_person_in_one_batch_are_one_alert(world: World) -> None:
    other = await a_contact(world.database, world.channel)
    opened = await world.raise_(
        world.danger(Level.ELEVATED, route="distress"),
        world.danger(contact_id=other, beneficiary_id=None),
        world.danger(Level.IMMINENT),
    )
    found = {a.contact_id: (a.level, a.messages, a.beneficiary_id) for a in await rows(world.database, tables.alert)}
    assert found == {world.contact: (4, 2, world.person), other: (3, 1, None)}
    assert set(opened) == {world.contact, other}


async def test_no_dangers_are_no_statement(world: World) -> None:
    assert await world.raise_() == {}


async def test_an_empty_rota_tells_the_supervisors_coordinators_and_administrators_of_the_site(
    database: Database,
) -> None:
    world = World(database)
    world.site, other = await a_site(database), await a_site(database)
    world.channel = await a_channel(database)
    world.contact = await a_contact(database, world.channel)
    world.person = await a_beneficiary(database, world.site, world.contact)
    here = [await a_staff_member(database, role=r, site_ids=[world.site]) for r in ("supervisor", "admin")]
    await a_staff_member(database, role="coordinator", site_ids=[other])
    await a_staff_member(database, role="caseworker", site_ids=[world.site])
    await world.raise_(world.danger())
    assert await world.told() == here


async def test_an_alert_nobody_can_hear_is_open_due_and_a_task(database: Database) -> None:
    world = World(database)
    world.site, world.channel = await a_site(database), await a_channel(database)
    world.contact = await a_contact(database, world.channel)
    await world.raise_(world.danger(beneficiary_id=None))
    assert await world.events() == ["opened", "nobody_on_call"]
    assert (await world.alert()).due_at == NOW + timedelta(minutes=15)
    (task,) = await rows(database, tables.follow_up)
    assert (task.kind, task.site_id, task.state) == ("nobody_on_call", world.site, "open")


async def test_staff_with_an_e_mail_address_get_one_where_e_mail_is_set_up(world: World) -> None:
    email = await a_channel(world.database, kind="email")
    await a_channel(world.database, kind="email", state="disabled")
    reader = await a_staff_member(world.database, phone=None, email="reader@example.org", languages=["fr", "en"])
    await on_rota(world.database, world.site, reader, 1)
    await world.raise_(world.danger())
    sent = {(r.staff_id, r.channel_id): r.text for r in await rows(world.database, tables.outbox)}
    alert = await world.alert()
    assert set(sent) == {(world.first, world.channel), (reader, email)}
    assert sent[reader, email].startswith(
        f"Hujambo : alerte {alert.code} URGENT, site KISIMA. Merci de la prendre avant "
    )


async def test_a_report_about_staff_is_told_to_the_focal_points_only(world: World) -> None:
    focal = await a_staff_member(world.database, role="focal_point", site_ids=[await a_site(world.database)])
    await world.raise_(world.danger(Level.IMMINENT, route="misconduct"))
    assert await world.told() == [focal]


async def test_a_report_that_finds_no_focal_point_is_told_to_all_administrators_until_one_is_there(
    world: World, clock: HandClock
) -> None:
    db = world.database
    admins = [await a_staff_member(db, role="admin", site_ids=[await a_site(db)]) for _ in range(2)]
    await a_staff_member(db, role="admin", disabled_at=NOW)
    await a_staff_member(db, role="focal_point", phone=None)
    await world.raise_(world.danger(route="misconduct"))
    assert await world.told() == admins
    assert await world.events() == ["opened", "nobody_on_call", "told"]
    (task,) = await rows(db, tables.follow_up)
    assert (task.kind, task.site_id) == ("nobody_on_call", None)
    clock.forward(minutes=15)
    assert await climb_due(db, clock) == 1
    assert await world.told(2) == admins
    focal = await a_staff_member(db, role="focal_point")
    clock.forward(minutes=15)
    assert await climb_due(db, clock) == 1
    assert await world.told(4) == [focal]


async def test_a_report_that_finds_neither_focal_point_nor_administrator_leaves_a_task(world: World) -> None:
    await world.raise_(world.danger(route="misconduct"))
    assert await world.events() == ["opened", "nobody_on_call"]
    (task,) = await rows(world.database, tables.follow_up)
    assert (task.kind, task.site_id, await world.told()) == ("nobody_on_call", None, [])


async def test_an_administrator_hands_on_a_report_that_found_nobody_and_does_nothing_else_with_it(
    world: World,
) -> None:
    db = world.database
    admin = await a_staff_member(db, role="admin")
    alert_id = (await world.raise_(world.danger(route="misconduct")))[world.contact]
    focal = await a_staff_member(db, role="focal_point")
    for step in (
        alerts.take(db, alert_id, admin, NOW),
        alerts.add_note(db, alert_id, admin, "x", NOW),
        alerts.pass_on(db, alert_id, world.boss, focal, NOW),
    ):
        with pytest.raises(AlertRuleError, match="no such alert"):
            await step
    with pytest.raises(AlertRuleError, match="may not work"):
        await alerts.pass_on(db, alert_id, admin, world.boss, NOW)
    await alerts.pass_on(db, alert_id, admin, focal, NOW)
    alert = await world.alert()
    assert (alert.state, alert.owner_id) == ("taken", focal)
    with pytest.raises(AlertRuleError, match="no such alert"):
        await alerts.pass_on(db, alert_id, admin, focal, NOW)


async def test_two_processes_that_see_the_same_person_in_danger_open_one_alert(world: World) -> None:
    opened = await asyncio.gather(*(world.raise_(world.danger()) for _ in range(4)))
    alert = await world.alert()
    assert opened == [{world.contact: alert.id}] * 4
    assert alert.messages == 4
    assert sorted(await world.events()) == ["joined", "joined", "joined", "opened", "told"]
