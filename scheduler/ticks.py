"""What makes the steps run: each has a loop of its own, woken by the clock and by whoever has just made work for it.

APScheduler only ticks; it holds no jobs that matter and decides nothing. A step runs until it has nothing left to do.
A step that raises is tried again later and later, and never takes the others along.
"""

import asyncio
import contextlib
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from store import tables as t
from store.database import Clock, Database

log = structlog.get_logger()

LEASE = timedelta(seconds=30)
_PATIENCE = (1.0, 60.0)  # seconds until a step that raised runs again: at first, at most


@dataclass(frozen=True, slots=True)
class Step:
    """`run` does a batch and says how much there was: 0, nothing is left. `topics` wake it at once.

    `alone`: it runs in one process at a time, the one that holds the lease of its name. Such a step must still be safe
    to run twice: a lease can end under a process that was frozen.
    """

    name: str
    run: Callable[[], Awaitable[int]]
    every: timedelta
    topics: tuple[str, ...] = ()
    alone: bool = False


async def try_lead(database: Database, name: str, owner: str, clock: Clock, seconds: float) -> bool:
    """Take or keep the lease `name` for so many seconds. Whether it is ours now."""
    now = clock()
    until = now + timedelta(seconds=seconds)
    async with database.write() as connection:
        taken = await connection.execute(
            sa.update(t.lease)
            .where(t.lease.c.name == name, (t.lease.c.owner == owner) | (t.lease.c.until <= now))
            .values(owner=owner, until=until)
        )
        if taken.rowcount == 1:
            return True
        first = database.insert(t.lease).values(name=name, owner=owner, until=until)
        made = await connection.execute(
            first.on_conflict_do_nothing(index_elements=["name"]), execution_options={"preserve_rowcount": True}
        )
        return bool(made.rowcount == 1)


async def give_up_lead(database: Database, name: str, owner: str) -> None:
    """A process that stops hands over at once, instead of after its lease has run out."""
    async with database.write() as connection:
        await connection.execute(sa.delete(t.lease).where(t.lease.c.name == name, t.lease.c.owner == owner))


class Ticks:
    """The loops of some steps. `start` them, `stop` them: a batch that has begun is finished."""

    def __init__(
        self,
        database: Database,
        steps: Sequence[Step],
        clock: Clock,
        owner: str,
        *,
        patience: tuple[float, float] = _PATIENCE,
    ) -> None:
        self._database = database
        self._steps = steps
        self._clock = clock
        self._owner = owner
        self._patience = patience
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._leading: dict[str, datetime] = {}
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        # When each step last came to an end without raising: a step that has not for long is a fault to be shown.
        self.last_done: dict[str, datetime] = {}

    def start(self) -> None:
        for step in self._steps:
            wake = asyncio.Event()
            self._tasks.append(asyncio.create_task(self._loop(step, wake), name=f"step-{step.name}"))
            self._scheduler.add_job(
                _waker(wake),
                IntervalTrigger(seconds=step.every.total_seconds(), timezone=UTC),
                id=step.name,
                coalesce=True,
                max_instances=1,
                misfire_grace_time=None,  # the default of one second silently skips ticks on a busy machine
            )
        self._scheduler.start()

    async def stop(self) -> None:
        """No new batches; waits for those that have begun, then hands over the leases."""
        self._stopping.set()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        await asyncio.gather(*self._tasks)
        self._tasks.clear()
        for name in list(self._leading):
            with contextlib.suppress(Exception):  # the database may be away: then the lease runs out by itself
                await give_up_lead(self._database, name, self._owner)

    async def _loop(self, step: Step, tick: asyncio.Event) -> None:
        failed = 0
        with self._database.signals.listen(*step.topics) as woken:
            while not self._stopping.is_set():
                tick.clear()
                woken.clear()
                try:
                    await self.drain(step)
                except Exception as error:  # noqa: BLE001  the loop outlives whatever a step may raise
                    failed += 1
                    fault = {"error": type(error).__name__, "at": _where(error), "times": failed}
                    log.error("step failed", step=step.name, **fault)  # noqa: TRY400  no text of an exception in logs
                    await self._first_of(self._stopping.wait(), timeout=self._pause(failed))
                else:
                    failed = 0
                    self.last_done[step.name] = self._clock()
                    await self._first_of(self._stopping.wait(), tick.wait(), woken.wait())

    def _pause(self, failed: int) -> float:
        first, most = self._patience
        return min(first * 2.0 ** min(failed - 1, 30), most)

    @staticmethod
    async def _first_of(*events: Awaitable[bool], timeout: float | None = None) -> None:  # noqa: ASYNC109  any may end it
        waiting = [asyncio.ensure_future(event) for event in events]
        try:
            await asyncio.wait(waiting, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()

    async def drain(self, step: Step) -> int:
        """The step again and again until nothing is left, or we stop, or another process leads. Gives the sum."""
        total = 0
        while not self._stopping.is_set() and (not step.alone or await self._leads(step.name)):
            done = await step.run()
            total += done
            if done == 0:
                break
            await asyncio.sleep(0)
        return total

    async def _leads(self, name: str) -> bool:
        now = self._clock()
        # Renewed when half of it is gone: not a write for every tick.
        if self._leading.get(name, now) - now > LEASE / 2:
            return True
        self._leading.pop(name, None)
        if not await try_lead(self._database, name, self._owner, self._clock, LEASE.total_seconds()):
            return False
        self._leading[name] = now + LEASE
        return True


def _waker(wake: asyncio.Event) -> Callable[[], Awaitable[None]]:
    async def tick() -> None:  # a coroutine: APScheduler would run a plain function in a thread
        wake.set()

    return tick


def _where(error: BaseException) -> str:
    """The place, never str(error): it may quote a message or a number."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].name}:{frames[-1].lineno}" if frames else "?"
