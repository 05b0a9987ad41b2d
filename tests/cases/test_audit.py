"""The audit trail: numbered without a hole under load, and every tampering is found."""

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from cases import audit
from store import tables
from store.database import Database
from tests.builders import a_staff_member, rows
from tests.conftest import NOW


async def add(database: Database, action: str = "person.viewed", staff_id: int | None = None) -> None:
    async with database.write() as connection:
        await audit.record(connection, database, staff_id, action, "beneficiary/1", {"é": [1, 2.5, None]}, NOW)


async def change(database: Database, statement: Any) -> None:
    async with database.write() as connection:
        await connection.execute(statement)


async def test_records_written_at_once_are_numbered_and_chained(database: Database) -> None:
    staff_id = await a_staff_member(database)
    await asyncio.gather(*(add(database, f"a{i}", staff_id) for i in range(12)))
    assert [r.id for r in await rows(database, tables.audit)] == list(range(1, 13))
    assert await audit.verify(database) == []


async def test_a_transaction_that_fails_leaves_no_hole(database: Database) -> None:
    await add(database)

    async def fail() -> None:
        async with database.write() as connection:
            await audit.record(connection, database, None, "lost", "x/1", {}, NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    await add(database)
    assert [r.action for r in await rows(database, tables.audit)] == ["person.viewed", "person.viewed"]
    assert await audit.verify(database) == []


async def test_an_empty_trail_is_whole(database: Database) -> None:
    assert await audit.verify(database) == []


async def test_every_kind_of_tampering_is_named(database: Database) -> None:
    t = tables.audit
    for _ in range(4):
        await add(database)
    await change(database, sa.update(t).where(t.c.id == 2).values(action="nothing"))
    assert await audit.verify(database) == ["record 2 was altered"]
    await change(database, sa.update(t).where(t.c.id == 2).values(action="person.viewed"))
    assert await audit.verify(database) == []
    await change(database, sa.delete(t).where(t.c.id == 4))
    assert await audit.verify(database) == ["4 records were written, but the trail ends with record 3"]
    await change(database, sa.delete(t).where(t.c.id == 2))
    assert (await audit.verify(database))[0] == "records 2 to 2 are missing"


async def test_a_record_rewritten_with_its_own_hash_breaks_the_link(database: Database) -> None:
    t = tables.audit
    await add(database)
    await add(database)
    forged = audit.chain(bytes(32), 1, NOW, None, "forged", "x/1", {})
    values = {"action": "forged", "subject": "x/1", "data": {}, "hash": forged}
    await change(database, sa.update(t).where(t.c.id == 1).values(**values))
    assert await audit.verify(database) == ["record 2 does not follow record 1"]
