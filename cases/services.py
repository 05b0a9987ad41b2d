"""The directory of services that a person can be referred to: its list as a sheet, and which of them fit a person."""

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from cases import audit
from cases.enrol import Fault, plain
from cases.sheets import SheetRow, read_sheet
from content.schema import LANGUAGES
from store import tables
from store.database import Database

# What a service is for → the areas of life it helps with.
KINDS: Mapping[str, tuple[str, ...]] = {
    "health": ("HEA",),
    "mental_health": ("PSY",),
    "livelihood": ("LIV",),
    "food": ("FOOD",),
    "housing": ("HOU",),
    "family": ("FAM",),
    "community": ("COM",),
    "protection": ("SAF",),
    "gbv": ("SAF", "FAM", "HEA", "PSY"),
    "child": ("FAM", "SAF", "EDU"),
    "legal": ("DOC",),
    "education": ("EDU",),
    "emergency": ("HEA", "SAF", "PSY"),
}
# Numbers and hours of half a year ago are to be checked before somebody is sent there.
STALE_AFTER = timedelta(days=180)
# Column → its longest text.
COLUMNS: Mapping[str, int] = {
    "code": 32,
    "name": 120,
    "kind": 16,
    "sites": 400,
    "languages": 100,
    "eligibility": 400,
    "hours": 200,
    "address": 200,
    "phone": 32,
    "agreement": 64,
    "women_friendly": 8,
    "child_friendly": 8,
    "checked_on": 10,
    "in_use": 8,
}
REQUIRED = ("code", "name", "kind")
_YES, _NO = frozenset({"yes", "y", "1", "true", "oui", "si", "sim"}), frozenset({"no", "n", "0", "false", "non", "nao"})
_TEXTS = ("name", "eligibility", "hours", "address", "phone", "agreement")


@dataclass(slots=True)
class ServiceReport:
    """What an import did, or would have done. With faults nothing was written at all."""

    rows_ok: int = 0
    faults: list[Fault] = field(default_factory=list)
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    dry_run: bool = False


async def import_services(
    database: Database, path: Path, now: datetime, *, dry_run: bool = False, staff_id: int | None = None
) -> ServiceReport:
    """Add or update every service of a CSV or XLSX file, by code; all of them or, if one row is wrong, none.

    Cells left empty change nothing of a service that is there already; `in_use` no takes one out of the directory.
    Raises `cases.sheets.SheetError` if the file is no sheet.
    """
    s, site = tables.service, tables.site
    sheet = await asyncio.to_thread(lambda: list(read_sheet(path)))
    async with database.read() as connection:
        sites = {row.code.casefold(): row.id for row in await connection.execute(sa.select(site.c.code, site.c.id))}
        known = {row["code"].casefold(): dict(row) for row in (await connection.execute(sa.select(s))).mappings()}
    read, faults = read_services(sheet, sites, now.date())
    report = ServiceReport(dry_run=dry_run, faults=sorted(faults))
    report.rows_ok = max(0, len(sheet) - 1 - len({fault.row for fault in faults} - {1}))
    created, updated = [], []
    for code, values in read.items():
        old = known.get(code)
        row = _row(database, old, values, now)
        if old is None:
            created.append(row)
        elif row != old:
            updated.append(row)
        else:
            report.unchanged += 1
    report.created, report.updated = len(created), len(updated)
    if report.faults or dry_run or not (created or updated):
        return report
    async with database.write() as connection:
        await database.insert_rows(connection, s, created)
        for row in updated:
            await connection.execute(sa.update(s).where(s.c.id == row["id"]).values(**row))
        counts = {"created": report.created, "updated": report.updated}
        await audit.record(connection, database, staff_id, "services.imported", "services", counts, now)
    return report


