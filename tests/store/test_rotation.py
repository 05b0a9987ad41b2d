"""Changing keys: everything sealed before is readable with the new key alone, also after an interruption."""

import sqlalchemy as sa

from store import tables
from store.database import Database, open_database
from store.rotation import _reseal, recompute_indexes, rotate, sealed_columns
from store.secrets import KeyRing
from tests.builders import a_channel, a_contact, a_number


def _rings(keys: KeyRing) -> tuple[KeyRing, KeyRing]:
    """A ring with a new key before the old ones, and one with the new key only."""
    fresh = KeyRing.parse(KeyRing.generate("fresh"))
    both = KeyRing("fresh", {**fresh.keys, **keys.keys}, keys.index_key)
    return both, KeyRing("fresh", fresh.keys, keys.index_key)


async def _addresses(database: Database) -> list[str]:
    async with database.read() as connection:
        return sorted((await connection.execute(sa.select(tables.contact.c.address))).scalars())


async def test_rows_sealed_under_an_old_key_are_readable_after_rotation_with_only_the_new_key(
    database: Database, database_url: str, keys: KeyRing
) -> None:
    channel = await a_channel(database)
    numbers = sorted([a_number() for _ in range(5)])
    for number in numbers:
        await a_contact(database, channel, number)
    both, only_new = _rings(keys)
    beside = await open_database(database_url, both)
    report = {part.place: (part.done, part.left) async for part in rotate(beside, batch=2)}
    await beside.close()
    after = await open_database(database_url, only_new)
    assert await _addresses(after) == numbers
    await after.close()
    assert report == {f"{c.table.name}.{c.name}": (0, 0) for c in sealed_columns()} | {
        "channel.settings": (1, 0),
        "contact.address": (5, 0),
    }


async def test_an_interrupted_rotation_goes_on_where_it_stopped(
    database: Database, database_url: str, keys: KeyRing
) -> None:
    channel = await a_channel(database)
    for _ in range(3):
        await a_contact(database, channel)
    both, _ = _rings(keys)
    beside = await open_database(database_url, both)
    read, changed, _ = await _reseal(beside, tables.contact.c.address, None, 2)  # and here the process dies
    again = {part.place: part.done async for part in rotate(beside)}
    await beside.close()
    assert (read, changed, again["contact.address"], again["channel.settings"]) == (2, 2, 1, 1)


async def test_a_new_index_key_finds_the_same_numbers(database: Database, database_url: str, keys: KeyRing) -> None:
    channel = await a_channel(database)
    number = a_number()
    contact = await a_contact(database, channel, number)
    new = KeyRing(keys.primary, keys.keys, KeyRing.parse(KeyRing.generate()).index_key)
    beside = await open_database(database_url, new)
    counts = await recompute_indexes(beside)
    c = tables.contact.c
    async with beside.read() as connection:
        found = (await connection.execute(sa.select(c.id).where(c.address_index == new.index(number)))).scalars().all()
    await beside.close()
    assert (counts, found) == ({"contact.address_index": 1, "staff.phone_index": 0}, [contact])
