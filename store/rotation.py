"""Sealing every encrypted column anew with the primary key, in small batches beside a running service.

A batch is one transaction and a value is replaced only if it is still the one that was read, so a live service loses
nothing. What carries the primary key already is not selected: a rotation that was interrupted goes on where it stopped.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from store import tables as t
from store.database import Database
from store.secrets import Sealed

_RAW = sa.LargeBinary()
BATCH = 500


@dataclass(frozen=True, slots=True)
class Resealed:
    """How many values of one column were sealed anew, and how many still carry another key."""

    place: str
    done: int
    left: int


def sealed_columns() -> list[sa.Column[Any]]:
    return [column for table in t.metadata.sorted_tables for column in table.columns if isinstance(column.type, Sealed)]


async def rotate(database: Database, *, batch: int = BATCH) -> AsyncIterator[Resealed]:
    """Reseal column by column. Raises KeyRingError when a value's old key is not in the ring."""
    for column in sealed_columns():
        done, last = 0, None
        while True:
            read, changed, last = await _reseal(database, column, last, batch)
            done += changed
            if read < batch:
                break
        yield Resealed(_place(column), done, await _left(database, column))


def _place(column: sa.Column[Any]) -> str:
    return f"{column.table.name}.{column.name}"


def _stale(database: Database, column: sa.Column[Any]) -> sa.ColumnElement[bool]:
    """Whether a value's head (format, length of the key's name, name) is another than the primary key's."""
    head = bytes((1, len(database.keys.primary))) + database.keys.primary.encode()
    start = sa.func.substr(sa.type_coerce(column, _RAW), 1, len(head), type_=_RAW)
    return sa.and_(column.is_not(None), start != sa.bindparam(None, head, type_=_RAW, unique=True))


async def _reseal(database: Database, column: sa.Column[Any], last: Any, batch: int) -> tuple[int, int, Any]:
    table: Any = column.table
    key = next(iter(table.primary_key))
    sealed: Any = column.type  # only Sealed columns come here
    place = sealed.place
    raw = sa.type_coerce(column, _RAW)
    query = sa.select(key.label("id"), raw.label("sealed")).where(_stale(database, column)).order_by(key).limit(batch)
    if last is not None:
        query = query.where(key > last)
    change = (
        sa.update(table)
        .where(key == sa.bindparam("row"), raw == sa.bindparam("old", type_=_RAW))
        .values({column: sa.bindparam("new", type_=_RAW)})
    )
    ring, changed = database.keys, 0
    async with database.write() as connection:
        found = (await connection.execute(query)).all()
        for row in found:
            old = bytes(row.sealed)
            new = ring.seal(place, ring.open(place, old))
            changed += (await connection.execute(change, {"row": row.id, "old": old, "new": new})).rowcount
    return len(found), changed, found[-1].id if found else last


async def _left(database: Database, column: sa.Column[Any]) -> int:
    query = sa.select(sa.func.count()).select_from(column.table).where(_stale(database, column))
    async with database.read() as connection:
        return int((await connection.execute(query)).scalar_one())


async def recompute_indexes(database: Database, *, batch: int = BATCH) -> dict[str, int]:
    """After a change of the index key: find numbers by the new one. The service must stand still meanwhile."""
    counts = {}
    for source, target in ((t.contact.c.address, t.contact.c.address_index), (t.staff.c.phone, t.staff.c.phone_index)):
        counts[_place(target)] = await _recompute(database, source, target, batch)
    return counts


async def _recompute(database: Database, source: sa.Column[Any], target: sa.Column[Any], batch: int) -> int:
    table: Any = source.table
    change = sa.update(table).where(table.c.id == sa.bindparam("row")).values({target: sa.bindparam("found_by")})
    done, last = 0, None
    while True:
        query = (
            sa.select(table.c.id, source.label("plain")).where(source.is_not(None)).order_by(table.c.id).limit(batch)
        )
        if last is not None:
            query = query.where(table.c.id > last)
        async with database.write() as connection:
            found = (await connection.execute(query)).all()
            if not found:
                return done
            values = [{"row": row.id, "found_by": database.keys.index(row.plain)} for row in found]
            await connection.execute(change, values)
        done += len(found)
        last = found[-1].id
