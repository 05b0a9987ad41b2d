"""The whole service as one: wired, started, asked, stopped, on both databases."""

import asyncio
import gc
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from console.context import CONSOLE
from content.pack import PackError
from hujambo.service import ROLES, Service, build_service
from hujambo.settings import SettingError, Settings, read_settings
from store import tables as t
from store.database import Database, signal
from tests.builders import a_beneficiary, a_channel, a_contact, a_number, a_site, a_staff_member, on_rota, rows
from tests.conftest import KEYS, HandClock
from tests.hujambo.conftest import Build, Visit

CRY = "i dont want to live"


async def _programme(database: Database) -> str:
    """A site with somebody on call, pretend phones, one person enrolled: the person's number."""
    site = await a_site(database)
    await on_rota(database, site, await a_staff_member(database, site_ids=[site]))
    channel = await a_channel(database, site_id=site)
    number = a_number()
    await a_beneficiary(database, site, await a_contact(database, channel, number))
    return number


async def _on_phone(service: Service, number: str, messages: int) -> list[tuple[bool, str]]:
    """What is on a phone, as soon as that many messages are: (from the person, text)."""
    assert service.wall is not None
    with service.database.signals.listen("phones") as appeared:
        while True:
            appeared.clear()
            found = await service.wall.conversation(number)
            if len(found) >= messages:
                return [(message.inbound, message.text) for message in found]
            async with asyncio.timeout(20):
                await appeared.wait()


async def test_a_cry_for_help_from_a_phone_is_answered_on_that_phone_and_becomes_an_alert(build: Build) -> None:
    service = await build(with_wall=True)
    number = await _programme(service.database)
    await service.start()
    assert service.wall is not None
    await service.wall.text(number, CRY)
    asked, answered = await _on_phone(service, number, 2)
    assert asked == (True, CRY)
    (alert,) = await rows(service.database, t.alert)
    assert (alert.state, alert.level, alert.route, alert.messages) == ("open", 3, "self_harm", 1)
    (message,) = await rows(service.database, t.inbox)
    assert (message.text, message.state, message.level) == (CRY, "handled", 3)
    crisis = await rows(service.database, t.outbox, t.outbox.c.purpose == "crisis")
    assert [(False, row.text) for row in crisis] == [answered]
    notices = await rows(service.database, t.outbox, t.outbox.c.purpose == "staff_alert")
    assert notices
    assert [row.id for row in notices if CRY in row.text or number in row.text] == []


async def test_an_alert_is_seen_on_the_console_of_the_same_service(build: Build, visit: Visit) -> None:
    service = await build(with_wall=True)
    client = await visit(service)
    async with client.get("/", allow_redirects=False) as front:
        assert (front.status, front.headers["Location"]) == (302, "/console/")
    async with client.get("/console/", allow_redirects=False) as closed:
        assert closed.status in {302, 303}
        assert closed.headers["Location"].startswith("/console/login")


async def test_without_a_wall_there_is_no_page_of_phones_and_no_way_to_text_from_one(
    build: Build, visit: Visit
) -> None:
    service = await build()
    assert service.wall is None
    async with (await visit(service)).get("/console/phones", allow_redirects=False) as answer:
        assert answer.status in {303, 302, 404}
        assert "textarea" not in await answer.text()


async def test_a_channel_with_broken_settings_stops_no_other_and_is_named(build: Build, visit: Visit) -> None:
    service = await build(with_wall=True)
    number = await _programme(service.database)
    await a_channel(service.database, {"account_sid": "AC" + "0" * 32}, name="nairobi", kind="twilio")
    await a_channel(service.database, name="future", kind="pigeon")
    with capture_logs() as logs:
        await service.start()
    assert sorted((entry["channel"], entry["event"]) for entry in logs if "channel" in entry) == [
        ("future", "channel cannot be opened"),
        ("nairobi", "channel cannot be opened"),
    ]
    assert service.wall is not None
    await service.wall.text(number, CRY)
    assert len(await _on_phone(service, number, 2)) == 2
    async with (await visit(service)).get("/readyz") as answer:
        assert (answer.status, sorted((await answer.json())["faults"])) == (503, ["channel future", "channel nairobi"])


async def test_a_channel_is_opened_when_it_is_added_and_closed_when_it_is_stopped(build: Build) -> None:
    service = await build()
    assert await service.channels.refresh() == 0
    assert service.channels.open == {}
    number = await a_channel(service.database, name="phones")
    await service.channels.refresh()
    opened = service.channels.resolve("phones")
    assert opened == (number, service.channels.open[number])
    await service.channels.refresh()
    assert service.channels.resolve("phones") == opened
    async with service.database.write() as connection:
        await connection.execute(sa.update(t.channel).values(state="stopped"))
        signal(connection, "channels")
    await service.channels.refresh()
    assert (service.channels.open, service.channels.resolve("phones"), service.channels.broken()) == ({}, None, [])


async def test_a_channel_is_opened_anew_when_its_settings_change(build: Build) -> None:
    service = await build()
    await a_channel(service.database, name="n", kind="twilio", settings={"account_sid": "AC" + "0" * 32})
    await service.channels.refresh()
    assert (service.channels.resolve("n"), service.channels.broken()) == (None, ["channel n"])
    whole = '{"account_sid": "AC%s", "auth_token": "of nobody"}' % ("0" * 32)
    async with service.database.write() as connection:
        await connection.execute(sa.update(t.channel).values(settings=whole))
    await service.channels.refresh()
    assert service.channels.resolve("n") is not None
    assert service.channels.broken() == []


