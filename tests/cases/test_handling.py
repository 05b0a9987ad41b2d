"""What staff do with an alert, step by step, and what the ladder does when they do not."""

import asyncio
from datetime import datetime, timedelta

import pytest

from cases import alerts, audit
from cases.alerts import AlertRuleError
from cases.replying import Assent
from content.schema import Level, Pack
from store import tables
from store.database import Database
from tests.builders import a_contact, a_site, a_staff_member, rows
from tests.cases.world import World
from tests.conftest import NOW, HandClock

PACK = Pack("t", "1", ("en",), {}, {}, {}, {}, {"en": ("weapon",), "*": ()})
MINUTE = timedelta(minutes=1)


async def refused(step: object) -> str:
    with pytest.raises(AlertRuleError) as error:
        await step  # type: ignore[misc]
    return str(error.value)


async def opened(world: World, level: Level = Level.HIGH) -> int:
    return (await world.raise_(world.danger(level)))[world.contact]


async def test_an_alert_climbs_every_rung_and_then_tells_everyone_again_and_again(
    world: World, clock: HandClock
) -> None:
    await opened(world)
    assert await alerts.climb_due(world.database, clock) == 0
    heard = []
    for _ in range(4):
        told = len(await world.told())
        clock.forward(minutes=15)
        assert await alerts.climb_due(world.database, clock, "https://h.example") == 1
        heard.append(await world.told(told))
    everyone = [world.first, world.second, world.boss]
    assert heard == [[world.second], [world.boss], everyone, everyone]
    alert = await world.alert()
    assert (alert.state, alert.rung, alert.due_at) == ("open", 3, NOW + 75 * MINUTE)


async def test_two_steps_at_once_climb_one_rung(world: World, clock: HandClock) -> None:
    await opened(world)
    clock.forward(minutes=15)
    moved = await asyncio.gather(*(alerts.climb_due(world.database, clock) for _ in range(3)))
    assert sorted(moved) == [0, 0, 1]
    assert (await world.alert()).rung == 2


async def test_a_taken_alert_rests_until_its_target_and_then_goes_back_to_the_ladder(
    world: World, clock: HandClock
) -> None:
    alert_id = await opened(world)
    await alerts.take(world.database, alert_id, world.second, clock.forward(minutes=5))
    clock.forward(minutes=54)
    assert await alerts.climb_due(world.database, clock) == 0
    clock.forward(minutes=1)
    assert await alerts.climb_due(world.database, clock) == 1
    alert = await world.alert()
    assert (alert.state, alert.owner_id, alert.taken_at, alert.rung) == ("open", None, None, 1)
    assert await world.told(1) == [world.first, world.second, world.boss]
    await alerts.take(world.database, alert_id, world.first, clock())
    assert await world.events() == ["opened", "told", "taken", "returned", "told", "taken"]


async def test_a_logged_attempt_keeps_a_taken_alert_off_the_ladder(world: World, clock: HandClock) -> None:
    alert_id = await opened(world)
    await alerts.take(world.database, alert_id, world.first, clock())
    at = clock.forward(minutes=50)
    await alerts.log_attempt(world.database, alert_id, world.first, "NO_ANSWER", "rang out", at)
    assert (await world.alert()).due_at == at + 60 * MINUTE
    await alerts.log_attempt(world.database, alert_id, world.first, "REACHED_SELF", "", at)
    assert (await world.alert()).due_at == at + timedelta(days=3)


async def test_of_two_who_take_an_alert_at_once_one_gets_it_and_the_other_hears_who(world: World) -> None:
    alert_id = await opened(world)
    answers = await asyncio.gather(
        *(alerts.take(world.database, alert_id, who, NOW) for who in (world.first, world.second)),
        return_exceptions=True,
    )
    alert = await world.alert()
    name = "First" if alert.owner_id == world.first else "Second"
    assert [str(a) for a in answers if a is not None] == [f"Alert {alert.code} is with {name}."]
    assert await world.events() == ["opened", "told", "taken"]


async def test_taking_twice_is_taking_once(world: World) -> None:
    alert_id = await opened(world)
    await alerts.take(world.database, alert_id, world.first, NOW)
    await alerts.take(world.database, alert_id, world.first, NOW + MINUTE)
    assert (await world.alert()).taken_at == NOW


