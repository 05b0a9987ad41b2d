"""Pretend phones: what is sent appears on a phone, what is texted reaches the intake."""

import asyncio
from datetime import timedelta

import pytest

from channels import KINDS
from channels.base import OUTCOMES, IncomingMessage, Outgoing, Receipt
from channels.phones import TOPIC, DatabaseWall, Delivery
from tests.builders import a_number
from tests.conftest import NOW

SERVICE = "+19995550100"


@pytest.fixture
async def wall(database, clock):
    wall = DatabaseWall(database, clock)
    yield wall
    await wall.close()


def open_phones(wall=None):
    return KINDS["phones"].open("demo", SERVICE, {"wall": wall} if wall else {}, "http://127.0.0.1")


async def test_a_message_appears_on_its_phone_and_is_confirmed(wall, database):
    confirmed, number = [], a_number()

    async def receive(channel_id, receipt):
        confirmed.append((channel_id, receipt))

    wall.connect(7, SERVICE, receive, receive)
    with database.signals.listen(TOPIC) as seen:
        result = await open_phones(wall).send(Outgoing(5, number, "Habari?"))
        assert seen.is_set()
    await wall.settled()
    [bubble] = await wall.conversation(number)
    assert (bubble.number, bubble.inbound, bubble.text, bubble.at) == (number, False, "Habari?", NOW)
    assert (result.outcome, result.provider_id) == (OUTCOMES["accepted"], f"P{bubble.id}")
    assert confirmed == [(7, Receipt(result.provider_id, "delivered", OUTCOMES["delivered"], 5))]


async def test_a_text_from_a_phone_reaches_the_intake(wall, clock):
    taken, number = [], a_number()

    async def intake(*arrival):
        taken.append(arrival)

    wall.connect(7, SERVICE, intake)
    await wall.text(number, "nimechoka")
    [bubble] = await wall.conversation(number)
    assert bubble.inbound
    assert taken == [(7, IncomingMessage(f"P{bubble.id}", number, SERVICE, "nimechoka"), NOW)]


async def test_a_call_from_a_phone_reaches_the_intake_and_has_no_words(wall, clock):
    taken, number = [], a_number()

    async def intake(*arrival):
        taken.append(arrival)

    wall.connect(7, SERVICE, intake)
    await wall.ring(number)
    [bubble] = await wall.conversation(number)
    assert (bubble.inbound, bubble.text) == (True, "☎")
    assert taken == [(7, IncomingMessage(f"P{bubble.id}", number, SERVICE, "", is_call=True), NOW)]


async def test_a_scripted_person_answers_what_arrives(wall):
    number, taken = a_number(), []

    async def intake(_channel_id, message, _at):
        taken.append(message.text)

    async def answer(delivery: Delivery):
        await wall.text(delivery.number, f"to {delivery.message_id}: sawa")

    wall.connect(7, SERVICE, intake)
    wall.on_deliver.append(answer)
    await open_phones(wall).send(Outgoing(5, number, "Habari?"))
    await wall.settled()
    assert taken == ["to 5: sawa"]
    assert [bubble.inbound for bubble in await wall.conversation(number)] == [False, True]


async def test_a_hook_that_fails_undoes_no_delivery(wall):
    async def fail(_delivery):
        raise LookupError

    wall.on_deliver.append(fail)
    result = await open_phones(wall).send(Outgoing(5, a_number(), "Habari?"))
    await wall.settled()
    assert result.outcome.is_sent


async def test_the_phone_used_last_hangs_first(wall, clock):
    first, second = a_number(), a_number()
    for number, text in ((first, "1"), (second, "2"), (first, "3")):
        await wall.deliver(number, text, 1)
        clock.forward(minutes=1)
    assert [(p.number, p.messages, p.last.text) for p in await wall.list_phones()] == [
        (first, 2, "3"),
        (second, 1, "2"),
    ]


async def test_many_messages_at_once_keep_their_own_ids(wall):
    numbers = [a_number() for _ in range(50)]
    ids = await asyncio.gather(*(wall.deliver(number, number[-3:], 1) for number in numbers))
    for number, wall_id in zip(numbers, ids, strict=True):
        assert [(f"P{b.id}", b.text) for b in await wall.conversation(number)] == [(wall_id, number[-3:])]


async def test_the_wall_remembers_what_it_was_given(wall, clock):
    number, channel = a_number(), open_phones(wall)
    await channel.send(Outgoing(1, number, "old"))
    clock.forward(hours=1)
    await channel.send(Outgoing(2, number, "new"))
    since = clock.now - timedelta(minutes=1)
    assert [(f.recipient, f.text) async for f in channel.find(number, since)] == [(number, "new")]


async def test_without_a_database_the_wall_is_in_memory():
    channel = open_phones()
    await channel.send(Outgoing(1, "+19995550123", "Habari?"))
    found = [f.text async for f in channel.find("+19995550123", NOW - timedelta(days=9999))]
    assert found == ["Habari?"]
