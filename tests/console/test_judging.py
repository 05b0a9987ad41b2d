"""Judging messages on the page of an alert, the reading sample, and the page of how well danger is read."""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from cases import sampling
from content.schema import Level
from store import tables
from store.database import Database
from tests.builders import a_beneficiary, a_channel, a_contact, a_site, a_staff_member, on_rota, rows
from tests.conftest import NOW, HandClock
from tests.console.conftest import an_alert, visible

WITHIN = sampling.Week.before(NOW).begins + timedelta(days=1)


class Place:
    """A site with one person, a channel, and somebody on call."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def build(self) -> "Place":
        self.site, self.channel = await a_site(self.database), await a_channel(self.database)
        self.contact = await a_contact(self.database, self.channel)
        self.person = await a_beneficiary(
            self.database, self.site, self.contact, code=f"KIS-{self.site}", name="Neema W"
        )
        await on_rota(self.database, self.site, await a_staff_member(self.database))
        return self

    async def message(self, text: str, level: int = 0, at: Any = WITHIN) -> int:
        message = self.database.new_id()
        row = {
            "id": message, "channel_id": self.channel, "provider_id": f"p{message}", "contact_id": self.contact,
            "text": text, "received_at": at, "state": "handled", "level": level,
        }  # fmt: skip
        async with self.database.write() as connection:
            await connection.execute(sa.insert(tables.inbox), [row])
        return message

    async def alert(self, text: str, now: Any, level: Level = Level.HIGH, route: str = "self_harm") -> tuple[str, int]:
        """The code of an alert with one assessed message, and the message."""
        message = await self.message(text, int(level), now)
        alert_id = await an_alert(
            self.database, self.site, self.channel, self.contact, self.person, now, level=level, route=route,
            inbox_id=message,
        )  # fmt: skip
        row = {
            "id": self.database.new_id(), "inbox_id": message, "contact_id": self.contact, "alert_id": alert_id,
            "level": int(level), "route": route, "reasons": [{"code": "list", "detail": ""}], "pack": "p",
            "assessed_at": now,
        }  # fmt: skip
        async with self.database.write() as connection:
            await connection.execute(sa.insert(tables.assessment), [row])
        (alert,) = await rows(self.database, tables.alert, tables.alert.c.id == alert_id)
        return alert.code, message


async def test_a_message_is_judged_on_the_page_of_its_alert(database: Database, log_in: Any, clock: HandClock) -> None:
    place = await Place(database).build()
    code, message = await place.alert("I am dying of laughter", clock())
    browser = await log_in(database)
    hidden = await browser.text(f"/alerts/{code}")
    assert ("dying of laughter" in hidden, "Was it read rightly?" in hidden) == (False, False)
    await browser.post(f"/alerts/{code}/open")
    assert "read: High" in visible(await browser.text(f"/alerts/{code}"))
    answer = await browser.post(f"/alerts/{code}/judge", message=str(message), level="none", route="self_harm")
    assert (answer.status, answer.headers["Location"]) == (303, f"/console/alerts/{code}?done=judged")
    (row,) = await rows(database, tables.assessment)
    assert (row.judged_level, row.judged_route, row.judged_how) == (0, "none", "message")
    assert "read: High · judged: None" in visible(await browser.text(f"/alerts/{code}"))


async def test_a_judgement_that_says_too_little_is_asked_for_again(
    database: Database, log_in: Any, clock: HandClock
) -> None:
    place = await Place(database).build()
    code, message = await place.alert("hmm", clock())
    elsewhere = await place.message("not of this alert")
    browser = await log_in(database)
    await browser.post(f"/alerts/{code}/open")
    for form, said in (
        ({"message": str(message), "level": "", "route": "threat"}, "Choose what the message means."),
        ({"message": str(message), "level": "high", "route": "none"}, "Say what the message is about"),
        ({"message": str(elsewhere), "level": "none"}, "This message is not one of this alert"),
        ({"message": "x", "level": "none"}, "Choose what the message means."),
    ):
        answer = await browser.post(f"/alerts/{code}/judge", **form)
        assert (answer.status, said in await answer.text()) == (409, True)
    (row,) = await rows(database, tables.assessment)
    assert row.judged_level is None


async def test_whoever_does_not_read_messages_judges_none(database: Database, log_in: Any, clock: HandClock) -> None:
    place = await Place(database).build()
    code, message = await place.alert("a text of danger", clock())
    browser = await log_in(database, role="coordinator")
    page = await browser.text(f"/alerts/{code}")
    assert "Was it read rightly?" not in page
    assert "a text of danger" not in page
    assert (await browser.post(f"/alerts/{code}/judge", message=str(message), level="none")).status == 403


async def test_a_phrase_is_proposed_and_does_nothing_by_itself(
    database: Database, log_in: Any, clock: HandClock
) -> None:
    place = await Place(database).build()
    code, _ = await place.alert("kufa njaa tu", clock())
    browser = await log_in(database)
    await browser.post(f"/alerts/{code}/open")
    form = {"phrase": "kufa njaa", "language": "sw", "level": "none", "route": "self_harm"}
    assert (await browser.post(f"/alerts/{code}/propose", **form)).status == 303
    refused = await browser.post(f"/alerts/{code}/propose", **{**form, "phrase": "piga 0712345678"})
    assert refused.status == 409
    assert "Leave numbers and addresses out" in await refused.text()
    (kept,) = await rows(database, tables.proposal)
    assert (kept.phrase, kept.kind, kept.state, kept.route) == ("kufa njaa", "harmless", "waiting", "none")


async def test_the_sample_shows_words_and_nobody(database: Database, log_in: Any) -> None:
    place = await Place(database).build()
    await place.message("leo nimechoka sana")
    browser = await log_in(database)
    page = await browser.text("/sample")
    assert "leo nimechoka sana" in page
    assert [word for word in ("KIS-", "Neema", "+1999", f"/people/{place.person}") if word in page] == []
    (entry,) = await rows(database, tables.audit, tables.audit.c.action == "sample.viewed")
    (one,) = await rows(database, tables.sample)
    assert entry.data == {"samples": [one.id]}


async def test_one_tap_judges_and_can_be_taken_back(database: Database, log_in: Any) -> None:
    place = await Place(database).build()
    await place.message("tuko sawa")
    browser = await log_in(database)
    await browser.text("/sample")
    (one,) = await rows(database, tables.sample)
    answer = await browser.post(f"/sample/{one.id}", level="none")
    assert (answer.status, answer.headers["Location"]) == (303, f"/console/sample?done=sample&last={one.id}")
    page = visible(await browser.text(f"/sample?done=sample&last={one.id}"))
    assert "All read" in page
    assert "Take the last one back" in page
    assert (await browser.post(f"/sample/{one.id}/back")).status == 303
    assert "tuko sawa" in await browser.text("/sample")


async def test_danger_in_the_sample_opens_an_alert_with_its_reason(
    database: Database, log_in: Any, clock: HandClock
) -> None:
    place = await Place(database).build()
    await place.message("sioni haja ya kesho")
    browser = await log_in(database, languages=["fr"])
    await browser.text("/sample")
    (one,) = await rows(database, tables.sample)
    assert (await browser.post(f"/sample/{one.id}", level="high", route="")).status == 409
    assert (await browser.post(f"/sample/{one.id}", level="", route="self_harm")).status == 422
    assert (await browser.post(f"/sample/{one.id}", level="high", route="self_harm")).status == 303
    (alert,) = await rows(database, tables.alert)
    page = await browser.text(f"/alerts/{alert.code}")
    assert "Un collègue a lu ce message" in page
    assert (alert.level, alert.machine_level) == (Level.HIGH, Level.NONE)
    again = await browser.post(f"/sample/{one.id}/back")
    assert (again.status, "On ne peut plus le reprendre" in await again.text()) == (409, True)


async def test_a_sample_of_another_site_does_not_exist(database: Database, log_in: Any) -> None:
    place = await Place(database).build()
    await place.message("mambo ya huko")
    await sampling.draw(database, [place.site], NOW)
    (one,) = await rows(database, tables.sample)
    browser = await log_in(database, site_ids=[await a_site(database, name="Elsewhere")])
    assert "mambo ya huko" not in await browser.text("/sample")
    assert (await browser.post(f"/sample/{one.id}", level="none")).status == 404
    assert (await browser.post(f"/sample/{one.id}/back")).status == 404
    assert (await browser.post("/sample/nonsense", level="none")).status == 404


async def _pairs(place: Place, count: int, meant: Level, read: Level, start: int) -> list[str]:
    """Closed alerts with one judged message each, of people of their own."""
    codes = []
    for number in range(start, start + count):
        place.contact = await a_contact(place.database, place.channel)
        place.person = await a_beneficiary(place.database, place.site, place.contact, code=f"P{place.site}-{number}")
        code, message = await place.alert(f"secret words {number}", NOW, read)
        codes.append(code)
        async with place.database.write() as connection:
            await connection.execute(
                sa.update(tables.assessment)
                .where(tables.assessment.c.inbox_id == message)
                .values(judged_level=int(meant), judged_route="self_harm" if meant else "none", judged_how="message")
            )
    return codes


async def test_how_well_danger_is_read_is_shown_without_a_word_of_it(database: Database, log_in: Any) -> None:
    place = await Place(database).build()
    await _pairs(place, 9, Level.HIGH, Level.HIGH, 0)
    wrong = await _pairs(place, 3, Level.NONE, Level.HIGH, 9)
    browser = await log_in(database, role="coordinator")
    page = await browser.text("/accuracy")
    words = visible(page)
    assert "12 of 12 messages that raised an alert are judged" in words
    assert "Nobody has read a sample yet" in words
    assert "High and imminent alerts that were danger 75% 47% to 91% 9 of 12" in words
    assert "Danger that was read as high or imminent – not known 9 of 9" in words
    assert sorted(wrong) == sorted(code for code in wrong if f"/console/alerts/{code}" in page)
    assert "Figure Share Likely range Judged" in words
    assert "secret words" not in page
    assert "By site" not in words


async def test_too_few_judgements_are_not_shown(database: Database, log_in: Any) -> None:
    place = await Place(database).build()
    await _pairs(place, 5, Level.HIGH, Level.HIGH, 0)
    words = visible(await (await log_in(database, role="admin")).text("/accuracy?days=30"))
    assert "fewer than 10 judged messages" in words
    assert "75%" not in words
    assert "All messages" not in words


async def test_small_sites_are_not_singled_out(database: Database, log_in: Any) -> None:
    big, middle, small = [await Place(database).build() for _ in range(3)]
    for place, count, name in ((big, 14, "Big"), (middle, 11, "Middle"), (small, 2, "Small")):
        async with database.write() as connection:
            await connection.execute(sa.update(tables.site).where(tables.site.c.id == place.site).values(name=name))
        await _pairs(place, count, Level.HIGH, Level.HIGH, 0)
    words = visible(await (await log_in(database, role="supervisor")).text("/accuracy"))
    assert "2 small sites together" in words
    assert "Big Figure" in words
    assert "Middle Figure" not in words
    assert "Small Figure" not in words
    of_small = visible(await (await log_in(database, role="supervisor", site_ids=[small.site])).text("/accuracy"))
    assert "2 of 2 messages" in of_small
    assert "fewer than 10 judged messages" in of_small