def _row(database: Database, old: Mapping[str, Any] | None, values: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    blank: dict[str, Any] = {
        "id": database.new_id() if old is None else old["id"],
        "site_ids": [],
        "languages": [],
        "eligibility": "",
        "hours": "",
        "address": "",
        "phone": "",
        "agreement": "",
        "is_women_friendly": False,
        "is_child_friendly": False,
        "checked_on": None,
        "disabled_at": None,
    }
    row = blank | dict(old or {}) | {name: value for name, value in values.items() if name != "in_use"}
    if "in_use" in values:
        row["disabled_at"] = None if values["in_use"] else row["disabled_at"] or now
    return row


def read_services(
    rows: Sequence[SheetRow], sites: Mapping[str, int], today: date
) -> tuple[dict[str, dict[str, Any]], list[Fault]]:
    """Code in lower case → the columns of its service that its cells say; and every fault of the sheet. Pure."""
    if not rows:
        return {}, [Fault(1, "", "The sheet is empty.")]
    header, faults = _header(rows[0])
    if faults:
        return {}, faults
    found: dict[str, dict[str, Any]] = {}
    for row in rows[1:]:
        cells = {name: row.cells[i] for name, i in header.items() if i < len(row.cells) and row.cells[i]}
        wrong = [Fault(row.number, name, "This cell is empty.") for name in REQUIRED if name not in cells]
        formulas = {name for name, i in header.items() if i in row.formulas}
        wrong += [Fault(row.number, name, "This cell holds a formula; paste its value instead.") for name in formulas]
        values: dict[str, Any] = {}
        for name, cell in cells.items():
            if name not in formulas:
                reason = _read(name, cell, values, sites, today)
                wrong += [Fault(row.number, name, reason)] * bool(reason)
        code = cells.get("code", "").casefold()
        if code in found:
            wrong.append(Fault(row.number, "code", "A row above has the same code."))
        faults += wrong
        if not wrong:
            found[code] = values
    return found, faults


def _header(row: SheetRow) -> tuple[dict[str, int], list[Fault]]:
    names = {plain(name): name for name in COLUMNS}
    header: dict[str, int] = {}
    faults = []
    for position, cell in enumerate(row.cells):
        name = names.get(plain(cell)) if cell else None
        if cell and name is None:
            faults.append(Fault(row.number, cell[:32], "There is no such column."))
        elif name is not None and name in header:
            faults.append(Fault(row.number, name, "There is a second column of this name."))
        elif name is not None:
            header[name] = position
    faults += [Fault(row.number, name, "This column is missing.") for name in REQUIRED if name not in header]
    return header, faults


def _read(name: str, cell: str, values: dict[str, Any], sites: Mapping[str, int], today: date) -> str:  # noqa: PLR0911  one line for each column
    """Put one cell's value where it belongs; or why it has none."""
    if len(cell) > COLUMNS[name]:
        return f"At most {COLUMNS[name]} characters."
    if name == "code":
        values["code"] = cell
        return "" if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]*", cell) else "A code is letters, digits, dots, dashes."
    if name == "kind":
        values["kind"] = cell.casefold().replace(" ", "_")
        return "" if values["kind"] in KINDS else f"Write one of {', '.join(KINDS)}."
    if name == "sites":
        codes = [part.casefold() for part in re.split(r"[;,\s]+", cell) if part]
        values["site_ids"] = sorted({sites[code] for code in codes if code in sites})
        return "" if all(code in sites for code in codes) else "There is no site with one of these codes."
    if name == "languages":
        values["languages"] = list(dict.fromkeys(part.lower() for part in re.split(r"[;,\s]+", cell) if part))
        return "" if set(values["languages"]) <= set(LANGUAGES) else f"Write some of {', '.join(LANGUAGES)}."
    if name == "checked_on":
        try:
            values["checked_on"] = date.fromisoformat(cell)
        except ValueError:
            return "Write a date as YYYY-MM-DD."
        return "" if values["checked_on"] <= today else "This day lies ahead."
    if name in _TEXTS:
        values[name] = cell
        return ""
    values[name if name == "in_use" else f"is_{name}"] = plain(cell) in _YES
    return "" if plain(cell) in _YES | _NO else "Write yes or no."


@dataclass(frozen=True, slots=True)
class Wish:
    """What a service is looked for: empty or False is no matter."""

    site_id: int | None = None
    domain: str = ""
    language: str = ""
    for_women: bool = False
    for_children: bool = False


def fitting(services: Iterable[Any], wish: Wish) -> list[Any]:
    """The services of the site and area, the most fitting first: language, then women and children, then the name.

    Language and friendliness put in order and leave nothing out: a service with an interpreter is better than none.
    """

    def order(service: Any) -> tuple[bool, bool, bool, str]:
        return (
            bool(wish.language) and wish.language not in service.languages,
            wish.for_children and not service.is_child_friendly,
            wish.for_women and not service.is_women_friendly,
            service.name.casefold(),
        )

    return sorted(
        (
            one
            for one in services
            if (wish.site_id is None or not one.site_ids or wish.site_id in one.site_ids)
            and (not wish.domain or wish.domain in KINDS.get(one.kind, ()))
        ),
        key=order,
    )


def is_stale(checked_on: date | None, today: date) -> bool:
    return checked_on is None or today - checked_on > STALE_AFTER


async def list_services(database: Database, *, with_disabled: bool = False) -> list[Any]:
    """The directory, by name."""
    s = tables.service
    statement = sa.select(s).order_by(s.c.name, s.c.code)
    if not with_disabled:
        statement = statement.where(s.c.disabled_at.is_(None))
    async with database.read() as connection:
        return list((await connection.execute(statement)).all())
