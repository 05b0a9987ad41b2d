"""Staff's judgements: of a message, of what follows from an alert's end, of a weekly sample; and proposed phrases."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from cases import alerts, proposals, sampling
from cases.alerts import AlertRuleError
from cases.closing import OUTCOMES
from cases.judged import Reading, readings
from content.pack import load_pack
from content.schema import Level
from store import tables
from tests.builders import a_beneficiary, a_contact, a_site, a_staff_member, rows
from tests.cases.world import World
from tests.conftest import NOW

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


async def a_message(world: World, text: str = "words", at: datetime = NOW, **values: Any) -> int:
    message = world.database.new_id()
    row = {
        "id": message,
        "channel_id": world.channel,
        "provider_id": f"p{message}",
        "contact_id": world.contact,
        "text": text,
        "received_at": at,
        "state": "handled",
        "level": 0,
    }
    async with world.database.write() as connection:
        await connection.execute(sa.insert(tables.inbox), [row | values])
    return message


async def read_as(world: World, level: Level, alert_id: int | None, **values: Any) -> int:
    """A message and its assessment; the message's id."""
    message = await a_message(world, level=int(level))
    row = {
        "id": world.database.new_id(),
        "inbox_id": message,
        "contact_id": world.contact,
        "alert_id": alert_id,
        "level": int(level),
        "route": "self_harm",
        "reasons": [{"code": "list", "detail": ""}],
        "pack": "p",
        "assessed_at": NOW,
    }
    async with world.database.write() as connection:
        await connection.execute(sa.insert(tables.assessment), [row | values])
    return message


async def judged(world: World) -> dict[int, tuple[int | None, str | None, str | None]]:
    return {
        row.inbox_id: (row.judged_level, row.judged_route, row.judged_how)
        for row in await rows(world.database, tables.assessment)
    }


async def taken(world: World, level: Level = Level.HIGH) -> int:
    alert_id = (await world.raise_(world.danger(level)))[world.contact]
    await alerts.take(world.database, alert_id, world.first, NOW)
    return alert_id


async def close(world: World, alert_id: int, outcome: str, **more: Any) -> None:
    if outcome.startswith("SAFE"):
        await alerts.log_attempt(world.database, alert_id, world.first, "REACHED_SELF", "", NOW)
    await alerts.close(world.database, alert_id, world.first, outcome, "", "psychosocial", NOW, **more)


async def test_a_misread_says_so_of_every_message_but_those_judged_by_themselves(world: World) -> None:
    alert_id = await taken(world)
    high, elevated = await read_as(world, Level.HIGH, alert_id), await read_as(world, Level.ELEVATED, alert_id)
    await alerts.judge_message(world.database, alert_id, world.first, elevated, Level.PRACTICAL, "practical", NOW)
    await close(world, alert_id, "FALSE_ALARM_MISREAD")
    assert await judged(world) == {high: (0, "none", "outcome"), elevated: (1, "practical", "message")}


async def test_help_that_was_given_says_that_the_gravest_message_was_read_rightly(world: World) -> None:
    alert_id = await taken(world)
    high, elevated = await read_as(world, Level.HIGH, alert_id), await read_as(world, Level.ELEVATED, alert_id)
    await close(world, alert_id, "SAFE_SUPPORTED")
    assert await judged(world) == {high: (3, "self_harm", "outcome"), elevated: (None, None, None)}


@pytest.mark.parametrize("outcome", ["UNREACHED_EXHAUSTED", "DUPLICATE_OF", "FALSE_ALARM_WRONG_PERSON"])
def test_some_ends_say_nothing_of_the_reading(outcome: str) -> None:
    assert OUTCOMES[outcome].judges == ""


async def test_a_lowered_level_corrects_what_was_read_above_it(world: World) -> None:
    alert_id = await taken(world)
    high, practical = await read_as(world, Level.HIGH, alert_id), await read_as(world, Level.PRACTICAL, alert_id)
    await alerts.set_level(world.database, alert_id, world.first, Level.ELEVATED, "spoke with them", NOW)
    assert await judged(world) == {high: (2, "self_harm", "alert"), practical: (None, None, None)}


async def test_a_raised_level_speaks_of_the_gravest_message_only(world: World) -> None:
    alert_id = await taken(world)
    high, elevated = await read_as(world, Level.HIGH, alert_id), await read_as(world, Level.ELEVATED, alert_id)
    await alerts.set_level(world.database, alert_id, world.first, Level.IMMINENT, "has a rope", NOW)
    assert await judged(world) == {high: (4, "self_harm", "alert"), elevated: (None, None, None)}


