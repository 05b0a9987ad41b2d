"""A programme to measure on: a site, a channel of the fake Twilio's account, people, and the messages they write."""

import json
import random
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from bench.texts import number
from bot.checkin import open_checkin
from content.pack import load_pack
from content.schema import Pack
from store import tables as t
from store.database import Database

ACCOUNT = "AC" + "0" * 32
TOKEN = "bench-token-of-nobody"  # noqa: S105  of the fake account
SENDER = "+19995550100"
CHANNEL = "sms"
FILLED = ("site", "channel", "staff", "rota", "contact", "beneficiary", "session")  # tables with rows in them


async def build_world(database: Database, people: int, *, api_base: str = "", rate: float = 1e6) -> None:
    """`people` enrolled adults, every second with an open check-in, spread over days and hours; one officer on call."""
    now = datetime.now(UTC)
    pack = load_pack()
    chance = random.Random(20260303)
    site_id, channel_id, staff_id = (database.new_id() for _ in range(3))
    settings = {"account_sid": ACCOUNT, "auth_token": TOKEN} | ({"api_base": api_base} if api_base else {})
    async with database.write() as connection:
        await connection.execute(sa.insert(t.site), [{
            "id": site_id, "code": "BENCH", "name": "Bench", "country": "KE", "time_zone": "Africa/Nairobi",
            "languages": list(pack.languages), "quiet_from": 21 * 60, "quiet_until": 7 * 60,
            "staffed": {str(day): [0, 1440] for day in range(7)}, "hotline": "1199",
        }])  # fmt: skip
        await connection.execute(sa.insert(t.channel), [{
            "id": channel_id, "name": CHANNEL, "kind": "twilio", "site_id": site_id, "address": SENDER,
            "settings": json.dumps(settings), "rate": rate, "free_at": now, "state": "active",
        }])  # fmt: skip
        await connection.execute(sa.insert(t.staff), [{
            "id": staff_id, "login": "bench", "name": "Bench", "password": "!", "role": "psychosocial",
            "site_ids": [site_id], "languages": ["en"], "phone": "+19995550199",
            "phone_index": database.keys.index("+19995550199"), "created_at": now,
        }])  # fmt: skip
        await connection.execute(
            sa.insert(t.rota), [{"id": database.new_id(), "site_id": site_id, "rung": 1, "staff_id": staff_id}]
        )
    for start in range(0, people, 10_000):
        await _add_people(database, pack, site_id, channel_id, range(start, min(people, start + 10_000)), chance, now)


async def _add_people(
    database: Database,
    pack: Pack,
    site_id: int,
    channel_id: int,
    indexes: range,
    chance: random.Random,
    now: datetime,
) -> None:
    contacts, persons, sessions = [], [], []
    languages = pack.languages
    for index in indexes:
        contact_id, person_id = database.new_id(), database.new_id()
        language = languages[index % len(languages)]
        contacts.append({
            "id": contact_id, "channel_id": channel_id, "address": number(index),
            "address_index": database.keys.index(number(index)), "language": language, "memory": {}, "created_at": now,
        })  # fmt: skip
        persons.append({
            "id": person_id, "code": f"P{index}", "site_id": site_id, "contact_id": contact_id, "language": language,
            "role": "participant", "age_band": "adult", "phone_kind": "private", "weekday": chance.randrange(7),
            "minute": 60 * chance.randrange(7, 20), "spread": chance.randrange(900), "state": "active",
            "enrolled_at": now,
        })  # fmt: skip
        if index % 2 == 0:
            opening = open_checkin(pack, "weekly", language, now)
            sessions.append({
                "id": database.new_id(), "beneficiary_id": person_id, "contact_id": contact_id, "checkin": "weekly",
                "version": opening.progress.version, "state": "open", "progress": opening.progress.to_json(),
                "opened_at": now, "due_at": now + timedelta(hours=24), "timer": "remind",
                "timer_step": opening.progress.step,
            })  # fmt: skip
    async with database.write() as connection:
        await database.insert_rows(connection, t.contact, contacts)
        await database.insert_rows(connection, t.beneficiary, persons)
        await database.insert_rows(connection, t.session, sessions)
