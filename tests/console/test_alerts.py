"""The queue and the page of one alert: what staff see and do, all of it with plain forms."""

import gzip
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest
import sqlalchemy as sa

from cases.closing import CONTACT_RESULTS, OUTCOMES
from console import words
from content.schema import ROUTES, Level, Pack
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
    await browser.post(f"/alerts/{code}/open")
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


# --- what to do next ---


async def _change(database: Database, table: sa.Table, row_id: int, **values: Any) -> None:
    async with database.write() as connection:
        await connection.execute(sa.update(table).where(table.c.id == row_id).values(**values))


async def test_the_card_of_the_route_is_shown_in_the_readers_language_and_its_steps_are_ticked(
    database: Database, log_in: Any, clock: HandClock, pack: Pack
) -> None:
    code, alert_id = await _one(database, clock)
    browser = await log_in(database, name="Amina")
    card = pack.protocols["self_harm", "en"]
    before = await browser.text(f"/alerts/{code}")
    assert f"What to do next: {card.title}" in visible(before)
    assert "Not yet reviewed by your clinical lead." in before
    assert 'name="step"' not in before  # whoever does not have the alert reads it
    assert "0 of 5 done" in before
    assert "This site’s line: 1199" in visible(before)
    await browser.post(f"/alerts/{code}/take")
    assert (await browser.post(f"/alerts/{code}/step", step="ask")).status == 303
    assert (await browser.post(f"/alerts/{code}/step", step="call")).status == 303
    assert (await browser.post(f"/alerts/{code}/step", undo="call")).status == 303
    page = await browser.text(f"/alerts/{code}")
    assert "1 of 5 done" in page
    assert 'name="undo" value="ask" aria-pressed="true"' in page
    assert 'name="step" value="call" aria-pressed="false"' in page
    ask = next(step.text for step in card.steps if step.id == "ask")
    assert f"Step done: {ask}" in visible(unescape(page))
    unknown = await browser.post(f"/alerts/{code}/step", step="nonsense")
    assert (unknown.status, "This step is not on the card." in await unknown.text()) == (409, True)
    # A life in danger now has steps of its own, on top.
    assert 'value="together"' not in page
    await _change(database, tables.alert, alert_id, level=int(Level.IMMINENT))
    urgent = await browser.text(f"/alerts/{code}")
    assert urgent.index('name="step" value="together"') < urgent.index('name="step" value="company"')
    assert urgent.index('name="step" value="company"') < urgent.index('name="step" value="call"')
    french = await (await browser.get(f"/alerts/{code}", **{"Accept-Language": "fr"})).text()
    assert pack.protocols["self_harm", "fr"].title in unescape(french)


async def test_prepared_replies_come_in_the_persons_language_with_their_meaning(
    database: Database, log_in: Any, clock: HandClock, pack: Pack
) -> None:
    code, _ = await _one(database, clock, contact={"language": "sw"})
    browser = await log_in(database, languages=["en"])
    await browser.post(f"/alerts/{code}/take")
    page = unescape(await browser.text(f"/alerts/{code}"))
    assert "Prepared replies, in Swahili" in page
    for key in ("company", "first_contact"):
        assert pack.replies[key, "sw"].text in page
        assert pack.replies[key, "en"].text in page
    assert pack.replies["hotline", "sw"].text.replace("{hotline}", "1199") in page
    assert pack.replies["gbv_offer", "sw"].text not in page
    # Without scripts a tap brings the page back with the reply in the box, behind what was written there.
    put = await browser.post(f"/alerts/{code}/reply", use="here", text="Amina hapa.")
    box = f"Amina hapa. {pack.replies['here', 'sw'].text}</textarea>"
    assert (put.status, box in await put.text()) == (200, True)
    assert await _sent(database) == []


async def test_a_long_answer_says_what_it_costs(database: Database, log_in: Any, clock: HandClock) -> None:
    code, _ = await _one(database, clock)
    browser = await log_in(database)
    await browser.post(f"/alerts/{code}/take")
    page = await (await browser.post(f"/alerts/{code}/reply", use="", text="Á" * 71)).text()
    assert "This costs 2 messages." in page


async def _sent(database: Database) -> list[tuple[str, datetime]]:
    found = await rows(database, tables.outbox, tables.outbox.c.purpose == "staff_reply")
    return [(row.text, row.due_at) for row in found]


# --- what stands in the way of a reply ---