async def test_passing_on_makes_a_colleague_the_owner_and_tells_them(world: World) -> None:
    alert_id = await opened(world)
    assert "take it first" in await refused(alerts.pass_on(world.database, alert_id, world.first, world.second, NOW))
    await alerts.take(world.database, alert_id, world.first, NOW)
    elsewhere = await a_staff_member(world.database, site_ids=[await a_site(world.database)])
    assert "may not work" in await refused(alerts.pass_on(world.database, alert_id, world.first, elsewhere, NOW))
    await alerts.pass_on(world.database, alert_id, world.first, world.second, NOW)
    assert (await world.alert()).owner_id == world.second
    assert await world.told(1) == [world.second]
    assert "is with Second" in await refused(alerts.pass_on(world.database, alert_id, world.first, world.first, NOW))


async def test_a_reply_goes_out_once_its_words_are_safe_and_silences_the_bot(world: World) -> None:
    alert_id = await opened(world)

    async def reply(text: str, staff_id: int = world.first, *, confirmed: bool = False) -> int:
        return await alerts.reply(
            world.database, PACK, alert_id, staff_id, text, NOW, assent=Assent(confirmed=confirmed)
        )

    assert "take it first" in await refused(reply("Hello"))
    await alerts.take(world.database, alert_id, world.first, NOW)
    assert "is with First" in await refused(reply("Hello", world.boss))
    assert "weapon" in await refused(reply("Put the weapon away"))
    assert "Too long" in await refused(reply("x" * 481))
    assert "Write something" in await refused(reply("  "))
    assert len(await world.told()) == 1
    message = await reply("I will ring you at ten.")
    await reply("Put the weapon away", confirmed=True)
    sent = {r.id: r for r in await rows(world.database, tables.outbox) if r.purpose == "staff_reply"}
    assert len(sent) == 2
    row = sent[message]
    assert (row.contact_id, row.text, row.alert_id) == (world.contact, "I will ring you at ten.", alert_id)
    (contact,) = await rows(world.database, tables.contact)
    assert contact.held_until == NOW + timedelta(hours=2)


async def test_a_person_who_opted_out_is_written_to_only_knowingly(world: World) -> None:
    world.contact = await a_contact(world.database, world.channel, opted_out_at=NOW, opted_out_by="word")
    alert_id = (await world.raise_(world.danger(beneficiary_id=None)))[world.contact]
    await alerts.take(world.database, alert_id, world.first, NOW)
    assert "Calling is safer" in await refused(alerts.reply(world.database, PACK, alert_id, world.first, "Hello", NOW))


async def test_a_further_message_tells_the_owner_but_not_of_each_in_a_flood(world: World) -> None:
    alert_id = await opened(world)
    await alerts.take(world.database, alert_id, world.second, NOW)

    async def heard(danger: alerts.Danger, at: datetime) -> list[int]:
        before = len(await world.told())
        await world.raise_(danger, now=at)
        return await world.told(before)

    assert await heard(world.danger(), NOW + MINUTE) == [world.second]
    assert await heard(world.danger(), NOW + 2 * MINUTE) == []
    assert await heard(world.danger(Level.IMMINENT), NOW + 2 * MINUTE) == [world.second, world.boss]
    assert await heard(world.danger(), NOW + 5 * MINUTE) == [world.second]
    alert = await world.alert()
    assert (alert.state, alert.level, alert.messages) == ("taken", 4, 5)
    assert alert.target_at == NOW + 17 * MINUTE


async def test_only_humans_lower_with_a_reason_and_the_machines_level_stays(world: World) -> None:
    alert_id = await opened(world, Level.IMMINENT)
    await alerts.take(world.database, alert_id, world.first, NOW)
    change = alerts.set_level
    assert "why" in await refused(change(world.database, alert_id, world.first, Level.ELEVATED, " ", NOW))
    assert "already" in await refused(change(world.database, alert_id, world.first, Level.IMMINENT, "x", NOW))
    assert "outcome" in await refused(change(world.database, alert_id, world.first, Level.NONE, "x", NOW))
    await change(world.database, alert_id, world.first, Level.ELEVATED, "an idiom", NOW)
    alert = await world.alert()
    assert (alert.level, alert.machine_level, alert.target_at) == (2, 4, NOW + timedelta(days=1))
    event = (await rows(world.database, tables.alert_event))[-1]
    assert (event.kind, event.data, event.note) == ("level_set", {"from": 4, "to": 2, "machine_level": 4}, "an idiom")


