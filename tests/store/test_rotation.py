"""Changing keys: everything sealed before is readable with the new key alone, also after an interruption."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import sqlalchemy as sa

from store import rotation, tables
from store.database import Database, open_database
from store.rotation import recompute_indexes, rotate, sealed_columns
from store.secrets import KeyRing, KeyRingError
from tests.builders import a_beneficiary, a_channel, a_contact, a_number, a_site, a_staff_member
from tests.conftest import NOW


@dataclass(frozen=True, slots=True)
class Rings:
    """A ring with a new key before the old ones, and one with the new key only."""

    both: KeyRing
    only_new: KeyRing


@pytest.fixture
def rings(keys: KeyRing) -> Rings:
    fresh = KeyRing.parse(KeyRing.generate("fresh"))
    return Rings(
        KeyRing("fresh", {**fresh.keys, **keys.keys}, keys.index_key), KeyRing("fresh", fresh.keys, keys.index_key)
    )


@pytest.fixture
async def beside(database: Database, database_url: str, rings: Rings) -> AsyncIterator[Database]:
    """The same database, opened with both keys while `database` is open with the old one."""
    opened = await open_database(database_url, rings.both)
    yield opened
    await opened.close()


async def _addresses(database: Database) -> list[str]:
    async with database.read() as connection:
        return list((await connection.execute(sa.select(tables.contact.c.address).order_by("id"))).scalars())


async def _report(database: Database, batch: int = 2) -> dict[str, tuple[int, int]]:
    """What was done in which column; columns in which nothing was done or left do not appear."""
    parts = [part async for part in rotate(database, batch=batch)]
    assert [part.place for part in parts] == [f"{c.table.name}.{c.name}" for c in sealed_columns()]
    return {part.place: (part.done, part.left) for part in parts if (part.done, part.left) != (0, 0)}


async def test_what_an_old_key_sealed_is_readable_with_only_the_new_key_afterwards(
    database: Database, beside: Database, database_url: str, rings: Rings
) -> None:
    channel, site = await a_channel(database), await a_site(database)
    numbers = [a_number() for _ in range(5)]
    contacts = [await a_contact(database, channel, number) for number in numbers]
    person_id = await a_beneficiary(database, site, contacts[0], safe_word="mango")
    row = {
        "id": database.new_id(),
        "beneficiary_id": person_id,
        "contact_id": contacts[0],
        "checkin": "weekly",
        "version": "1",
        "state": "done",
        "progress": {"answers": {"mood": "fine"}},
        "opened_at": NOW,
    }
    async with database.write() as connection:
        await connection.execute(sa.insert(tables.session), [row])
    await a_staff_member(database, email="a@example.org")
    report = await _report(beside)
    after = await open_database(database_url, rings.only_new)
    readable = await _addresses(after)
    async with after.read() as connection:
        person = (await connection.execute(sa.select(tables.beneficiary))).one()
        staff = (await connection.execute(sa.select(tables.staff))).one()
        progress = (await connection.execute(sa.select(tables.session.c.progress))).scalar_one()
    await after.close()
    assert report == {
        "channel.settings": (1, 0),
        "contact.address": (5, 0),
        "beneficiary.name": (1, 0),
        "beneficiary.safe_word": (1, 0),
        "staff.name": (1, 0),
        "staff.phone": (1, 0),
        "staff.email": (1, 0),
        "session.progress": (1, 0),
    }
    assert progress == {"answers": {"mood": "fine"}}
    assert readable == numbers
    assert (person.name, person.safe_word, staff.name, staff.email) == (
        "Test Person",
        "mango",
        "Staff Member",
        "a@example.org",
    )


async def test_every_sealed_column_is_bound_to_the_place_where_it_stands() -> None:
    assert [c.type.place for c in sealed_columns()] == [f"{c.table.name}.{c.name}" for c in sealed_columns()]


async def test_a_second_rotation_finds_nothing_to_do(database: Database, beside: Database) -> None:
    await a_contact(database, await a_channel(database))
    await _report(beside)
    assert await _report(beside) == {}


async def test_an_interrupted_rotation_goes_on_where_it_stopped(database: Database, beside: Database) -> None:
    channel = await a_channel(database)
    for _ in range(5):
        await a_contact(database, channel)
    column = tables.contact.c.address
    first = await rotation._stale_values(beside, column, None, 3)  # one batch, and then the power fails
    assert await rotation._reseal(beside, column, first) == 3
    assert await _report(beside) == {"channel.settings": (1, 0), "contact.address": (2, 0)}


async def test_a_value_that_changed_meanwhile_is_kept(database: Database, beside: Database, keys: KeyRing) -> None:
    channel = await a_channel(database)
    contact = await a_contact(database, channel)
    read = await rotation._stale_values(beside, tables.contact.c.address, None, 10)
    moved = a_number()
    async with database.write() as connection:
        change = sa.update(tables.contact).where(tables.contact.c.id == contact).values(address=moved)
        await connection.execute(change)
    assert await rotation._reseal(beside, tables.contact.c.address, read) == 0
    assert await _addresses(beside) == [moved]
    assert await _report(beside) == {"channel.settings": (1, 0), "contact.address": (1, 0)}
    assert await _addresses(beside) == [moved]


async def test_what_a_live_service_seals_with_the_old_key_behind_us_is_counted_as_left(
    database: Database, beside: Database
) -> None:
    channel = await a_channel(database)
    contact = await a_contact(database, channel)
    left = {}
    async for part in rotate(beside):
        left[part.place] = part.left
        if part.place == "pretend_message.text":  # the first column; contacts come later, so this one is caught up with
            await a_contact(database, channel)
        if part.place == "contact.address":
            await a_contact(database, channel)
    async with beside.read() as connection:
        stale = sa.select(tables.contact.c.id).where(rotation._is_stale(beside, tables.contact.c.address))
        late = (await connection.execute(stale)).scalars().all()
    assert left == dict.fromkeys(left, 0)
    assert len(late) == 1
    assert late != [contact]
    assert await _report(beside) == {"contact.address": (1, 0)}


async def test_a_value_whose_key_is_missing_stops_the_rotation_and_stays(
    database: Database, database_url: str, rings: Rings
) -> None:
    number = a_number()
    await a_contact(database, await a_channel(database), number)
    without = await open_database(database_url, rings.only_new)
    with pytest.raises(KeyRingError, match="sealed with key 'test', which is not among the keys given"):
        [part async for part in rotate(without)]
    await without.close()
    assert await _addresses(database) == [number]


async def test_a_new_index_key_finds_the_same_numbers(database: Database, database_url: str, keys: KeyRing) -> None:
    channel = await a_channel(database)
    numbers = [a_number() for _ in range(3)]
    contacts = [await a_contact(database, channel, number) for number in numbers]
    phone = a_number()
    member = await a_staff_member(database, phone=phone)
    await a_staff_member(database, phone=None)
    new = KeyRing(keys.primary, keys.keys, KeyRing.parse(KeyRing.generate()).index_key)
    reopened = await open_database(database_url, new)
    counts = await recompute_indexes(reopened, batch=2)
    c, s = tables.contact.c, tables.staff.c
    async with reopened.read() as connection:
        by_number = [
            (await connection.execute(sa.select(c.id).where(c.address_index == new.index(number)))).scalar_one()
            for number in numbers
        ]
        staff = (await connection.execute(sa.select(s.id).where(s.phone_index == new.index(phone)))).scalar_one()
    await reopened.close()
    assert (counts, by_number, staff) == ({"contact.address_index": 3, "staff.phone_index": 1}, contacts, member)
