"""Builds the demo's programme in a new SQLite file: places, staff, people, twelve weeks of history, alerts."""

import json
import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bot.distress import Reader
from cases.consent import consent_row
from cases.staff import add_staff
from content.pack import load_pack
from content.schema import Pack
from hujambo.demo import stories
from hujambo.demo.casework import Casework
from hujambo.demo.history import CHECKIN, WEEKS, History, Rehearsal, Rows
from hujambo.demo.people import OFFICE_NUMBER, PLACES, STAFF, Someone, make_people, new_password, site_rows
from hujambo.settings import Settings
from scheduler import campaigns
from scheduler.due import Plan
from store import migrate
from store import tables as t
from store.database import Database, open_database
from store.secrets import KeyRing

MARK = "demo"  # the row in `counter` by which `serve` knows a demo's database
SEED = 20260303
CHUNK = 250  # people whose history is written in one transaction
WALL = timedelta(days=9)  # how far back the pretend phones remember
FILES = ("demo.db", "demo.db-wal", "demo.db-shm", "demo.keys", "demo.log-ins")
CAMPAIGNS = (
    ("weekly-coast", "Weekly check-in, coast", ("PWANI",)),
    ("weekly-inland", "Weekly check-in, inland", ("BAMARA", "LIMBARA")),
)


@dataclass(frozen=True, slots=True)
class LogIn:
    login: str
    role: str
    password: str


@dataclass(frozen=True, slots=True)
class Demo:
    """What was built: where it is and how to get in."""

    settings: Settings
    log_ins: tuple[LogIn, ...]
    people: tuple[Someone, ...]


async def build(folder: Path, people: int, port: int, now: datetime) -> Demo:
    """A new programme in `folder`; what an earlier demo left there is removed first, and nothing else."""
    _clear(folder)
    ring = KeyRing.generate()
    _write_secret(folder / "demo.keys", ring)
    settings = Settings.model_validate(
        {
            "database_url": f"sqlite:///{folder / 'demo.db'}",
            "keys": ring,
            "public_url": f"http://127.0.0.1:{port}",
            "port": port,
        }
    )
    await migrate.upgrade(settings.url, settings.key_ring)
    database = await open_database(settings.url, settings.key_ring, pool_size=2)
    try:
        log_ins, enrolled = await _fill(database, load_pack(), settings, people, now)
    finally:
        await database.close()
    lines = [f"{one.login}\t{one.role}\t{one.password}\n" for one in log_ins]
    _write_secret(folder / "demo.log-ins", "".join(lines))
    return Demo(settings, tuple(log_ins), tuple(enrolled))


