"""The case file as staff see it: what stands on its pages, who may change it, and what never shows."""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from cases import alerts, casework
from content.schema import Level
from store import tables
from store.database import Database
from tests.builders import a_beneficiary, a_channel, a_contact, a_site, a_staff_member, rows
from tests.conftest import NOW, HandClock
from tests.console.conftest import Browser, an_alert, visible

LogIn = Callable[..., Awaitable[Browser]]
DAY = timedelta(days=1)
PAGES = ("", "/timeline", "/plan", "/referrals", "/facts", "/move", "/messages")


class File:
    """One person at one site, with a message, answers over time and a service nearby."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def build(self, **person: Any) -> "File":
        db = self.database
        self.site, self.channel = await a_site(db, code="KIS", name="Kisima"), await a_channel(db)
        self.contact = await a_contact(db, self.channel, "+19995550199")
        values = {"code": "KIS-7", "name": "Neema W", "safe_word": "mango", "duress_word": "red goat"} | person
        self.person = await a_beneficiary(db, self.site, self.contact, **values)
        message = {
            "id": db.new_id(), "channel_id": self.channel, "provider_id": "p1", "contact_id": self.contact,
            "text": "my goat has died", "received_at": NOW, "state": "handled",
        }  # fmt: skip
        service = {
            "id": db.new_id(), "code": "clin", "name": "Kisima clinic", "kind": "health", "site_ids": [self.site],
            "languages": ["en"], "agreement": "AGR-1", "phone": "+19995550123", "is_women_friendly": True,
            "is_child_friendly": False, "checked_on": NOW.date(),
        }  # fmt: skip
        self.service = service["id"]
        async with db.write() as connection:
            await connection.execute(sa.insert(tables.inbox), [message])
            await connection.execute(sa.insert(tables.service), [service])
        return self

    async def answers(self, checkin: str, question: str, *values: Any) -> None:
        db = self.database
        for n, value in enumerate(values):
            at = NOW - (len(values) - n) * 7 * DAY
            session = {
                "id": db.new_id(), "beneficiary_id": self.person, "contact_id": self.contact, "checkin": checkin,
                "version": "1", "state": "done", "progress": {}, "opened_at": at, "answered_at": at, "ended_at": at,
            }  # fmt: skip
            answer = {
                "id": db.new_id(), "session_id": session["id"], "beneficiary_id": self.person, "checkin": checkin,
                "version": "1", "question": question, "value": value, "answered_at": at,
            }  # fmt: skip
            async with db.write() as connection:
                await connection.execute(sa.insert(tables.session), [session])
                await connection.execute(sa.insert(tables.answer), [answer])

    def url(self, rest: str = "") -> str:
        return f"/people/{self.person}{rest}"


@pytest.fixture
async def file(database: Database) -> File:
    return await File(database).build()


async def test_no_page_of_the_file_gives_a_name_a_number_a_secret_word_or_a_message(file: File, log_in: LogIn) -> None:
    browser = await log_in(file.database, role="supervisor")
    for rest in PAGES:
        shown = await browser.text(file.url(rest))
        assert "KIS-7" in shown
        assert [word for word in ("Neema", "5550199", "mango", "red goat") if word in shown] == [], rest
        assert ("my goat has died" in shown) is (rest == "/messages"), rest
        assert len(shown.encode()) < 100_000
    actions = [(entry.action, entry.data) for entry in await rows(file.database, tables.audit)]
    assert ("messages.viewed", {}) in actions
    assert ("person.viewed", {"part": "timeline"}) in actions


@pytest.mark.parametrize("role", ["admin", "coordinator"])
async def test_who_reads_no_messages_reads_no_notes_goals_or_answers_either(
    file: File, log_in: LogIn, role: str
) -> None:
    db = file.database
    carer = await a_staff_member(db)
    await file.answers("reintegration", "family", "bad")
    await casework.add_note(db, file.person, carer, "quarrel with the brother", NOW)
    await casework.add_goal(db, file.person, carer, "LIV", "a stall of her own", None, NOW)
    await casework.add_finding(db, file.person, carer, "FAM", 1, "visit", "all calm", NOW)
    browser = await log_in(db, role=role)
    pages = "".join([await browser.text(file.url(rest)) for rest in ("", "/timeline", "/plan", "/referrals")])
    hidden = ("quarrel", "a stall of her own", "all calm", "The person says")
    assert [text for text in hidden if text in pages] == []
    assert "Work and income" in pages
    assert (await browser.get(file.url("/messages"))).status == 403


async def test_another_sites_file_is_not_there(file: File, log_in: LogIn) -> None:
    browser = await log_in(file.database, site_ids=[await a_site(file.database)], role="supervisor")
    statuses = [(await browser.get(file.url(rest))).status for rest in PAGES]
    posts = ("/note", "/contact", "/tasks", "/facts", "/consent", "/goals", "/findings", "/referrals", "/transfer",
             "/leave", "/died")  # fmt: skip
    statuses += [(await browser.post(file.url(rest), note="x")).status for rest in posts]
    assert set(statuses) == {404}
    assert await rows(file.database, tables.case_event) == []


async def test_facts_are_changed_refused_and_words_kept(file: File, log_in: LogIn) -> None:
    browser = await log_in(file.database)
    form = {
        "phone_kind": "shared", "language": "sw", "staff_gender": "female", "weekday": "4", "minute": "10:30",
        "safe_from": "10:00", "safe_until": "11:00", "safe_word": "", "duress_word": "", "forget_safe_word": "yes",
    }  # fmt: skip
    assert (await browser.post(file.url("/facts"), **form)).headers["Location"].endswith("/facts?done=saved")
    (row,) = await rows(file.database, tables.beneficiary)
    found = (row.phone_kind, row.language, row.staff_gender, row.weekday, row.minute, row.safe_from, row.safe_until)
    assert found == ("shared", "sw", "female", 4, 630, 600, 660)
    assert (row.safe_word, row.duress_word) == (None, "red goat")
    bad = await browser.post(file.url("/facts"), **form | {"minute": "20:00"})
    page = await bad.text()
    assert (bad.status, "outside the safe hours" in page, 'value="20:00"' in page) == (409, True, True)
    late = await browser.post(file.url("/facts"), **form | {"minute": "25:99"})
    assert (late.status, "Write the hour as 14:30" in await late.text()) == (409, True)
    timeline = visible(await browser.text(file.url("/timeline?kind=changes")))
    assert (
        "Safe contact changed : whose phone it is" in timeline or "Safe contact changed: whose phone it is" in timeline
    )


async def test_consents_are_given_and_withdrawn_with_their_version(file: File, log_in: LogIn) -> None:
    browser = await log_in(file.database)
    give = {"step": "give", "purpose": "after_exit", "version": "ae-2", "language": "sw", "source": "phone"}
    assert (await browser.post(file.url("/consent"), **give)).status == 303
    assert "ae-2" in await browser.text(file.url("/facts"))
    no_version = await browser.post(file.url("/consent"), **give | {"version": " "})
    assert (no_version.status, "Name the version" in await no_version.text()) == (409, True)
    no_language = await browser.post(file.url("/consent"), **give | {"language": "xx"})
    assert no_language.status == 409
    assert (await browser.post(file.url("/consent"), step="withdraw", purpose="after_exit")).status == 303
    (row,) = await rows(file.database, tables.consent)
    assert (row.version, row.withdrawn_at) == ("ae-2", NOW)
    timeline = visible(await browser.text(file.url("/timeline?kind=consents")))
    assert "Consent withdrawn" in timeline
    assert "Contact after the programme · ae-2 · Swahili · On the telephone" in timeline


async def test_a_plan_with_what_is_said_beside_what_is_seen(file: File, log_in: LogIn) -> None:
    await file.answers("reintegration", "housing", "bad", "good")
    browser = await log_in(file.database)
    goal = {"domain": "HOU", "text": "a roof of tin", "due_on": "2026-05-01"}
    assert (await browser.post(file.url("/goals"), **goal)).status == 303
    assert (await browser.post(file.url("/findings"), domain="HOU", value="3", source="visit")).status == 303
    page = visible(await browser.text(file.url("/plan")))
    assert "a roof of tin" in page
    assert re.search(r"Housing Far apart Well .* Badly Visit", page)
    (row,) = await rows(file.database, tables.goal)
    assert (await browser.post(file.url(f"/goals/{row.id}"), state="reached")).status == 303
    assert (await rows(file.database, tables.goal))[0].state == "reached"
    refused = await browser.post(file.url("/goals"), **goal | {"due_on": "2020-01-01"})
    page = await refused.text()
    assert (refused.status, "lies ahead" in page, "a roof of tin</textarea>" in page) == (409, True, True)
    assert (await browser.post(file.url("/goals/1"), state="reached")).status == 409


async def test_wellbeing_is_a_picture_with_a_band_marks_and_the_same_as_a_table(file: File, log_in: LogIn) -> None:
    await file.answers("monthly", "distress", 2, 3, 4, 3, 8)
    async with file.database.write() as connection:
        await connection.execute(sa.update(tables.answer).values(score=None))
    await an_alert(file.database, file.site, file.channel, file.contact, file.person, NOW - 10 * DAY)
    browser = await log_in(file.database)
    page = await browser.text(file.url())
    picture = re.search(r'<svg class="chart".*?</svg>', page, re.DOTALL)
    assert picture is not None
    assert [picture[0].count(part) for part in ("<title", "<desc", 'class="band"', 'class="mark"', "<circle")] == [
        1, 1, 1, 1, 5,
    ]  # fmt: skip
    assert "5 answers, usually 3 (half of them 2 to 4), last 8" in visible(page)
    assert "The same as a table" in page


async def test_a_person_is_referred_and_followed_until_they_arrive(file: File, log_in: LogIn) -> None:
    browser = await log_in(file.database)
    assert "Kisima clinic" in await browser.text(file.url("/referrals?domain=HEA"))
    assert "Kisima clinic" not in await browser.text(file.url("/referrals?domain=FOOD"))
    assert "It is sent" in await browser.text(file.url(f"/referrals?service={file.service}"))
    form = {"service": str(file.service), "consent": "not_asked", "due_on": "2026-03-10", "step": "send"}
    refused = await browser.post(file.url("/referrals"), **form)
    assert (refused.status, "Ask the person first" in await refused.text()) == (409, True)
    assert (await browser.post(file.url("/referrals"), **form | {"consent": "spoken"})).status == 303
    (row,) = await rows(file.database, tables.referral)
    assert (row.state, row.due_at.isoformat()) == ("sent", "2026-03-10T14:00:00+00:00")
    path = file.url(f"/referrals/{row.id}")
    assert (await browser.post(path, state="arrived", note="seen by the nurse")).status == 303
    again = await browser.post(path, state="lost")
    assert (again.status, "cannot become lost" in await again.text()) == (409, True)
    assert "Kisima clinic · The person arrived" in visible(await browser.text(file.url("/timeline?kind=referrals")))


async def test_the_directory_has_organisations_for_whoever_asks(file: File, log_in: LogIn) -> None:
    browser = await log_in(file.database, role="focal_point")
    assert "Kisima clinic" in await browser.text("/services?domain=HEA&language=en&women=1")
    elsewhere = await log_in(file.database, role="caseworker", site_ids=[await a_site(file.database)])
    assert "Kisima clinic" not in await elsewhere.text("/services")


async def test_a_transfer_leads_back_to_what_one_may_still_see(file: File, log_in: LogIn) -> None:
    db = file.database
    there = await a_site(db, name="Bara")
    heir = await a_staff_member(db, name="Asha", role="caseworker", site_ids=[there])
    browser = await log_in(db, role="caseworker", site_ids=[file.site])
    form = {"site": str(there), "caseworker": str(heir)}
    empty = await browser.post(file.url("/transfer"), **form, note="")
    assert (empty.status, "must know" in await empty.text()) == (409, True)
    moved = await browser.post(file.url("/transfer"), **form, note="mind the brother")
    assert moved.headers["Location"] == "/console/people?done=moved"
    assert (await browser.get(file.url())).status == 404
    other = await log_in(db, role="supervisor")
    assert "Handed over: to Bara · Asha" in visible(await other.text(file.url("/timeline")))


async def test_leaving_and_death_stand_in_the_file(file: File, log_in: LogIn) -> None:
    caseworker = await log_in(file.database, role="caseworker")
    left = {"reason": "moved_away", "on": "2026-03-02", "after_exit": "no"}
    assert (await caseworker.post(file.url("/leave"), **left | {"on": ""})).status == 409
    assert (await caseworker.post(file.url("/leave"), **left)).status == 303
    assert "Left the programme: Moved away · Mon 2 Mar" in visible(await caseworker.text(file.url("/timeline")))
    assert (await caseworker.post(file.url("/died"), note="x", sure="yes")).status == 403
    boss = await log_in(file.database, role="supervisor")
    assert (await boss.post(file.url("/died"), note="the family said so")).status == 409
    assert (await boss.post(file.url("/died"), note="the family said so", sure="yes")).status == 303
    page = await boss.text(file.url())
    assert "Has died" in page
    assert re.findall(r'action="/console/people/\d+/(\w+)', page) == ["reveal"]
    assert (await boss.post(file.url("/goals"), domain="LIV", text="x")).status == 409


async def test_a_report_about_staff_is_in_no_part_of_the_file(file: File, log_in: LogIn) -> None:
    db = file.database
    focal = await a_staff_member(db, role="focal_point")
    report = await an_alert(db, file.site, file.channel, file.contact, file.person, NOW, route="misconduct")
    await alerts.take(db, report, focal, NOW)
    await alerts.log_attempt(db, report, focal, "REACHED_SELF", "he took the money", NOW)
    await alerts.close(db, report, focal, "SAFE_SUPPORTED", "", "focal_point", NOW)
    (row,) = await rows(db, tables.alert)
    browser = await log_in(db, role="supervisor")
    for rest in PAGES:
        page = await browser.text(file.url(rest))
        assert [w for w in (row.code, "Report about staff", "he took the money", "week 1 of 8") if w in page] == []
    (task,) = await rows(db, tables.follow_up)
    assert (await browser.get(f"/tasks/{task.id}")).status == 404
    assert (await browser.post(f"/tasks/{task.id}/done", result="REACHED_SELF")).status == 404
    refused = await browser.post(
        file.url("/referrals"), service=str(file.service), consent="spoken", due_on="2026-03-09", alert=row.code
    )
    assert (refused.status, "no alert of that code" in await refused.text()) == (409, True)


# --- tasks ---


async def test_the_weekly_contact_is_done_with_how_it_went(file: File, log_in: LogIn, clock: HandClock) -> None:
    db = file.database
    carer = await a_staff_member(db)
    alert = await an_alert(db, file.site, file.channel, file.contact, file.person, NOW, level=Level.ELEVATED)
    await alerts.take(db, alert, carer, NOW)
    await alerts.log_attempt(db, alert, carer, "REACHED_SELF", "", NOW)
    await alerts.close(db, alert, carer, "SAFE_SUPPORTED", "", "psychosocial", NOW)
    (task,) = await rows(db, tables.follow_up, tables.follow_up.c.kind == "weekly_contact")
    browser = await log_in(db)
    assert "week 1 of 8" in await browser.text("/tasks")
    assert "week 1 of 8" in await browser.text(file.url())
    assert (await browser.post(f"/tasks/{task.id}/done")).status == 409
    assert "Nobody answered." in await browser.text(f"/tasks/{task.id}")
    tried = await browser.post(f"/tasks/{task.id}/done", result="NO_ANSWER")
    assert tried.headers["Location"] == "/console/tasks?done=tried"
    assert "1 try" in await browser.text("/tasks")
    assert (await browser.post(f"/tasks/{task.id}/done", result="REACHED_SELF")).status == 303
    assert "week 2 of 8" in await browser.text(file.url())


async def test_tasks_are_listed_by_whose_they_are_and_given_on(file: File, log_in: LogIn, clock: HandClock) -> None:
    db = file.database
    colleague = await a_staff_member(db, name="Asha")
    outsider = await a_staff_member(db, name="Outsider", site_ids=[await a_site(db)])
    browser = await log_in(db)
    made = {"note": "bring the papers", "due_on": "2026-03-05"}
    assert (await browser.post(file.url("/tasks"), **made)).status == 303
    assert (await browser.post(file.url("/tasks"), note="in spring", due_on="2026-04-30")).status == 303
    assert (await browser.post(file.url("/tasks"), note="too late", due_on="2026-03-01")).status == 409

    async def listed(whose: str) -> list[str]:
        page = await browser.text(f"/tasks?whose={whose}")
        return [note for note in ("bring the papers", "in spring") if note in page]

    found = {whose: await listed(whose) for whose in ("", "mine", "overdue", "later")}
    assert found == {"": ["bring the papers"], "mine": ["bring the papers"], "overdue": [], "later": ["in spring"]}
    clock.forward(days=3)
    browser = await log_in(db)
    assert await listed("overdue") == ["bring the papers"]
    task = next(row for row in await rows(db, tables.follow_up) if row.note == "bring the papers")
    away = await browser.post(f"/tasks/{task.id}/assign", to=str(outsider))
    assert (away.status, "does not work" in await away.text()) == (409, True)
    assert (await browser.post(f"/tasks/{task.id}/assign", to=str(colleague))).status == 303
    assert (await rows(db, tables.follow_up, tables.follow_up.c.id == task.id))[0].staff_id == colleague
    asha = await browser.text("/tasks?whose=overdue")
    assert "Asha" in asha


async def test_a_number_is_verified_by_voice(database: Database, log_in: Any, clock: HandClock) -> None:
    site, channel = await a_site(database), await a_channel(database)
    contact = await a_contact(database, channel, unverified_since=clock())
    person = await a_beneficiary(database, site, contact)
    browser = await log_in(database, role="caseworker", site_ids=[site])
    assert "Find out by voice" in await browser.text(f"/people/{person}/facts")
    assert (await browser.post(f"/people/{person}/verified")).status == 303
    assert "Find out by voice" not in await browser.text(f"/people/{person}/facts")
    assert (await browser.post(f"/people/{person}/verified")).status in {409, 422}
