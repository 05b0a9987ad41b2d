"""A console served to a real client, and people who log in to it."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from cases.alerts import Danger, open_or_join
from cases.staff import hash_password
from console.app import make_console
from content.pack import load_pack
from content.schema import Level, Pack
from store.database import Database
from tests.builders import a_staff_member
from tests.conftest import HandClock

PASSWORD = "correct horse battery"
OURS = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture(scope="session")
def pack() -> Pack:
    return load_pack()


@pytest.fixture(scope="session")
def hashed() -> str:
    return hash_password(PASSWORD)


class Browser:
    """One staff member's browser: keeps its cookies, follows nothing, sends forms as a browser does."""

    def __init__(self, client: TestClient[Any, Any]) -> None:
        self.client = client

    async def get(self, path: str, **headers: str) -> ClientResponse:
        return await self.client.get(f"/console{path}", allow_redirects=False, headers=headers)

    async def post(self, path: str, headers: dict[str, str] | None = None, **form: str) -> ClientResponse:
        return await self.client.post(
            f"/console{path}", data=form, allow_redirects=False, headers=OURS if headers is None else headers
        )

    async def text(self, path: str) -> str:
        answer = await self.get(path)
        assert answer.status == 200, (path, answer.status)
        return await answer.text()

    async def log_in(self, login: str, password: str = PASSWORD) -> ClientResponse:
        return await self.post("/login", login=login, password=password)


NewBrowser = Callable[[Database], Awaitable[Browser]]


class Wall:
    """Two phones; what is written on them is kept."""

    def __init__(self) -> None:
        self.texts: list[tuple[str, str]] = []

    async def list_phones(self) -> list[Any]:
        return [type("P", (), {"number": "+19995550001"})()]

    async def conversation(self, number: str) -> list[Any]:
        return [type("M", (), {"inbound": True, "text": text})() for to, text in self.texts if to == number]

    async def text(self, number: str, text: str) -> None:
        self.texts.append((number, text))

    async def ring(self, number: str) -> None:
        self.texts.append((number, "ring ring"))


@pytest.fixture
async def serve(pack: Pack, clock: HandClock) -> AsyncIterator[NewBrowser]:
    """A fresh browser on a console over the given database; the same console for the same database."""
    servers: dict[int, TestServer] = {}
    clients = []

    async def new(database: Database) -> Browser:
        if id(database) not in servers:
            app, wall = web.Application(), Wall()
            console = make_console(database, pack, clock, base_url="http://127.0.0.1", secure_cookies=False, demo=wall)
            app.add_subapp("/console", console)
            servers[id(database)] = TestServer(app)
            await servers[id(database)].start_server()
        client: TestClient[Any, Any] = TestClient(servers[id(database)])
        clients.append(client)
        return Browser(client)

    yield new
    for client in clients:
        await client.session.close()
    for server in servers.values():
        await server.close()


@pytest.fixture
def log_in(serve: NewBrowser, hashed: str) -> Callable[..., Awaitable[Browser]]:
    """Make a staff member and log in as them."""

    async def inner(database: Database, **values: Any) -> Browser:
        staff_id = await a_staff_member(database, password=hashed, **values)
        browser = await serve(database)
        answer = await browser.log_in(values.get("login", f"u{staff_id}"))
        assert answer.status == 303
        return browser

    return inner


async def an_alert(
    database: Database,
    site_id: int,
    channel_id: int,
    contact_id: int,
    beneficiary_id: int | None,
    now: Any,
    *,
    level: Level = Level.HIGH,
    route: Any = "self_harm",
    inbox_id: int | None = None,
) -> int:
    """An alert through the real door."""
    danger = Danger(
        contact_id=contact_id,
        beneficiary_id=beneficiary_id,
        site_id=site_id,
        channel_id=channel_id,
        level=level,
        route=route,
        reasons=[{"code": "list", "detail": "en/self_harm: want to die"}],
        inbox_id=inbox_id,
        at=now,
    )
    async with database.write() as connection:
        return (await open_or_join(database, connection, [danger], now))[danger.key]


def visible(html: str) -> str:
    """The words of a page, without its markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))
