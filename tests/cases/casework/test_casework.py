"""A person's case on a real database: every step with its event and its place in the trail, or none of it."""

from collections.abc import Awaitable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cases import alerts, audit, casework, consent, services
from cases.alerts import AlertRuleError
from cases.casework.referrals import ask_for_arrivals
from cases.casework.timeline import KINDS, timeline
from cases.casework.weeks import settle_weeks
from cases.sheets import SheetError
from content.schema import Level
from store import tables
from store.database import Database
from tests.builders import a_site, a_staff_member, rows
from tests.cases.world import World
from tests.conftest import NOW, HandClock

DAY = timedelta(days=1)
WEEK = timedelta(days=7)


async def refused(step: Awaitable[object]) -> str:
    with pytest.raises(casework.CaseError) as said:
        await step
    return str(said.value)


async def person(world: World) -> Any:
    (row,) = await rows(world.database, tables.beneficiary)
    return row


async def events(database: Database) -> list[tuple[str, Any]]:
    return [(row.kind, row.data) for row in await rows(database, tables.case_event)]


async def a_service(database: Database, **values: Any) -> int:
    row = {
        "id": database.new_id(), "code": f"v{database.new_id()}", "name": "Clinic", "kind": "health", "site_ids": [],
        "languages": ["en"], "agreement": "AGR-1", "is_women_friendly": True, "is_child_friendly": False,
    }  # fmt: skip
    async with database.write() as connection:
        await connection.execute(sa.insert(tables.service), [row | values])
    return int(row["id"])


async def closed_alert(world: World, level: Level = Level.HIGH, *, now: Any = NOW) -> int:
    db = world.database
    (alert_id,) = (await world.raise_(world.danger(level), now=now)).values()
    await alerts.take(db, alert_id, world.first, now)
    await alerts.log_attempt(db, alert_id, world.first, "REACHED_SELF", "", now)
    await alerts.close(db, alert_id, world.first, "SAFE_SUPPORTED", "", "psychosocial", now)
    return alert_id


async def tasks(database: Database, **where: Any) -> list[Any]:
    f = tables.follow_up
    return await rows(database, f, *(f.c[name] == value for name, value in where.items()), order=f.c.due_at)


async def finish(world: World, task: Any, result: str, now: Any = NOW, by: int | None = None) -> bool:
    async with world.database.write() as connection:
        return await casework.finish(world.database, connection, task, by or world.first, result, now)


# --- safe contact ---


async def test_facts_change_with_an_event_that_keeps_the_words_secret(world: World) -> None:
    db = world.database
    values = {"phone_kind": "shared", "safe_word": "mango", "duress_word": "the red goat", "language": "sw"}
    changed = await casework.change_facts(db, world.person, world.first, values, NOW)
    assert changed == ["phone_kind", "safe_word", "duress_word", "language"]
    row = await person(world)
    assert (row.phone_kind, row.safe_word, row.duress_word, row.language) == tuple(values.values())
    assert (await rows(db, tables.contact))[0].language == "sw"
    expected = {
        "phone_kind": ["private", "shared"], "safe_word": None, "duress_word": None, "language": ["en", "sw"],
    }  # fmt: skip
    assert await events(db) == [("facts", {"changed": expected})]
    trail = await rows(db, tables.audit)
    assert [(entry.action, entry.data) for entry in trail] == [("case.facts", {"changed": expected})]
    assert await casework.change_facts(db, world.person, world.first, values, NOW) == []
    assert len(await rows(db, tables.case_event)) == 1


async def test_a_check_in_that_waits_for_an_hour_that_is_not_safe_any_more_is_held_back(world: World) -> None:
    db, o = world.database, tables.outbox
    for key, hour in (("early", 6), ("late", 12)):  # 09:00 and 15:00 in Nairobi
        row = {
            "id": db.new_id(), "key": key, "channel_id": world.channel, "contact_id": world.contact,
            "purpose": "checkin", "priority": 6, "created_at": NOW, "due_at": NOW.replace(hour=hour), "state": "queued",
        }  # fmt: skip
        async with db.write() as connection:
            await connection.execute(sa.insert(o), [row])
    values = {"safe_from": 9 * 60, "safe_until": 12 * 60}
    await casework.change_facts(db, world.person, world.first, values, NOW)
    assert {row.key: row.state for row in await rows(db, o)} == {"early": "queued", "late": "withheld"}


