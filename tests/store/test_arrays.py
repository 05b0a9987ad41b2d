"""PostgreSQL's arrays, written down by ourselves: what the server reads is what was meant, whatever it is."""

import asyncio
import math
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects.postgresql import psycopg as dialects
from sqlalchemy.exc import DBAPIError

from store import arrays, tables
from store.choice import chosen, is_chosen
from store.database import Database, Insert, Update, open_database, signal
from store.secrets import KEYS_ATTRIBUTE, KeyRing
from tests.builders import a_channel, a_contact, rows
from tests.conftest import NOW

_TEXTS = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=40)
_PLAIN = sa.Table(
    "plain",
    sa.MetaData(),
    sa.Column("word", sa.String(200)),
    sa.Column("whole", sa.BigInteger),
    sa.Column("part", sa.Float),
    sa.Column("bytes", sa.LargeBinary),
    sa.Column("truth", sa.Boolean),
    sa.Column("day", sa.Date),
    sa.Column("data", sa.JSON),
    sa.Column("at", tables.Instant),
)
_VALUES: dict[str, tuple[str, st.SearchStrategy[Any]]] = {
    "word": ("TEXT", _TEXTS),
    "whole": ("BIGINT", st.integers(-(2**63), 2**63 - 1)),
    "part": ("DOUBLE PRECISION", st.floats(allow_nan=False)),
    "bytes": ("BYTEA", st.binary(max_size=40)),
    "truth": ("BOOLEAN", st.booleans()),
    "day": ("DATE", st.dates(date(1, 1, 1), date(9999, 12, 31))),
    "data": ("JSON", st.dictionaries(_TEXTS, st.lists(_TEXTS | st.booleans() | st.integers()))),
}  # fmt: skip


@pytest.fixture(scope="module")
def server(postgres_server: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize("name", _VALUES)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_server_reads_what_was_written(server: psycopg.Connection, name: str, data: st.DataObject) -> None:
    kind, strategy = _VALUES[name]
    values = data.draw(st.lists(st.none() | strategy, max_size=8))
    written = arrays.write(_PLAIN.c[name], values, dialects.dialect())
    (read,) = server.execute(f"SELECT CAST(%s AS {kind}[])".encode(), (written,)).fetchone() or ()
    assert [None if value is None else bytes(value) if name == "bytes" else value for value in read] == values


def test_instants_and_sealed_values_are_written_as_their_columns_keep_them(keys: KeyRing) -> None:
    dialect = dialects.dialect()
    setattr(dialect, KEYS_ATTRIBUTE, keys)
    assert arrays.write(_PLAIN.c.at, [datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), None], dialect) == "{1000,NULL}"
    sealed = arrays.write(tables.inbox.c.text, ["habari"], dialect)
    assert keys.open("inbox.text", bytes.fromhex(sealed.removeprefix('{"\\\\x').removesuffix('"}'))) == "habari"


def test_a_column_that_was_never_thought_of_is_named() -> None:
    table = sa.Table("other", sa.MetaData(), sa.Column("moment", sa.DateTime))
    with pytest.raises(TypeError, match="DateTime"):
        arrays.write(table.c.moment, [None], dialects.dialect())


def _message(database: Database, channel_id: int, contact_id: int, provider_id: str) -> dict[str, Any]:
    return {
        "id": database.new_id(), "channel_id": channel_id, "provider_id": provider_id, "contact_id": contact_id,
        "text": 'sawa "}\\', "media": 0, "received_at": NOW, "state": "handled", "reason": None, "level": 0,
    }  # fmt: skip


async def test_a_text_that_is_too_long_is_refused_and_not_cut(postgres_url: str, keys: KeyRing) -> None:
    database = await open_database(postgres_url, keys)
    channel_id = await a_channel(database)
    contact_id = await a_contact(database, channel_id)
    given = [_message(database, channel_id, contact_id, provider_id) for provider_id in ("a", "b" * 65)]
    with pytest.raises(DBAPIError):
        async with database.write() as connection:
            await database.insert_rows(connection, tables.inbox, given)
    assert await rows(database, tables.inbox) == []
    await database.close()