async def test_a_message_is_judged_after_the_alert_is_closed_and_the_alert_stays_as_it_is(world: World) -> None:
    alert_id = await taken(world)
    message = await read_as(world, Level.HIGH, alert_id)
    await close(world, alert_id, "FALSE_ALARM_MISREAD")
    await alerts.judge_message(world.database, alert_id, world.second, message, Level.ELEVATED, "distress", NOW)
    alert = await world.alert()
    assert (alert.state, alert.level) == ("closed", Level.HIGH)
    (row,) = await rows(world.database, tables.assessment)
    assert (row.judged_level, row.judged_route, row.judged_by, row.judged_at) == (2, "distress", world.second, NOW)
    (entry,) = await rows(world.database, tables.audit, tables.audit.c.action == "alert.judged")
    assert entry.data == {"inbox_id": message, "level": 2, "route": "distress"}


async def test_a_message_of_another_alert_is_not_judged_here(world: World) -> None:
    alert_id = await taken(world)
    elsewhere = await read_as(world, Level.HIGH, None)
    for level, route in ((Level.HIGH, "threat"), (Level.HIGH, "none"), (Level.NONE, "threat"), (Level.HIGH, "weather")):
        with pytest.raises(AlertRuleError):
            await alerts.judge_message(world.database, alert_id, world.first, elsewhere, level, route, NOW)
    assert await judged(world) == {elsewhere: (None, None, None)}


# --- the sample

THE_WEEK = sampling.Week.before(NOW)
WITHIN = THE_WEEK.begins + timedelta(days=2)


def test_the_week_before_is_whole() -> None:
    monday = datetime(2026, 3, 2, tzinfo=UTC)
    assert sampling.Week.before(monday).monday == date(2026, 2, 23)
    assert sampling.Week.before(monday - timedelta(seconds=1)).monday == date(2026, 2, 16)
    assert THE_WEEK.ends <= NOW


async def test_what_was_read_as_little_is_drawn_and_nothing_else(world: World) -> None:
    ours = [await a_message(world, "tuko salama", WITHIN), await a_message(world, "need food", WITHIN, level=1)]
    await a_message(world, "3", WITHIN)
    await a_message(world, "raised", WITHIN, level=3)
    await a_message(world, "failed", WITHIN, state="set_aside")
    await a_message(world, "too early", THE_WEEK.begins - timedelta(seconds=1))
    await a_message(world, "too late", THE_WEEK.ends)
    stranger = await a_contact(world.database, world.channel)
    await a_message(world, "from elsewhere", WITHIN, contact_id=stranger)
    report = await a_message(world, "an officer", WITHIN, level=1)
    row = {
        "id": 1, "inbox_id": report, "contact_id": world.contact, "level": 1, "route": "misconduct", "reasons": [],
        "pack": "p", "assessed_at": NOW,
    }  # fmt: skip
    async with world.database.write() as connection:
        await connection.execute(sa.insert(tables.assessment), [row])
    await sampling.draw(world.database, [world.site], NOW)
    drawn = await rows(world.database, tables.sample)
    assert sorted(one.inbox_id for one in drawn) == ours
    assert {(one.site_id, one.week, one.population, one.language) for one in drawn} == {
        (world.site, THE_WEEK.monday, 2, "en")
    }
    assert {one.inbox_id: (one.level, one.route) for one in drawn} == {ours[0]: (0, "none"), ours[1]: (1, "none")}


async def test_a_week_is_drawn_once_also_by_two_at_once(world: World) -> None:
    for _ in range(sampling.SIZE + 5):
        await a_message(world, "habari", WITHIN)
    await asyncio.gather(*(sampling.draw(world.database, [world.site], NOW) for _ in range(3)))
    await sampling.draw(world.database, [world.site], NOW + timedelta(hours=1))
    drawn = await rows(world.database, tables.sample)
    assert len(drawn) == sampling.SIZE
    assert {one.population for one in drawn} == {sampling.SIZE + 5}
    assert sorted(one.place for one in drawn) == list(range(1, sampling.SIZE + 1))


async def _one_sampled(world: World, text: str = "nimechoka na maisha") -> Any:
    await a_message(world, text, WITHIN)
    await sampling.draw(world.database, [world.site], NOW)
    (one,) = await rows(world.database, tables.sample)
    return one