@pytest.mark.parametrize(
    ("role", "sites", "may"),
    [("caseworker", "here", True), ("caseworker", "there", False), ("admin", "", False), ("focal_point", "", False),
     ("coordinator", "", False), ("supervisor", "", True)],
)  # fmt: skip
async def test_only_those_who_care_for_people_of_the_site_change_a_file(
    world: World, role: str, sites: str, may: bool
) -> None:
    db = world.database
    where = {"here": [world.site], "there": [await a_site(db)], "": []}[sites]
    who = await a_staff_member(db, role=role, site_ids=where)
    step = casework.add_note(db, world.person, who, "seen at the market", NOW)
    if may:
        await step
    else:
        assert "no such person" in await refused(step)
    assert len(await rows(db, tables.case_event)) == len(await rows(db, tables.audit)) == int(may)


async def test_a_disabled_account_changes_nothing(world: World) -> None:
    gone = await a_staff_member(world.database, disabled_at=NOW)
    assert "may not work" in await refused(casework.add_note(world.database, world.person, gone, "x", NOW))


async def test_a_contact_without_an_alert_is_entered_and_leaves_the_task_that_follows(world: World) -> None:
    db = world.database
    await casework.log_contact(db, world.person, world.first, "WRONG_NUMBER", "a woman answered", NOW)
    assert "no contact result" in await refused(casework.log_contact(db, world.person, world.first, "SHOUTED", "", NOW))
    assert await events(db) == [("attempt", {"result": "WRONG_NUMBER", "reached": False, "visit": False})]
    assert [(t.kind, t.beneficiary_id, t.staff_id) for t in await tasks(db)] == [
        ("verify_number", world.person, world.first)
    ]
    assert (await rows(db, tables.contact))[0].unverified_since == NOW


# --- consent ---


async def test_consent_to_check_ins_begins_and_ends_them(world: World) -> None:
    db = world.database
    await consent.give(db, world.person, "checkins", "v1", "en", "in_person", world.first, NOW)
    assert (await person(world)).state == "active"
    await consent.withdraw(db, world.person, "checkins", world.first, NOW)
    assert (await person(world)).state == "no_consent"
    await consent.give(db, world.person, "checkins", "v2", "en", "phone", world.first, NOW)
    assert (await person(world)).state == "active"
    with pytest.raises(consent.ConsentError, match="Name the version"):
        await consent.give(db, world.person, "after_exit", "", "en", "phone", world.first, NOW)


# --- the plan ---


async def test_a_goal_is_set_reached_and_taken_up_again(world: World) -> None:
    db = world.database
    goal = await casework.add_goal(db, world.person, world.first, "LIV", " a stall ", date(2026, 6, 1), NOW)
    await casework.end_goal(db, world.person, goal, world.first, "reached", "", NOW + DAY)
    (row,) = await rows(db, tables.goal)
    assert (row.text, row.state, row.ended_at, row.set_by) == ("a stall", "reached", NOW + DAY, world.first)
    await casework.end_goal(db, world.person, goal, world.first, "open", "it burnt down", NOW + 2 * DAY)
    (row,) = await rows(db, tables.goal)
    assert (row.state, row.ended_at) == ("open", None)
    assert [data["state"] for _, data in await events(db)] == ["open", "reached", "open"]


@pytest.mark.parametrize(
    ("domain", "text", "due_on", "sentence"),
    [
        ("SUB", "less", None, "area of life"),
        ("SOC", "fewer", None, "area of life"),
        ("LIV", " ", None, "what is to be reached"),
        ("LIV", "x" * 301, None, "Too long"),
        ("LIV", "a stall", date(2026, 3, 2), "lies ahead"),
    ],
)
async def test_a_goal_that_cannot_be_is_refused(
    world: World, domain: str, text: str, due_on: date | None, sentence: str
) -> None:
    step = casework.add_goal(world.database, world.person, world.first, domain, text, due_on, NOW)
    assert sentence in await refused(step)
    assert await rows(world.database, tables.goal) == []


