"""What comes in: stored, understood and answered in one transaction that many share, before the gateway gets its 200.

A message whose turn raises is stored all the same, set aside with its reason, read for danger, and put before a human;
nothing waits behind it. Duplicates are recognised by the gateway's own id, never by their content.
"""

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from weakref import WeakValueDictionary

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot import effects as fx
from bot.distress import Reader
from bot.turn import take_turn
from cases.bysms import read_step
from channels.base import IncomingMessage
from content.schema import Level, Pack
from scheduler.apply import Changes, Message
from scheduler.subjects import Site, Subject, load_sites, load_staff_numbers, load_subjects, stranger
from store import tables as t
from store.choice import KINDS, chosen, is_chosen
from store.database import Clock, Database, is_conflict, is_unreachable
from store.groups import GroupWriter

log = structlog.get_logger()
_CONFLICTS = 3
_SITES_LAST = timedelta(seconds=2)  # a change of a site's hours may take so long to be seen
_GATHER = 0.001  # seconds: under load, for the next batch to fill; a lone message never waits
_KNOWN = {
    kind: sa.select(t.inbox.c.provider_id).where(
        t.inbox.c.channel_id == sa.bindparam("channel"), is_chosen(t.inbox.c.provider_id, kind)
    )
    for kind in KINDS
}


