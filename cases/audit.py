"""The audit trail: append-only, numbered without a hole, each record chained to the one before by its hash."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from store import tables
from store.database import Database

_COUNTER = "audit"
_START = bytes(32)
_PAGE = 5000


def chain(
    previous: bytes,
    record_id: int,
    at: datetime,
    staff_id: int | None,
    action: str,
    subject: str,
    data: Mapping[str, Any],
) -> bytes:
    """SHA-256 over the previous hash and the record as canonical JSON (sorted keys, no spaces, time in ms)."""
    content = json.dumps(
        [record_id, tables.to_ms(at), staff_id, action, subject, data],
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )
    return hashlib.sha256(previous + content.encode()).digest()


async def record(
    connection: AsyncConnection,
    database: Database,
    staff_id: int | None,
    action: str,
    subject: str,
    data: Mapping[str, Any],
    now: datetime,
) -> None:
    """Append one record in the caller's transaction. `data` holds ids and codes, never texts, names or numbers.

    Records are numbered by a counter row, which a transaction holds until it ends: one writer after the other, so do
    it last, and not where messages come in.
    """
    counter, audit = tables.counter, tables.audit
    numbered = (
        database.insert(counter)
        .values(name=_COUNTER, value=1)
        .on_conflict_do_update(index_elements=["name"], set_={"value": counter.c.value + 1})
        .returning(counter.c.value)
    )
    record_id = (await connection.execute(numbered)).scalar_one()
    last = await connection.execute(sa.select(audit.c.hash).where(audit.c.id == record_id - 1))
    previous = bytes(last.scalar() or _START)
    at = tables.from_ms(tables.to_ms(now))
    data = json.loads(json.dumps(data))
    await connection.execute(
        sa.insert(audit),
        [
            {
                "id": record_id,
                "at": at,
                "staff_id": staff_id,
                "action": action,
                "subject": subject,
                "data": data,
                "previous": previous,
                "hash": chain(previous, record_id, at, staff_id, action, subject, data),
            }
        ],
    )


async def verify(database: Database) -> list[str]:
    """Every fault in the trail, in order: holes, altered records, broken links, records missing at its end."""
    audit, faults = tables.audit, []
    expected, previous = 1, _START
    async with database.read() as connection:
        while True:
            page = sa.select(audit).where(audit.c.id >= expected).order_by(audit.c.id).limit(_PAGE)
            rows = (await connection.execute(page)).all()
            for row in rows:
                if row.id != expected:
                    faults.append(f"records {expected} to {row.id - 1} are missing")
                elif bytes(row.previous) != previous:
                    faults.append(f"record {row.id} does not follow record {row.id - 1}")
                content = chain(bytes(row.previous), row.id, row.at, row.staff_id, row.action, row.subject, row.data)
                if content != bytes(row.hash):
                    faults.append(f"record {row.id} was altered")
                expected, previous = row.id + 1, bytes(row.hash)
            if len(rows) < _PAGE:
                break
        counter = tables.counter
        count = await connection.execute(sa.select(counter.c.value).where(counter.c.name == _COUNTER))
        written = count.scalar() or 0
    if written != expected - 1:
        faults.append(f"{written} records were written, but the trail ends with record {expected - 1}")
    return faults