async def test_a_finding_says_how_it_is_known(world: World) -> None:
    db = world.database
    await casework.add_finding(db, world.person, world.first, "HOU", 3, "visit", "no roof", NOW)
    (row,) = await rows(db, tables.finding)
    assert (row.domain, row.value, row.source, row.note, row.staff_id) == ("HOU", 3, "visit", "no roof", world.first)
    for values in (("HOU", 4, "visit"), ("HOU", 1, "rumour"), ("SUB", 1, "visit")):
        await refused(casework.add_finding(db, world.person, world.first, *values, "", NOW))
    assert len(await rows(db, tables.finding)) == 1
    assert [entry.action for entry in await rows(db, tables.audit)] == ["case.finding"]


# --- referrals ---


async def test_a_referral_is_seen_through_and_its_task_ends_with_it(world: World, clock: HandClock) -> None:
    db = world.database
    service = await a_service(db)
    referral = await casework.refer(
        db, world.person, world.first, service, "spoken", NOW + 7 * DAY, "", NOW, is_sent=True
    )
    assert await ask_for_arrivals(db, clock) == 0
    clock.forward(days=7)
    assert await ask_for_arrivals(db, clock) == 1
    assert await ask_for_arrivals(db, clock) == 0
    (task,) = await tasks(db)
    assert (task.kind, task.staff_id, task.due_at, task.site_id) == (
        "confirm_arrival", world.first, NOW + 7 * DAY, world.site,
    )  # fmt: skip
    with pytest.raises(casework.CaseError, match="referrals"):
        await finish(world, task, "DONE")
    await casework.move(db, world.person, referral, world.first, "accepted", "", clock())
    assert (await tasks(db))[0].state == "open"
    await casework.move(db, world.person, referral, world.first, "arrived", "", clock())
    (task,) = await tasks(db)
    assert (task.state, task.result, task.done_by) == ("done", "ARRIVED", world.first)
    (row,) = await rows(db, tables.referral)
    assert (row.state, row.settled_at, row.settled_by) == ("arrived", clock(), world.first)
    assert [data["state"] for _, data in await events(db)] == ["sent", "accepted", "arrived"]
    assert await audit.verify(db) == []


async def test_nothing_is_passed_to_a_service_without_consent_and_agreement(world: World) -> None:
    db = world.database
    with_one, without = await a_service(db), await a_service(db, agreement="")
    args = (NOW + DAY, "", NOW)

    async def send(service: int, agreed: str, *rest: Any) -> str:
        return await refused(
            casework.refer(db, world.person, world.first, service, agreed, *(rest or args), is_sent=True)
        )

    assert "Ask the person" in await send(with_one, "not_asked")
    assert "no agreement" in await send(without, "spoken")
    assert "how the person agreed" in await send(with_one, "")
    assert "next 90 days" in await send(with_one, "spoken", NOW - DAY, "", NOW)
    elsewhere = await a_service(db, site_ids=[await a_site(db)])
    assert "no such service" in await send(elsewhere, "spoken")
    assert await rows(db, tables.referral) == []
    referral = await casework.refer(db, world.person, world.first, with_one, "not_asked", *args)
    move = casework.move(db, world.person, referral, world.first, "sent", "", NOW)
    assert "Ask the person" in await refused(move)
    await casework.move(db, world.person, referral, world.first, "sent", "", NOW, consent="written")
    (row,) = await rows(db, tables.referral)
    assert (row.state, row.consent) == ("sent", "written")


