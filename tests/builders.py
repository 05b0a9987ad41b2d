"""Rows to start a test from: every builder writes one row, with defaults that can be overridden by column name."""

import json
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from store import tables
from store.database import Database
from tests.conftest import NOW

ALL_DAY = {str(day): [0, 1440] for day in range(7)}
_numbers = iter(range(10_000_000))


def a_number() -> str:
    """A fresh number from the range 555-0100…0199 style set aside for fiction, widened with an unassigned area code."""
    return f"+1999{next(_numbers):07d}"


async def _insert(database: Database, table: sa.Table, row: dict[str, Any]) -> int:
    async with database.write() as connection:
        await connection.execute(sa.insert(table), [row])
    return row["id"]


async def a_site(database: Database, **values: Any) -> int:
    row = {
        "id": database.new_id(),
        "code": f"S{database.new_id()}",
        "name": "Kisima",
        "country": "KE",
        "time_zone": "Africa/Nairobi",
        "languages": ["en", "fr", "sw"],
        "quiet_from": 21 * 60,
        "quiet_until": 7 * 60,
        "staffed": ALL_DAY,
        "hotline": "1199",
    }
    return await _insert(database, tables.site, row | values)


async def a_channel(database: Database, settings: dict[str, Any] | None = None, **values: Any) -> int:
    row = {
        "id": database.new_id(),
        "name": f"c{database.new_id()}",
        "kind": "phones",
        "address": "+19995550100",
        "settings": json.dumps(settings or {}),
        "rate": 1000.0,
        "free_at": NOW,
        "paused_until": None,
        "state": "active",
    }
    return await _insert(database, tables.channel, row | values)


async def a_contact(database: Database, channel_id: int, address: str | None = None, **values: Any) -> int:
    address = address or a_number()
    row = {
        "id": database.new_id(),
        "channel_id": channel_id,
        "address": address,
        "address_index": database.keys.index(address),
        "language": "en",
        "opted_out_at": None,
        "opted_out_by": None,
        "held_until": None,
        "memory": {},
        "last_inbound_at": None,
        "created_at": NOW - timedelta(days=90),
    }
    return await _insert(database, tables.contact, row | values)


async def a_beneficiary(database: Database, site_id: int, contact_id: int | None, **values: Any) -> int:
    number = database.new_id()
    row = {
        "id": number,
        "code": f"B{number}",
        "site_id": site_id,
        "contact_id": contact_id,
        "caseworker_id": None,
        "name": "Test Person",
        "language": "en",
        "role": "participant",
        "age_band": "adult",
        "phone_kind": "private",
        "safe_from": None,
        "safe_until": None,
        "safe_word": None,
        "duress_word": None,
        "staff_gender": None,
        "anchor_date": date(2026, 1, 5),
        "weekday": 1,
        "minute": 10 * 60,
        "spread": 0,
        "state": "active",
        "missed": 0,
        "enrolled_at": NOW - timedelta(days=60),
    }
    return await _insert(database, tables.beneficiary, row | values)


async def a_staff_member(database: Database, **values: Any) -> int:
    number = database.new_id()
    phone = values.pop("phone", a_number())
    row = {
        "id": number,
        "login": f"u{number}",
        "name": "Staff Member",
        "password": "!",
        "role": "psychosocial",
        "site_ids": [],
        "languages": ["en"],
        "gender": None,
        "phone": phone,
        "phone_index": database.keys.index(phone) if phone else None,
        "email": None,
        "disabled_at": None,
        "created_at": NOW,
    }
    return await _insert(database, tables.staff, row | values)


async def on_rota(database: Database, site_id: int, staff_id: int, rung: int = 1, **values: Any) -> int:
    row = {
        "id": database.new_id(),
        "site_id": site_id,
        "rung": rung,
        "staff_id": staff_id,
        "starts_at": None,
        "ends_at": None,
    }
    return await _insert(database, tables.rota, row | values)


async def rows(database: Database, table: sa.Table, *where: Any, order: Any = None) -> list[Any]:
    async with database.read() as connection:
        statement = sa.select(table).where(*where).order_by(order if order is not None else table.c.id)
        return list((await connection.execute(statement)).all())
