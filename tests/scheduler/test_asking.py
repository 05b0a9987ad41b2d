"""A classifier outside: asked before the transaction opens, told the language within it, in each writer's order."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from bot.distress import Reader
from bot.effects import Opinion
from content.pack import load_pack
from content.schema import Level
from scheduler.inbox import Inbox
from store import tables as t
from store.database import Database
from tests.builders import rows
from tests.conftest import HandClock
from tests.scheduler.test_inbox import a_person, said


class Outside:
    """Hears danger in everything, and answers a text only when it is let go, if it was told to hold it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.judged: list[tuple[str, str]] = []
        self.held: dict[str, asyncio.Event] = {}
        self.is_asked = asyncio.Event()

    async def ask(self, text: str) -> Callable[[str], Opinion]:
        self.asked.append(text)
        self.is_asked.set()
        if text in self.held:
            await self.held[text].wait()

        def judge(language: str) -> Opinion:
            self.judged.append((text, language))
            return Opinion(Level.HIGH, "gbv", 0.9, by="rasa")

        return judge


@pytest.fixture
def outside() -> Outside:
    return Outside()


@pytest.fixture
async def inbox(database: Database, clock: HandClock, outside: Outside) -> AsyncIterator[Inbox]:
    pack = load_pack()
    opened = Inbox(database, pack, Reader(pack), clock, ask=outside.ask)
    yield opened
    await opened.close()


async def test_what_is_heard_outside_becomes_an_alert_judged_in_the_writers_language(
    database: Database, inbox: Inbox, outside: Outside
) -> None:
    channel_id, _, number, _ = await a_person(database, language="sw")
    assert await inbox.accept(channel_id, said(number, "blue stones on the road"))
    (alert,) = await rows(database, t.alert)
    (assessment,) = await rows(database, t.assessment)
    assert (alert.route, assessment.level) == ("gbv", Level.HIGH)
    (reason,) = assessment.reasons
    assert (reason["code"], reason["detail"]) == ("classifier", "rasa: gbv 90%")
    assert outside.judged == [("blue stones on the road", "sw")]


async def test_one_persons_messages_keep_their_order_and_nobody_else_waits(
    database: Database, inbox: Inbox, outside: Outside
) -> None:
    channel_id, _, number, _ = await a_person(database)
    _, _, other, _ = await a_person(database)
    outside.held["one two"] = asyncio.Event()
    first = asyncio.create_task(inbox.accept(channel_id, said(number, "one two")))
    await outside.is_asked.wait()
    second = asyncio.create_task(inbox.accept(channel_id, said(number, "three four")))
    assert await inbox.accept(channel_id, said(other, "five six"))
    assert [row.text for row in await rows(database, t.inbox)] == ["five six"]
    assert outside.asked == ["one two", "five six"]
    outside.held["one two"].set()
    assert await asyncio.gather(first, second) == [True, True]
    assert [row.text for row in await rows(database, t.inbox, order=t.inbox.c.id)] == [
        "five six",
        "one two",
        "three four",
    ]
    assert len(inbox._in_turn) == 0  # nothing is kept of who wrote


async def test_a_message_that_is_set_aside_is_read_with_the_opinion_too(
    database: Database, inbox: Inbox, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("scheduler.inbox.take_turn", breaks)
    channel_id, _, number, _ = await a_person(database)
    await inbox.accept(channel_id, said(number, "blue stones"))
    (message,) = await rows(database, t.inbox)
    (alert,) = await rows(database, t.alert)
    assert (message.state, message.level, alert.route) == ("set_aside", Level.HIGH, "gbv")