async def test_an_alert_is_not_closed_on_a_referral_that_nobody_has_confirmed(world: World) -> None:
    db = world.database
    (alert_id,) = (await world.raise_(world.danger())).values()
    code = (await world.alert()).code
    await alerts.take(db, alert_id, world.first, NOW)
    service = await a_service(db)
    referral = await casework.refer(
        db, world.person, world.first, service, "spoken", NOW + DAY, "", NOW, is_sent=True, alert_code=code.lower()
    )
    close = (alert_id, world.first, "REFERRED_ACCEPTED", "the clinic", "psychosocial", NOW)
    with pytest.raises(AlertRuleError, match="confirm that the person arrived"):
        await alerts.close(db, *close)
    await casework.move(db, world.person, referral, world.first, "accepted", "", NOW)
    await alerts.close(db, *close)
    assert (await world.alert()).outcome == "REFERRED_ACCEPTED"
    unknown = casework.refer(db, world.person, world.first, service, "spoken", NOW + DAY, "", NOW, alert_code="ZZZZ")
    assert "no alert of that code" in await refused(unknown)


# --- the eight weeks ---


async def test_eight_weeks_follow_an_alert_one_after_another(world: World) -> None:
    db = world.database
    alert_id = await closed_alert(world)
    seen = []
    for _ in range(10):
        open_ones = await tasks(db, kind="weekly_contact", state="open")
        if not open_ones:
            break
        (task,) = open_ones
        seen.append((task.key, task.due_at, task.staff_id))
        await finish(world, task, "REACHED_SELF", task.due_at - DAY)
    assert seen == [(f"weekly_contact/{alert_id}/{n}", NOW + n * WEEK, world.first) for n in range(1, 9)]
    attempts = [data for kind, data in await events(db) if kind == "attempt"]
    assert len(attempts) == 8
    assert attempts[0] == {"result": "REACHED_SELF", "reached": True, "visit": False, "task": "weekly_contact"}


async def test_a_try_that_reached_nobody_leaves_the_week_open(world: World) -> None:
    await closed_alert(world)
    (task,) = await tasks(world.database, kind="weekly_contact")
    assert await finish(world, task, "NO_ANSWER") is False
    (task,) = await tasks(world.database, kind="weekly_contact")
    assert (task.state, task.attempts, task.result) == ("open", 1, "NO_ANSWER")
    with pytest.raises(casework.CaseError, match="how the contact went"):
        await finish(world, task, "DONE")
    assert [entry.action for entry in await rows(world.database, tables.audit)][-1] == "task.tried"


async def test_a_new_alert_begins_the_weeks_anew_for_the_caseworker(world: World) -> None:
    db = world.database
    await closed_alert(world)
    async with db.write() as connection:
        await connection.execute(sa.update(tables.beneficiary).values(caseworker_id=world.second))
    second = await closed_alert(world, now=NOW + 3 * DAY)
    found = [(t.alert_id == second, t.state, t.result, t.staff_id) for t in await tasks(db, kind="weekly_contact")]
    assert found == [(False, "done", "RESTARTED", world.first), (True, "open", None, world.second)]


async def test_a_practical_matter_and_a_false_alarm_begin_no_weeks(world: World) -> None:
    db = world.database
    await closed_alert(world, Level.PRACTICAL)
    (alert_id,) = (await world.raise_(world.danger())).values()
    await alerts.take(db, alert_id, world.first, NOW)
    await alerts.close(db, alert_id, world.first, "FALSE_ALARM_MISREAD", "", "psychosocial", NOW)
    assert await tasks(db, kind="weekly_contact") == []


async def _answer(world: World, value: str, at: Any) -> None:
    db = world.database
    session = {
        "id": db.new_id(), "beneficiary_id": world.person, "contact_id": world.contact, "checkin": "weekly",
        "version": "1", "state": "done", "progress": {}, "opened_at": at, "answered_at": at, "ended_at": at,
    }  # fmt: skip
    answer = {
        "id": db.new_id(), "session_id": session["id"], "beneficiary_id": world.person, "checkin": "weekly",
        "version": "1", "question": "mood", "value": value, "answered_at": at,
    }  # fmt: skip
    async with db.write() as connection:
        await connection.execute(sa.insert(tables.session), [session])
        await connection.execute(sa.insert(tables.answer), [answer])


