"""People, tasks, campaigns and the wall of phones."""

from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa

from console import wellbeing
from store import tables
from store.database import Database
from tests.builders import a_beneficiary, a_channel, a_contact, a_site, rows
from tests.conftest import NOW, HandClock
from tests.console.conftest import visible


async def _task(database: Database, site: int, clock: HandClock, **values: Any) -> int:
    task = {
        "id": database.new_id(),
        "key": f"k{database.new_id()}",
        "site_id": site,
        "kind": "call_me",
        "state": "open",
        "created_at": clock(),
        "due_at": clock(),
    }
    async with database.write() as connection:
        await connection.execute(sa.insert(tables.follow_up), [task | values])
    return int(task["id"])


async def test_a_person_is_a_code_until_the_glass_is_broken(database: Database, log_in: Any) -> None:
    site, channel = await a_site(database), await a_channel(database)
    contact = await a_contact(database, channel, "+19995550199")
    person = await a_beneficiary(database, site, contact, code="KIS-7", name="Neema W")
    browser = await log_in(database)
    pages = await browser.text("/people?q=kis-7") + await browser.text(f"/people/{person}")
    assert "KIS-7" in pages
    assert "Neema" not in pages
    assert "5550199" not in pages
    shown = await (await browser.post(f"/people/{person}/reveal", reason="visit")).text()
    assert "Neema W" in shown
    assert "+19995550199" in shown
    actions = [entry.action for entry in await rows(database, tables.audit)]
    assert actions == ["login", "person.viewed", "glass.broken", "person.viewed"]


async def test_a_search_takes_percent_signs_as_letters(database: Database, log_in: Any) -> None:
    site = await a_site(database)
    await a_beneficiary(database, site, None, code="KIS-7")
    assert "KIS-7" not in await (await log_in(database)).text("/people?q=%25")


async def test_a_task_is_done_once(database: Database, log_in: Any, clock: HandClock) -> None:
    site = await a_site(database)
    task = await _task(database, site, clock)
    browser = await log_in(database)
    assert "Asked to be called" in await browser.text("/tasks")
    assert [(await browser.post(f"/tasks/{task}/done")).status for _ in range(2)] == [303, 303]
    assert "Nothing to do" in await browser.text("/tasks")
    trail = await rows(database, tables.audit, tables.audit.c.action == "task.done")
    assert [entry.subject for entry in trail] == [f"follow_up/{task}"]


async def test_a_task_of_another_site_is_not_there(database: Database, log_in: Any, clock: HandClock) -> None:
    here, there = await a_site(database), await a_site(database)
    task = await _task(database, there, clock)
    browser = await log_in(database, site_ids=[here])
    assert (await browser.post(f"/tasks/{task}/done")).status == 404
    assert (await rows(database, tables.follow_up))[0].state == "open"


async def test_a_campaign_is_made_looked_at_started_paused_and_resumed(database: Database, log_in: Any) -> None:
    site, channel = await a_site(database, code="KIS"), await a_channel(database)
    await a_beneficiary(database, site, await a_contact(database, channel), weekday=2)
    browser = await log_in(database, role="coordinator")
    made = await browser.post("/campaigns", name="Weekly at Kisima", checkin="weekly", kind="weekly", sites="KIS")
    assert made.status == 303
    path = made.headers["Location"].removeprefix("/console").split("?")[0]
    page = visible(await browser.text(path))
    assert "Weekly at Kisima Not started" in page
    assert "Wed 4 Mar 1 1" in page
    for step, state in (("start", "running"), ("pause", "paused"), ("resume", "running")):
        assert (await browser.post(f"{path}/{step}")).status == 303
        assert (await rows(database, tables.campaign))[0].state == state
    again = await browser.post(f"{path}/start")
    assert (again.status, "only a draft can be started" in await again.text()) == (409, True)


async def test_a_campaign_for_those_who_left_is_made_in_the_form(database: Database, log_in: Any) -> None:
    await a_site(database, code="KIS")
    browser = await log_in(database, role="coordinator")
    form = {"name": "After", "checkin": "exit_6_months", "kind": "after_exit", "days_left": "182, 365", "sites": "KIS"}
    made = await browser.post("/campaigns", **form)
    assert made.status == 303
    page = visible(await browser.text(made.headers["Location"].removeprefix("/console").split("?")[0]))
    assert "182, 365 days after leaving" in page
    assert (await browser.post("/campaigns", name="B", checkin="weekly", kind="weekly", states="exited")).status == 303
    found = await rows(database, tables.campaign)
    assert [(row.kind, row.audience["states"]) for row in found] == [("after_exit", ["exited"]), ("weekly", ["exited"])]
    refused = await browser.post("/campaigns", **form | {"days_left": "half a year"})
    assert (refused.status, "Write the days after leaving as numbers" in await refused.text()) == (422, True)