def _clear(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        (folder / name).unlink(missing_ok=True)


def _write_secret(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


async def _fill(
    database: Database, pack: Pack, settings: Settings, people: int, now: datetime
) -> tuple[list[LogIn], list[Someone]]:
    rng = random.Random(SEED)  # noqa: S311  invented people, not secrets
    begin = now - timedelta(weeks=WEEKS + 1)
    sites, channel_id = await _places(database, now)
    log_ins, staff = await _staff(database, sites, begin)
    numbers = await _campaigns(database, pack, begin)
    enrolled = make_people(people, sites, staff, channel_id, database.keys, database.new_id, now, rng)
    reader = Reader(pack)
    history = History(database, Rehearsal(pack, reader), numbers, now)
    for start in range(0, people, CHUNK):
        await _write(database, history, enrolled[start : start + CHUNK], rng)
    stage = stories.Stage(database, pack, reader, staff, channel_id, settings.public_url)
    for story, someone in stories.cast(await _free(database, enrolled)):
        stage.add(story, someone, now)
    await Casework(database, staff, stage, now).add(sites, channel_id, enrolled, rng)
    await stage.play()
    await _settle_the_past(database, now)
    await _hang_the_phones(database, now)
    return log_ins, enrolled


async def _places(database: Database, now: datetime) -> tuple[dict[str, dict[str, Any]], int]:
    sites, channel_id = site_rows(database.new_id, now), database.new_id()
    channel = {
        "id": channel_id,
        "name": "phones",
        "kind": "phones",
        "site_id": sites[PLACES[0].code]["id"],
        "address": OFFICE_NUMBER,
        "settings": json.dumps({}),
        "rate": 20.0,
        "free_at": now,
        "paused_until": None,
        "state": "active",
    }
    async with database.write() as connection:
        await connection.execute(sa.insert(t.counter), [{"name": MARK, "value": 1}])
        await database.insert_rows(connection, t.site, list(sites.values()))
        await database.insert_rows(connection, t.channel, [channel])
    return sites, channel_id


async def _staff(
    database: Database, sites: Mapping[str, dict[str, Any]], begin: datetime
) -> tuple[list[LogIn], dict[str, int]]:
    log_ins, ids, rota = [], {}, []
    for number, account in enumerate(STAFF):
        password = new_password()
        staff_id = await add_staff(
            database, account.login, account.name, account.role, begin, password=password, sites=account.sites,
            languages=account.languages, phone=f"+1999{9_990_001 + number}",
        )  # fmt: skip
        log_ins.append(LogIn(account.login, account.role, password))
        ids[account.login] = staff_id
        rota += [
            {"id": database.new_id(), "site_id": sites[code]["id"], "rung": rung, "staff_id": staff_id,
             "starts_at": None, "ends_at": None}
            for code, rung in (account.rungs or {}).items()
        ]  # fmt: skip
    async with database.write() as connection:
        await database.insert_rows(connection, t.rota, rota)
        # Whoever stands on the highest rung of a site is its named fallback.
        last = {row["site_id"]: row["staff_id"] for row in sorted(rota, key=lambda row: row["rung"])}
        for site_id, fallback_id in last.items():
            await connection.execute(sa.update(t.site).where(t.site.c.id == site_id).values(fallback_id=fallback_id))
    return log_ins, ids


async def _campaigns(database: Database, pack: Pack, begin: datetime) -> dict[str, int]:
    """Two campaigns that have been running all the time: site code → campaign."""
    ids: dict[str, int] = {}
    for code, name, places in CAMPAIGNS:
        campaign_id = await campaigns.create(
            database, pack, code=code, name=name, checkin=CHECKIN, plan=Plan("weekly"),
            audience={"sites": list(places)}, now=begin,
        )  # fmt: skip
        await campaigns.start(database, code, begin)
        ids |= dict.fromkeys(places, campaign_id)
    return ids


async def _write(database: Database, history: History, people: Sequence[Someone], rng: random.Random) -> None:
    rows = Rows()
    for someone in people:
        if someone.gets_checkins:
            history.add(rows, someone, rng)
    consents = [
        consent_row(
            database, someone.beneficiary["id"], purpose, "2026-01", someone.language, "read out at enrolment",
            someone.beneficiary["enrolled_at"],
        )
        for someone in people
        for purpose in someone.consents
    ]  # fmt: skip
    async with database.write() as connection:
        await database.insert_rows(connection, t.contact, [someone.contact for someone in people])
        await database.insert_rows(connection, t.beneficiary, [someone.beneficiary for someone in people])
        await database.insert_rows(connection, t.consent, consents)
        for table in (t.session, t.inbox, t.outbox, t.answer, t.assessment, t.follow_up):
            await database.insert_rows(connection, table, getattr(rows, table.name))


async def _free(database: Database, people: Sequence[Someone]) -> list[Someone]:
    """Those whom a story may happen to: not live, and in no check-in at present."""
    async with database.read() as connection:
        asked = set(
            (await connection.execute(sa.select(t.session.c.contact_id).where(t.session.c.state == "open"))).scalars()
        )
    return [one for one in people if not one.is_live and one.contact["id"] not in asked]


async def _settle_the_past(database: Database, now: datetime) -> None:
    """What the stories sent has arrived long ago, and the tasks they left were done in time."""
    o, f = t.outbox, t.follow_up
    second = 1000
    async with database.write() as connection:
        await connection.execute(
            sa.update(o)
            .where(o.c.state == "queued", o.c.created_at <= now)
            .values(
                state="delivered",
                tries=1,
                outcome="delivered",
                provider_id=sa.literal("S") + sa.cast(o.c.id, sa.String),
                sent_at=sa.type_coerce(o.c.created_at, sa.BigInteger) + second,
                settled_at=sa.type_coerce(o.c.created_at, sa.BigInteger) + 3 * second,
            )
        )
        await connection.execute(
            sa.update(f)
            .where(f.c.state == "open", f.c.due_at < now - timedelta(days=1))
            .values(state="done", done_at=f.c.due_at, done_by=f.c.staff_id)
        )


async def _hang_the_phones(database: Database, now: datetime) -> None:
    """The pretend phones show the messages of the last days, in both directions, as they would have arrived."""
    i, o, c, s = t.inbox.c, t.outbox.c, t.contact.c, t.staff.c
    since = now - WALL
    async with database.read() as connection:
        inbound = await connection.execute(
            sa.select(i.received_at, c.address, i.text)
            .join(t.contact, c.id == i.contact_id)
            .where(i.received_at > since)
        )
        shown = [(at, number, True, text) for at, number, text in inbound]
        outbound = await connection.execute(
            sa.select(o.sent_at, o.text, c.address, s.phone)
            .select_from(t.outbox.outerjoin(t.contact).outerjoin(t.staff))
            .where(o.sent_at > since)
        )
        shown += [(at, number or phone, False, text) for at, text, number, phone in outbound]
    rows = [
        {"number": number, "inbound": is_inbound, "text": text, "at": at}
        for at, number, is_inbound, text in sorted(shown, key=lambda line: line[0])
        if number
    ]
    async with database.write() as connection:
        await database.insert_rows(connection, t.pretend_message, rows)