async def test_fine_stands_for_later_weeks_and_never_for_the_first(world: World, clock: HandClock) -> None:
    db = world.database
    await closed_alert(world, Level.ELEVATED)
    await _answer(world, "fine", NOW + DAY)
    clock.forward(days=2)
    assert await settle_weeks(db, clock) == 0  # the first week is a human's
    (task,) = await tasks(db, kind="weekly_contact", state="open")
    await finish(world, task, "REACHED_SELF", clock())
    assert await settle_weeks(db, clock) == 0  # that answer was the first week's
    await _answer(world, "fine", NOW + 8 * DAY)
    clock.forward(days=7)
    assert await settle_weeks(db, clock) == 1
    assert await settle_weeks(db, clock) == 0
    await _answer(world, "fine", NOW + 15 * DAY)
    await _answer(world, "so_so", NOW + 16 * DAY)
    assert await settle_weeks(db, clock) == 0  # the newest answer counts
    found = [(t.key[-1], t.state, t.result) for t in await tasks(db, kind="weekly_contact")]
    assert found == [("1", "done", "REACHED_SELF"), ("2", "done", "ANSWERED_FINE"), ("3", "open", None)]


async def test_fine_settles_nothing_while_an_alert_is_open(world: World, clock: HandClock) -> None:
    db = world.database
    await closed_alert(world, Level.ELEVATED)
    (task,) = await tasks(db, kind="weekly_contact", state="open")
    await finish(world, task, "REACHED_SELF", NOW)
    await _answer(world, "fine", NOW + 8 * DAY)
    clock.forward(days=9)
    await world.raise_(world.danger(), now=clock())
    assert await settle_weeks(db, clock) == 0


async def test_the_weeks_after_a_report_about_staff_are_not_the_sites(world: World) -> None:
    db = world.database
    focal = await a_staff_member(db, role="focal_point")
    await closed_alert(world)
    (report,) = (await world.raise_(world.danger(route="misconduct"))).values()
    await alerts.take(db, report, focal, NOW)
    await alerts.log_attempt(db, report, focal, "REACHED_SELF", "", NOW)
    await alerts.close(db, report, focal, "SAFE_SUPPORTED", "", "focal_point", NOW)
    found = [(t.alert_id == report, t.state, t.site_id, t.staff_id) for t in await tasks(db, kind="weekly_contact")]
    assert sorted(found) == [(False, "open", world.site, world.first), (True, "open", None, focal)]
    (theirs,) = await tasks(db, kind="weekly_contact", alert_id=report)
    await finish(world, theirs, "REACHED_SELF", NOW, by=focal)
    async with db.read() as connection:
        page = await timeline(connection, world.person)
    assert [e.data for e in page.entries if e.data.get("task") or e.data.get("route") == "misconduct"] == []
    assert len([e for e in page.entries if e.kind == "tasks"]) == 1


# --- handing over ---


async def test_a_person_moves_with_alerts_and_tasks_and_whoever_takes_over_is_told(world: World) -> None:
    db = world.database
    there = await a_site(db, code="BARA")
    heir = await a_staff_member(db, role="caseworker", site_ids=[there])
    mover = await a_staff_member(db, role="caseworker", site_ids=[world.site])
    (alert_id,) = (await world.raise_(world.danger())).values()
    async with db.write() as connection:
        await connection.execute(
            sa.update(tables.staff).where(tables.staff.c.id == world.first).values(site_ids=[world.site])
        )
    await alerts.take(db, alert_id, world.first, NOW)
    await casework.add_task(db, world.person, mover, "bring the papers", NOW + DAY, NOW)
    before = len(await rows(db, tables.outbox))
    await casework.transfer(
        db, world.person, mover, there, heir, "mind the brother", NOW + DAY / 24, base_url="https://h.example"
    )
    row, alert = await person(world), await world.alert()
    assert (row.site_id, row.caseworker_id) == (there, heir)
    assert (alert.site_id, alert.state, alert.owner_id) == (there, "open", None)
    assert alert.due_at > NOW
    assert [(t.site_id, t.staff_id) for t in await tasks(db)] == [(there, heir)]
    told = (await rows(db, tables.outbox))[before:]
    assert heir in {message.staff_id for message in told}
    assert all("Test Person" not in message.text and row.code not in message.text for message in told)
    assert (await events(db))[-1] == (
        "transfer", {"from_site": world.site, "to_site": there, "from_staff": None, "to_staff": heir},
    )  # fmt: skip
    assert "moved" in await world.events()
    assert "no such person" in await refused(casework.add_note(db, world.person, mover, "x", NOW))