async def test_a_campaign_that_cannot_be_is_refused_in_words(database: Database, log_in: Any) -> None:
    browser = await log_in(database, role="coordinator")
    forms = {
        "Choose the day on which it is sent.": {"kind": "once"},
        "Write the days after arrival as numbers": {"kind": "after_anchor", "days": "a week"},
        "Choose when it is sent.": {"kind": "never"},
        "Write the hour as 14:30": {"kind": "weekly", "hour": "25:00"},
        "There is no check-in": {"kind": "weekly", "checkin": "none"},
    }
    for sentence, form in forms.items():
        answer = await browser.post("/campaigns", **({"name": "X", "checkin": "weekly"} | form))
        assert (answer.status, sentence in await answer.text()) == (422, True), sentence
    assert await rows(database, tables.campaign) == []


async def test_a_planner_of_one_site_cannot_plan_for_another(database: Database, log_in: Any) -> None:
    here = await a_site(database, code="HERE")
    await a_site(database, code="THERE")
    browser = await log_in(database, role="coordinator", site_ids=[here])
    beyond = await browser.post("/campaigns", name="X", checkin="weekly", kind="weekly", sites="THERE")
    assert beyond.status == 422
    assert (await browser.post("/campaigns", name="X", checkin="weekly", kind="weekly")).status == 303
    assert (await rows(database, tables.campaign))[0].audience["sites"] == ["HERE"]


async def test_a_text_from_a_pretend_phone_goes_in_and_shows_on_its_screen(database: Database, log_in: Any) -> None:
    browser = await log_in(database)
    sent = await browser.post("/phones/text", number="+19995550001", text="habari <b>")
    assert sent.status == 303
    assert "habari &lt;b&gt;" in await browser.text("/phones")
    assert (await browser.post("/phones/text", number="evil", text="x")).status == 400


async def test_a_pretend_phone_rings_and_hangs_up(database: Database, log_in: Any) -> None:
    browser = await log_in(database)
    assert (await browser.post("/phones/ring", number="+19995550001")).status == 303
    assert "ring ring" in await browser.text("/phones")
    assert (await browser.post("/phones/ring", number="evil")).status == 400


def test_a_wellbeing_picture_stays_inside_its_frame_and_knows_the_usual() -> None:
    chart = wellbeing.draw("How are you?", [(NOW, 3), (NOW.replace(hour=12), 9), (NOW.replace(hour=15), 4)], (0, 10))
    assert [(round(p.x), round(p.y)) for p in chart.points] == [(26, 95), (280, 36), (534, 85)]
    assert (chart.usual, chart.says) == (None, "3 answers, last 4; too few to know what is usual")


def test_a_persons_usual_is_taken_from_what_came_before_the_last_answer() -> None:
    answers = [(NOW.replace(hour=hour), value) for hour, value in ((8, 3.0), (9, 2.0), (10, 4.0), (11, 9.0))]
    alerts = [SimpleNamespace(code="K7QF", level=3, opened_at=NOW.replace(hour=hour)) for hour in (7, 11)]
    chart = wellbeing.draw("How are you?", answers, (0, 10), alerts)
    assert chart.usual == wellbeing.Usual(3, 2, 4, 3)
    assert chart.says == "4 answers, usually 3 (half of them 2 to 4), last 9"
    assert [(mark.code, round(mark.x)) for mark in chart.marks] == [("K7QF", 534)]  # the other lies before the picture


async def test_a_task_shows_the_message_it_is_about_and_not_a_later_one(
    database: Database, log_in: Any, clock: HandClock
) -> None:
    site = await a_site(database)
    contact = await a_contact(database, channel := await a_channel(database))
    await a_beneficiary(database, site, contact)
    texts = {"msg about the goat": database.new_id(), "a later word": database.new_id()}
    async with database.write() as connection:
        await connection.execute(sa.insert(tables.inbox), [
            {"id": number, "channel_id": channel, "provider_id": text[:8], "contact_id": contact, "text": text,
             "received_at": clock(), "state": "handled"} for text, number in texts.items()
        ])  # fmt: skip
    await _task(database, site, clock, kind="read_message", contact_id=contact, inbox_id=texts["msg about the goat"])
    browser = await log_in(database, site_ids=[site])
    page = await browser.text("/tasks")
    assert "msg about the goat" in page
    assert "a later word" not in page
