"""Opening the database, its transactions, its ids and its signals: SQLite in one process, PostgreSQL in many.

`read()` and `write()` are the only ways in. On SQLite one writer at a time holds an asyncio lock and begins
IMMEDIATE, so a write never fails half-way for want of the lock; on PostgreSQL transactions are ordinary and rows are
locked where they are claimed. A transaction may `signal` a topic: whoever waits for it in this or (PostgreSQL) another
process is woken after the commit, so that nothing waits for a poll.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from store import arrays, choice, sqlite, tables
from store.ids import Ids
from store.secrets import KEYS_ATTRIBUTE, KeyRing
from store.signals import Signals

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


_WRITE = "hujambo_write"
_TOPICS = "hujambo_topics"
_NOTIFIED = "hujambo_notified"  # topics that PostgreSQL sends along with the commit already
_NOTIFY_CHANNEL = "hujambo"
_NOTIFY = "SELECT pg_notify(%s, %s)"
# A process that is frozen in the middle of a transaction holds its locks: the others would wait for it for ever, and
# with them every message of the same people, and the whole channel.
_LET_GO = "-c idle_in_transaction_session_timeout=10s"


class DatabaseSettingError(ValueError):
    """The database address cannot be used."""


@dataclass(frozen=True, slots=True)
class Insert:
    """Rows that give the same columns. `once_by`: a unique column; a row whose value is there already is left out."""

    table: sa.Table
    rows: Sequence[dict[str, Any]]
    once_by: str = ""


@dataclass(frozen=True, slots=True)
class Update:
    """Columns to set, of rows by id."""

    table: sa.Table
    rows: Mapping[int, Mapping[str, Any]]


class Database:
    """An open database. Build it with `open_database`; `close` it before the event loop ends."""

    def __init__(self, engine: AsyncEngine, keys: KeyRing, ids: Ids) -> None:
        self.engine = engine
        self.keys = keys
        self.ids = ids
        self.signals = Signals()
        self.kind: choice.Kind = "sqlite" if engine.dialect.name == "sqlite" else "postgresql"
        self._writer = asyncio.Lock()
        self._listener: asyncio.Task[None] | None = None
        self._writing = engine.execution_options(**{_WRITE: True})

    def new_id(self) -> int:
        return self.ids.new()

    @contextlib.asynccontextmanager
    async def read(self, *, is_short: bool = False) -> AsyncIterator[AsyncConnection]:
        """A consistent view of one moment; nothing is written. `is_short` as in `write`."""
        async with self.engine.connect() as connection, self._where_we_stand(connection, is_short=is_short):
            yield connection

    @contextlib.asynccontextmanager
    async def write(self, *, is_short: bool = False) -> AsyncIterator[AsyncConnection]:
        """One transaction, committed at the end of the block or rolled back whole.

        `is_short`: every statement takes well under a millisecond per row, and nobody else's work is awaited inside.
        """
        if self.kind == "sqlite":
            async with (
                self._writer,
                self._transaction() as connection,
                self._where_we_stand(connection, is_short=is_short),
            ):
                yield connection
        else:
            async with self._transaction() as connection:
                yield connection

    @contextlib.asynccontextmanager
    async def _where_we_stand(self, connection: AsyncConnection, *, is_short: bool) -> AsyncIterator[None]:
        """SQLite: the statements of this block run in the loop's own thread (store.sqlite says why)."""
        if not is_short or self.kind != "sqlite":
            yield
            return
        raw: Any = (await connection.get_raw_connection()).driver_connection
        raw.is_short = True
        try:
            yield
        finally:
            raw.is_short = False

    @contextlib.asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        topics: set[str] = set()
        async with self._writing.begin() as connection:
            connection.info[_TOPICS] = topics
            notified = connection.info[_NOTIFIED] = set()
            yield connection
            left = topics - notified
            if left and self.kind == "postgresql":
                await connection.exec_driver_sql(_NOTIFY, (_NOTIFY_CHANNEL, ",".join(sorted(left))))
        self.signals.send(topics)

    def insert(self, table: sa.Table) -> Any:
        """This database's own INSERT, with `on_conflict_do_nothing` and `on_conflict_do_update`."""
        return sqlite_insert(table) if self.kind == "sqlite" else postgresql_insert(table)

    async def insert_rows(
        self, connection: AsyncConnection, table: sa.Table, rows: Sequence[dict[str, Any]], *, once_by: str = ""
    ) -> None:
        """All rows in one statement; every row gives the same columns. No rows, no statement.

        `once_by`: a unique column; a row whose value is there already is left out.
        """
        if not rows:
            return
        if self.kind == "postgresql" and len(rows) > 1:
            await connection.exec_driver_sql(*arrays.insert(connection.dialect, table, rows, once_by))
        elif once_by:
            await connection.execute(self.insert(table).on_conflict_do_nothing(index_elements=[once_by]), rows)
        else:
            await connection.execute(sa.insert(table), rows)

    async def update_rows(
        self, connection: AsyncConnection, table: sa.Table, rows: Mapping[int, Mapping[str, Any]]
    ) -> None:
        """Set columns of rows by id. Rows that set the same columns share a statement."""
        for columns, group in _by_columns(rows):
            if self.kind == "postgresql" and len(group) > 1:
                await connection.exec_driver_sql(*arrays.update(connection.dialect, table, columns, group))
            else:
                listed = [
                    {"key": number} | {f"v_{column}": values[column] for column in columns} for number, values in group
                ]
                await connection.execute(_update(table, columns), listed)

    async def write_rows(self, connection: AsyncConnection, *writes: "Insert | Update") -> None:
        """All writes, in an order in which every reference already stands; no row is in two of them.

        On PostgreSQL one statement, which also sends what was signalled so far.
        """
        if self.kind == "sqlite":
            for write in writes:
                if isinstance(write, Insert):
                    await self.insert_rows(connection, write.table, write.rows, once_by=write.once_by)
                else:
                    await self.update_rows(connection, write.table, write.rows)
            return
        dialect = connection.dialect
        parts: list[arrays.Statement] = []
        for write in writes:
            if isinstance(write, Update):
                parts += [arrays.update(dialect, write.table, *group) for group in _by_columns(write.rows)]
            elif write.rows:
                parts.append(arrays.insert(dialect, write.table, write.rows, write.once_by))
        if parts:
            topics = connection.info[_TOPICS] - connection.info[_NOTIFIED]
            last = (_NOTIFY, (_NOTIFY_CHANNEL, ",".join(sorted(topics)))) if topics else ("SELECT 1", ())
            await connection.exec_driver_sql(*arrays.together(parts, last))
            connection.info[_NOTIFIED].update(topics)

    async def start_listening(self) -> None:
        """PostgreSQL: hear the signals of other processes. SQLite has none to hear."""
        if self.kind == "postgresql" and self._listener is None:
            self._listener = asyncio.create_task(self._listen(), name="hujambo-listen")

    async def _listen(self) -> None:
        import psycopg  # noqa: PLC0415  the SQLite installation runs without it

        address = self.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        while True:
            try:
                connection = await psycopg.AsyncConnection.connect(address, autocommit=True)
                async with connection:
                    await connection.execute(f"LISTEN {_NOTIFY_CHANNEL}")
                    async for notice in connection.notifies():
                        self.signals.send(notice.payload.split(","))
            except psycopg.Error:
                # Steps also run by the clock, so a lost connection costs a second of delay, not a message.
                await asyncio.sleep(1)

    async def checkpoint(self) -> None:
        """SQLite: move the write-ahead log into the database file, outside of everybody's commit."""
        if self.kind == "sqlite":
            async with self.engine.connect() as connection:
                raw = await connection.get_raw_connection()
                driver: Any = raw.driver_connection
                await driver.execute_fetchall("PRAGMA wal_checkpoint(PASSIVE)")

    async def close(self) -> None:
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
        await self.engine.dispose()