async def test_an_owner_who_works_at_both_sites_keeps_the_alert(world: World) -> None:
    db = world.database
    there = await a_site(db)
    (alert_id,) = (await world.raise_(world.danger())).values()
    await alerts.take(db, alert_id, world.first, NOW)
    await casework.transfer(db, world.person, world.boss, there, None, "moved house", NOW)
    alert = await world.alert()
    assert (alert.site_id, alert.state, alert.owner_id) == (there, "taken", world.first)


async def test_a_report_about_staff_does_not_move_with_its_person(world: World) -> None:
    db = world.database
    await a_staff_member(db, role="focal_point")
    await world.raise_(world.danger(route="misconduct"))
    before = await world.alert()
    await casework.transfer(db, world.person, world.boss, await a_site(db), None, "moved house", NOW)
    assert await world.alert() == before


async def test_another_caseworker_gets_the_tasks_that_were_the_old_ones(world: World) -> None:
    db = world.database
    await casework.transfer(db, world.person, world.boss, world.site, world.first, "new", NOW)
    await casework.add_task(db, world.person, world.first, "theirs", NOW + DAY, NOW)
    await casework.add_task(
        db, world.person, world.first, "somebody else's", NOW + 2 * DAY, NOW, to_staff_id=world.boss
    )
    await casework.transfer(db, world.person, world.boss, world.site, world.second, "on leave", NOW)
    assert [t.staff_id for t in await tasks(db)] == [world.second, world.boss]


async def test_a_hand_over_that_cannot_be_is_refused(world: World) -> None:
    db = world.database
    there = await a_site(db)
    only_here = await a_staff_member(db, role="caseworker", site_ids=[world.site])
    admin = await a_staff_member(db, role="admin")
    go = casework.transfer
    assert "there already" in await refused(go(db, world.person, world.boss, world.site, None, "x", NOW))
    assert "no such site" in await refused(go(db, world.person, world.boss, 1, None, "x", NOW))
    assert "does not work" in await refused(go(db, world.person, world.boss, there, only_here, "x", NOW))
    assert "does not work" in await refused(go(db, world.person, world.boss, there, admin, "x", NOW))
    assert "must know" in await refused(go(db, world.person, world.boss, there, None, " ", NOW))
    assert "no such person" in await refused(go(db, world.person, admin, there, None, "x", NOW))
    assert (await person(world)).site_id == world.site


# --- leaving ---


async def test_leaving_ends_check_ins_and_leaves_what_was_agreed_for_afterwards(world: World) -> None:
    db = world.database
    await closed_alert(world)
    on = date(2026, 3, 1)
    await casework.leave(db, world.person, world.first, "completed", on, "yes", "well done", NOW, version="ae-1")
    assert ((await person(world)).state, (await person(world)).exited_on) == ("exited", on)
    found = {(t.kind, t.state, t.result, t.due_at.date()) for t in await tasks(db)}
    assert found == {
        ("weekly_contact", "done", "EXITED", date(2026, 3, 10)),
        ("after_exit", "open", None, on + 182 * DAY),
        ("after_exit", "open", None, on + 365 * DAY),
    }
    (agreed,) = await rows(db, tables.consent)
    assert (agreed.purpose, agreed.version, agreed.withdrawn_at) == ("after_exit", "ae-1", None)
    assert (await events(db))[-1] == ("exit", {"reason": "completed", "on": "2026-03-01", "after_exit": "yes"})
    again = casework.leave(db, world.person, world.first, "completed", on, "no", "", NOW)
    assert "already" in await refused(again)


