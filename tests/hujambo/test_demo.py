"""The demo: a plausible programme, true log-ins, a service that works on it, and nothing to be mistaken for real."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from bot.distress import Reader
from cases import audit
from cases.staff import verify_password
from channels.phones import DatabaseWall
from content.pack import load_pack
from content.schema import Level
from hujambo.cli import main
from hujambo.demo import stories, voices
from hujambo.demo.answering import CRY_EVERY, Answering
from hujambo.demo.build import FILES, Demo, build
from hujambo.demo.people import PLACES, STAFF
from hujambo.demo.serving import open_service
from hujambo.service import Service
from store import tables as t
from store.database import Database, open_database
from tests.builders import rows
from tests.conftest import NOW, HandClock

PEOPLE = 40


@pytest.fixture
async def demo(tmp_path: Path) -> Demo:
    return await build(tmp_path / "demo", PEOPLE, 8080, NOW)


@pytest.fixture
async def database(demo: Demo) -> AsyncIterator[Database]:
    opened = await open_database(demo.settings.url, demo.settings.key_ring, pool_size=2)
    yield opened
    await opened.close()


@pytest.fixture
async def service(demo: Demo, clock: HandClock) -> AsyncIterator[Service]:
    running = await open_service(demo, clock, pause=(0, 0))
    await running.start()
    yield running
    await running.stop()


async def test_every_story_was_told_to_its_end(database: Database) -> None:
    alerts = await rows(database, t.alert)

    closed = sorted(alert.outcome for alert in alerts if alert.state == "closed")
    assert closed == sorted(story.outcome for story in stories.CLOSED)
    waiting = sorted((Level(alert.level).word, alert.state) for alert in alerts if alert.state != "closed")
    assert waiting == [
        ("elevated", "open"), ("elevated", "taken"), ("high", "open"), ("high", "open"), ("high", "taken"),
        ("imminent", "open"),
    ]  # fmt: skip
    assert all(alert.due_at is not None and alert.target_at > alert.opened_at for alert in alerts if not alert.outcome)


async def test_everybody_has_a_site_a_phone_of_their_own_and_a_fictitious_number(database: Database) -> None:
    people, contacts, sites = [await rows(database, each) for each in (t.beneficiary, t.contact, t.site)]

    assert len(people) == len({person.contact_id for person in people}) == PEOPLE
    assert {person.site_id for person in people} == {site.id for site in sites}
    assert all(contact.address.startswith("+1999") for contact in contacts)
    assert {site.code for site in sites} == {place.code for place in PLACES}


async def test_twelve_weeks_of_check_ins_lie_behind(database: Database) -> None:
    sessions, answers = await rows(database, t.session), await rows(database, t.answer)

    assert len(sessions) > PEOPLE * 9
    assert {"done", "expired"} <= {session.state for session in sessions}
    assert max(session.opened_at for session in sessions) <= NOW
    assert min(session.opened_at for session in sessions) >= NOW - timedelta(weeks=12)
    assert {answer.question for answer in answers} == {"mood", "hard", "talk"}


async def test_nothing_of_the_past_is_left_to_send(database: Database) -> None:
    assert {message.state for message in await rows(database, t.outbox)} == {"delivered"}


async def test_the_audit_trail_is_whole_and_in_the_order_of_time(database: Database) -> None:
    trail = await rows(database, t.audit)

    assert await audit.verify(database) == []
    assert [entry.at for entry in trail] == sorted(entry.at for entry in trail)
    assert len(trail) > len(stories.CLOSED) * 3


async def test_every_page_of_case_work_has_something_to_show(database: Database) -> None:
    services, goals, drills = [await rows(database, table) for table in (t.service, t.goal, t.drill)]
    assert len(services) == 6 * len(PLACES)
    assert {goal.state for goal in goals} == {"open", "reached"}
    assert {row.state for row in await rows(database, t.referral)} & {"sent", "accepted", "arrived", "lost"}
    assert {row.value for row in await rows(database, t.finding)} == {1, 2, 3}
    assert [drill.due_at > NOW for drill in drills] == [True] * len(PLACES)


async def test_the_log_ins_open_the_accounts(demo: Demo, database: Database) -> None:
    hashed = {member.login: (member.role, member.password) for member in await rows(database, t.staff)}

    assert [one.login for one in demo.log_ins] == [account.login for account in STAFF]
    for one in demo.log_ins:
        role, password = hashed[one.login]
        assert (role, verify_password(password, one.password)) == (one.role, True)


async def test_every_run_has_the_same_people_and_other_secrets(demo: Demo, tmp_path: Path) -> None:
    other = await build(tmp_path / "other", PEOPLE, 8080, NOW)

    assert [one.number for one in other.people] == [one.number for one in demo.people]
    assert {one.password for one in other.log_ins}.isdisjoint({one.password for one in demo.log_ins})
    assert other.settings.keys.get_secret_value() != demo.settings.keys.get_secret_value()


async def test_a_new_demo_removes_only_what_a_demo_left(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    await build(tmp_path, PEOPLE, 8080, NOW)
    await build(tmp_path, PEOPLE, 8080, NOW)

    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "mine"
    left = await asyncio.to_thread(lambda: {path.name for path in tmp_path.iterdir()})
    assert left <= {"notes.txt", *FILES}
    assert (tmp_path / "demo.keys").stat().st_mode & 0o077 == 0


async def test_the_service_on_it_is_ready(service: Service) -> None:
    async with TestClient(TestServer(service.app)) as visitor:
        response = await visitor.get("/readyz")

        assert response.status == 200


async def test_a_text_from_a_phone_opens_an_alert(demo: Demo, service: Service) -> None:
    someone = next(one for one in demo.people if one.is_live and one.language == "en")
    assert service.wall is not None

    await service.wall.text(someone.number, "i dont want to live")

    a = t.alert.c
    (alert,) = await rows(service.database, t.alert, a.contact_id == someone.contact["id"])
    assert (alert.state, Level(alert.level), alert.route) == ("open", Level.HIGH, "self_harm")


async def test_check_ins_leave_in_the_next_minutes_and_are_answered(
    demo: Demo, service: Service, clock: HandClock
) -> None:
    await service._plan()
    clock.forward(minutes=8)
    while await service.outbox.step():
        pass
    assert service.wall is not None
    await service.wall.settled()

    live = {one.contact["id"] for one in demo.people if one.is_live}
    i, o = t.inbox.c, t.outbox.c
    asked = await rows(service.database, t.outbox, o.purpose == "checkin", o.sent_at > NOW)
    heard = await rows(service.database, t.inbox, i.received_at > NOW)
    assert asked
    assert {message.contact_id for message in asked} <= live
    assert {message.contact_id for message in heard} <= {message.contact_id for message in asked}


@pytest.fixture
async def answering(sqlite_database: Database, demo: Demo) -> Answering:
    wall = DatabaseWall(sqlite_database)
    return Answering(wall, load_pack(), demo.people, lambda: NOW, random.Random(1))


def questions_asked(answering: Answering, someone: Any, times: int, now: datetime) -> list[str | None]:
    pack = load_pack()
    text = f"Hello. {pack.text('weekly', 'mood', someone.language).text}"
    return [answering.answer_to(someone, text, now) for _ in range(times)]


async def test_a_cry_comes_at_most_once_in_a_few_minutes(answering: Answering, demo: Demo) -> None:
    someone = next(one for one in demo.people if one.language == "sw")
    early = questions_asked(answering, someone, 60, NOW)
    later = questions_asked(answering, someone, 60, NOW + CRY_EVERY)
    cries = set(voices.CRIES["sw"])

    assert [text for text in early if text in cries] == []
    assert len([text for text in later if text in cries]) == 1


async def test_nobody_answers_an_automatic_thank_you_with_a_cry_or_a_number(answering: Answering, demo: Demo) -> None:
    someone, pack = demo.people[0], load_pack()
    text = pack.phrase("thanks_weekly_fine", someone.language)
    said = {answering.answer_to(someone, text, NOW + CRY_EVERY) for _ in range(200)}

    assert said <= {None, *voices.THANKS[someone.language]}
    assert None in said


@pytest.mark.parametrize("language", ["en", "fr", "sw"])
def test_every_cry_of_the_demo_is_heard_by_the_word_lists(language: str) -> None:
    pack = load_pack()
    reader = Reader(pack)
    deaf = [
        text for text in voices.CRIES[language] if reader.assess(text, language, pack.languages).level < Level.ELEVATED
    ]

    assert deaf == []


def test_once_prints_the_log_ins_and_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["demo", "--once", "--people", str(PEOPLE), "--folder", str(tmp_path / "demo")])
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]

    assert code == 0
    assert [(line[0], line[1]) for line in printed] == [
        ("log-in", "role"),
        *((account.login, account.role) for account in STAFF),
    ]


def test_serve_refuses_the_database_of_a_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--once", "--people", str(PEOPLE), "--folder", str(tmp_path)]) == 0
    monkeypatch.setenv("HUJAMBO_DATABASE_URL", f"sqlite:///{tmp_path / 'demo.db'}")
    monkeypatch.setenv("HUJAMBO_KEYS", (tmp_path / "demo.keys").read_text(encoding="utf-8"))
    monkeypatch.setenv("HUJAMBO_PUBLIC_URL", "https://checkins.example.org")
    capsys.readouterr()

    assert main(["serve", "--port", "0"]) == 2
    assert (
        capsys.readouterr().err == "hujambo: HUJAMBO_DATABASE_URL: this is the database of a demo; give another one\n"
    )


@pytest.mark.parametrize("wrong", [["--people", "3"], ["--people", "1000000"], ["--port", "0"], ["--port", "70000"]])
def test_impossible_wishes_are_refused_before_anything_is_built(
    wrong: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "demo"

    assert main(["demo", "--once", "--folder", str(folder), *wrong]) == 2
    assert capsys.readouterr().err.startswith(f"hujambo: {wrong[0]}")
    assert not folder.exists()