async def test_what_is_written_together_is_all_there(database: Database) -> None:
    channel_id = await a_channel(database)
    one, other = [await a_contact(database, channel_id) for _ in range(2)]
    first, second, again = (_message(database, channel_id, one, name) for name in ("a", "b", "c"))
    task = {
        "id": database.new_id(), "key": "k", "inbox_id": first["id"], "kind": "media", "state": "open",
        "created_at": NOW, "due_at": NOW,
    }  # fmt: skip
    async with database.write() as connection:
        await database.write_rows(
            connection,
            Insert(tables.inbox, [first, second]),
            Update(tables.contact, {one: {"memory": {"a": 'x"'}, "last_inbound_at": NOW}, other: {"language": "sw"}}),
            Insert(tables.follow_up, [task], once_by="key"),
            Insert(tables.outbox, []),
        )
        # The second time the task is there already, whatever its id.
        await database.write_rows(
            connection,
            Insert(tables.inbox, [again]),
            Insert(tables.follow_up, [task | {"id": database.new_id(), "inbox_id": again["id"]}], once_by="key"),
        )
        await database.write_rows(connection, Insert(tables.outbox, []), Update(tables.contact, {}))
    assert [row.text for row in await rows(database, tables.inbox)] == ['sawa "}\\'] * 3
    assert [row.inbox_id for row in await rows(database, tables.follow_up)] == [first["id"]]
    contacts = {row.id: row for row in await rows(database, tables.contact)}
    assert (contacts[one].memory, contacts[one].last_inbound_at, contacts[one].language) == ({"a": 'x"'}, NOW, "en")
    assert (contacts[other].memory, contacts[other].last_inbound_at, contacts[other].language) == ({}, None, "sw")


async def _until(is_so: Callable[[], bool]) -> None:
    while not is_so():  # noqa: ASYNC110  what it waits for happens in another connection
        await asyncio.sleep(0.01)


async def test_other_processes_hear_each_signal_once_written_together_or_not(postgres_url: str, keys: KeyRing) -> None:
    database, other = [await open_database(postgres_url, keys) for _ in range(2)]
    await other.start_listening()
    heard: list[str] = []
    other.signals.send = heard.extend  # type: ignore[method-assign]
    channel_id = await a_channel(database)
    contact_id = await a_contact(database, channel_id)

    async def write() -> None:
        async with database.write() as connection:
            signal(connection, "messages")
            message = _message(database, channel_id, contact_id, str(database.new_id()))
            await database.write_rows(connection, Insert(tables.inbox, [message]))
            signal(connection, "outbox")

    async def write_until_heard() -> None:
        while "outbox" not in heard:
            await write()
            await asyncio.sleep(0.05)

    await asyncio.wait_for(write_until_heard(), 20)
    await asyncio.sleep(0.2)
    heard.clear()
    await write()
    await asyncio.wait_for(_until(lambda: len(heard) >= 2), 20)
    assert heard == ["messages", "outbox"]
    await database.close()
    await other.close()


@pytest.mark.parametrize("count", [1, 3, 130])
async def test_rows_are_chosen_by_any_number_of_values(database: Database, count: int) -> None:
    channel_id = await a_channel(database)
    wanted = [await a_contact(database, channel_id) for _ in range(min(count, 3))]
    await a_contact(database, channel_id)
    column = tables.contact.c.id
    values = [*wanted, *range(1, 1 + count - len(wanted))]
    async with database.read() as connection:
        statement = sa.select(column).where(is_chosen(column, database.kind))
        found = (await connection.execute(statement, chosen(column, database.kind, values))).scalars().all()
    assert sorted(found) == sorted(wanted)
    assert math.log2(len(chosen(column, "sqlite", values)["chosen"])).is_integer()
