"""Planning: everybody due in one weekly campaign becomes an outbox row: time and memory of a process that plans."""

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench.servers import prepare
from content.pack import load_pack
from scheduler.campaigns import create, plan_due, start
from scheduler.due import Plan
from store import tables as t
from store.database import Database, open_database, utc_now
from store.secrets import KeyRing

_WEEK = timedelta(days=7)


async def _start_campaign(database: Database) -> None:
    now, plan = utc_now(), Plan(kind="weekly")
    await create(
        database, load_pack(), code="bench", name="Bench", checkin="weekly", plan=plan, audience={}, now=now
    )  # fmt: skip
    await start(database, "bench", now)


async def _checkpoint(database: Database) -> None:
    """The service's own step: without it the write-ahead log grows, and every page is looked for in all of it."""
    while True:
        await asyncio.sleep(1)
        await database.checkpoint()


async def _plan(url: str, keys: str) -> dict[str, Any]:
    database = await open_database(url, KeyRing.parse(keys))
    try:
        await _start_campaign(database)
        ticking = asyncio.create_task(_checkpoint(database))
        before = time.perf_counter()
        while await plan_due(database, utc_now, horizon=_WEEK):
            pass
        seconds = time.perf_counter() - before
        ticking.cancel()
        await asyncio.gather(ticking, return_exceptions=True)
        async with database.read() as connection:
            rows = (await connection.execute(sa.select(sa.func.count()).select_from(t.outbox))).scalar_one()
    finally:
        await database.close()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"rows": rows, "seconds": round(seconds, 3), "peak_memory_mb": round(memory)}


def _in_a_process(people: int, url: str | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="hujambo-bench-") as name:
        address = url or f"sqlite:///{Path(name)}/{uuid.uuid4().hex}.sqlite"
        keys = KeyRing.generate("bench")
        prepare(address, keys, people)
        child = subprocess.run(
            [sys.executable, "-m", "bench.plan"], input=json.dumps([address, keys]), text=True,
            stdout=subprocess.PIPE, check=True,
        )  # fmt: skip
    return dict(json.loads(child.stdout))


def run(*, sizes: tuple[int, ...] = (10_000, 1_000_000), url: str | None = None) -> Iterator[dict[str, Any]]:
    """One line per size; `ratio` compares the cost per person with the first size.

    A size that takes a fraction of a second is planned five times in fresh databases, and its median counts.
    """
    first = 0.0
    for people in sizes:
        runs = [_in_a_process(people, url) for _ in range(1 if people > 100_000 or url else 5)]
        found = sorted(runs, key=lambda one: one["seconds"])[len(runs) // 2]
        each = found["seconds"] / people * 1e6
        first = first or each
        yield {
            "what": f"plan {people:,} people",
            **found,
            "us_per_person": round(each, 1),
            "ratio_to_first": round(each / first, 2),
        }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_plan(*json.loads(sys.stdin.read())))))