async def test_danger_found_in_the_sample_opens_an_alert_that_no_machine_raised(world: World) -> None:
    one = await _one_sampled(world)
    alert_id = await sampling.judge(world.database, one.id, world.first, Level.HIGH, "self_harm", NOW)
    alert = await world.alert()
    assert (alert.id, alert.level, alert.route, alert.machine_level) == (alert_id, Level.HIGH, "self_harm", 0)
    assert alert.target_at > NOW
    (event,) = await rows(world.database, tables.alert_event, tables.alert_event.c.kind == "opened")
    assert event.data["inbox_id"] == one.inbox_id
    assert event.data["reasons"] == [{"code": "staff_read", "detail": ""}]
    assert await world.told() != []
    (kept,) = await rows(world.database, tables.sample)
    assert (kept.judged_level, kept.judged_route, kept.judged_by, kept.alert_id) == (
        3,
        "self_harm",
        world.first,
        alert_id,
    )
    with pytest.raises(AlertRuleError, match="A colleague has judged"):
        await sampling.judge(world.database, one.id, world.second, Level.NONE, "none", NOW)
    assert not await sampling.take_back(world.database, one.id, world.first, NOW)


async def test_whoever_speaks_with_the_person_corrects_the_sample(world: World) -> None:
    one = await _one_sampled(world)
    alert_id = await sampling.judge(world.database, one.id, world.first, Level.HIGH, "self_harm", NOW)
    assert alert_id is not None
    await alerts.take(world.database, alert_id, world.first, NOW)
    await close(world, alert_id, "FALSE_ALARM_MISREAD")
    (kept,) = await rows(world.database, tables.sample)
    assert (kept.judged_level, kept.judged_route) == (0, "none")


async def test_a_need_found_in_the_sample_becomes_a_task(world: World) -> None:
    one = await _one_sampled(world, "chakula kimeisha")
    assert await sampling.judge(world.database, one.id, world.first, Level.PRACTICAL, "practical", NOW) is None
    (task,) = await rows(world.database, tables.follow_up)
    assert (task.kind, task.inbox_id, task.site_id, task.due_at) == (
        "practical",
        one.inbox_id,
        world.site,
        NOW + sampling.PRACTICAL_DUE,
    )


async def test_a_report_about_staff_found_in_the_sample_goes_to_focal_points_alone(world: World) -> None:
    focal = await a_staff_member(world.database, role="focal_point")
    one = await _one_sampled(world, "the officer wants something")
    await sampling.judge(world.database, one.id, world.first, Level.HIGH, "misconduct", NOW)
    assert (await world.alert()).is_report
    assert await world.told() == [focal]
    (hides,) = await rows(world.database, tables.assessment)
    assert (hides.inbox_id, hides.route) == (one.inbox_id, "misconduct")
    (entry,) = await rows(world.database, tables.audit, tables.audit.c.action == "sample.judged")
    assert entry.data == {}
    async with world.database.read() as connection:
        assert await readings(connection, LONG_AGO) == []


async def test_only_ones_own_judgement_is_taken_back(world: World) -> None:
    one = await _one_sampled(world)
    await sampling.judge(world.database, one.id, world.first, Level.NONE, "none", NOW)
    assert not await sampling.take_back(world.database, one.id, world.second, NOW)
    assert await sampling.take_back(world.database, one.id, world.first, NOW)
    (kept,) = await rows(world.database, tables.sample)
    assert (kept.judged_level, kept.judged_by, kept.judged_at) == (None, None, None)


# --- the pairs


async def test_the_pairs_hold_each_message_once_with_its_gravest_reading(world: World) -> None:
    alert_id = await taken(world)
    high = await read_as(world, Level.HIGH, alert_id)
    again = {
        "id": world.database.new_id(), "inbox_id": high, "contact_id": world.contact, "alert_id": alert_id, "level": 2,
        "route": "distress", "reasons": [{"code": "answer", "detail": "mood = bad"}], "pack": "p", "assessed_at": NOW,
    }  # fmt: skip
    silence = {**again, "id": world.database.new_id(), "inbox_id": None, "reasons": [{"code": "silence", "detail": ""}]}
    async with world.database.write() as connection:
        await connection.execute(sa.insert(tables.assessment), [again, silence])
    await read_as(world, Level.PRACTICAL, None)
    await close(world, alert_id, "FALSE_ALARM_MISREAD")
    one = await _one_sampled(world)
    code = (await world.alert()).code
    async with world.database.read() as connection:
        found = await readings(connection, LONG_AGO)
        elsewhere = await readings(connection, LONG_AGO, site_ids=[world.site + 1])
        later = await readings(connection, NOW + timedelta(days=1))
    assert found == [
        Reading(high, world.site, "en", Level.HIGH, "self_harm", Level.NONE, "none", "outcome", code),
        Reading(
            one.inbox_id, world.site, "en", Level.NONE, "none", None, "none", "sample", "",
            f"{world.site}/{THE_WEEK.monday}", 1,
        ),
    ]  # fmt: skip
    assert (elsewhere, later) == ([], [])


