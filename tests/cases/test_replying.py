"""What stands between the words of staff and a person's phone: as a table, and through the step that sends."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from cases import alerts, audit
from cases.replying import Addressee, Assent, ReplyRefusedError, concerns, is_safe, leaves_at, next_safe
from cases.rules import AlertRuleError
from content.schema import Level, Pack
from store import tables
from tests.builders import a_contact, rows
from tests.cases.world import World
from tests.conftest import NOW

PACK = Pack("t", "1", ("en",), {}, {}, {}, {}, {"en": ("weapon",), "sw": ("silaha",), "*": ()})
NOON = datetime(2026, 3, 3, 9, tzinfo=UTC)  # 12:00 in Nairobi
NAIROBI = "Africa/Nairobi"
PRIVATE, SHARED = Addressee("private", zone=NAIROBI), Addressee("shared", zone=NAIROBI)
MORNING = Addressee("private", safe_from=600, safe_until=660, zone=NAIROBI)
NIGHT = Addressee("private", safe_from=22 * 60, safe_until=6 * 60, zone=NAIROBI)
NEVER = Addressee("private", safe_from=600, safe_until=600, zone=NAIROBI)


@pytest.mark.parametrize(
    ("to", "words", "assent", "is_silent", "left"),
    [
        (PRIVATE, [], Assent(), False, []),
        (PRIVATE, ["weapon"], Assent(), False, ["words"]),
        (PRIVATE, ["weapon"], Assent(confirmed=True), False, []),
        (PRIVATE, ["weapon"], Assent(reason="because"), False, ["words"]),
        # Where others read it a tick is not enough.
        (SHARED, [], Assent(), False, []),
        (SHARED, ["weapon"], Assent(confirmed=True), False, ["words"]),
        (SHARED, ["weapon"], Assent(confirmed=True, reason="  "), False, ["words"]),
        (SHARED, ["weapon"], Assent(confirmed=True, reason="only she reads it now"), False, []),
        (Addressee("monitored"), ["weapon"], Assent(confirmed=True), False, ["words"]),
        (Addressee(""), ["weapon"], Assent(confirmed=True), False, ["words"]),
        (Addressee("private", has_opted_out=True), [], Assent(), False, ["opted_out"]),
        (Addressee("private", has_opted_out=True), [], Assent(confirmed=True), False, []),
        (Addressee("private", is_unverified=True), [], Assent(agreed=True), False, ["unverified"]),
        (Addressee("private", is_unverified=True), [], Assent(confirmed=True), False, []),
        # Duress: no other tick stands for what was agreed beforehand.
        (PRIVATE, [], Assent(confirmed=True, at_safe_hour=True, reason="because"), True, ["silent"]),
        (PRIVATE, [], Assent(agreed=True), True, []),
        (PRIVATE, [], Assent(agreed=True), False, []),
        (MORNING, [], Assent(), False, ["hours"]),
        (MORNING, [], Assent(confirmed=True, agreed=True), False, ["hours"]),
        (MORNING, [], Assent(at_safe_hour=True), False, []),
        (MORNING, [], Assent(reason="in danger now"), False, []),
        (NEVER, [], Assent(at_safe_hour=True), False, ["hours"]),
        (NEVER, [], Assent(reason="in danger now"), False, []),
        (
            Addressee("shared", has_opted_out=True, is_unverified=True, safe_from=600, safe_until=660, zone=NAIROBI),
            ["weapon"],
            Assent(),
            True,
            ["silent", "opted_out", "unverified", "words", "hours"],
        ),
    ],
)
def test_what_is_not_settled_stands_in_the_way(
    to: Addressee, words: Sequence[str], assent: Assent, is_silent: bool, left: list[str]
) -> None:
    assert [concern.kind for concern in concerns(to, words, assent, NOON, is_silent=is_silent)] == left


@pytest.mark.parametrize(
    ("phone_kind", "begins"),
    [
        ("private", "These words can give the person away, should somebody else"),
        ("shared", "Others read this phone."),
        ("monitored", "Somebody checks this phone."),
        ("", "Others read this phone."),
    ],
)
def test_the_warning_is_stronger_where_others_read_the_phone(phone_kind: str, begins: str) -> None:
    (concern,) = concerns(Addressee(phone_kind), ["weapon"], Assent(), NOON)
    assert concern.sentence.startswith(begins)
    assert "“weapon”" in concern.sentence
    assert concern.needs_reason == (phone_kind != "private")


def at(hour: int, minute: int = 0, day: int = 3) -> datetime:
    """That time in Nairobi (UTC+3)."""
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC) - timedelta(hours=3)


@pytest.mark.parametrize(
    ("to", "now", "expected"),
    [
        (PRIVATE, at(3), at(3)),
        (MORNING, at(9, 59), at(10)),
        (MORNING, at(10), at(10)),
        (MORNING, at(10, 59), at(10, 59)),
        (MORNING, at(11), at(10, day=4)),
        (NIGHT, at(5, 59), at(5, 59)),
        (NIGHT, at(6), at(22)),
        (NIGHT, at(23), at(23)),
        (NEVER, at(10), None),
        (Addressee("private", safe_from=600, zone=NAIROBI), at(23), at(23)),
        (Addressee("private", safe_from=600, zone=NAIROBI), at(0), at(10)),
        (Addressee("private", safe_until=600, zone=NAIROBI), at(11), at(0, day=4)),
    ],
)
def test_the_next_safe_minute(to: Addressee, now: datetime, expected: datetime | None) -> None:
    assert next_safe(now, to) == expected
    assert is_safe(now, to) == (expected == now)
    assert leaves_at(to, Assent(), now) == now
    assert leaves_at(to, Assent(at_safe_hour=True), now) == (expected or now)


def test_a_safe_hour_that_daylight_saving_leaves_out_is_not_taken_for_safe() -> None:
    """Paris, 29 March 2026: 02:00 to 03:00 does not exist."""
    to = Addressee("private", safe_from=120, safe_until=180, zone="Europe/Paris")
    assert next_safe(datetime(2026, 3, 28, 12, tzinfo=UTC), to) == datetime(2026, 3, 30, 0, tzinfo=UTC)


# --- through the step that sends ---


async def taken(world: World, **person: object) -> int:
    if person:
        b = tables.beneficiary
        async with world.database.write() as connection:
            await connection.execute(sa.update(b).where(b.c.id == world.person).values(**person))
    alert_id = (await world.raise_(world.danger()))[world.contact]
    await alerts.take(world.database, alert_id, world.first, NOW)
    return alert_id


async def left(world: World, alert_id: int, text: str = "Hello", **values: object) -> list[str]:
    with pytest.raises(ReplyRefusedError) as refused:
        await alerts.reply(world.database, PACK, alert_id, world.first, text, NOW, **values)  # type: ignore[arg-type]
    return [concern.kind for concern in refused.value.concerns]


async def replies(world: World) -> list[tuple[str, datetime]]:
    found = await rows(world.database, tables.outbox, tables.outbox.c.purpose == "staff_reply")
    return [(row.text, row.due_at) for row in found]


async def test_outside_the_safe_hours_a_reply_waits_for_them_or_goes_with_a_reason(world: World) -> None:
    alert_id = await taken(world, safe_from=600, safe_until=660)  # NOW is 12:00 in Nairobi
    assert await left(world, alert_id) == ["hours"]
    assert await replies(world) == []
    send = alerts.reply
    await send(world.database, PACK, alert_id, world.first, "Later", NOW, assent=Assent(at_safe_hour=True))
    await send(world.database, PACK, alert_id, world.first, "Now", NOW, assent=Assent(reason="In danger now"))
    ten = NOW + timedelta(hours=22)
    assert sorted(await replies(world)) == [("Later", ten), ("Now", NOW)]
    events = await rows(world.database, tables.alert_event, tables.alert_event.c.kind == "replied")
    assert [(event.data.get("leaves_at"), event.note) for event in events] == [
        (tables.to_ms(ten), None),
        (None, "In danger now"),
    ]
    (contact,) = await rows(world.database, tables.contact)
    assert contact.held_until is not None


async def test_in_a_silent_alert_only_what_was_agreed_beforehand_is_written(world: World) -> None:
    alert_id = await taken(world)
    a = tables.alert
    async with world.database.write() as connection:
        await connection.execute(sa.update(a).where(a.c.id == alert_id).values(is_silent=True))
    assert await left(world, alert_id, assent=Assent(confirmed=True, reason="because")) == ["silent"]
    await alerts.reply(world.database, PACK, alert_id, world.first, "Hello", NOW, assent=Assent(agreed=True))
    (event,) = await rows(world.database, tables.alert_event, tables.alert_event.c.kind == "replied")
    assert event.data["agreed"] is True


async def test_words_of_another_language_are_met_as_well(world: World) -> None:
    alert_id = await taken(world)
    assert await left(world, alert_id, "Una silaha?") == ["words"]


async def test_a_number_that_nobody_has_verified_is_written_to_only_knowingly(world: World) -> None:
    world.contact = await a_contact(world.database, world.channel, unverified_since=NOW)
    alert_id = (await world.raise_(world.danger(beneficiary_id=None)))[world.contact]
    await alerts.take(world.database, alert_id, world.first, NOW)
    assert await left(world, alert_id) == ["unverified"]


async def test_a_prepared_reply_does_not_go_with_a_gap_in_it(world: World) -> None:
    alert_id = await taken(world)
    with pytest.raises(AlertRuleError, match=r"in the place of \{time\} first"):
        await alerts.reply(world.database, PACK, alert_id, world.first, "I call at {time}.", NOW)
    assert await replies(world) == []


async def test_whoever_has_not_seen_a_colleagues_step_reads_it_first(world: World) -> None:
    alert_id = await taken(world)
    db, later = world.database, NOW + timedelta(minutes=5)

    async def newest() -> int:
        return max(event.id for event in await rows(db, tables.alert_event))

    before = await newest()
    await alerts.log_attempt(db, alert_id, world.boss, "NO_ANSWER", "", NOW + timedelta(minutes=2))
    with pytest.raises(AlertRuleError, match=r"Boss tried to reach the person 3 min ago\. Read it first\."):
        await alerts.reply(db, PACK, alert_id, world.first, "Hello", later, seen=before)
    await alerts.reply(db, PACK, alert_id, world.first, "Hello", later, seen=await newest())
    # One's own steps are no surprise.
    before = await newest()
    await alerts.log_attempt(db, alert_id, world.first, "NO_ANSWER", "", later)
    await alerts.reply(db, PACK, alert_id, world.first, "Again", later, seen=before)
    # It goes to a colleague, who answers: whoever had it is told of the answer, not merely that it is gone.
    before = await newest()
    await alerts.pass_on(db, alert_id, world.first, world.second, later)
    await alerts.reply(db, PACK, alert_id, world.second, "I have it", later)
    with pytest.raises(AlertRuleError, match="Second answered 1 min ago"):
        await alerts.reply(db, PACK, alert_id, world.first, "Hello", later, seen=before)
    assert [text for text, _ in await replies(world)] == ["Hello", "Again", "I have it"]


async def test_steps_of_the_card_are_marked_once_and_can_be_taken_back(world: World) -> None:
    alert_id = await taken(world)
    db, mark = world.database, alerts.mark_step
    for step, is_done in (
        ("call", True),
        ("call", True),
        ("ask", True),
        ("call", False),
        ("ask", False),
        ("ask", False),
    ):
        await mark(db, alert_id, world.first, step, NOW, is_done=is_done)
    with pytest.raises(AlertRuleError, match="is with First"):
        await mark(db, alert_id, world.second, "call", NOW)
    kinds = ("step_done", "step_undone")
    events = await rows(db, tables.alert_event, tables.alert_event.c.kind.in_(kinds))
    assert [(event.kind, event.data["step"]) for event in events] == [
        ("step_done", "call"),
        ("step_done", "ask"),
        ("step_undone", "call"),
        ("step_undone", "ask"),
    ]
    assert {event.data["route"] for event in events} == {"self_harm"}


async def test_opening_a_conversation_is_in_the_file_and_in_the_trail(world: World) -> None:
    alert_id = await taken(world)
    await alerts.open_text(world.database, alert_id, world.second, NOW)
    trail = await rows(world.database, tables.audit)
    assert [(record.staff_id, record.action) for record in trail] == [
        (world.first, "alert.taken"),
        (world.second, "text.opened"),
    ]
    assert (await world.events())[-1] == "text_opened"
    assert await audit.verify(world.database) == []
    assert (await world.alert()).level == Level.HIGH