# A classifier outside this process. It is asked with the text before the transaction opens; what it makes of it is said
# within, where the writer's language is known. It never raises: whatever happens to it, there is an opinion.
Judge = Callable[[str], fx.Opinion]
Ask = Callable[[str], Awaitable[Judge]]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A verified message on its way in."""

    channel_id: int
    message: IncomingMessage
    received_at: datetime
    address_index: bytes
    judge: Judge | None = None

    def opinion(self, language: str) -> fx.Opinion | None:
        return self.judge(language) if self.judge is not None else None


class Inbox:
    """The service's ear. `accept` returns once the message and all that follows from it are on disk."""

    def __init__(
        self,
        database: Database,
        pack: Pack,
        reader: Reader,
        clock: Clock,
        *,
        base_url: str = "",
        most: int = 100,
        ask: Ask | None = None,
    ) -> None:
        self._database = database
        self._pack = pack
        self._reader = reader
        self._clock = clock
        self._base_url = base_url
        self._ask = ask
        self._in_turn: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()
        self._group: GroupWriter[Arrival, bool] = GroupWriter(
            self._handle, most=most, gather=_GATHER, is_shared_fault=is_unreachable
        )
        self._sites: tuple[datetime, dict[int, Site]] | None = None
        self._staff: frozenset[bytes] = frozenset()
        self.counts = {"accepted": 0, "duplicate": 0, "set_aside": 0, "danger": 0}

    async def accept(self, channel_id: int, message: IncomingMessage, received_at: datetime | None = None) -> bool:
        """Store and answer one message. False: it was here before. Raises what the database raises when it is away."""
        arrival = Arrival(channel_id, message, received_at or self._clock(), self._database.keys.index(message.sender))
        is_new = await (self._group.submit(arrival) if self._ask is None else self._submit_asked(arrival, self._ask))
        self.counts["accepted" if is_new else "duplicate"] += 1
        return is_new

    async def _submit_asked(self, arrival: Arrival, ask: Ask) -> bool:
        """One person's messages are asked about and written in order, one at a time; other people's do not wait."""
        turn = self._in_turn.setdefault(arrival.address_index, asyncio.Lock())
        async with turn:
            return await self._group.submit(replace(arrival, judge=await ask(arrival.message.text)))

    async def close(self) -> None:
        await self._group.close()

    async def _handle(self, arrivals: Sequence[Arrival]) -> list[bool]:
        now = self._clock()
        try:
            return await self._handle_once_more(arrivals, now)
        except Exception as error:
            if len(arrivals) > 1 or is_unreachable(error):
                raise
            log.exception("a turn could not be written", error=type(error).__name__, where=_where(error))
            async with self._database.write(is_short=True) as connection:
                return await self._handle_within(connection, arrivals, now, fault=error)

    async def _handle_once_more(self, arrivals: Sequence[Arrival], now: datetime) -> list[bool]:
        """Again where another process held our rows in another order (PostgreSQL then ends one of the two)."""
        for _ in range(_CONFLICTS):
            try:
                async with self._database.write(is_short=True) as connection:
                    return await self._handle_within(connection, arrivals, now)
            except DBAPIError as error:
                if not is_conflict(error):
                    raise
        async with self._database.write(is_short=True) as connection:
            return await self._handle_within(connection, arrivals, now)

    async def _handle_within(
        self,
        connection: AsyncConnection,
        arrivals: Sequence[Arrival],
        now: datetime,
        *,
        fault: Exception | None = None,
    ) -> list[bool]:
        subjects = await self._gather(connection, arrivals, now)
        known = await self._known(connection, arrivals)
        changes = Changes(self._database, self._pack, now, base_url=self._base_url)
        results: list[bool] = []
        for arrival in arrivals:
            mark = (arrival.channel_id, arrival.message.provider_id)
            results.append(mark not in known)
            if mark not in known:
                known.add(mark)
                if fault is None and await self._is_for_staff(connection, arrival, subjects[arrival.address_index]):
                    changes.leave_to_staff(subjects[arrival.address_index], self._message(arrival))
                else:
                    self._decide(changes, subjects[arrival.address_index], arrival, now, fault)
        await changes.write(connection)
        return results

    async def _gather(
        self, connection: AsyncConnection, arrivals: Sequence[Arrival], now: datetime
    ) -> dict[Any, Subject]:
        indexes = list({arrival.address_index: None for arrival in arrivals})
        if self._sites is None or now - self._sites[0] > _SITES_LAST:
            self._sites = (now, await load_sites(connection, now))
            self._staff = await load_staff_numbers(connection)
        sites = self._sites[1]
        subjects = await load_subjects(
            connection, self._database, self._pack, now, address_indexes=indexes, sites=sites
        )
        unknown = {a.address_index: a for a in arrivals if a.address_index not in subjects}
        if unknown:
            await self._meet(connection, list(unknown.values()), now)
            subjects |= await load_subjects(connection, self._database, self._pack, now, address_indexes=list(unknown))
        return subjects

    async def _meet(self, connection: AsyncConnection, arrivals: Sequence[Arrival], now: datetime) -> None:
        """New addresses become contacts; whoever else is meeting them at this moment (another process) may win."""
        sites = await load_sites(connection, now)
        channels = {
            row.id: row.site_id
            for row in (await connection.execute(sa.select(t.channel.c.id, t.channel.c.site_id))).all()
        }
        rows = []
        for arrival in arrivals:
            site_id = channels.get(arrival.channel_id) or next(iter(sites), 0)
            new = stranger(0, arrival.channel_id, site_id, sites, self._pack)
            rows.append(
                {
                    "id": self._database.new_id(),
                    "channel_id": arrival.channel_id,
                    "address": arrival.message.sender,
                    "address_index": arrival.address_index,
                    "language": new.person.language,
                    "memory": {},
                    "created_at": now,
                }
            )
        statement = self._database.insert(t.contact).on_conflict_do_nothing(index_elements=["address_index"])
        await connection.execute(statement, rows)

    async def _known(self, connection: AsyncConnection, arrivals: Sequence[Arrival]) -> set[tuple[int, str]]:
        by_channel: dict[int, list[str]] = {}
        for arrival in arrivals:
            by_channel.setdefault(arrival.channel_id, []).append(arrival.message.provider_id)
        known: set[tuple[int, str]] = set()
        for channel_id, provider_ids in by_channel.items():
            given = chosen(t.inbox.c.provider_id, self._database.kind, provider_ids)
            found = await connection.execute(_KNOWN[self._database.kind], {"channel": channel_id, **given})
            known.update((channel_id, provider_id) for provider_id in found.scalars())
        return known

    async def _is_for_staff(self, connection: AsyncConnection, arrival: Arrival, subject: Subject) -> bool:
        """Whether this text works on an alert: from a staff number, or a try at it from a number that is none.

        Whatever else comes from a staff number is read for danger first, like everybody's: they live there too.
        """
        asked = read_step(arrival.message.text)
        is_staff = arrival.address_index in self._staff
        if asked is not None and is_staff:
            return True
        if subject.beneficiary_id is not None or not (is_staff or (asked is not None and asked.code)):
            return False
        if asked is not None:
            found = sa.select(t.alert.c.id).where(t.alert.c.code == asked.code, t.alert.c.state != "closed")
            if (await connection.execute(found)).first() is None:
                return False
        reading = self._reader.assess(arrival.message.text, subject.person.language, subject.person.languages)
        return reading.level < Level.ELEVATED

    def _message(self, arrival: Arrival) -> Message:
        return Message(
            id=self._database.new_id(),
            channel_id=arrival.channel_id,
            provider_id=arrival.message.provider_id,
            text=arrival.message.text,
            media=arrival.message.media,
            received_at=arrival.received_at,
            is_call=arrival.message.is_call,
        )

    def _decide(
        self, changes: Changes, subject: Subject, arrival: Arrival, now: datetime, fault: Exception | None
    ) -> None:
        message = self._message(arrival)
        # The answer goes back the way the message came.
        subject.channel_id = arrival.channel_id
        if fault is None:
            try:
                opinion = arrival.opinion(subject.person.language)
                inbound = fx.Inbound(
                    message.id, message.text, message.media, message.received_at, opinion, message.is_call
                )
                turn = take_turn(
                    inbound, subject.person, subject.progress, subject.memory, self._pack, self._reader, now
                )
            except Exception as error:  # noqa: BLE001  whatever it is, the message is kept and a human sees it
                fault = error
            else:
                self.counts["danger"] += turn.assessment.is_danger
                changes.add(subject, turn.effects, message, turn.memory, level=turn.assessment.level)
                return
        self._set_aside(changes, subject, message, fault, arrival)

    def _set_aside(
        self, changes: Changes, subject: Subject, message: Message, fault: Exception, arrival: Arrival
    ) -> None:
        reason = f"{type(fault).__name__} at {_where(fault)}"  # never str(fault): it may quote the message
        self.counts["set_aside"] += 1
        log.error("message set aside", message_id=message.id, reason=reason)
        try:
            person = subject.person
            opinion = arrival.opinion(person.language)
            assessment = self._reader.assess(message.text, person.language, person.languages, opinion)
        except Exception:  # noqa: BLE001  the reader may be what failed; a human reads instead
            assessment = fx.Assessment(Level.ELEVATED, "distress", (fx.Reason("set_aside"),))
        effects: list[fx.Effect] = [fx.RaiseTask("set_aside", due_hours=1, once_per="message")]
        if assessment.level >= Level.ELEVATED:
            effects.append(fx.RaiseAlert(assessment))
        changes.add(subject, effects, replace(message, reason=reason[:500]), level=assessment.level)


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return "?"
    return f"{frames[-1].name}:{frames[-1].lineno}"