async def test_drills_and_reports_are_in_no_figure(world: World) -> None:
    alert_id = await taken(world)
    await read_as(world, Level.HIGH, alert_id)
    for flag in ("is_drill", "is_report"):
        async with world.database.write() as connection:
            await connection.execute(sa.update(tables.alert).values(is_drill=False, is_report=False))
            await connection.execute(sa.update(tables.alert).values({flag: True}))
        async with world.database.read() as connection:
            assert await readings(connection, LONG_AGO) == []


# --- proposals

PACK = load_pack()
REFUSED = [
    ("", "sw", "Write the words"),
    ("7", "sw", "Write the words"),
    ("maisha magumu", "xx", "Choose the language"),
    ("neno " * 20, "sw", "Write only the words"),
    ("piga 0712 345", "sw", "Leave numbers"),
    ("a@b", "sw", "Write the words"),
    ("abc@de", "sw", "Leave numbers"),
    ("(nina|nime)choka", "sw", "Write the words as people"),
    ("<die> now", "en", "Write the words as people"),
    ("nimechoka na maisha", "sw", None),
    ("g envi 2 mourir", "fr", None),
    ("تعبت من الحياة", "ar", None),
]


@pytest.mark.parametrize(("phrase", "language", "said"), REFUSED)
def test_what_may_be_proposed(phrase: str, language: str, said: str | None) -> None:
    refused = proposals.refusal(phrase.strip(), language, PACK)
    assert (refused is None) == (said is None)
    assert refused is None or refused.startswith(said or "")


async def test_a_proposal_waits_sealed_for_whoever_owns_the_content(world: World) -> None:
    alert_id = await taken(world)
    one = await proposals.propose(
        world.database, PACK, alert_id, world.first, "  hali  mbaya ", "sw", Level.HIGH, "self_harm", NOW
    )
    two = await proposals.propose(
        world.database, PACK, alert_id, world.first, "kufa njaa", "sw", Level.NONE, "none", NOW + timedelta(seconds=1)
    )
    listed = await proposals.list_proposals(world.database, "waiting", NOW)
    assert [(row["id"], row["kind"], row["phrase"], row["level"], row["route"]) for row in listed] == [
        (one, "signal", "hali mbaya", "high", "self_harm"),
        (two, "harmless", "kufa njaa", "none", "none"),
    ]
    async with world.database.read() as connection:
        raw = (await connection.execute(sa.text("SELECT phrase FROM proposal"))).scalars().all()
    assert all(b"hali" not in bytes(value) for value in raw)
    trail = [(entry.action, entry.data) for entry in await rows(world.database, tables.audit)][-3:]
    assert trail == [
        ("alert.proposed", {"proposal": one}),
        ("alert.proposed", {"proposal": two}),
        ("proposals.read", {"state": "waiting", "count": 2}),
    ]
    assert await proposals.settle(world.database, [one, 999], "taken", NOW) == 1
    assert await proposals.settle(world.database, [one], "declined", NOW) == 0
    assert [row["id"] for row in await proposals.list_proposals(world.database, "waiting", NOW)] == [two]
    assert [row["id"] for row in await proposals.list_proposals(world.database, "taken", NOW)] == [one]


async def test_nothing_of_a_report_about_staff_is_proposed(world: World) -> None:
    focal = await a_staff_member(world.database, role="focal_point")
    report = (await world.raise_(world.danger(route="misconduct")))[world.contact]
    with pytest.raises(AlertRuleError, match="Nothing of a report"):
        await proposals.propose(world.database, PACK, report, focal, "some words", "en", Level.HIGH, "threat", NOW)
    assert await rows(world.database, tables.proposal) == []


async def test_each_site_has_a_draw_of_its_own(world: World) -> None:
    other = await a_site(world.database)
    contact = await a_contact(world.database, world.channel, language="fr")
    await a_beneficiary(world.database, other, contact)
    await a_message(world, "hapa", WITHIN)
    await a_message(world, "là-bas", WITHIN, contact_id=contact)
    await sampling.draw(world.database, [world.site], NOW)
    assert [one.site_id for one in await rows(world.database, tables.sample)] == [world.site]
    await sampling.draw(world.database, [world.site, other], NOW)
    assert sorted((one.site_id, one.language) for one in await rows(world.database, tables.sample)) == sorted(
        [(world.site, "en"), (other, "fr")]
    )
