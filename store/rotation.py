"""Sealing every encrypted column anew with the primary key, in small batches beside a running service.

Values are read and sealed outside any transaction and replaced only where they are still the ones that were read, so a
live service waits for nobody and loses nothing. What carries the primary key already is not selected: a rotation that
was interrupted goes on where it stopped.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from store import tables as t
from store.database import Database, is_conflict
from store.secrets import Sealed, SealedJson

_RAW = sa.LargeBinary()
BATCH = 500
_CONFLICTS = 5


@dataclass(frozen=True, slots=True)
class Resealed:
    """How many values of one column were sealed anew, and how many still carry another key.

    `left` is not 0 only where the service kept sealing with an old key meanwhile: give it the new ring, rotate again.
    """

    place: str
    done: int
    left: int


def sealed_columns() -> list[sa.Column[Any]]:
    return [
        column
        for table in t.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, Sealed | SealedJson)
    ]


async def rotate(database: Database, *, batch: int = BATCH) -> AsyncIterator[Resealed]:
    """Reseal column by column. Raises KeyRingError when a value's old key is not in the ring."""
    for column in sealed_columns():
        done, last = 0, None
        while found := await _stale_values(database, column, last, batch):
            done += await _reseal(database, column, found)
            last = found[-1][0]
        yield Resealed(_place(column), done, await _left(database, column))


def _place(column: sa.Column[Any]) -> str:
    return f"{column.table.name}.{column.name}"


def _key(column: sa.Column[Any]) -> sa.Column[Any]:
    return next(iter(column.table.primary_key.columns))


def _raw(column: sa.Column[Any]) -> Any:
    return sa.type_coerce(column, _RAW)


def _is_stale(database: Database, column: sa.Column[Any]) -> sa.ColumnElement[bool]:
    """Whether a value's head (format, length of the key's name, name) is another than the primary key's."""
    head = bytes((1, len(database.keys.primary))) + database.keys.primary.encode()
    start = sa.func.substr(_raw(column), 1, len(head), type_=_RAW)
    return sa.and_(column.is_not(None), start != sa.bindparam(None, head, type_=_RAW, unique=True))


async def _stale_values(database: Database, column: sa.Column[Any], last: Any, batch: int) -> list[tuple[Any, bytes]]:
    key = _key(column)
    query = sa.select(key, _raw(column)).where(_is_stale(database, column)).order_by(key).limit(batch)
    if last is not None:
        query = query.where(key > last)
    async with database.read() as connection:
        return [(row[0], bytes(row[1])) for row in await connection.execute(query)]


async def _reseal(database: Database, column: sa.Column[Any], found: list[tuple[Any, bytes]]) -> int:
    """Replace these values where nobody has replaced them meanwhile → how many."""
    place = _place(column)
    ring = database.keys
    values = [{"row": row, "old": old, "new": ring.seal(place, ring.open(place, old))} for row, old in found]
    table: Any = column.table
    change = (
        sa.update(table)
        .where(_key(column) == sa.bindparam("row"), _raw(column) == sa.bindparam("old", type_=_RAW))
        .values({column: sa.type_coerce(sa.bindparam("new", type_=_RAW), _RAW)})
    )
    for attempt in range(_CONFLICTS):
        try:
            async with database.write() as connection:
                return sum([(await connection.execute(change, value)).rowcount for value in values])
        except DBAPIError as error:
            # PostgreSQL ended this batch in favour of the service's own work.
            if not is_conflict(error) or attempt == _CONFLICTS - 1:
                raise
    return 0


async def _left(database: Database, column: sa.Column[Any]) -> int:
    query = sa.select(sa.func.count()).select_from(column.table).where(_is_stale(database, column))
    async with database.read() as connection:
        return int((await connection.execute(query)).scalar_one())


async def recompute_indexes(database: Database, *, batch: int = BATCH) -> dict[str, int]:
    """After a change of the index key: find numbers by the new one → how many per column.

    The service must stand still meanwhile: with the old index key it would take every known number for a stranger's.
    May be run again after an interruption.
    """
    counts = {}
    for source, target in ((t.contact.c.address, t.contact.c.address_index), (t.staff.c.phone, t.staff.c.phone_index)):
        counts[_place(target)] = await _recompute(database, source, target, batch)
    return counts


async def _recompute(database: Database, source: sa.Column[Any], target: sa.Column[Any], batch: int) -> int:
    table: Any = source.table
    change = sa.update(table).where(table.c.id == sa.bindparam("row")).values({target: sa.bindparam("found_by")})
    done, last = 0, -1
    while True:
        query = (
            sa.select(table.c.id, source.label("plain"))
            .where(source.is_not(None), table.c.id > last)
            .order_by(table.c.id)
            .limit(batch)
        )
        async with database.write() as connection:
            found = (await connection.execute(query)).all()
            if not found:
                return done
            values = [{"row": row.id, "found_by": database.keys.index(row.plain)} for row in found]
            await connection.execute(change, values)
        done += len(found)
        last = found[-1].id
