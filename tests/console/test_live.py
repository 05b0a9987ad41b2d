"""The live part: what happens reaches an open page, is replayed after a break, and shows nobody what is not theirs."""

import asyncio
import json
from dataclasses import replace
from typing import Any

from console.context import Viewer
from console.conversation import conversation
from console.live import Cursor, fingerprint
from store import tables
from store.database import Database
from store.queue import outgoing_row
from tests.builders import a_beneficiary, a_channel, a_contact, a_site
from tests.conftest import HandClock
from tests.console.conftest import Browser, an_alert
from tests.console.test_permissions import _code


class Stream:
    """An open event stream, read event by event."""

    def __init__(self, response: Any) -> None:
        self.response = response

    async def next(self) -> tuple[str, Any, str]:
        """(event, data, id) of the next event; heartbeats and the retry hint are passed over."""
        event, data, event_id = "", "", ""
        async with asyncio.timeout(5):
            while True:
                raw = await self.response.content.readline()
                assert raw, "the stream ended"
                line = raw.decode().rstrip("\n")
                name, _, value = line.partition(": ")
                if name == "event":
                    event = value
                elif name == "data":
                    data = value
                elif name == "id":
                    event_id = value
                elif not line and event:
                    return event, json.loads(data), event_id

    def close(self) -> None:
        self.response.close()


async def _open(browser: Browser, path: str = "/live", **headers: str) -> Stream:
    response = await browser.client.get(f"/console{path}", headers=headers)
    assert (response.status, response.content_type) == (200, "text/event-stream")
    return Stream(response)


async def _alert(database: Database, clock: HandClock, **values: Any) -> str:
    site, channel = await a_site(database), await a_channel(database)
    contact = await a_contact(database, channel)
    person = await a_beneficiary(database, site, contact)
    return await _code(database, await an_alert(database, site, channel, contact, person, clock(), **values))


async def test_a_new_alert_reaches_an_open_page_with_its_row_and_words_for_a_screen_reader(
    database: Database, log_in: Any, clock: HandClock
) -> None:
    stream = await _open(await log_in(database))
    code = await _alert(database, clock)
    event, news, _ = await stream.next()
    assert (event, news["code"], news["state"]) == ("alert", code, "open")
    assert news["say"] == f"New alert {code}: High, Kisima"
    assert news["html"].startswith(f'<li id="a{code}"')
    event, counts, _ = await stream.next()
    assert (event, counts) == ("counts", {"levels": {"4": 0, "3": 1, "2": 0, "1": 0}, "total": 1})
    stream.close()


async def test_what_happened_during_a_break_is_replayed_from_the_last_event_id(
    database: Database, log_in: Any, clock: HandClock
) -> None:
    browser = await log_in(database)
    stream = await _open(browser)
    first = await _alert(database, clock)
    assert (await stream.next())[1]["code"] == first
    _, _, last = await stream.next()
    stream.close()
    second = await _alert(database, clock)
    again = await _open(browser, **{"Last-Event-ID": last})
    said = {}
    event, news, _ = await again.next()
    while event == "alert":
        said[news["code"]] = news["say"]
        event, news, _ = await again.next()
    again.close()
    assert said[second] == f"New alert {second}: High, Kisima"
    assert said.get(first, "") == ""  # PostgreSQL looks a little way back, silently


async def test_a_report_about_staff_makes_no_sound_on_other_pages(
    database: Database, log_in: Any, clock: HandClock
) -> None:
    stream = await _open(await log_in(database))
    focal = await _open(await log_in(database, role="focal_point"))
    report = await _alert(database, clock, route="misconduct")
    assert (await focal.next())[1]["code"] == report
    other = await _alert(database, clock)
    seen = [await stream.next(), await stream.next()]
    assert [(event, news.get("code", "")) for event, news, _ in seen] == [("alert", other), ("counts", "")]
    assert seen[1][1]["total"] == 1
    stream.close()
    focal.close()


async def test_a_report_by_somebody_with_an_open_alert_changes_nothing_on_its_page(
    database: Database, log_in: Any, clock: HandClock
) -> None:
    site, channel = await a_site(database), await a_channel(database)
    contact = await a_contact(database, channel)
    code = await _code(database, await an_alert(database, site, channel, contact, None, clock(), route="distress"))
    viewer = Viewer(1, 1, "x", "X", "supervisor", ())
    async with database.read() as connection:
        before = await fingerprint(connection, viewer, code)
    report = await an_alert(database, site, channel, contact, None, clock(), route="misconduct")
    answer = outgoing_row(
        message_id=database.new_id(), purpose="staff_reply", channel_id=channel, now=clock(), text="Thank you",
        contact_id=contact, alert_id=report,
    )  # fmt: skip
    async with database.write() as connection:
        await database.insert_rows(connection, tables.outbox, [answer])
    async with database.read() as connection:
        assert await fingerprint(connection, viewer, code) == before != "gone"
        assert await conversation(connection, viewer, contact) == []
        focal = await conversation(connection, replace(viewer, role="focal_point"), contact)
    assert [line.text for line in focal] == ["Thank you"]


async def test_a_page_of_another_site_hears_nothing(database: Database, log_in: Any, clock: HandClock) -> None:
    elsewhere = await a_site(database)
    stream = await _open(await log_in(database, site_ids=[elsewhere]))
    await _alert(database, clock)
    site, channel = elsewhere, await a_channel(database)
    contact = await a_contact(database, channel)
    mine = await _code(database, await an_alert(database, site, channel, contact, None, clock()))
    assert (await stream.next())[1]["code"] == mine
    stream.close()


async def test_the_page_of_an_alert_is_told_when_a_colleague_takes_it(
    database: Database, log_in: Any, clock: HandClock
) -> None:
    code = await _alert(database, clock)
    first, second = await log_in(database), await log_in(database)
    page = await first.text(f"/alerts/{code}")
    seen = page.split("/live?seen=")[1].split('"')[0]
    stream = await _open(first, f"/alerts/{code}/live?seen={seen}")
    assert (await second.post(f"/alerts/{code}/take")).status == 303
    event, news, _ = await stream.next()
    assert event == "changed"
    assert news["seen"] not in {"", "gone", seen}
    stream.close()


async def test_a_stream_ends_when_its_session_does(database: Database, log_in: Any, clock: HandClock) -> None:
    browser = await log_in(database)
    stream = await _open(browser)
    await browser.post("/logout")
    await _alert(database, clock)  # wakes the stream
    assert (await stream.next())[:2] == ("bye", {})
    stream.close()


def test_an_event_that_was_committed_late_is_still_told_once() -> None:
    cursor = Cursor(100, 64)
    assert cursor.take([101, 103]) == [101, 103]
    assert cursor.take([101, 102, 103]) == [102]
    assert (cursor.newest, cursor.take([101, 102, 103])) == (103, [])
