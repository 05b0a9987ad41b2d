"""Pretend phones: a wall of telephones in the database, for the demo and the tests. Never touches a network.

The channel delivers to a `Wall`; whoever holds the wall (the demo's page, a test) texts from its phones with
`wall.text`, which goes straight to the intake that webhooks use.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import sqlalchemy as sa
import structlog

from channels.base import (
    OUTCOMES,
    ForgedRequestError,
    Found,
    IncomingMessage,
    Kind,
    Outgoing,
    Receipt,
    Request,
    SendResult,
)
from store.database import Clock, Database, signal, utc_now
from store.groups import GroupWriter
from store.tables import pretend_message

log = structlog.get_logger()

SETTINGS: tuple[str, ...] = ()
DEFAULT_RATE = 1000.0
TOPIC = "phones"  # signalled whenever a message appears on a phone
_RANG = "☎"  # what a phone shows of a call that it made


@dataclass(frozen=True, slots=True)
class PhoneMessage:
    """One bubble on a phone. `inbound`: the person wrote it (towards the service)."""

    id: int
    number: str
    inbound: bool
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Phone:
    number: str
    messages: int
    last: PhoneMessage


@dataclass(frozen=True, slots=True)
class Delivery:
    """What `on_deliver` hooks are told: a message has appeared on a phone."""

    number: str
    text: str
    message_id: int


Intake = Callable[[int, IncomingMessage, datetime], Awaitable[Any]]
Receive = Callable[[int, Receipt], Awaitable[Any]]
OnDeliver = Callable[[Delivery], Awaitable[None]]


class Wall(Protocol):
    """Where pretend phones hang."""

    async def deliver(self, number: str, text: str, message_id: int) -> str:
        """Show the text on the phone; returns the wall's id for it."""
        ...

    def find(self, number: str, since: datetime) -> AsyncIterator[Found]: ...


class MemoryWall:
    """A wall that lasts as long as its process: what a phones channel has until it is given another."""

    def __init__(self, clock: Clock = utc_now) -> None:
        self._clock = clock
        self.messages: list[PhoneMessage] = []

    async def deliver(self, number: str, text: str, message_id: int) -> str:  # noqa: ARG002  the protocol's
        message = PhoneMessage(len(self.messages) + 1, number, inbound=False, text=text, at=self._clock())
        self.messages.append(message)
        return f"P{message.id}"

    async def find(self, number: str, since: datetime) -> AsyncIterator[Found]:
        for message in reversed(self.messages):
            if message.number == number and message.at >= since:
                yield Found(f"P{message.id}", number, message.text, message.at)