async def test_outside_the_safe_hours_the_page_offers_the_next_one_or_asks_why_not(
    database: Database, log_in: Any, clock: HandClock
) -> None:
    code, _ = await _one(database, clock, safe_from=600, safe_until=660)
    browser = await log_in(database)
    await browser.post(f"/alerts/{code}/take")
    held = await browser.post(f"/alerts/{code}/reply", text="Hello")
    page = await held.text()
    assert held.status == 422
    assert "It is outside the person’s safe hours, 10:00-11:00." in page
    assert "Hello</textarea>" in page
    assert 'name="when" value="safe">Send at ' in page
    assert ", 10:00</button>" in page
    assert "Send now anyway, with the reason above" in page
    assert (await browser.post(f"/alerts/{code}/reply", text="Hello", why="  ")).status == 422
    waits = await browser.post(f"/alerts/{code}/reply", text="Hello", when="safe")
    now = await browser.post(f"/alerts/{code}/reply", text="Now", why="She asked me to")
    assert [answer.headers["Location"].split("=")[1] for answer in (waits, now)] == ["waits", "replied"]
    assert sorted(await _sent(database)) == [("Hello", clock() + timedelta(hours=22)), ("Now", clock())]
    story = visible(await browser.text(f"/alerts/{code}"))
    assert "Answered by message: it waits for a safe hour" in story
    assert "She asked me to" in story


async def test_on_a_shared_phone_words_that_expose_need_a_tick_and_a_reason(
    database: Database, log_in: Any, clock: HandClock
) -> None:
    code, _ = await _one(database, clock, phone_kind="shared")
    browser = await log_in(database)
    await browser.post(f"/alerts/{code}/take")
    form = {"text": "Je, una bunduki?"}  # Swahili, to somebody whose language is English
    warned = await browser.post(f"/alerts/{code}/reply", **form)
    page = await warned.text()
    assert warned.status == 422
    assert "Others read this phone. These words can give the person away: “bunduki”." in page
    assert 'name="confirmed"' in page
    assert 'name="why"' in page
    assert (await browser.post(f"/alerts/{code}/reply", confirmed="yes", **form)).status == 422
    assert (await browser.post(f"/alerts/{code}/reply", confirmed="yes", why="Only he reads it", **form)).status == 303
    assert [text for text, _ in await _sent(database)] == [form["text"]]


async def test_a_silent_alert_is_neither_answered_nor_called_unless_that_was_agreed(
    database: Database, log_in: Any, clock: HandClock
) -> None:
    code, alert_id = await _one(database, clock, name="Neema W", contact={"address": "+19995550124"})
    await _change(database, tables.alert, alert_id, is_silent=True)
    browser = await log_in(database)
    await browser.post(f"/alerts/{code}/take")
    page = await browser.text(f"/alerts/{code}")
    assert "DURESS: somebody may be watching." in page
    assert page.count('name="agreed"') == 2
    held = await browser.post(f"/alerts/{code}/reply", text="Hello", confirmed="yes")
    assert (held.status, "This person wrote under duress." in await held.text()) == (422, True)
    refused = await browser.post(f"/alerts/{code}/reveal", reason="call")
    shown = await (await browser.post(f"/alerts/{code}/reveal", reason="visit")).text()
    assert (refused.status, "5550124" in await refused.text()) == (422, False)
    assert ("Neema W" in shown, "5550124" in shown) == (True, False)
    assert await _sent(database) == []
    assert "5550124" in await (await browser.post(f"/alerts/{code}/reveal", reason="call", agreed="yes")).text()
    assert (await browser.post(f"/alerts/{code}/reply", text="Hello", agreed="yes")).status == 303


async def test_an_answer_is_not_sent_past_a_colleagues_step_that_was_not_on_the_page(
    database: Database, log_in: Any, clock: HandClock
) -> None:
    code, _ = await _one(database, clock)
    first, boss = await log_in(database, name="Amina"), await log_in(database, name="Ruth", role="supervisor")
    await first.post(f"/alerts/{code}/take")
    seen = _seen(await first.text(f"/alerts/{code}"))
    await boss.post(f"/alerts/{code}/attempt", result="NO_ANSWER")
    clock.forward(minutes=2)
    late = await first.post(f"/alerts/{code}/reply", text="Hello", seen=seen)
    page = await late.text()
    assert late.status == 409
    assert "Ruth tried to reach the person 2 min ago. Read it first." in page
    assert "Hello</textarea>" in page
    assert await _sent(database) == []
    assert (await first.post(f"/alerts/{code}/reply", text="Hello", seen=_seen(page))).status == 303


def _seen(page: str) -> str:
    return page.split('name="seen" value="')[1].split('"', maxsplit=1)[0]


# --- who sees what ---


