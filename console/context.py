"""What every page is given: the parts of the console and the staff member who is looking."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from aiohttp import web

from console.assets import Assets
from console.proxies import Network
from console.throttle import Throttle
from content.schema import Pack
from store.database import Clock, Database

BASE = "/console"  # where hujambo.service mounts us


class PhoneWall(Protocol):
    """The pretend phones of the demo (channels.phones.Wall), as far as the console needs them."""

    async def list_phones(self) -> Any: ...

    async def conversation(self, number: str) -> Any: ...

    async def text(self, number: str, text: str) -> None: ...

    async def ring(self, number: str) -> None: ...


@dataclass(slots=True)
class Console:
    """The parts, made once by `console.app.make_console`."""

    database: Database
    pack: Pack
    clock: Clock
    base_url: str
    secure_cookies: bool
    assets: Assets
    wall: PhoneWall | None = None
    proxies: tuple[Network, ...] = ()
    throttle: Throttle = field(default_factory=Throttle)
    # Each password check takes tens of megabytes and milliseconds: a few at a time, the rest wait.
    hashing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))
    # Set when the process stops, so that open live streams end at once instead of holding the shutdown up.
    stopping: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Viewer:
    """The staff member behind a request. No sites named means all sites (as in cases.rota)."""

    id: int
    session_id: int
    login: str
    name: str
    role: str
    site_ids: tuple[int, ...]
    languages: tuple[str, ...] = ()


CONSOLE = web.AppKey("console", Console)
VIEWER = web.RequestKey("viewer", Viewer)


def console_of(request: web.Request) -> Console:
    return request.app[CONSOLE]


def viewer_of(request: web.Request) -> Viewer:
    """The staff member; only handlers that `permissions.allow` lets through have one."""
    return request[VIEWER]


def now_of(request: web.Request) -> datetime:
    return request.app[CONSOLE].clock()


Row = Mapping[str, Any]
