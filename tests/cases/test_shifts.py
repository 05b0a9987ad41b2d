"""Changing who is on call, and what is refused: a rota is never saved with a hole, nor with nobody behind it."""

from collections.abc import Awaitable
from datetime import timedelta

import pytest

from cases import alerts, audit, shifts
from cases.alerts import AlertRuleError
from cases.rota import Entry
from content.schema import Level
from store import tables
from store.database import Database
from tests.builders import a_channel, a_site, a_staff_member, rows
from tests.cases.world import World
from tests.conftest import NOW, HandClock

DAY = timedelta(days=1)
EVERY_DAY = tuple(range(7))


async def refused(step: Awaitable[object]) -> str:
    with pytest.raises(AlertRuleError) as error:
        await step
    return str(error.value)


async def on_the_rota(database: Database) -> list[tuple[int, int]]:
    return sorted((row.rung, row.staff_id) for row in await rows(database, tables.rota))


async def test_a_rota_of_shifts_takes_the_place_of_the_one_before(world: World) -> None:
    day = Entry(world.site, 1, world.first, weekdays=EVERY_DAY, from_minute=480, until_minute=1200)
    night = Entry(world.site, 1, world.second, weekdays=EVERY_DAY, from_minute=1200, until_minute=480)
    await shifts.save_rota(world.database, world.site, [day, night], world.boss, NOW, by=world.boss)
    kept = [(r.staff_id, r.weekdays, r.from_minute, r.until_minute) for r in await rows(world.database, tables.rota)]
    assert sorted(kept) == sorted(
        [(world.first, list(EVERY_DAY), 480, 1200), (world.second, list(EVERY_DAY), 1200, 480)]
    )
    (site,) = await rows(world.database, tables.site)
    assert site.fallback_id == world.boss
    assert await audit.verify(world.database) == []


async def test_an_alert_goes_to_whoever_has_the_shift(world: World) -> None:
    # NOW is in the day of Nairobi: the night shift hears nothing.
    day = Entry(world.site, 1, world.first, weekdays=EVERY_DAY, from_minute=360, until_minute=1200)
    night = Entry(world.site, 1, world.second, weekdays=EVERY_DAY, from_minute=1200, until_minute=360)
    await shifts.save_rota(world.database, world.site, [day, night], world.boss, NOW, by=None)
    await world.raise_(world.danger())
    assert await world.told() == [world.first]


async def test_what_a_rota_may_not_be(world: World) -> None:
    db, site, boss = world.database, world.site, world.boss
    before = await on_the_rota(db)
    other = await a_staff_member(db, site_ids=[await a_site(db)], name="Elsewhere")
    gone = await a_staff_member(db, name="Gone", disabled_at=NOW)
    mute = await a_staff_member(db, name="Mute", phone=None)
    always = Entry(site, 1, world.first)
    weekdays = Entry(site, 1, world.first, weekdays=(0, 1, 2, 3, 4), from_minute=0, until_minute=0)
    save = shifts.save_rota
    assert "never left without anybody" in await refused(save(db, site, [], boss, NOW, by=None))
    hole = await refused(save(db, site, [weekdays], boss, NOW, by=None))
    assert hole.startswith("The rota was not saved: nobody who can be reached would be on call from Sat")
    assert hole.endswith("(3 more such times follow.)")
    assert "Elsewhere does not work" in await refused(
        save(db, site, [always, Entry(site, 2, other)], boss, NOW, by=None)
    )
    assert "Gone is closed" in await refused(save(db, site, [always, Entry(site, 2, gone)], boss, NOW, by=None))
    assert "from 1 to 9" in await refused(save(db, site, [Entry(site, 0, world.first)], boss, NOW, by=None))
    odd = Entry(site, 1, world.first, weekdays=(), from_minute=0, until_minute=60)
    assert "days of the week" in await refused(save(db, site, [always, odd], boss, NOW, by=None))
    assert "nobody who can be reached" in await refused(save(db, site, [Entry(site, 1, mute)], boss, NOW, by=None))
    assert "can never be nobody" in await refused(save(db, site, [always], None, NOW, by=None))
    assert "can never be nobody" in await refused(save(db, site, [always], gone, NOW, by=None))
    assert "no telephone number" in await refused(save(db, site, [always], mute, NOW, by=None))
    assert "fallback does not work" in await refused(save(db, site, [always], other, NOW, by=None))
    assert "no such site" in await refused(save(db, 1, [Entry(1, 1, world.first)], boss, NOW, by=None))
    assert await on_the_rota(db) == before