async def test_closing_keeps_the_rules_leaves_tasks_and_frees_the_bot(world: World) -> None:
    alert_id = await opened(world)
    close, db = alerts.close, world.database
    await alerts.take(db, alert_id, world.first, NOW)
    await alerts.reply(db, PACK, alert_id, world.first, "Hello", NOW)
    args = (alert_id, world.first, "SAFE_PLAN", "made a plan", "psychosocial", NOW)
    assert "log the attempt" in await refused(close(db, *args))
    assert "log in again" in await refused(close(db, alert_id, world.first, "TEST_OR_JOKE", "", "supervisor", NOW))
    await alerts.log_attempt(db, alert_id, world.first, "REACHED_SELF", "", NOW)
    await close(db, *args)
    alert = await world.alert()
    assert (alert.state, alert.outcome, alert.closed_at, alert.due_at) == ("closed", "SAFE_PLAN", NOW, None)
    tasks = {t.kind: t.due_at for t in await rows(db, tables.follow_up)}
    assert tasks == {"next_contact": NOW + timedelta(days=1), "weekly_contact": NOW + timedelta(days=7)}
    assert (await rows(db, tables.contact))[0].held_until is None
    assert "is closed" in await refused(alerts.take(db, alert_id, world.second, NOW))
    again = await opened(world)
    assert again != alert_id
    assert await audit.verify(db) == []
    actions = [record.action for record in await rows(db, tables.audit)]
    assert actions == ["alert.taken", "alert.replied", "alert.attempt", "alert.closed"]


async def test_a_death_stops_every_message(world: World) -> None:
    alert_id = await opened(world)
    db = world.database
    await alerts.take(db, alert_id, world.boss, NOW)
    message = await alerts.reply(db, PACK, alert_id, world.boss, "Hello", NOW)
    await alerts.close(db, alert_id, world.boss, "DIED", "told by the family", "supervisor", NOW)
    (sent,) = await rows(db, tables.outbox, tables.outbox.c.id == message)
    (person,) = await rows(db, tables.beneficiary)
    (contact,) = await rows(db, tables.contact)
    assert (sent.state, person.state, contact.opted_out_at) == ("withheld", "died", NOW)
    assert await rows(db, tables.follow_up) == []


async def test_a_duplicate_names_another_alert_of_the_same_person(world: World) -> None:
    db = world.database
    first = await opened(world)
    code = (await world.alert()).code
    await alerts.take(db, first, world.first, NOW)
    role = "psychosocial"
    for named in (code, "ZZZZ", ""):
        assert "Name the other" in await refused(
            alerts.close(db, first, world.first, "DUPLICATE_OF", "", role, NOW, duplicate_of=named)
        )
    await alerts.close(db, first, world.first, "FALSE_ALARM_WRONG_PERSON", "", role, NOW)
    second = await opened(world)
    await alerts.take(db, second, world.first, NOW)
    await alerts.close(db, second, world.first, "DUPLICATE_OF", "", role, NOW, duplicate_of=code.lower())
    assert [t.kind for t in await rows(db, tables.follow_up)] == ["verify_number"]


async def test_reports_about_staff_are_no_ones_but_the_focal_points(world: World) -> None:
    focal = await a_staff_member(world.database, role="focal_point")
    alert_id = (await world.raise_(world.danger(route="misconduct")))[world.contact]
    for who in (world.first, world.boss):
        assert await refused(alerts.take(world.database, alert_id, who, NOW)) == "There is no such alert among yours."
    await alerts.take(world.database, alert_id, focal, NOW)
    assert (await world.alert()).owner_id == focal


async def test_a_report_about_staff_by_somebody_in_danger_is_an_alert_of_its_own(world: World) -> None:
    db = world.database
    focal = await a_staff_member(db, role="focal_point")
    danger = await opened(world)
    await alerts.take(db, danger, world.first, NOW)
    told = len(await world.told())
    report = (await world.raise_(world.danger(Level.IMMINENT, route="misconduct"), now=NOW + MINUTE))[world.contact]
    assert await world.told(told) == [focal]
    again = await world.raise_(world.danger(Level.ELEVATED, route="distress"), now=NOW + MINUTE)
    assert again == {world.contact: danger}
    a = {alert.id: alert for alert in await rows(db, tables.alert)}
    assert {n: (x.is_report, x.route, x.level, x.state, x.owner_id, x.messages) for n, x in a.items()} == {
        danger: (False, "self_harm", Level.HIGH, "taken", world.first, 2),
        report: (True, "misconduct", Level.IMMINENT, "open", None, 1),
    }
    events = await rows(db, tables.alert_event, tables.alert_event.c.alert_id == danger)
    assert {event.data.get("route") for event in events} == {None, "self_harm", "distress"}


