"""The queue and the page of one alert: what staff see and do, all of it with plain forms."""

import gzip
from typing import Any

import pytest
import sqlalchemy as sa

from cases.closing import CONTACT_RESULTS, OUTCOMES
from console import words
from content.schema import ROUTES, Level
from store import tables
from store.database import Database
from tests.builders import a_beneficiary, a_channel, a_contact, a_site, a_staff_member, rows
from tests.conftest import HandClock
from tests.console.conftest import an_alert, visible
from tests.console.test_permissions import _a_message, _code


async def _one(database: Database, clock: HandClock, text: str = "i want to die", **person: Any) -> tuple[str, int]:
    site, channel = await a_site(database), await a_channel(database)
    contact = await a_contact(database, channel, **person.pop("contact", {}))
    beneficiary = await a_beneficiary(database, site, contact, **person)
    message = await _a_message(database, channel, contact, text, clock)
    alert = await an_alert(database, site, channel, contact, beneficiary, clock(), inbox_id=message)
    return await _code(database, alert), alert


async def test_an_alert_is_taken_answered_tried_and_closed_with_forms_alone(
    database: Database, log_in: Any, clock: HandClock
) -> None:
    code, alert_id = await _one(database, clock)
    browser = await log_in(database, name="Amina")
    assert "Nobody has it" in await browser.text(f"/alerts/{code}")
    steps = [
        await browser.post(f"/alerts/{code}/take"),
        await browser.post(f"/alerts/{code}/reply", text="I am Amina. May I call you now?"),
        await browser.post(f"/alerts/{code}/attempt", result="REACHED_SELF", note="Spoke for ten minutes"),
        await browser.post(f"/alerts/{code}/note", note="Sister is with her"),
        await browser.post(f"/alerts/{code}/level", level="2", reason="Calm now"),
        await browser.post(f"/alerts/{code}/close", outcome="SAFE_SUPPORTED", note="Weekly calls"),
    ]
    assert [(step.status, step.headers["Location"].split("?done=")[1]) for step in steps] == [
        (303, "taken"),
        (303, "replied"),
        (303, "attempt"),
        (303, "note"),
        (303, "level"),
        (303, "closed"),
    ]
    alert = (await rows(database, tables.alert, tables.alert.c.id == alert_id))[0]
    assert (alert.state, alert.level, alert.outcome) == ("closed", Level.ELEVATED, "SAFE_SUPPORTED")
    page = visible(await browser.text(f"/alerts/{code}"))
    assert "I am Amina. May I call you now?" in page
    assert "Sister is with her" in page
    assert "Spoke for ten" in page


async def test_of_two_who_take_the_same_alert_the_second_is_told_who_has_it(
    database: Database, log_in: Any, clock: HandClock
) -> None:
    code, _ = await _one(database, clock)
    first, second = await log_in(database, name="Amina"), await log_in(database, name="Joseph")
    assert (await first.post(f"/alerts/{code}/take")).status == 303
    late = await second.post(f"/alerts/{code}/take")
    assert late.status == 409
    assert f"Alert {code} is with Amina." in await late.text()


async def test_words_that_give_somebody_away_are_sent_only_after_a_second_look(
    database: Database, log_in: Any, clock: HandClock
) -> None:
    code, _ = await _one(database, clock)
    browser = await log_in(database)
    await browser.post(f"/alerts/{code}/take")
    replies = sa.select(sa.func.count()).where(tables.outbox.c.purpose == "staff_reply")
    warned = await browser.post(f"/alerts/{code}/reply", text="the reintegration office here")
    page = await warned.text()
    assert warned.status == 422
    assert "“reintegration”" in page
    assert "the reintegration office here</textarea>" in page
    assert 'name="confirmed"' in page
    async with database.read() as connection:
        assert (await connection.execute(replies)).scalar() == 0
    sent = await browser.post(f"/alerts/{code}/reply", text="the reintegration office here", confirmed="yes")
    assert sent.status == 303
    async with database.read() as connection:
        assert (await connection.execute(replies)).scalar() == 1


async def test_a_closing_against_the_rules_is_refused_in_words_and_nothing_typed_is_lost(
    database: Database, log_in: Any, clock: HandClock
) -> None:
    code, alert_id = await _one(database, clock)
    browser = await log_in(database)
    await browser.post(f"/alerts/{code}/take")
    refused = await browser.post(f"/alerts/{code}/close", outcome="OPTED_OUT", note="does not want us")
    page = await refused.text()
    assert refused.status == 409
    assert "Wanting no more messages does not end an alert of this level" in page
    assert "does not want us</textarea>" in page
    assert (await rows(database, tables.alert, tables.alert.c.id == alert_id))[0].state == "taken"