async def test_leave_that_leaves_nobody_is_refused_and_other_leave_gives_alerts_back(
    world: World, clock: HandClock
) -> None:
    db = world.database
    alert_id = (await world.raise_(world.danger()))[world.contact]
    await alerts.take(db, alert_id, world.first, NOW)
    for away in (world.second, world.boss):
        await shifts.add_leave(db, away, NOW + DAY, NOW + 3 * DAY, NOW, by=world.boss)
    only = await refused(shifts.add_leave(db, world.first, NOW + 2 * DAY, NOW + 5 * DAY, NOW, by=None))
    assert only.startswith("KISIMA: name somebody for this time first: nobody who can be reached would be on call")
    assert len(await rows(db, tables.leave)) == 2
    begins = NOW + timedelta(minutes=20)
    leave_id = await shifts.add_leave(db, world.first, begins, NOW + 23 * timedelta(hours=1), NOW, by=None)
    assert (await world.alert()).due_at == begins
    clock.forward(minutes=20)
    assert await alerts.climb_due(db, clock) == 1
    alert = await world.alert()
    assert (alert.state, alert.owner_id, alert.rung) == ("open", None, 2)
    await shifts.cancel_leave(db, leave_id, clock(), by=None)
    assert "cancelled already" in await refused(shifts.cancel_leave(db, leave_id, clock(), by=None))
    assert await audit.verify(db) == []


async def test_leave_that_cannot_be(world: World) -> None:
    add, db = shifts.add_leave, world.database
    assert "after it begins" in await refused(add(db, world.first, NOW + DAY, NOW + DAY, NOW, by=None))
    assert "in the past" in await refused(add(db, world.first, NOW - 2 * DAY, NOW - DAY, NOW, by=None))
    assert "so long" in await refused(add(db, world.first, NOW, NOW + 500 * DAY, NOW, by=None))
    assert "no such account" in await refused(add(db, 1, NOW, NOW + DAY, NOW, by=None))


async def test_holidays_and_paces_of_a_site_move_its_deadlines(database: Database) -> None:
    office = {str(day): [480, 1020] for day in range(7)}
    world = await World(database).build(staffed=office)
    day = NOW.date() + DAY
    await shifts.set_hours(database, world.site, NOW, by=None, holidays={day.isoformat(): "Feast"})
    await shifts.set_hours(database, world.site, NOW, by=None, paces={"elevated": {"rung_staffed_hours": 2}})
    await world.raise_(world.danger(Level.ELEVATED, route="distress"))
    alert = await world.alert()
    assert alert.due_at == NOW + timedelta(hours=2)
    assert alert.target_at == NOW + 2 * DAY
    assert "year-month-day" in await refused(shifts.set_hours(database, world.site, NOW, by=None, holidays={"May": ""}))
    assert "whole number" in await refused(
        shifts.set_hours(database, world.site, NOW, by=None, paces={"high": {"rung_minutes": 600}})
    )
    assert "Staffed hours" in await refused(
        shifts.set_hours(database, world.site, NOW, by=None, staffed={"0": [600, 500]})
    )
    assert "no such site" in await refused(shifts.set_hours(database, 1, NOW, by=None, holidays={}))


async def test_a_hole_that_appears_later_is_told_to_the_coordinators_once_a_day(world: World, clock: HandClock) -> None:
    db = world.database
    coordinator = await a_staff_member(db, role="coordinator", languages=["fr"])
    await shifts.save_rota(db, world.site, [Entry(world.site, 1, world.first)], coordinator, NOW, by=None)
    assert await shifts.watch_rota(db, clock) == 0
    async with db.write() as connection:
        staff = tables.staff
        await connection.execute(staff.update().where(staff.c.id == world.first).values(disabled_at=clock()))
    assert await shifts.watch_rota(db, clock, "https://h.example") == 1
    told = await rows(db, tables.outbox)
    assert sorted(row.staff_id for row in told) == sorted([coordinator, world.boss])
    french = next(row.text for row in told if row.staff_id == coordinator)
    assert french.startswith("Hujambo : personne n'est de garde, site KISIMA, du ")
    assert french.endswith(" https://h.example/console/rota/KISIMA")
    (task,) = await rows(db, tables.follow_up, tables.follow_up.c.kind == "rota_hole")
    assert (task.site_id, task.state) == (world.site, "open")
    clock.forward(hours=23)
    assert await shifts.watch_rota(db, clock) == 0
    clock.forward(hours=2)
    assert await shifts.watch_rota(db, clock) == 1


async def test_a_hole_is_told_by_e_mail_as_well(world: World, clock: HandClock) -> None:
    db = world.database
    email = await a_channel(db, kind="email")
    boss = await a_staff_member(db, role="coordinator", phone=None, email="boss@example.org")
    async with db.write() as connection:
        await connection.execute(tables.rota.delete())
    assert await shifts.watch_rota(db, clock) == 1
    assert (boss, email) in [(row.staff_id, row.channel_id) for row in await rows(db, tables.outbox)]
