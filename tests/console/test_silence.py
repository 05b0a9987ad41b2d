"""The silence work list in the browser: one tap an attempt, the next one opens, nothing is shown before it is asked."""

from typing import Any

import pytest

from store import tables
from store.database import Database
from tests.builders import rows
from tests.cases.test_silence import Silences
from tests.conftest import HandClock


@pytest.fixture
async def silences(database: Database) -> Silences:
    return await Silences(database).build()


async def test_an_attempt_is_one_tap_and_the_next_one_opens(silences: Silences, log_in: Any) -> None:
    await silences.someone("B-2")
    browser = await log_in(silences.database, role="caseworker", site_ids=[silences.site])
    first = await browser.text("/silence")
    assert "B-1" in first
    assert "2 people wait" in first
    answer = await browser.post(f"/silence/{silences.task}/attempt", result="NO_ANSWER", note="rang out")
    assert answer.status == 303
    then = await browser.text("/silence")
    assert "B-2" in then
    assert "1 person waits" in then
    again = await browser.post(f"/silence/{silences.task}/attempt", result="DANCED")
    assert again.status == 409


async def test_the_number_is_shown_once_asked_for_and_the_trail_keeps_it(
    silences: Silences, log_in: Any, clock: HandClock
) -> None:
    browser = await log_in(silences.database, role="psychosocial", site_ids=[silences.site])
    (contact,) = await rows(silences.database, tables.contact)
    assert contact.address not in await browser.text("/silence")
    shown = await browser.post(f"/silence/{silences.task}/reveal")
    assert f"tel:{contact.address}" in await shown.text()
    actions = [row.action for row in await rows(silences.database, tables.audit)]
    assert "glass.broken" in actions
    assert (await browser.post("/silence/1/reveal")).status == 404


async def test_later_shows_the_next_one(silences: Silences, log_in: Any) -> None:
    await silences.someone("B-2")
    browser = await log_in(silences.database, role="caseworker", site_ids=[silences.site])
    assert "B-2" in await browser.text(f"/silence?skip={silences.task}")
    assert "B-1" in await browser.text("/silence?skip=1,x")


async def test_an_empty_list_says_so(database: Database, log_in: Any) -> None:
    browser = await log_in(database, role="supervisor")
    assert "Nobody to look for now" in await browser.text("/silence")