class DatabaseWall:
    """The wall in the table `pretend_message`. `connect` it to a channel's intake before texting from it.

    `on_deliver` hooks run after the message is on the phone, each in a task of its own, so that they may wait as long
    as a human takes to answer; `close` ends those that still wait.
    """

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock
        self._line: tuple[int, str, Intake, Receive | None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._group: GroupWriter[dict[str, Any], int] = GroupWriter(self._write)
        self.on_deliver: list[OnDeliver] = []

    def connect(self, channel_id: int, address: str, intake: Intake, receive: Receive | None = None) -> None:
        """Texts go to `intake` as messages to `address`; deliveries are confirmed to `receive`."""
        self._line = (channel_id, address, intake, receive)

    async def deliver(self, number: str, text: str, message_id: int) -> str:
        row = await self._group.submit(self._row(number, text, inbound=False))
        for hook in self.on_deliver:
            self._start(hook(Delivery(number, text, message_id)))
        if self._line is not None and self._line[3] is not None:
            receipt = Receipt(f"P{row}", "delivered", OUTCOMES["delivered"], message_id)
            self._start(self._line[3](self._line[0], receipt))
        return f"P{row}"

    async def text(self, number: str, text: str) -> None:
        """Somebody texts from a phone; returns once the service has stored it."""
        await self._leave(number, text)

    async def ring(self, number: str) -> None:
        """Somebody rings from a phone and hangs up before anybody could answer."""
        await self._leave(number, "", is_call=True)

    async def _leave(self, number: str, text: str, *, is_call: bool = False) -> None:
        if self._line is None:
            raise RuntimeError("the wall is connected to no channel")
        channel_id, address, intake, _ = self._line
        row = await self._group.submit(self._row(number, _RANG if is_call else text, inbound=True))
        await intake(channel_id, IncomingMessage(f"P{row}", number, address, text, is_call=is_call), self._clock())

    async def find(self, number: str, since: datetime) -> AsyncIterator[Found]:
        for message in reversed(await self.conversation(number)):
            if not message.inbound and message.at >= since:
                yield Found(f"P{message.id}", number, message.text, message.at)

    async def list_phones(self, most: int = 60) -> Sequence[Phone]:
        """The phones that saw a message, the one seen last first."""
        m = pretend_message
        latest = sa.select(sa.func.max(m.c.id).label("last"), sa.func.count().label("messages")).group_by(m.c.number)
        top = latest.order_by(sa.desc("last")).limit(most).subquery()
        statement = sa.select(m, top.c.messages).join(top, m.c.id == top.c.last).order_by(m.c.id.desc())
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
        return [Phone(row.number, row.messages, _bubble(row)) for row in rows]

    async def conversation(self, number: str, most: int = 100) -> Sequence[PhoneMessage]:
        """The last messages of one phone, oldest first."""
        m = pretend_message
        statement = sa.select(m).where(m.c.number == number).order_by(m.c.id.desc()).limit(most)
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
        return [_bubble(row) for row in reversed(rows)]

    async def settled(self) -> None:
        """Wait until every hook and confirmation started so far, and those they start, has ended."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._group.close()

    def _row(self, number: str, text: str, *, inbound: bool) -> dict[str, Any]:
        return {"number": number, "inbound": inbound, "text": text, "at": self._clock()}

    async def _write(self, batch: Sequence[dict[str, Any]]) -> list[int]:
        statement = sa.insert(pretend_message).returning(pretend_message.c.id, sort_by_parameter_order=True)
        async with self._database.write() as connection:
            written = await connection.execute(statement, list(batch))
            signal(connection, TOPIC)
            return list(written.scalars())

    def _start(self, work: Awaitable[None]) -> None:
        async def run() -> None:
            try:
                await work
            except Exception as error:  # noqa: BLE001  a hook's fault must not undo a delivery
                # Without the traceback: its lines may quote a message.
                log.error(  # noqa: TRY400  see above
                    "a pretend phone's hook failed",
                    error=type(error).__name__,
                )

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _bubble(row: Any) -> PhoneMessage:
    return PhoneMessage(row.id, row.number, row.inbound, row.text, row.at)


class PretendPhones:
    """The channel. Its wall is `settings["wall"]` or whatever is put into `wall` before the first send."""

    can_find = True

    def __init__(self, name: str, address: str, settings: Mapping[str, Any], public_url: str) -> None:  # noqa: ARG002
        self.address = address
        self.wall: Wall = settings.get("wall") or MemoryWall()

    async def send(self, message: Outgoing) -> SendResult:
        provider_id = await self.wall.deliver(message.recipient, message.text, message.message_id)
        return SendResult(OUTCOMES["accepted"], provider_id)

    async def find(self, recipient: str, since: datetime) -> AsyncIterator[Found]:
        async for found in self.wall.find(recipient, since - timedelta(seconds=1)):
            yield found

    def read_inbound(self, request: Request) -> IncomingMessage:  # noqa: ARG002  the protocol's
        raise ForgedRequestError("pretend phones have no webhooks")

    def read_call(self, request: Request) -> IncomingMessage | None:  # noqa: ARG002
        raise ForgedRequestError("pretend phones have no webhooks")

    def read_status(self, request: Request) -> Receipt | None:  # noqa: ARG002
        raise ForgedRequestError("pretend phones have no webhooks")

    def acknowledge(self) -> tuple[str, str]:
        return "", "text/plain"

    def hang_up(self) -> tuple[str, str]:
        return "", "text/plain"

    async def close(self) -> None:
        """The wall belongs to whoever made it."""


KIND = Kind("phones", SETTINGS, DEFAULT_RATE, PretendPhones)
