"""The people enrolled: importing a list of them, listing, finding, and changing their state."""

import asyncio
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from cases import audit, enrol
from cases.consent import consent_row
from cases.enrol import Enrolment, Fault, Places, SitePlace
from cases.sheets import SheetError, read_sheet
from store import tables
from store.database import Database

# active: gets check-ins · no_consent: enrolled, reads danger, gets none · paused · exited · died
STATES = ("active", "no_consent", "paused", "exited", "died")
_CHUNK = 500
_DEFAULT_MINUTE = 10 * 60
_SPREAD_SECONDS = 900


class PeopleError(ValueError):
    """The change is not possible; the message is a sentence for staff."""


@dataclass(slots=True)
class ImportReport:
    """What an import did, or with faults or in a dry run would have done. With faults nothing was written at all."""

    rows_ok: int = 0
    faults: list[Fault] = field(default_factory=list)
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    never_screened: int = 0  # under 18 or of unknown age
    without_consent: int = 0
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class _Known:
    """What the database already holds of the people in the file."""

    people: Mapping[str, Mapping[str, Any]]  # code in lower case → beneficiary row
    contacts: Mapping[bytes, int]  # blind index → contact
    owners: Mapping[int, str]  # contact → code of the person who has it
    consents: frozenset[tuple[int, str]]  # (beneficiary, version) standing
    places: Places
    default_channel: int | None


async def import_people(
    database: Database, path: Path, now: datetime, *, dry_run: bool = False, staff_id: int | None = None
) -> ImportReport:
    """Enrol or update everyone in a CSV or XLSX file, by code; all of them or, if one row is wrong, nobody.

    Cells left empty change nothing of a person who is there already. Raises `SheetError` if the file is no sheet.
    """
    places, default_channel = await _load_places(database)
    people, faults, rows = await asyncio.to_thread(_check, path, places, now)
    report = ImportReport(dry_run=dry_run)
    known = await _load_known(database, people, places, default_channel)
    faults += _conflicts(database, people, known)
    report.faults = sorted(faults)
    report.rows_ok = rows - len({fault.row for fault in faults} - {1})
    plan = _plan(database, people, known, now, report)
    if report.faults or dry_run:
        return report
    try:
        async with database.write() as connection:
            await _write(database, connection, plan)
            counts = {"created": report.created, "updated": report.updated, "unchanged": report.unchanged}
            await audit.record(connection, database, staff_id, "people.imported", "people", counts, now)
    except IntegrityError:
        # Without `from`: the database's own message repeats the values of the row.
        raise PeopleError(
            "Somebody else changed these people at the same time. Nothing was imported: try again."
        ) from None
    return report


def _check(path: Path, places: Places, now: datetime) -> tuple[list[Enrolment], list[Fault], int]:
    """Read and check the whole file; in a thread, so that a big list holds nobody up."""
    rows = read_sheet(path)
    first = next(rows, None)
    if first is None:
        raise SheetError(f"{path.name} is empty.")
    header, faults = enrol.read_header(first)
    people, count = [], 0
    for row in rows:
        count += 1
        person, wrong = enrol.read_row(row, header, places, now.date())
        faults += wrong
        if person is not None:
            people.append(person)
    return people, faults + enrol.repeated(people), count


async def _load_places(database: Database) -> tuple[Places, int | None]:
    s, c, w = tables.site, tables.channel, tables.staff
    async with database.read() as connection:
        sites = (await connection.execute(sa.select(s.c.id, s.c.code, s.c.country, s.c.languages, s.c.staffed))).all()
        channels = (
            await connection.execute(
                sa.select(c.c.id, c.c.name).where(c.c.state == "active", c.c.kind != "email").order_by(c.c.id)
            )
        ).all()
        staff = (await connection.execute(sa.select(w.c.id, w.c.login).where(w.c.disabled_at.is_(None)))).all()
    places = Places(
        sites={
            row.code.casefold(): SitePlace(
                row.id, row.country, tuple(row.languages), tuple(int(d) for d, span in row.staffed.items() if span)
            )
            for row in sites
        },
        channels={row.name.casefold(): row.id for row in channels},
        caseworkers={row.login.casefold(): row.id for row in staff},
    )
    return places, channels[0].id if len(channels) == 1 else None


async def _load_known(
    database: Database, people: Sequence[Enrolment], places: Places, default_channel: int | None
) -> _Known:
    b, c, g = tables.beneficiary, tables.contact, tables.consent
    indexes = [database.keys.index(p.phone) for p in people if p.phone]
    async with database.read() as connection:
        found = await _in_chunks(connection, sa.select(b), sa.func.lower(b.c.code), [p.code.lower() for p in people])
        known = {row["code"].casefold(): dict(row) for row in found}
        contacts = await _in_chunks(connection, sa.select(c.c.id, c.c.address_index), c.c.address_index, indexes)
        by_index = {bytes(row["address_index"]): row["id"] for row in contacts}
        owners = await _in_chunks(
            connection, sa.select(b.c.contact_id, b.c.code), b.c.contact_id, list(by_index.values())
        )
        consents = await _in_chunks(
            connection,
            sa.select(g.c.beneficiary_id, g.c.version).where(g.c.purpose == "checkins", g.c.withdrawn_at.is_(None)),
            g.c.beneficiary_id,
            [row["id"] for row in known.values()],
        )
    return _Known(
        people=known,
        contacts=by_index,
        owners={row["contact_id"]: row["code"] for row in owners},
        consents=frozenset((row["beneficiary_id"], row["version"]) for row in consents),
        places=places,
        default_channel=default_channel,
    )


