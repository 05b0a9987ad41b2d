"""The store's transactions, ids, signals and sealed columns, on both databases."""

import asyncio
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from store import tables
from store.database import Database, open_database, signal
from store.ids import Ids
from store.secrets import KeyRing, KeyRingError
from tests.builders import a_channel, a_contact, rows


async def test_a_sealed_column_reads_back_and_is_not_plain_on_disk(database: Database) -> None:
    channel_id = await a_channel(database)
    await a_contact(database, channel_id, "+19990000001")
    assert [row.address for row in await rows(database, tables.contact)] == ["+19990000001"]
    async with database.read() as connection:
        raw = (await connection.execute(sa.text("SELECT address FROM contact"))).scalar_one()
    assert b"19990000001" not in bytes(raw)


async def test_a_failed_block_leaves_nothing(database: Database) -> None:
    async def fail() -> None:
        async with database.write() as connection:
            row = {"name": "x", "owner": "me", "until": datetime(2026, 1, 1, tzinfo=UTC)}
            await connection.execute(sa.insert(tables.lease), [row])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await rows(database, tables.lease, order=tables.lease.c.name) == []


async def test_a_signal_wakes_its_listener_after_the_commit_only(database: Database) -> None:
    with database.signals.listen("outbox") as woken:
        async with database.write() as connection:
            signal(connection, "outbox")
            assert not woken.is_set()
        await asyncio.wait_for(woken.wait(), 5)


async def test_writers_do_not_lose_each_others_work(database: Database) -> None:
    async def add() -> None:
        async with database.write() as connection:
            await connection.execute(
                sa.update(tables.counter)
                .where(tables.counter.c.name == "worker")
                .values(value=tables.counter.c.value + 1)
            )

    async with database.read() as connection:
        before = (await connection.execute(sa.select(tables.counter.c.value))).scalar_one()
    await asyncio.gather(*(add() for _ in range(20)))
    async with database.read() as connection:
        assert (await connection.execute(sa.select(tables.counter.c.value))).scalar_one() == before + 20


def test_ids_are_unique_and_ordered_over_a_reserved_range() -> None:
    ids = Ids(7)
    first = ids.new()
    tick = ids.reserve(5000)
    reserved = [(tick + k) * Ids.WORKERS + 7 for k in range(5000)]
    after = ids.new()
    assert first < reserved[0]
    assert reserved[-1] < after < 2**63


def test_a_value_moved_to_another_column_does_not_open(keys: KeyRing) -> None:
    sealed = keys.seal("contact.address", "+19990000001")
    assert keys.open("contact.address", sealed) == "+19990000001"
    with pytest.raises(KeyRingError, match="moved from another column"):
        keys.open("staff.phone", sealed)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "no key named 'index'"),
        ("index:" + "A" * 43 + "=", "no data key"),
        ("k1:short,index:" + "A" * 43 + "=", "expected name:base64"),
    ],
)
def test_a_broken_key_ring_is_named(text: str, fault: str) -> None:
    with pytest.raises(KeyRingError, match=fault):
        KeyRing.parse(text)


async def test_postgresql_ends_the_transaction_of_a_process_that_froze_in_it(postgres_url: str, keys: KeyRing) -> None:
    database = await open_database(f"{postgres_url}{'&' if '?' in postgres_url else '?'}options=-c%20geqo=off", keys)
    try:
        async with database.read() as connection:
            found = [
                (await connection.execute(sa.text(f"SHOW {name}"))).scalar()
                for name in ("idle_in_transaction_session_timeout", "geqo")
            ]
    finally:
        await database.close()
    assert found == ["10s", "off"]
