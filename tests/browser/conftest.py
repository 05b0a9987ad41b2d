"""A real headless Chromium against the whole service: windows of staff members who look at its real pages."""

import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect

from cases.staff import hash_password
from hujambo.service import Service, build_service
from hujambo.settings import read_settings
from store.database import Database
from tests.builders import a_beneficiary, a_channel, a_contact, a_number, a_site, a_staff_member, on_rota
from tests.conftest import KEYS, NOW

PASSWORD = "correct horse battery"
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
)

expect.set_options(timeout=15_000)  # how long a busy machine may take; what must be fast is measured by itself


class RunningClock:
    """A clock that runs as fast as any other, from the tests' own day on, and can be put forward."""

    def __init__(self) -> None:
        self._start = NOW - timedelta(seconds=time.monotonic())

    def __call__(self) -> datetime:
        return self._start + timedelta(seconds=time.monotonic())

    def forward(self, **delta: float) -> None:
        self._start += timedelta(**delta)


@dataclass(slots=True)
class Person:
    """Somebody enrolled, with a pretend phone."""

    id: int
    code: str
    number: str


@dataclass(slots=True)
class World:
    """A running service, its address, and who is in it."""

    service: Service
    clock: RunningClock
    url: str
    site: int
    channel: int
    person: Person

    @property
    def database(self) -> Database:
        return self.service.database

    async def someone(self, **values: Any) -> Person:
        number = a_number()
        contact = await a_contact(self.database, self.channel, number)
        code = values.pop("code", f"KS-{number[-4:]}")
        return Person(await a_beneficiary(self.database, self.site, contact, code=code, **values), code, number)

    async def text(self, person: Person, words: str) -> None:
        """A text that no window sends: for what a test starts from."""
        assert self.service.wall is not None
        await self.service.wall.text(person.number, words)


@dataclass(slots=True)
class Windows:
    """Opens windows, each with its own cookies, and keeps what their consoles complain about."""

    browser: Browser
    world: World
    complaints: list[str] = field(default_factory=list)
    _contexts: list[Any] = field(default_factory=list)

    async def open(self, login: str = "", path: str = "/console/", **options: Any) -> Page:
        """A window; with a name, logged in through the page, then at `path`."""
        context = await self.browser.new_context(base_url=self.world.url, reduced_motion="reduce", **options)
        context.set_default_timeout(10_000)
        self._contexts.append(context)
        page = await context.new_page()
        page.on("console", lambda message: self._hear(message))  # noqa: PLW0108  a method would need __dict__
        page.on("pageerror", lambda error: self.complaints.append(f"{error}"))
        if login:
            await page.goto("/console/login")
            await page.fill("#login", login)
            await page.fill("#password", PASSWORD)
            await page.click("button.main")
            await page.wait_for_url("**/console/alerts")
            if path != "/console/":
                await page.goto(path)
        return page

    def _hear(self, message: ConsoleMessage) -> None:
        # A form that is refused in words is answered with 4xx, and Chromium notes that as an error of its own.
        is_refusal = any(f"status of {status}" in message.text for status in (403, 409, 422))
        if message.type in {"error", "warning"} and not is_refusal:
            self.complaints.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    async def close(self) -> None:
        for context in self._contexts:
            await context.close()


def find_chromium() -> str:
    """Fails where there is none: an acceptance test that skips itself proves nothing."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        pytest.fail("The browser tests need Chromium: run `make test`, or install it (on Debian: apt install chromium)")
    return path


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    path = find_chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, headless=True, args=list(_ARGUMENTS))
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
def hashed() -> str:
    return hash_password(PASSWORD)


@pytest_asyncio.fixture(loop_scope="session")
async def world(database_url: str, hashed: str) -> AsyncIterator[World]:
    """The whole service on a free port, with one person enrolled, two officers and a coordinator."""
    clock = RunningClock()
    settings = read_settings(
        {
            "HUJAMBO_DATABASE_URL": database_url,
            "HUJAMBO_KEYS": KEYS,
            "HUJAMBO_PUBLIC_URL": "http://127.0.0.1",
            "HUJAMBO_NLU": "none",
        }
    )
    service = await build_service(settings, clock=clock, with_wall=True)
    try:
        site = await a_site(service.database)
        channel = await a_channel(service.database, site_id=site)
        staff = {
            "amina": {"name": "Amina Yusuf", "role": "psychosocial", "gender": "female"},
            "joseph": {"name": "Joseph Otieno", "role": "psychosocial", "gender": "male"},
            "grace": {"name": "Grace Wanjiru", "role": "coordinator"},
        }
        ids = {
            login: await a_staff_member(service.database, login=login, password=hashed, site_ids=[site], **values)
            for login, values in staff.items()
        }
        await on_rota(service.database, site, ids["amina"])
        await service.start()
        port = await service.serve("127.0.0.1", 0)
        made = World(service, clock, f"http://127.0.0.1:{port}", site, channel, Person(0, "", ""))
        made.person = await made.someone(code="KS-0042")
        yield made
    finally:
        await service.stop()


OpenWindow = Callable[..., Awaitable[Page]]


@pytest_asyncio.fixture(loop_scope="session")
async def windows(chromium: Browser, world: World) -> AsyncIterator[Windows]:
    """What a window's console complains about (an error, a warning, a breach of the content policy) fails the test."""
    opened = Windows(chromium, world)
    yield opened
    await opened.close()
    assert opened.complaints == []