def _by_columns(
    rows: Mapping[int, Mapping[str, Any]],
) -> Iterable[tuple[tuple[str, ...], list[tuple[int, Mapping[str, Any]]]]]:
    groups: dict[tuple[str, ...], list[tuple[int, Mapping[str, Any]]]] = {}
    for number, values in rows.items():
        if values:
            groups.setdefault(tuple(sorted(values)), []).append((number, values))
    return groups.items()


@lru_cache(maxsize=256)
def _update(table: sa.Table, columns: tuple[str, ...]) -> sa.Update:
    return (
        sa.update(table)
        .where(table.c.id == sa.bindparam("key"))
        .values({column: sa.bindparam(f"v_{column}", type_=table.c[column].type) for column in columns})
    )


def signal(connection: AsyncConnection, *topics: str) -> None:
    """Wake whoever waits for these topics once the transaction of `connection` has been committed."""
    connection.info[_TOPICS].update(topics)


def async_url(address: str) -> sa.URL:
    """`sqlite:///file`, `postgresql://…` as operators write them → the URL with the async driver."""
    try:
        url = make_url(address)
    except sa.exc.ArgumentError:
        msg = "expected sqlite:///path/to/file or postgresql://user@host/name"
        raise DatabaseSettingError(msg) from None
    backend = url.get_backend_name()
    if backend == "sqlite":
        if not url.database or url.database == ":memory:":
            msg = "an in-memory SQLite loses every message: give a file, sqlite:///path/to/file"
            raise DatabaseSettingError(msg)
        return url.set(drivername="sqlite+aiosqlite")
    if backend == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    msg = f"{backend!r} is neither sqlite nor postgresql"
    raise DatabaseSettingError(msg)


