"""The outbox at work: claim → send → record, pipelined per channel, and nothing sent twice by us."""

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import sqlalchemy as sa
import structlog

from channels.base import OUTCOMES, Channel, Outgoing, Receipt, SendResult
from content.schema import Pack
from scheduler.outbox import settle
from scheduler.outbox.claim import Batch, Claimed, claim, is_any_due, is_urgent
from scheduler.outbox.pace import LocalPace
from scheduler.outbox.receipts import Arrived, apply, take_early
from scheduler.outbox.record import ASK_AFTER, Ended, record
from scheduler.retry import RAISED
from store import tables as t
from store.database import Clock, Database, is_conflict, is_unreachable
from store.groups import GroupWriter

log = structlog.get_logger()

_LOOK_EVERY = 1.0  # seconds; a signal wakes the channels sooner
_GATHER = 0.02  # seconds in which results come together for one commit: a commit each would cost half a core
_SPARE = timedelta(seconds=1)
_URGENT_ROOM = 64  # messages for people in danger that are claimed beyond what the gateway can take at the moment


class Outbox:
    """`channels` may be a mapping that changes or a callable that gives one. One per process; `owner` names it.

    `send_timeout` (seconds) must leave more than a second of `lease`: nothing is sent whose answer could come after
    the lease, because then somebody else may already have taken the message for lost.
    """

    def __init__(
        self,
        database: Database,
        pack: Pack,
        channels: Mapping[int, Channel] | Callable[[], Mapping[int, Channel]],
        clock: Clock,
        owner: str,
        *,
        concurrency: int = 64,
        lease: timedelta = timedelta(seconds=30),
        batch: int = 200,
        send_timeout: float = 12.0,
        ask_after: timedelta = ASK_AFTER,
    ) -> None:
        self._database = database
        self._pack = pack
        self._channels = channels if callable(channels) else lambda: channels
        self._clock = clock
        self._owner = owner
        self._concurrency = concurrency
        self._lease = lease
        self._batch = batch
        self._send_timeout = send_timeout
        self._ask_after = ask_after
        self._needed = timedelta(seconds=send_timeout) + _SPARE
        if self._needed >= lease:
            raise ValueError("the lease must outlast the send timeout by more than a second")
        self._paces: dict[int, LocalPace] = {}
        self._receipts: GroupWriter[Arrived, None] = GroupWriter(self._apply_receipts, is_shared_fault=is_unreachable)
        self.counters: Counter[str] = Counter()

    # --- one round, for steps and tests ---

    async def step(self) -> int:
        """Claim, send and record once over all active channels; how many rows were handled."""
        return sum(await asyncio.gather(*(self._round(number) for number in await self._active())))

    async def _round(self, channel_id: int) -> int:
        batch = await self._claim(channel_id, self._batch)
        if batch.messages:
            ended: list[Ended] = []
            waiting = self._timed(batch)
            workers = range(min(len(waiting), self._concurrency))
            await asyncio.gather(*(self._work(channel_id, waiting, batch.rate, ended.append) for _ in workers))
            await self._record(ended)
        return batch.handled

    async def _active(self) -> list[int]:
        c = t.channel
        async with self._database.read() as connection:
            found = await connection.execute(sa.select(c.c.id).where(c.c.state == "active").order_by(c.c.id))
        open_here = self._channels()
        return [number for number in found.scalars() if number in open_here]

    # --- the pipeline ---

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop` is set: per channel the next batch is claimed while the last one is still under way."""
        lanes: dict[int, asyncio.Task[None]] = {}
        try:
            while not stop.is_set():
                try:
                    for number in await self._active():
                        if number not in lanes or lanes[number].done():
                            lanes[number] = asyncio.create_task(self._lane(number, stop), name=f"outbox-{number}")
                except Exception as error:  # noqa: BLE001  the database is away: look again
                    log.warning("outbox_cannot_look", error=type(error).__name__)
                await _either(stop, _LOOK_EVERY)
        finally:
            await asyncio.gather(*lanes.values(), return_exceptions=True)

    async def _lane(self, channel_id: int, stop: asyncio.Event) -> None:
        lane = _Lane(self, channel_id, self._concurrency)
        loop = asyncio.get_running_loop()
        with self._database.signals.listen("outbox") as woken:
            try:
                looked = 0.0
                while not stop.is_set() and channel_id in self._channels():
                    is_news = woken.is_set() or loop.time() - looked > _LOOK_EVERY
                    woken.clear()
                    lane.room.clear()
                    room = self._concurrency + self._batch - lane.outstanding
                    is_full = room < min(self._batch, self._concurrency)
                    if is_full and not is_news:
                        await _first(_LOOK_EVERY, stop, woken, lane.room)
                        continue
                    looked = loop.time()
                    # A slow gateway fills the lane; nobody in danger waits behind the traffic in it.
                    most = min(room + _URGENT_ROOM if is_full else room, self._batch)
                    batch = Batch()
                    if most > 0:
                        batch = await self._try_claim(channel_id, most, only_urgent=is_full)
                    lane.add(batch)
                    if batch.handled and not batch.wait:
                        continue
                    events = [] if batch.wait else [woken, lane.room] if is_full else [woken]
                    await _first(min(batch.wait or _LOOK_EVERY, _LOOK_EVERY), stop, *events)
            finally:
                await lane.finish()

    async def _try_claim(self, channel_id: int, most: int, *, only_urgent: bool = False) -> Batch:
        try:
            return await self._claim(channel_id, most, only_urgent=only_urgent)
        except Exception as error:  # noqa: BLE001  a claim that failed claimed nothing; the lane must live
            log.warning("claim_failed", channel_id=channel_id, error=type(error).__name__)
            return Batch(wait=_LOOK_EVERY)

    # --- claim, send, record ---

    async def _claim(self, channel_id: int, most: int, *, only_urgent: bool = False) -> Batch:
        now = self._clock()
        async with self._database.read(is_short=True) as connection:
            if not await is_any_due(connection, channel_id, now, only_urgent=only_urgent):
                return Batch()
        for _ in range(3):
            try:
                async with self._database.write(is_short=True) as connection:
                    batch = await claim(
                        connection, self._database, self._pack, channel_id,
                        owner=self._owner, now=now, lease=self._lease, most=most, only_urgent=only_urgent,
                    )  # fmt: skip
            except sa.exc.DBAPIError as error:
                if not is_conflict(error):
                    raise
            else:
                self.counters.update(batch.settled)
                return batch
        return Batch(wait=0.1)

    def _timed(self, batch: Batch) -> "deque[tuple[Claimed, float]]":
        now = asyncio.get_running_loop().time()
        return deque((message, now + message.leaves_in) for message in batch.messages)

    async def _work(
        self,
        channel_id: int,
        waiting: "deque[tuple[Claimed, float]]",
        rate: float,
        ended: Callable[[Ended], None],
    ) -> None:
        channel = self._channels().get(channel_id)
        while waiting:
            message, leave_at = waiting.popleft()
            ended(await self._send(channel, message, leave_at, rate))

    async def _send(self, channel: Channel | None, message: Claimed, leave_at: float, rate: float) -> Ended:
        loop = asyncio.get_running_loop()
        pace = self._paces.setdefault(message.channel_id, LocalPace())
        now = loop.time()
        delay = pace.slot(leave_at, rate, now) - now
        if delay > 0:
            await asyncio.sleep(delay)
        # The one line that keeps a worker which was frozen past its lease from sending what others now hold.
        if channel is None or message.lease_until - self._clock() < self._needed:
            return Ended(message, None, self._clock())
        outgoing = Outgoing(message.id, message.recipient, message.text, message.purpose)
        try:
            async with asyncio.timeout(self._send_timeout):
                result = await channel.send(outgoing)
        except TimeoutError:
            result = SendResult(OUTCOMES["timeout"])
        except Exception as error:  # noqa: BLE001  it may have left before the code raised
            log.error("send_raised", outbox_id=message.id, error=type(error).__name__)  # noqa: TRY400  no texts
            result = SendResult(RAISED, detail=type(error).__name__)
        return Ended(message, result, self._clock())

    async def _record(self, ended: Sequence[Ended]) -> None:
        """Write results down. While the database is away: again, until the leases are over and others must settle."""
        pause = 0.05
        while ended:
            now = self._clock()
            try:
                async with self._database.write(is_short=True) as connection:
                    counts = await record(connection, self._database, self._owner, ended, now, self._ask_after)
                    bound = [
                        (one.message.channel_id, one.result.provider_id)
                        for one in ended
                        if one.result is not None and one.result.provider_id
                    ]
                    await take_early(connection, self._database, bound, now)
            except Exception as error:  # noqa: BLE001  whatever it is, forgetting a result is worse than trying again
                self.counters["record_failures"] += 1
                log.warning("results_not_written", count=len(ended), error=type(error).__name__)
                if all(one.message.lease_until < self._clock() for one in ended):
                    self.counters["unrecorded"] += len(ended)
                    return
                await asyncio.sleep(pause)
                pause = min(1.0, pause * 2)
            else:
                self.counters.update(counts)
                return

    # --- receipts and uncertainty ---

    async def receive(self, channel_id: int, receipt: Receipt) -> None:
        """Returns once committed; many callbacks share a commit."""
        await self._receipts.submit(Arrived(channel_id, receipt, self._clock()))
        self.counters["receipts"] += 1

    async def _apply_receipts(self, arrived: Sequence[Arrived]) -> list[None]:
        for attempt in range(3):
            try:
                async with self._database.write(is_short=True) as connection:
                    await apply(connection, self._database, arrived, self._clock())
                break
            except sa.exc.DBAPIError as error:
                if attempt == 2 or not is_conflict(error):
                    raise
        return [None] * len(arrived)

    async def settle(self) -> int:
        """Leases that ran out become uncertain; uncertain messages are found, sent again or given up. Rows changed."""
        now = self._clock()
        expired = await settle.expire_leases(self._database, now, self._ask_after)
        counts = await settle.resolve(
            self._database, self._channels(), now, lease=self._lease, ask_after=self._ask_after
        )
        stranded = await settle.take_stranded(self._database, now)
        self.counters["uncertain"] += expired
        self.counters.update({f"settled_{state}": count for state, count in counts.items()})
        return expired + counts.total() + stranded


class _Lane:
    """What is under way on one channel: workers that send, and one recorder that writes what has gathered."""

    def __init__(self, outbox: Outbox, channel_id: int, most_workers: int) -> None:
        self._outbox = outbox
        self._channel_id = channel_id
        self._most = most_workers
        self._waiting: deque[tuple[Claimed, float]] = deque()
        self._ended: list[Ended] = []
        self._workers: set[asyncio.Task[None]] = set()
        self._recorder: asyncio.Task[None] | None = None
        self.outstanding = 0  # claimed and not yet written down
        self.room = asyncio.Event()

    def add(self, batch: Batch) -> None:
        self._queue_up(self._outbox._timed(batch))  # noqa: SLF001  one room, two halves
        self.outstanding += len(batch.messages)
        # A worker that has just run dry is done before its callback says so.
        busy = sum(not worker.done() for worker in self._workers)
        for _ in range(min(len(batch.messages), self._most - busy)):
            work = self._outbox._work(self._channel_id, self._waiting, batch.rate, self._on_ended)  # noqa: SLF001
            task = asyncio.create_task(work)
            self._workers.add(task)
            task.add_done_callback(self._workers.discard)

    def _queue_up(self, new: "deque[tuple[Claimed, float]]") -> None:
        """Urgent messages go to the head. They take the slots of those they overtake: the pace stays as it is."""
        together = [*self._waiting, *new]
        if self._waiting and any(is_urgent(message.purpose) for message, _ in new):
            messages = sorted((message for message, _ in together), key=lambda one: not is_urgent(one.purpose))
            together = list(zip(messages, sorted(at for _, at in together), strict=True))
        self._waiting.clear()
        self._waiting.extend(together)

    def _on_ended(self, ended: Ended) -> None:
        self._ended.append(ended)
        if self._recorder is None or self._recorder.done():
            self._recorder = asyncio.create_task(self._record())

    async def _record(self) -> None:
        while self._ended:
            if len(self._ended) < self._most:
                await asyncio.sleep(_GATHER)
            batch, self._ended = self._ended, []
            await self._outbox._record(batch)  # noqa: SLF001
            self.outstanding -= len(batch)
            self.room.set()

    async def finish(self) -> None:
        """Messages under way are finished; those that have not left go back to the queue."""
        now = self._outbox._clock()  # noqa: SLF001
        while self._waiting:
            self._on_ended(Ended(self._waiting.popleft()[0], None, now))
        if self._workers:
            await asyncio.gather(*self._workers, return_exceptions=True)
        if self._recorder is not None:
            await self._recorder


async def _either(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


async def _first(seconds: float, *events: asyncio.Event) -> None:
    """Until one of the events is set, or the time is over."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waits:
            one.cancel()