async def test_an_alert_is_passed_to_a_colleague_of_the_site(database: Database, log_in: Any, clock: HandClock) -> None:
    code, alert_id = await _one(database, clock)
    heir = await a_staff_member(database, name="Joseph")
    await a_staff_member(database, name="Focal", role="focal_point")
    browser = await log_in(database)
    await browser.post(f"/alerts/{code}/take")
    page = await browser.text(f"/alerts/{code}")
    assert f'<option value="{heir}">Joseph' in page
    assert ">Focal" not in page
    assert (await browser.post(f"/alerts/{code}/pass", to=str(heir))).status == 303
    assert (await rows(database, tables.alert, tables.alert.c.id == alert_id))[0].owner_id == heir


async def test_what_a_person_writes_is_shown_as_text(database: Database, log_in: Any, clock: HandClock) -> None:
    code, _ = await _one(database, clock, "<script>alert(1)</script> \"'><img src=x onerror=1>")
    browser = await log_in(database)
    page = await browser.text(f"/alerts/{code}")
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


async def test_safe_contact_facts_stand_in_plain_view(database: Database, log_in: Any, clock: HandClock) -> None:
    code, _ = await _one(
        database, clock, phone_kind="shared", safe_from=600, safe_until=660, staff_gender="female", safe_word="mango"
    )
    page = visible(await (await log_in(database)).text(f"/alerts/{code}"))  # 12:00 in Nairobi
    assert "Shared phone: others may read it or answer." in page
    assert "Do not call outside 10:00 to 11:00. It is 12:00 there now." in page
    assert "Asked to speak with a woman." in page
    assert "mango" not in page


async def test_the_name_and_number_come_only_for_a_reason_and_leave_a_trace(
    database: Database, log_in: Any, clock: HandClock
) -> None:
    code, alert_id = await _one(database, clock, name="Neema W", contact={"address": "+19995550123"})
    browser = await log_in(database)
    page = await browser.text(f"/alerts/{code}")
    assert "Neema" not in page
    assert "5550123" not in page
    assert (await browser.post(f"/alerts/{code}/reveal", reason="curious")).status == 422
    shown = await (await browser.post(f"/alerts/{code}/reveal", reason="call")).text()
    assert "Neema W" in shown
    assert "+19995550123" in shown
    trail = await rows(database, tables.audit, tables.audit.c.action == "glass.broken")
    assert [(entry.subject, entry.data) for entry in trail] == [(f"alert/{alert_id}", {"reason": "call"})]


async def test_every_look_at_an_alert_is_in_the_audit_trail(database: Database, log_in: Any, clock: HandClock) -> None:
    code, alert_id = await _one(database, clock)
    browser = await log_in(database, role="supervisor")
    await browser.text(f"/alerts/{code}")
    trail = await rows(database, tables.audit, tables.audit.c.action == "alert.viewed")
    assert [(entry.subject, entry.data) for entry in trail] == [(f"alert/{alert_id}", {"role": "supervisor"})]


async def test_the_queue_is_sorted_by_danger_and_then_by_deadline_and_200_rows_stay_under_100_kb(
    sqlite_database: Database, log_in: Any, clock: HandClock
) -> None:
    database = sqlite_database
    site, channel = await a_site(database, name="Kisima wa Mbali"), await a_channel(database)
    levels = [Level.PRACTICAL, Level.IMMINENT, Level.ELEVATED, Level.HIGH]
    for number in range(200):
        contact = await a_contact(database, channel)
        person = await a_beneficiary(database, site, contact, code=f"KIS-2026-{number:04d}")
        at = clock.forward(seconds=1)
        await an_alert(database, site, channel, contact, person, at, level=levels[number % 4], route="gbv")
    browser = await log_in(database)
    answer = await browser.client.get("/console/alerts", headers={"Accept-Encoding": "identity"})
    page = await answer.text()
    alerts = await rows(database, tables.alert)
    expected = [a.code for a in sorted(alerts, key=lambda a: (-a.level, a.target_at, a.id))]
    assert [part.split('"')[0] for part in page.split('<li id="a')[1:]] == expected
    assert len(page.encode()) < 100_000
    weight = len(gzip.compress(page.encode(), 6))
    for name in ("app.css", "app.js", "logo.svg"):
        address = next(part for part in page.split('"') if part.startswith("/console/static/") and part.endswith(name))
        asset = await browser.client.get(address, headers={"Accept-Encoding": "gzip"}, auto_decompress=False)
        weight += len(await asset.read())
    assert weight < 40_000


@pytest.mark.parametrize("query", ["level=4", "state=mine", "state=closed", "site=1", "level=x&site=9e9"])
async def test_filters_leave_out_what_does_not_fit(
    sqlite_database: Database, log_in: Any, clock: HandClock, query: str
) -> None:
    code, _ = await _one(sqlite_database, clock)
    page = await (await log_in(sqlite_database)).text(f"/alerts?{query}")
    assert (f'id="a{code}"' in page) == (query == "level=x&site=9e9")


def test_every_code_staff_can_meet_has_words() -> None:
    assert set(words.ROUTES) == set(ROUTES)
    assert set(words.OUTCOMES) == set(OUTCOMES)
    assert set(words.CONTACT_RESULTS) == set(CONTACT_RESULTS)
    assert set(words.LEVELS) == {int(level) for level in Level}