async def open_database(address: str, keys: KeyRing, *, pool_size: int = 8) -> Database:
    """Open an existing, migrated database (see `store.migrate`) and draw a worker number for its ids."""
    engine = create_engine(address, keys, pool_size=pool_size)
    database = Database(engine, keys, Ids(0))
    try:
        async with database.write() as connection:
            counter = tables.counter
            statement = (
                database.insert(counter)
                .values(name="worker", value=1)
                .on_conflict_do_update(index_elements=["name"], set_={"value": counter.c.value + 1})
                .returning(counter.c.value)
            )
            worker = (await connection.execute(statement)).scalar_one()
    except BaseException:
        await engine.dispose()
        raise
    database.ids = Ids(worker)
    return database


def create_engine(address: str, keys: KeyRing, *, pool_size: int = 8) -> AsyncEngine:
    url = async_url(address)
    if url.get_backend_name() == "sqlite":
        engine = create_async_engine(
            url,
            poolclass=AsyncAdaptedQueuePool,
            pool_size=pool_size,
            max_overflow=0,
            pool_use_lifo=True,
            connect_args={"timeout": 30, "cached_statements": 512, "async_creator_fn": sqlite.connect},
        )
        _set_up_sqlite(engine)
    else:
        given = url.query.get("options", "")
        engine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=4,
            pool_pre_ping=False,
            pool_use_lifo=True,
            connect_args={"connect_timeout": 10, "options": f"{given} {_LET_GO}".strip()},
        )
    setattr(engine.sync_engine.dialect, KEYS_ATTRIBUTE, keys)
    return engine


def _set_up_sqlite(engine: AsyncEngine) -> None:
    @sa.event.listens_for(engine.sync_engine, "connect")
    def connect(raw: Any, _record: Any) -> None:
        raw.isolation_level = None  # we say BEGIN ourselves, below
        cursor = raw.cursor()
        for pragma in sqlite.PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @sa.event.listens_for(engine.sync_engine, "begin")
    def begin(connection: sa.Connection) -> None:
        writing = connection.get_execution_options().get(_WRITE, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def is_conflict(error: BaseException) -> bool:
    """Whether PostgreSQL ended this transaction in favour of another one (deadlock, serialization): try it again."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in {"40001", "40P01"}


def is_unreachable(error: BaseException) -> bool:
    """Whether the database itself is away or refuses service (the gateway may try again), rather than our statement."""
    if isinstance(error, DBAPIError):
        return isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError) or error.connection_invalidated
    return isinstance(error, OSError | sa.exc.TimeoutError)