async def test_closing_a_report_leaves_the_persons_other_alert_and_its_talk_alone(world: World) -> None:
    db = world.database
    focal = await a_staff_member(db, role="focal_point")
    danger = await opened(world)
    await alerts.take(db, danger, world.first, NOW)
    await alerts.reply(db, PACK, danger, world.first, "Hello", NOW)
    report = (await world.raise_(world.danger(route="misconduct")))[world.contact]
    await alerts.take(db, report, focal, NOW)
    code = {alert.id: alert.code for alert in await rows(db, tables.alert)}
    for alert_id, who, role, other in (
        (report, focal, "focal_point", danger),
        (danger, world.first, "psychosocial", report),
    ):
        assert "Name the other" in await refused(
            alerts.close(db, alert_id, who, "DUPLICATE_OF", "", role, NOW, duplicate_of=code[other])
        )
    await alerts.close(db, report, focal, "TEST_OR_JOKE", "", "focal_point", NOW)
    states = {alert.id: (alert.state, alert.owner_id) for alert in await rows(db, tables.alert)}
    assert states == {danger: ("taken", world.first), report: ("closed", focal)}
    (contact,) = await rows(db, tables.contact)
    assert contact.held_until is not None
    await alerts.close(db, danger, world.first, "FALSE_ALARM_MISREAD", "", "psychosocial", NOW)
    (contact,) = await rows(db, tables.contact)
    assert contact.held_until is None


async def test_disabled_staff_and_staff_of_other_sites_are_refused(world: World) -> None:
    alert_id = await opened(world)
    gone = await a_staff_member(world.database, disabled_at=NOW)
    elsewhere = await a_staff_member(world.database, site_ids=[await a_site(world.database)])
    assert "may not work" in await refused(alerts.take(world.database, alert_id, gone, NOW))
    assert "no such alert" in await refused(alerts.take(world.database, alert_id, elsewhere, NOW))
    assert await refused(alerts.add_note(world.database, 1, world.first, "x", NOW)) == (
        "There is no such alert among yours."
    )


async def test_notes_are_sealed_on_disk_and_in_no_audit_record(sqlite_database: Database) -> None:
    world = await World(sqlite_database).build()
    alert_id = await opened(world)
    await alerts.add_note(world.database, alert_id, world.second, "cousin answers the phone", NOW)
    event = (await rows(world.database, tables.alert_event))[-1]
    assert event.note == "cousin answers the phone"
    (record,) = await rows(world.database, tables.audit)
    assert (record.action, record.subject, record.data) == ("alert.note", f"alert/{alert_id}", {})


async def test_an_outcome_that_needs_a_supervisor_is_asked_for_and_decided(world: World, clock: HandClock) -> None:
    db, alert_id = world.database, await opened(world)
    await alerts.take(db, alert_id, world.first, NOW)
    ask = alerts.ask_to_close
    assert "This outcome says" in await refused(ask(db, alert_id, world.first, "DECLINED_SUPPORT", "", NOW))
    await alerts.log_attempt(db, alert_id, world.first, "REACHED_SELF", "", NOW)
    assert "needs no supervisor" in await refused(ask(db, alert_id, world.first, "SAFE_SUPPORTED", "", NOW))
    assert "is with First" in await refused(ask(db, alert_id, world.second, "DECLINED_SUPPORT", "", NOW))
    told = len(await world.told())
    await ask(db, alert_id, world.first, "DECLINED_SUPPORT", "wants no help", NOW)
    alert = await world.alert()
    assert (alert.state, alert.asked_outcome, alert.asked_by) == ("taken", "DECLINED_SUPPORT", world.first)
    assert alert.due_at is not None
    assert await world.told(told) == [world.boss]
    assert "Only a supervisor" in await refused(alerts.refuse_to_close(db, alert_id, world.first, "no", NOW))
    assert "still to be done" in await refused(alerts.refuse_to_close(db, alert_id, world.boss, " ", NOW))
    told = len(await world.told())
    await alerts.refuse_to_close(db, alert_id, world.boss, "visit her first", NOW)
    assert (await world.alert()).asked_outcome is None
    assert await world.told(told) == [world.first]
    assert "Nobody has asked" in await refused(alerts.refuse_to_close(db, alert_id, world.boss, "no", NOW))
    await ask(db, alert_id, world.first, "DECLINED_SUPPORT", "visited", NOW)
    await alerts.close(db, alert_id, world.boss, "DECLINED_SUPPORT", "agreed", "supervisor", NOW)
    alert = await world.alert()
    assert (alert.state, alert.outcome, alert.asked_outcome) == ("closed", "DECLINED_SUPPORT", None)
    asked = [kind for kind in await world.events() if kind.startswith("close")]
    assert asked == ["close_asked", "close_refused", "close_asked", "closed"]
    assert await audit.verify(db) == []
