"""The composition root: builds every part from the settings, and starts and stops them in order."""

import asyncio
import contextlib
import gc
import json
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog
from aiohttp import web

from bot.distress import Reader
from cases.casework.referrals import ask_for_arrivals
from cases.casework.weeks import settle_weeks
from cases.drills import run_drills
from cases.ladder import climb_due
from cases.shifts import watch_rota
from cases.texting import work_texts
from channels import KINDS
from channels.base import Channel, ChannelSettingError, IncomingMessage
from channels.phones import DatabaseWall, PretendPhones
from channels.segments import count
from channels.web import add_routes
from console.app import make_console
from content.check import check_pack
from content.pack import PackError, load_pack
from content.schema import Pack
from hujambo.health import add_health
from hujambo.languages import local_identifier
from hujambo.model import local_classifier
from hujambo.rasa.client import open_rasa
from hujambo.settings import SettingError, Settings
from scheduler.campaigns import plan_due
from scheduler.inbox import Inbox
from scheduler.outbox import Outbox
from scheduler.ticks import Step, Ticks
from scheduler.timers import run_session_timers
from store import migrate
from store import tables as t
from store.database import Clock, Database, async_url, is_unreachable, open_database, utc_now

log = structlog.get_logger()

ROLES = ("web", "worker", "scheduler")

_AWAY = "HUJAMBO_DATABASE_URL: the database cannot be reached"
_NO_TABLES = "HUJAMBO_DATABASE_URL: the database has no tables yet; run 'hujambo db upgrade'"
_OTHER_VERSION = "HUJAMBO_DATABASE_URL: the database has the shape of another version; run 'hujambo db upgrade'"


@dataclass(slots=True)
class Channels:
    """The open gateways. `refresh` opens those that were added and closes those that were stopped or changed."""

    database: Database
    public_url: str
    wall: DatabaseWall | None = None
    open: dict[int, Channel] = field(default_factory=dict)
    _names: dict[str, int] = field(default_factory=dict)
    _made_from: dict[int, tuple[Any, ...]] = field(default_factory=dict)

    def resolve(self, name: str) -> tuple[int, Channel] | None:
        number = self._names.get(name)
        return None if number is None else (number, self.open[number])

    def broken(self) -> list[str]:
        """Channels that are configured and cannot be opened."""
        return [f"channel {made[0]}" for number, made in self._made_from.items() if number not in self.open]

    async def refresh(self) -> int:
        async with self.database.read() as connection:
            rows = (await connection.execute(sa.select(t.channel).where(t.channel.c.state == "active"))).all()
        wanted = {row.id: (row.name, row.kind, row.address, row.settings) for row in rows}
        for number in [number for number, made in self._made_from.items() if made != wanted.get(number)]:
            await self._close(number)
        for row in rows:
            if row.id not in self._made_from:
                self._open(row)
        return 0

    def _open(self, row: Any) -> None:
        self._made_from[row.id] = (row.name, row.kind, row.address, row.settings)
        try:
            channel = KINDS[row.kind].open(row.name, row.address, json.loads(row.settings), self.public_url)
        except (ChannelSettingError, KeyError) as error:
            # One broken channel must not keep the others from sending; /readyz and the log say which one it is.
            log.error("channel cannot be opened", channel=row.name, reason=str(error))  # noqa: TRY400
            return
        if isinstance(channel, PretendPhones) and self.wall is not None:
            channel.wall = self.wall
        self.open[row.id] = channel
        self._names[row.name] = row.id

    async def _close(self, number: int) -> None:
        del self._made_from[number]
        channel = self.open.pop(number, None)
        self._names = {name: other for name, other in self._names.items() if other != number}
        if channel is not None:
            await channel.close()

    async def close(self) -> None:
        for number in list(self.open):
            await self._close(number)


