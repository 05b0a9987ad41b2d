"""Loops: what wakes a step, what a fault costs, and who leads. Nothing here waits longer than it must."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from scheduler.ticks import Step, Ticks, try_lead
from store import tables as t
from store.database import Database, signal
from tests.builders import rows
from tests.conftest import HandClock

NEVER = timedelta(days=1)


class Counted:
    """A step that plays a list of results, and lets a test wait for its n-th run."""

    def __init__(self, *results: int | Exception) -> None:
        self.results = list(results)
        self.runs = 0
        self._changed = asyncio.Condition()

    async def __call__(self) -> int:
        async with self._changed:
            self.runs += 1
            self._changed.notify_all()
        result = self.results.pop(0) if self.results else 0
        if isinstance(result, Exception):
            raise result
        return result

    async def ran(self, times: int) -> None:
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(lambda: self.runs >= times)


def ticks(database: Database, clock: HandClock, *steps: Step, owner: str = "one") -> Ticks:
    return Ticks(database, steps, clock, owner, patience=(0.001, 0.002))


def a_step(run: Callable[[], Awaitable[int]], every: timedelta = NEVER, **values: object) -> Step:
    return Step("plan", run, every, **values)  # type: ignore[arg-type]


async def test_a_step_runs_at_the_start_until_nothing_is_left(sqlite_database: Database, clock: HandClock) -> None:
    run = Counted(5, 3, 0, 9)
    loops = ticks(sqlite_database, clock, a_step(run))
    loops.start()
    await run.ran(3)
    await loops.stop()
    assert (run.runs, loops.last_done) == (3, {"plan": clock()})


async def test_a_signal_wakes_a_step_at_once(database: Database, clock: HandClock) -> None:
    run = Counted()
    loops = ticks(database, clock, a_step(run, topics=("timers",)))
    loops.start()
    await run.ran(1)
    async with database.write() as connection:
        signal(connection, "timers")
    await run.ran(2)
    await loops.stop()


async def test_the_clock_wakes_a_step(sqlite_database: Database, clock: HandClock) -> None:
    run = Counted()
    loops = ticks(sqlite_database, clock, a_step(run, timedelta(milliseconds=20)))
    loops.start()
    await run.ran(3)
    await loops.stop()


async def test_a_step_that_raises_runs_again_and_the_others_go_on(sqlite_database: Database, clock: HandClock) -> None:
    faulty, other = Counted(ValueError("secret"), OSError("secret"), 1, 0), Counted()
    loops = ticks(sqlite_database, clock, a_step(faulty), Step("other", other, NEVER))
    loops.start()
    await faulty.ran(4)
    await other.ran(1)
    await loops.stop()
    assert loops.last_done.keys() == {"plan", "other"}


async def test_stopping_finishes_the_batch_that_has_begun(sqlite_database: Database, clock: HandClock) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    finished = []

    async def run() -> int:
        begun.set()
        await go_on.wait()
        finished.append(True)
        return 1

    loops = ticks(sqlite_database, clock, a_step(run))
    loops.start()
    await begun.wait()
    stopping = asyncio.create_task(loops.stop())
    await asyncio.sleep(0)
    go_on.set()
    await stopping
    assert finished == [True]


async def test_one_of_two_owners_leads_until_its_lease_ends(database: Database, clock: HandClock) -> None:
    async def lead(owner: str) -> bool:
        return await try_lead(database, "plan", owner, clock, 30)

    assert [await lead("one"), await lead("two"), await lead("one")] == [True, False, True]
    clock.forward(seconds=29)
    assert [await lead("two"), await lead("one")] == [False, True]
    clock.forward(seconds=30)
    assert [await lead("two"), await lead("one")] == [True, False]


async def test_of_many_who_want_to_lead_at_one_moment_one_does(database: Database, clock: HandClock) -> None:
    won = await asyncio.gather(*(try_lead(database, "plan", f"owner{k}", clock, 30) for k in range(6)))
    assert sum(won) == 1


async def test_a_step_for_one_process_runs_only_where_the_lease_is(database: Database, clock: HandClock) -> None:
    await try_lead(database, "plan", "other", clock, 30)
    run = Counted(1, 0)
    step = a_step(run, alone=True)
    loops = ticks(database, clock, step)
    assert (await loops.drain(step), run.runs) == (0, 0)
    clock.forward(seconds=31)
    assert (await loops.drain(step), run.runs) == (1, 2)
    await loops.stop()
    # A process that stops hands over at once.
    assert await rows(database, t.lease, order=t.lease.c.name) == []