@pytest.mark.parametrize(
    ("reason", "on", "after_exit", "sentence"),
    [
        ("bored", date(2026, 3, 1), "no", "why they leave"),
        ("completed", date(2026, 3, 4), "no", "between their enrolment and today"),
        ("completed", date(2020, 3, 4), "no", "between their enrolment and today"),
        ("completed", date(2026, 3, 1), "perhaps", "hear from us"),
    ],
)
async def test_leaving_that_cannot_be_is_refused(
    world: World, reason: str, on: date, after_exit: str, sentence: str
) -> None:
    step = casework.leave(world.database, world.person, world.first, reason, on, after_exit, "", NOW)
    assert sentence in await refused(step)
    assert (await person(world)).state == "active"


async def test_nobody_leaves_while_an_alert_is_open_and_a_report_is_not_given_away(world: World) -> None:
    db = world.database
    await a_staff_member(db, role="focal_point")
    await world.raise_(world.danger(route="misconduct"))
    (alert_id,) = (await world.raise_(world.danger())).values()
    leave = (db, world.person, world.first, "moved_away", date(2026, 3, 3), "later", "", NOW)
    assert "still open" in await refused(casework.leave(*leave))
    await alerts.take(db, alert_id, world.first, NOW)
    await alerts.close(db, alert_id, world.first, "FALSE_ALARM_MISREAD", "", "psychosocial", NOW)
    await casework.leave(*leave)
    assert [t.kind for t in await tasks(db, beneficiary_id=world.person)] == ["ask_after_exit"]


async def test_only_a_supervisor_records_a_death_and_then_everything_stops(world: World) -> None:
    db = world.database
    await closed_alert(world)
    await _answer(world, "fine", NOW)
    message = {
        "id": db.new_id(), "key": "k", "channel_id": world.channel, "contact_id": world.contact, "purpose": "reply",
        "priority": 3, "created_at": NOW, "due_at": NOW + DAY, "state": "queued",
    }  # fmt: skip
    async with db.write() as connection:
        await connection.execute(sa.insert(tables.outbox), [message])
        await connection.execute(sa.update(tables.session).values(state="open"))
    died = casework.record_death
    assert "supervisor" in await refused(died(db, world.person, world.first, "the family", NOW))
    assert "how this is known" in await refused(died(db, world.person, world.boss, " ", NOW))
    await died(db, world.person, world.boss, "the family", NOW)
    row = await person(world)
    (contact,) = await rows(db, tables.contact)
    assert (row.state, contact.opted_out_at, contact.opted_out_by) == ("died", NOW, "staff")
    (held,) = await rows(db, tables.outbox, tables.outbox.c.key == "k")
    assert (held.state, held.detail) == ("withheld", "the person has died")
    assert [s.state for s in await rows(db, tables.session)] == ["stopped"]
    assert [(t.state, t.result) for t in await tasks(db)] == [("done", "DIED")]
    assert (await events(db))[-1] == ("died", {})
    assert "has died" in await refused(casework.add_goal(db, world.person, world.first, "LIV", "x", None, NOW))
    assert await audit.verify(db) == []


async def test_a_death_in_an_alert_stands_in_the_file_too(world: World) -> None:
    db = world.database
    await closed_alert(world)
    (alert_id,) = (await world.raise_(world.danger())).values()
    await alerts.take(db, alert_id, world.boss, NOW)
    await alerts.close(db, alert_id, world.boss, "DIED", "told by the family", "supervisor", NOW)
    assert (await person(world)).state == "died"
    assert [kind for kind, _ in await events(db)] == ["died"]
    assert [(t.kind, t.state) for t in await tasks(db)] == [("weekly_contact", "done")]


# --- the timeline ---