class Service:
    """All parts of a running Hujambo. `start`, then `serve` on a port (or mount `app` in a test), then `stop`."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        pack: Pack,
        *,
        clock: Clock,
        roles: Sequence[str],
        with_wall: bool,
        sending: Mapping[str, Any] | None = None,
    ) -> None:
        self.settings = settings
        self.database = database
        self.pack = pack
        self.clock = clock
        self.roles = tuple(roles)
        self.owner = f"{socket.gethostname()[:20]}/{os.getpid()}/{database.ids.worker}"
        self.wall = DatabaseWall(database, clock) if with_wall else None
        self.channels = Channels(database, settings.public_url, self.wall)
        local = local_classifier(settings.content) if settings.nlu != "none" else None
        self.reader = Reader(pack, local, local_identifier(settings.content))
        self.rasa = (
            open_rasa(settings.rasa_url, local, settings.content, patience=settings.rasa_timeout)
            if local is not None and settings.nlu == "rasa"
            else None
        )
        self.inbox = Inbox(
            database, pack, self.reader, clock,
            base_url=settings.public_url, ask=self.rasa.ask if self.rasa is not None else None,
        )  # fmt: skip
        self.outbox = Outbox(database, pack, lambda: self.channels.open, clock, self.owner, **(sending or {}))
        self.ticks = Ticks(database, self._steps(), clock, self.owner)
        self.app = self._make_app()
        self._stop_sending = asyncio.Event()
        self._sending: asyncio.Task[None] | None = None
        self._runner: web.AppRunner | None = None

    def _steps(self) -> list[Step]:
        """What runs here by the clock. `alone` is for work that gains nothing from being done twice."""
        second = timedelta(seconds=1)
        steps = [Step("channels", self.channels.refresh, every=5 * second, topics=("channels",))]
        if "worker" in self.roles:
            steps.append(Step("settle", self.outbox.settle, every=5 * second))
        if "scheduler" in self.roles:
            steps += [
                Step("plan", self._plan, every=15 * second, topics=("campaigns",), alone=True),
                Step("timers", self._run_timers, every=5 * second, topics=("timers",), alone=True),
                # Not alone: whoever finds a deadline that has passed moves the ladder, also while a leader is frozen.
                Step("ladder", self._climb, every=second),
                Step("casework", self._follow_cases, every=60 * second, alone=True),
                Step("rota", self._watch_rota, every=900 * second, alone=True),
                Step("drills", self._run_drills, every=20 * second, topics=("drills", "alerts"), alone=True),
                Step("staff texts", self._work_texts, every=5 * second, topics=("staff",)),
            ]
        if self.rasa is not None and "web" in self.roles:
            steps.append(Step("rasa", self.rasa.look, every=5 * second))
        if self.database.kind == "sqlite":
            steps.append(Step("checkpoint", self._checkpoint, every=second))
        return steps

    async def _plan(self) -> int:
        return await plan_due(self.database, self.clock)

    async def _run_timers(self) -> int:
        return await run_session_timers(self.database, self.pack, self.clock)

    async def _climb(self) -> int:
        return await climb_due(self.database, self.clock, self.settings.public_url)

    async def _work_texts(self) -> int:
        return await work_texts(
            self.database,
            self.pack,
            self.clock,
            self.settings.public_url,
            count_segments=lambda text: count(text).segments,
        )

    async def _run_drills(self) -> int:
        return await run_drills(self.database, self.clock, self._drill, self.settings.public_url)

    async def _drill(self, channel_id: int, address: str, text: str, provider_id: str) -> None:
        await self.inbox.accept(channel_id, IncomingMessage(provider_id, address, "", text))

    async def _watch_rota(self) -> int:
        return await watch_rota(self.database, self.clock, self.settings.public_url)

    async def _follow_cases(self) -> int:
        return await settle_weeks(self.database, self.clock) + await ask_for_arrivals(self.database, self.clock)

    async def _checkpoint(self) -> int:
        await self.database.checkpoint()
        return 0

    def _make_app(self) -> web.Application:
        app = web.Application()
        counts = {"inbox": self.inbox.counts, "outbox": self.outbox.counters}
        if self.rasa is not None:
            counts["rasa"] = self.rasa.counts
        add_health(app, self.database, self.clock, self.channels.broken, counts, self._degraded)
        if "web" in self.roles:
            add_routes(
                app, self.channels.resolve, self.inbox.accept, self.outbox.receive,
                public_url=self.settings.public_url, clock=self.clock, is_unavailable=is_unreachable,
            )  # fmt: skip
            console = make_console(
                self.database, self.pack, self.clock, base_url=self.settings.public_url,
                secure_cookies=self.settings.is_https, demo=self.wall,
                proxies=self.settings.proxy_networks,
            )  # fmt: skip
            app.add_subapp("/console", console)
            app.router.add_get("/", _to_console)
        return app

    def _degraded(self) -> list[str]:
        return self.rasa.degraded() if self.rasa is not None else []

    async def start(self) -> None:
        await self.database.start_listening()
        await self.channels.refresh()
        if self.wall is not None:
            await self._connect_wall(self.wall)
        self.ticks.start()
        if "worker" in self.roles:
            self._sending = asyncio.create_task(self.outbox.run(self._stop_sending), name="outbox")

    async def _connect_wall(self, wall: DatabaseWall) -> None:
        phones = next((n for n, c in self.channels.open.items() if isinstance(c, PretendPhones)), None)
        if phones is not None:
            wall.connect(phones, self.channels.open[phones].address, self.inbox.accept, self.outbox.receive)  # type: ignore[attr-defined]

    async def serve(self, host: str, port: int) -> int:
        """Listen; gives the port (useful where 0 was asked for)."""
        self._runner = web.AppRunner(self.app, access_log=None, shutdown_timeout=5, handler_cancellation=False)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, backlog=1024)
        await site.start()
        return int(site._server.sockets[0].getsockname()[1])  # type: ignore[union-attr]  # noqa: SLF001  aiohttp has no other way

    async def stop(self) -> None:
        """Take nothing more in, finish what has begun, close. Safe to call once, also after a failed start."""
        if self._runner is not None:
            await self._runner.cleanup()
        await self.ticks.stop()
        self._stop_sending.set()
        if self._sending is not None:
            await self._sending
        if self.wall is not None:
            await self.wall.close()
        await self.inbox.close()
        if self.rasa is not None:
            await self.rasa.close()
        await self.channels.close()
        await self.database.close()


async def _to_console(request: web.Request) -> web.StreamResponse:  # noqa: ARG001  aiohttp's signature
    raise web.HTTPFound("/console/")


async def build_service(
    settings: Settings,
    *,
    clock: Clock = utc_now,
    roles: Sequence[str] = ROLES,
    with_wall: bool = False,
    sending: Mapping[str, Any] | None = None,
) -> Service:
    """Everything, wired. Raises SettingError (database not migrated or away) or content.pack.PackError.

    `sending`: options of the Outbox, such as a shorter lease.
    """
    pack = load_pack(settings.content)
    if faults := check_pack(settings.content, lambda text: count(text).segments):
        # What only a closer look finds (a missing translation, a word that must never be sent) hurts people too.
        raise PackError(faults)
    database = await _open(settings)
    try:
        if not with_wall:
            await _refuse_demo(database)
        return Service(settings, database, pack, clock=clock, roles=roles, with_wall=with_wall, sending=sending)
    except BaseException:
        await database.close()
        raise


async def _open(settings: Settings) -> Database:
    await check_database(settings)
    return await open_database(settings.url, settings.key_ring)


async def _refuse_demo(database: Database) -> None:
    """A database that `hujambo demo` made is full of invented people, and its log-ins were printed on a screen."""
    marks = sa.select(t.counter.c.value).where(t.counter.c.name == "demo")
    async with database.read() as connection:
        if (await connection.execute(marks)).first() is not None:
            raise SettingError("HUJAMBO_DATABASE_URL: this is the database of a demo; give another one")


async def check_database(settings: Settings) -> None:
    """Raise SettingError unless the database is there and has the newest shape."""
    from store.database import create_engine  # noqa: PLC0415  only to look

    _look_for_file(async_url(settings.url))
    engine = create_engine(settings.url, settings.key_ring, pool_size=1)
    try:
        with contextlib.suppress(sa.exc.SQLAlchemyError):
            found = await migrate.current(engine)
            if found == migrate.newest():
                return
            raise SettingError(_NO_TABLES if found is None else _OTHER_VERSION)
    finally:
        await engine.dispose()
    raise SettingError(_AWAY)


def _look_for_file(url: sa.URL) -> None:
    """SQLite makes a file of any name it is asked to open: one that was misspelt would look like a new programme."""
    if url.get_backend_name() == "sqlite":
        file = Path(url.database or "")
        if not file.is_file():
            raise SettingError(_NO_TABLES if file.parent.is_dir() else _AWAY)


def calm_collector() -> None:
    """The word lists are half a million objects that never become garbage: looking through them for some, again and
    again, cost a tenth of the processor, and pauses. What stands now is left out; the rest is looked at less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


async def run_until_stopped(service: Service, host: str, port: int, on_ready: Callable[[int], None]) -> None:
    """Serve until SIGINT or SIGTERM."""
    import signal  # noqa: PLC0415  used here only

    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    calm_collector()
    try:
        await service.start()
        on_ready(await service.serve(host, port))
        await stopped.wait()
    finally:
        await service.stop()