async def test_the_text_is_hidden_from_colleagues_until_they_open_it_and_the_trail_keeps_who_did(
    database: Database, log_in: Any, clock: HandClock
) -> None:
    code, alert_id = await _one(database, clock, "i want to die tonight")
    owner, other = await log_in(database, name="Amina"), await log_in(database, login="joseph")
    desk = await log_in(database, name="Grace", role="coordinator")
    hidden = await other.text(f"/alerts/{code}")
    assert "i want to die" not in hidden
    assert "want to die" not in visible(hidden)  # nor in the reasons
    assert "Show the conversation" in hidden
    await owner.post(f"/alerts/{code}/take")
    assert "i want to die tonight" in await owner.text(f"/alerts/{code}")
    assert "i want to die" not in await other.text(f"/alerts/{code}")
    assert (await other.post(f"/alerts/{code}/open")).status == 303
    assert "i want to die tonight" in await other.text(f"/alerts/{code}")
    assert (await desk.post(f"/alerts/{code}/open")).status == 403
    assert "i want to die" not in await desk.text(f"/alerts/{code}")
    trail = await rows(database, tables.audit, tables.audit.c.action == "text.opened")
    assert [entry.subject for entry in trail] == [f"alert/{alert_id}"]
    clock.forward(hours=9)  # another shift asks again
    await other.log_in("joseph")
    assert "i want to die" not in await other.text(f"/alerts/{code}")


async def test_who_may_answer_is_said_by_language_by_what_the_person_asked_and_own_caseworker_first(
    database: Database, log_in: Any, clock: HandClock
) -> None:
    own = await a_staff_member(database, name="Halima", role="caseworker", gender="female", languages=["sw"])
    await a_staff_member(database, name="Omar", gender="male", languages=["sw"])
    await a_staff_member(database, name="Beth", gender="female", languages=["sw", "en"])
    await a_staff_member(database, name="Carol", gender="female", languages=["en"])
    code, alert_id = await _one(database, clock, contact={"language": "sw"}, staff_gender="female", caseworker_id=own)
    browser = await log_in(database, name="Amina", gender="female", languages=["en"])
    page = visible(await browser.text(f"/alerts/{code}"))
    assert "Who may answer: Halima (caseworker), Beth." in page
    await _change(database, tables.alert, alert_id, route="gbv")
    await _change(database, tables.contact, (await rows(database, tables.alert))[0].contact_id, language="so")
    assert "Nobody here fits who may answer" in await browser.text(f"/alerts/{code}")


# --- asking a supervisor ---


async def test_an_outcome_that_needs_a_supervisor_is_asked_for_refused_with_words_and_agreed_to(
    database: Database, log_in: Any, clock: HandClock
) -> None:
    code, alert_id = await _one(database, clock)
    owner = await log_in(database, name="Amina")
    boss = await log_in(database, name="Ruth", role="supervisor")
    await owner.post(f"/alerts/{code}/take")
    await owner.post(f"/alerts/{code}/attempt", result="REACHED_SELF")
    page = await owner.text(f"/alerts/{code}")
    assert "Ask a supervisor to close it" in page
    assert "(a supervisor decides)</option>" in page
    assert "Ask a supervisor to close it" not in await boss.text(f"/alerts/{code}")
    refused = await owner.post(f"/alerts/{code}/close", outcome="DECLINED_SUPPORT", note="Wants no help")
    assert (refused.status, "only a supervisor may close" in await refused.text()) == (409, True)
    asked = await owner.post(f"/alerts/{code}/ask", outcome="DECLINED_SUPPORT", note="Wants no help")
    assert asked.headers["Location"].endswith("done=asked")
    assert "asks to close" in await boss.text("/alerts?state=asked")
    assert f'id="a{code}"' in await boss.text("/alerts?state=asked")
    shown = visible(unescape(await boss.text(f"/alerts/{code}")))
    assert "Amina asks to close it: Reached, does not want help" in shown
    assert "Wants no help" in shown
    wordless = await boss.post(f"/alerts/{code}/refuse", why=" ")
    assert (wordless.status, "Say what is still to be done." in await wordless.text()) == (409, True)
    assert (await boss.post(f"/alerts/{code}/refuse", why="Visit first")).status == 303
    told = visible(await owner.text(f"/alerts/{code}"))
    assert ("asks to close it" in told, "Visit first" in told) == (False, True)
    await owner.post(f"/alerts/{code}/ask", outcome="DECLINED_SUPPORT", note="Visited, no help wanted")
    agreed = await boss.post(f"/alerts/{code}/close", outcome="DECLINED_SUPPORT", note="Visited, no help wanted")
    assert agreed.status == 303
    alert = (await rows(database, tables.alert, tables.alert.c.id == alert_id))[0]
    assert (alert.state, alert.outcome, alert.asked_outcome) == ("closed", "DECLINED_SUPPORT", None)


async def test_the_queue_shows_no_word_of_a_message(database: Database, log_in: Any, clock: HandClock) -> None:
    await _one(database, clock, "i want to die tonight")
    page = await (await log_in(database)).text("/alerts")
    assert "tonight" not in page
    assert "want to die" not in page
    assert 'id="bell" type="button" hidden' in page