async def test_the_timeline_is_read_in_pages_that_lose_and_double_nothing(world: World) -> None:
    db = world.database
    await closed_alert(world)
    service = await a_service(db)
    await consent.give(db, world.person, "checkins", "v1", "en", "in_person", world.first, NOW - DAY)
    for n in range(9):
        at = NOW + n // 2 * DAY  # two of one instant
        await casework.add_note(db, world.person, world.first, f"note {n}", at)
        await casework.add_finding(db, world.person, world.first, "FAM", 1, "call", "", at)
    await casework.add_goal(db, world.person, world.first, "LIV", "a stall", None, NOW)
    await casework.refer(db, world.person, world.first, service, "spoken", NOW + DAY, "", NOW)
    await casework.change_facts(db, world.person, world.first, {"phone_kind": "shared"}, NOW)
    await _answer(world, "fine", NOW)
    async with db.read() as connection:
        whole = await timeline(connection, world.person, most=500)
        pages, before = [], None
        for _ in range(40):
            page = await timeline(connection, world.person, before=before, most=4)
            pages += page.entries
            before = page.older
            if before is None:
                break
        by_kind = {kind: (await timeline(connection, world.person, kinds=(kind,), most=500)).entries for kind in KINDS}
    assert whole.older is None
    assert {entry.kind for entry in whole.entries} == set(KINDS)
    assert [entry.at for entry in pages] == sorted((entry.at for entry in pages), reverse=True)
    parts = [entry for entries in by_kind.values() for entry in entries]
    assert sorted(map(repr, pages)) == sorted(map(repr, whole.entries))
    assert sorted(map(repr, parts)) == sorted(map(repr, whole.entries))


# --- the directory ---

_HEADER = "code;name;kind;sites;languages;phone;agreement;women friendly;checked on\n"


async def test_a_directory_is_read_in_whole_or_not_at_all(world: World, tmp_path: Path) -> None:
    db, sheet = world.database, tmp_path / "services.csv"
    good = "clin;The Clinic;health;KISIMA;en sw;+19995550123;AGR-1;yes;2026-01-15\n"
    sheet.write_text(_HEADER + good + "x y;;surgery;NOWHERE;xx;;;perhaps;2027-01-01\n")
    report = await services.import_services(db, sheet, NOW)
    assert {fault.column for fault in report.faults} == {
        "code", "name", "kind", "sites", "languages", "women_friendly", "checked_on",
    }  # fmt: skip
    assert (report.rows_ok, await rows(db, tables.service)) == (1, [])
    sheet.write_text(_HEADER + good)
    assert (await services.import_services(db, sheet, NOW, dry_run=True)).created == 1
    assert await rows(db, tables.service) == []
    assert (await services.import_services(db, sheet, NOW)).created == 1
    assert (await services.import_services(db, sheet, NOW)).unchanged == 1
    (row,) = await rows(db, tables.service)
    assert (row.site_ids, row.languages, row.is_women_friendly, row.checked_on) == (
        [world.site], ["en", "sw"], True, date(2026, 1, 15),
    )  # fmt: skip
    sheet.write_text("code,name,kind,in use\nCLIN,The Clinic,health,no\n")
    assert (await services.import_services(db, sheet, NOW)).updated == 1
    assert await services.list_services(db) == []
    (row,) = await services.list_services(db, with_disabled=True)
    assert (row.agreement, row.languages) == ("AGR-1", ["en", "sw"])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", (1, "", "The sheet is empty.")),
        ("code,name\n", (1, "kind", "This column is missing.")),
        ("code,name,kind,name\n", (1, "name", "There is a second column of this name.")),
        ("code,name,kind,boss\n", (1, "boss", "There is no such column.")),
        ("code,name,kind\na,=1+1,food\n", (2, "name", "This cell holds a formula; paste its value instead.")),
        ("code,name,kind\na,b,food\nA,c,food\n", (3, "code", "A row above has the same code.")),
    ],
)
async def test_what_is_wrong_with_a_directory_is_said(
    sqlite_database: Database, tmp_path: Path, text: str, fault: Any
) -> None:
    sheet = tmp_path / "services.csv"
    sheet.write_text(text)
    report = await services.import_services(sqlite_database, sheet, NOW)
    assert report.faults == [fault]
    with pytest.raises(SheetError):
        await services.import_services(sqlite_database, tmp_path / "none.csv", NOW)