async def _in_chunks(
    connection: AsyncConnection, statement: Any, column: Any, values: Sequence[Any]
) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for start in range(0, len(values), _CHUNK):
        chunk = statement.where(column.in_(values[start : start + _CHUNK]))
        found += [dict(row) for row in (await connection.execute(chunk)).mappings()]
    return found


def _conflicts(database: Database, people: Sequence[Enrolment], known: _Known) -> list[Fault]:
    """What is wrong with a row only because of who is enrolled already, or for want of a channel."""
    faults = []
    for person in people:
        if person.phone is None:
            continue
        contact_id = known.contacts.get(database.keys.index(person.phone))
        owner = known.owners.get(contact_id or 0)
        if owner is not None and owner.casefold() != person.code.casefold():
            faults.append(Fault(person.row, "phone", f"{owner} is enrolled with this number."))
        elif contact_id is None and person.channel_id is None and known.default_channel is None:
            faults.append(Fault(person.row, "channel", "Name the channel that reaches this number."))
    return faults


@dataclass(slots=True)
class _Plan:
    contacts: list[dict[str, Any]] = field(default_factory=list)
    created: list[dict[str, Any]] = field(default_factory=list)
    updated: list[dict[str, Any]] = field(default_factory=list)
    consents: list[dict[str, Any]] = field(default_factory=list)


def _plan(database: Database, people: Iterable[Enrolment], known: _Known, now: datetime, report: ImportReport) -> _Plan:
    plan = _Plan()
    for person in people:
        old = known.people.get(person.code.casefold())
        row: dict[str, Any] = dict(old) if old is not None else _new_person(database, person, now)
        row |= person.values | {"site_id": person.site.id}
        if row["safe_from"] is not None and "minute" not in person.values:
            _move_inside_safe_hours(row)
        if person.phone is not None:
            row["contact_id"] = _contact(database, person, row["language"], known, plan, now)
        if person.consent_version is not None:
            row["state"] = "active" if row["state"] == "no_consent" else row["state"]
            if (row["id"], person.consent_version) not in known.consents:
                plan.consents.append(
                    consent_row(database, row["id"], "checkins", person.consent_version, row["language"], "import", now)
                )
        report.never_screened += row["age_band"] != "adult"
        report.without_consent += row["state"] == "no_consent"
        if old is None:
            plan.created.append(row)
        elif row != old:
            plan.updated.append(row)
        else:
            report.unchanged += 1
    report.created, report.updated = len(plan.created), len(plan.updated)
    return plan


def _new_person(database: Database, person: Enrolment, now: datetime) -> dict[str, Any]:
    """A person before their cells are read. What is not known is what is safest: shared phone, age unknown."""
    site = person.site
    return {
        "id": database.new_id(),
        "code": person.code,
        "site_id": site.id,
        "contact_id": None,
        "caseworker_id": None,
        "name": None,
        "language": site.languages[0] if site.languages else "en",
        "role": "participant",
        "age_band": "unknown",
        "phone_kind": "shared",
        "safe_from": None,
        "safe_until": None,
        "safe_word": None,
        "duress_word": None,
        "staff_gender": None,
        "anchor_date": None,
        "weekday": secrets.choice(site.staffed_days or (0, 1, 2, 3, 4)),
        "minute": _DEFAULT_MINUTE,
        "spread": secrets.randbelow(_SPREAD_SECONDS),
        "state": "no_consent",
        "missed": 0,
        "enrolled_at": now,
    }


def _move_inside_safe_hours(row: dict[str, Any]) -> None:
    if not enrol.is_inside(row["minute"], row["safe_from"], row["safe_until"]):
        row["minute"] = row["safe_from"]


def _contact(database: Database, person: Enrolment, language: str, known: _Known, plan: _Plan, now: datetime) -> int:
    """The contact of this number, which a stranger's message may have made already; else a new one."""
    index = database.keys.index(person.phone or "")
    found = known.contacts.get(index)
    if found is not None:
        return found
    contact_id = database.new_id()
    row: dict[str, Any] = {
        "id": contact_id,
        "channel_id": person.channel_id or known.default_channel,
        "address": person.phone,
        "address_index": index,
        "language": language,
        "opted_out_at": None,
        "opted_out_by": None,
        "held_until": None,
        "memory": {},
        "last_inbound_at": None,
        "created_at": now,
    }
    plan.contacts.append(row)
    return contact_id


