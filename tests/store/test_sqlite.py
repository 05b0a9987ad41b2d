"""Where statements run: in the loop's thread when they are short, in the connection's own when they may wait."""

import threading
from typing import Any

import sqlalchemy as sa

from store.database import Database


async def _threads(database: Database, *, is_short: bool) -> tuple[set[int], set[int]]:
    """The threads in which statements ran inside a transaction, and in which the next one ran its COMMIT."""
    inside: set[int] = set()
    seen: list[int] = []
    async with database.write(is_short=is_short) as connection:
        raw: Any = (await connection.get_raw_connection()).driver_connection
        raw._conn.create_function("thread", 0, threading.get_ident)
        raw._conn.set_trace_callback(lambda _statement: seen.append(threading.get_ident()))
        inside.add((await connection.execute(sa.text("SELECT thread()"))).scalar_one())
        seen.clear()
        await connection.execute(sa.text("INSERT INTO lease VALUES ('x', 'me', 1)"))
        inside.update(seen)
        seen.clear()
    commits = set(seen)
    raw._conn.set_trace_callback(None)
    return inside, commits


async def test_short_statements_stay_in_the_loops_thread_and_the_commit_leaves_it(sqlite_database: Database) -> None:
    inside, commits = await _threads(sqlite_database, is_short=True)
    assert inside == {threading.get_ident()}
    assert commits
    assert threading.get_ident() not in commits


async def test_other_statements_never_hold_the_loop_up(sqlite_database: Database) -> None:
    inside, commits = await _threads(sqlite_database, is_short=False)
    assert threading.get_ident() not in inside | commits