def _tasks() -> set[str]:
    return {task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()}


async def test_services_that_are_started_and_stopped_leave_nothing_behind(settings: Settings) -> None:
    before = _tasks()
    for _ in range(2):
        service = await build_service(settings, with_wall=True)
        await service.start()
        port = await service.serve("127.0.0.1", 0)
        assert port > 0
        assert _tasks() > before
        await service.stop()
        assert _tasks() == before
    del service
    gc.collect()  # what was not closed would warn here, and a warning is an error


async def test_a_service_that_was_never_started_can_be_stopped(settings: Settings) -> None:
    before = _tasks()
    service = await build_service(settings)
    await service.stop()
    assert _tasks() == before


@pytest.mark.parametrize(
    ("role", "steps"),
    [
        ("web", []),
        ("worker", ["settle"]),
        ("scheduler", ["casework", "drills", "ladder", "plan", "rota", "staff texts", "timers"]),
    ],
)
async def test_a_role_brings_its_own_steps_and_no_others(build: Build, role: str, steps: list[str]) -> None:
    service = await build(roles=[role])
    everywhere = {"channels", "checkpoint"}
    assert sorted({step.name for step in service._steps()} - everywhere) == steps
    paths = {resource.canonical for resource in service.app.router.resources()}
    assert {"/healthz", "/readyz", "/metrics"} <= paths
    assert ("/console" in paths, "/" in paths) == ((role == "web"), (role == "web"))


def test_every_role_is_tried_above() -> None:
    assert set(ROLES) == {"web", "worker", "scheduler"}


async def _refused(changes: dict[str, Any]) -> str:
    base = {"HUJAMBO_KEYS": KEYS, "HUJAMBO_PUBLIC_URL": "https://checkins.example.org"}
    with pytest.raises(SettingError) as refused:
        await build_service(read_settings(base | changes))
    return str(refused.value)


async def test_it_refuses_to_start_on_a_database_without_tables(tmp_path: Path) -> None:
    new = tmp_path / "new.sqlite"
    sentence = await _refused({"HUJAMBO_DATABASE_URL": f"sqlite:///{new}"})
    assert not new.exists(), "a misspelt name must not become an empty programme"
    new.touch()
    assert await _refused({"HUJAMBO_DATABASE_URL": f"sqlite:///{new}"}) == sentence
    assert sentence == "HUJAMBO_DATABASE_URL: the database has no tables yet; run 'hujambo db upgrade'"


async def test_it_refuses_to_start_on_a_database_of_another_version(settings: Settings, build: Build) -> None:
    service = await build()
    async with service.database.write() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    sentence = await _refused({"HUJAMBO_DATABASE_URL": settings.url})
    assert sentence == "HUJAMBO_DATABASE_URL: the database has the shape of another version; run 'hujambo db upgrade'"


@pytest.mark.parametrize(
    "url", ["sqlite:////no/such/folder/h.sqlite", "postgresql://nobody@127.0.0.1:1/none?connect_timeout=2"]
)
async def test_it_refuses_to_start_where_no_database_is(url: str) -> None:
    assert await _refused({"HUJAMBO_DATABASE_URL": url}) == ("HUJAMBO_DATABASE_URL: the database cannot be reached")


@pytest.mark.parametrize(
    ("file", "text", "line", "message"),
    [
        ("en/phrases.yaml", "greeting_1: [", 2, "this is not valid YAML"),
        ("en/phrases.yaml", "new: Hello.", 1, "phrase 'new' is missing in 'fr'"),
        ("fr/phrases.yaml", "\nreminder: Bonjour", 2, "phrase 'reminder' must contain {question}"),
        ("en/phrases.yaml", "greeting_1: Hello militia.", 1, "'militia' must never be sent"),
        ("en/phrases.yaml", f"thanks: {'long ' * 40}", 1, "takes 2 SMS"),
    ],
)
async def test_it_refuses_to_start_with_faulty_content(
    settings: Settings, tmp_path: Path, file: str, text: str, line: int, message: str
) -> None:
    pack = tmp_path / "pack"
    (pack / file).parent.mkdir(parents=True)
    (pack / file).write_text(text + "\n", encoding="utf-8")
    before = _tasks()
    with pytest.raises(PackError) as refused:
        await build_service(settings.model_copy(update={"content": pack}))
    assert [(fault.file, fault.line) for fault in refused.value.faults if message in fault.message] == [
        ((pack / file).as_posix(), line)
    ]
    assert _tasks() == before


async def test_behind_a_proxy_of_ours_wrong_passwords_count_for_who_typed_them(
    settings: Settings, clock: HandClock, visit: Visit
) -> None:
    service = await build_service(settings.model_copy(update={"proxies": "127.0.0.1"}), clock=clock)
    client = await visit(service)

    async def guess(address: str, name: str) -> int:
        headers = {"X-Forwarded-For": address, "Sec-Fetch-Site": "same-origin"}
        async with client.post("/console/login", data={"login": name, "password": "x"}, headers=headers) as answer:
            return answer.status

    try:
        (console,) = service.app._subapps
        console[CONSOLE].throttle.failed(["address/203.0.113.9"] * 40, clock())
        assert [await guess("203.0.113.9", "amina"), await guess("203.0.113.10", "amina")] == [429, 403]
    finally:
        await service.stop()