async def _write(database: Database, connection: AsyncConnection, plan: _Plan) -> None:
    b, g = tables.beneficiary, tables.consent
    await database.insert_rows(connection, tables.contact, plan.contacts)
    if plan.updated:
        # Numbers may move between people of one file: free them all before giving any.
        # What the person's own messages write meanwhile is not ours to put back.
        own = {"id", "contact_id", "missed", "history"}
        columns = [column.name for column in b.c if column.name not in own]
        release = sa.update(b).where(b.c.id == sa.bindparam("person_id")).values(contact_id=None)
        await connection.execute(release, [{"person_id": row["id"]} for row in plan.updated])
        change = (
            sa.update(b)
            .where(b.c.id == sa.bindparam("person_id"))
            .values({name: sa.bindparam(f"new_{name}") for name in [*columns, "contact_id"]})
        )
        await connection.execute(
            change,
            [
                {"person_id": row["id"]} | {f"new_{name}": row[name] for name in [*columns, "contact_id"]}
                for row in plan.updated
            ],
        )
    await database.insert_rows(connection, b, plan.created)
    if plan.consents:
        # A new version replaces the one that stood.
        await connection.execute(
            sa.update(g)
            .where(
                g.c.beneficiary_id == sa.bindparam("person_id"),
                g.c.purpose == "checkins",
                g.c.withdrawn_at.is_(None),
            )
            .values(withdrawn_at=sa.bindparam("at")),
            [{"person_id": row["beneficiary_id"], "at": row["given_at"]} for row in plan.consents],
        )
    await database.insert_rows(connection, g, plan.consents)


async def list_people(
    database: Database,
    *,
    site_ids: Sequence[int] = (),
    state: str | None = None,
    limit: int = 100,
    after_code: str = "",
) -> list[Mapping[str, Any]]:
    """People by code, without names or numbers; `site_ids` empty means every site. Page on with `after_code`."""
    b, s = tables.beneficiary, tables.site
    statement = (
        sa.select(
            b.c.id,
            b.c.code,
            s.c.code.label("site"),
            b.c.language,
            b.c.role,
            b.c.age_band,
            b.c.phone_kind,
            b.c.state,
            b.c.missed,
            b.c.weekday,
            b.c.minute,
            b.c.contact_id,
            b.c.caseworker_id,
            b.c.enrolled_at,
        )
        .join(s, s.c.id == b.c.site_id)
        .where(b.c.code > after_code)
        .order_by(b.c.code)
        .limit(limit)
    )
    if site_ids:
        statement = statement.where(b.c.site_id.in_(site_ids))
    if state is not None:
        statement = statement.where(b.c.state == state)
    async with database.read() as connection:
        return [dict(row) for row in (await connection.execute(statement)).mappings()]


async def find(database: Database, text: str, *, site_ids: Sequence[int] = ()) -> Mapping[str, Any] | None:
    """The person with exactly this code, or this number in international form; their whole row."""
    b, c = tables.beneficiary, tables.contact
    index = database.keys.index(text.strip().replace(" ", ""))
    statement = (
        sa.select(b)
        .outerjoin(c, c.c.id == b.c.contact_id)
        .where(sa.or_(sa.func.lower(b.c.code) == text.strip().lower(), c.c.address_index == index))
        .limit(1)
    )
    if site_ids:
        statement = statement.where(b.c.site_id.in_(site_ids))
    async with database.read() as connection:
        row = (await connection.execute(statement)).mappings().first()
    return dict(row) if row is not None else None


async def set_state(database: Database, beneficiary_id: int, state: str, staff_id: int | None, now: datetime) -> None:
    """Pause, exit or bring back a person. Nobody without a standing consent becomes active."""
    if state not in STATES:
        raise PeopleError(f"There is no state {state[:32]!r}; they are {', '.join(STATES)}.")
    b, g = tables.beneficiary, tables.consent
    async with database.write() as connection:
        old = (await connection.execute(sa.select(b.c.state).where(b.c.id == beneficiary_id))).scalar()
        if old is None:
            raise PeopleError("There is no such person.")
        if old == state:
            return
        consents = sa.select(sa.func.count()).where(
            g.c.beneficiary_id == beneficiary_id, g.c.purpose == "checkins", g.c.withdrawn_at.is_(None)
        )
        if state == "active" and not (await connection.execute(consents)).scalar():
            raise PeopleError("This person has not consented to check-ins: record the consent first.")
        values: dict[str, Any] = {"state": state}
        if state != "died":
            values["exited_on"] = now.date() if state == "exited" else None
        await connection.execute(sa.update(b).where(b.c.id == beneficiary_id).values(values))
        if state in ("exited", "died"):
            # What was asked before is not asked any more; what was planned is withheld when it would leave.
            s = tables.session
            await connection.execute(
                sa.update(s)
                .where(s.c.beneficiary_id == beneficiary_id, s.c.state == "open")
                .values(state="stopped", ended_at=now, due_at=None, timer=None)
            )
        data = {"from": old, "to": state}
        await audit.record(connection, database, staff_id, "person.state", f"beneficiary/{beneficiary_id}", data, now)
