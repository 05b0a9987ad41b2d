"""SQLite under asyncio without needless thread hops, and the pragmas that make it keep what it was given.

aiosqlite hands every call of the driver to a thread: opening a cursor, executing, fetching and closing are four hops of
about 50 µs for a statement that takes 20. Here opening and closing a cursor never hop; and inside a transaction that is
known to consist of short statements nothing does but its BEGIN (it may wait for the lock) and its COMMIT (it waits for
the disk).
"""

import sqlite3
from typing import Any

import aiosqlite

PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",  # NORMAL can lose the last commits with the power: a sent message would look unsent
    "foreign_keys=ON",
    "busy_timeout=30000",
    "wal_autocheckpoint=20000",  # a backstop: `Database.checkpoint` runs by the clock, outside commits
    "temp_store=MEMORY",
    "cache_size=-65536",
    "secure_delete=ON",  # erased is erased
)
_TRIVIAL = frozenset({"cursor", "close"})


class ShortHopConnection(aiosqlite.Connection):
    """`is_short`: the statements to come are short; run them where we stand. aiosqlite is pinned to the version whose
    `_execute` this replaces; `tests/store/test_sqlite.py` fails where it no longer is the one way to the thread."""

    is_short = False

    async def _execute(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        is_of_cursor = isinstance(getattr(fn, "__self__", None), sqlite3.Cursor)
        name = getattr(fn, "__name__", "")
        if self.is_short or name == "cursor" or (is_of_cursor and name in _TRIVIAL):
            return fn(*args, **kwargs)
        return await super()._execute(fn, *args, **kwargs)  # type: ignore[no-untyped-call]


def connect(database: str, **options: Any) -> ShortHopConnection:
    """For SQLAlchemy's `async_creator_fn`. One task at a time uses it, in the loop's thread or in its own."""
    chunk: int = options.pop("iter_chunk_size", 64)
    connection = ShortHopConnection(lambda: sqlite3.connect(database, **options | {"check_same_thread": False}), chunk)
    # As SQLAlchemy does for connections it makes: an engine that nobody disposed of must not keep the process alive.
    connection._thread.daemon = True  # noqa: SLF001
    return connection
