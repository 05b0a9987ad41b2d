"""What may leave the programme as a table: pseudonymous codes, levels, outcomes and coded answers. No text, ever.

Reports about staff (route misconduct) are in no export, nor are names, numbers, notes or free-text answers.
"""

import asyncio
import csv
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import sqlalchemy as sa

from content.schema import Level
from store import tables
from store.database import Database

Cell = str | int | float | bool | None
_PAGE = 2000
_LATER = ("fhir", "hxl")
FORMATS = ("csv", "xlsx", *_LATER)


class ExportError(ValueError):
    """The export cannot be made as asked; the message is a sentence for the command line."""


def _time(at: datetime | None) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at is not None else ""


def _level(value: int) -> str:
    return Level(value).word


# What an option, a scale, a yes or a date looks like. Anything else may be the person's own words or a number.
_CODED = re.compile(r"[a-z][a-z0-9_-]{0,31}|-?\d{1,4}(\.\d+)?|\d{4}-\d\d-\d\d", re.IGNORECASE)


def coded(value: Any) -> Cell:
    """An answer's value if it is a code; free text and telephone numbers become "(text)"."""
    if isinstance(value, bool | int | float) or value is None:
        return value
    return value if isinstance(value, str) and _CODED.fullmatch(value) else "(text)"


def _people() -> sa.Select[Any]:
    b, s = tables.beneficiary, tables.site
    return sa.select(
        b.c.id, b.c.code, s.c.code.label("site"), b.c.language, b.c.role, b.c.age_band, b.c.phone_kind, b.c.state,
        b.c.anchor_date, b.c.missed, b.c.enrolled_at,
    ).join(s, s.c.id == b.c.site_id)  # fmt: skip


def _alerts() -> sa.Select[Any]:
    a, b, s = tables.alert, tables.beneficiary, tables.site
    return (
        sa.select(
            a.c.id, a.c.code, b.c.code.label("person"), s.c.code.label("site"), a.c.level, a.c.machine_level,
            a.c.route, a.c.state, a.c.opened_at, a.c.target_at, a.c.taken_at, a.c.closed_at, a.c.outcome,
            a.c.messages,
        )
        .join(s, s.c.id == a.c.site_id)
        .outerjoin(b, b.c.id == a.c.beneficiary_id)
        .where(a.c.route != "misconduct", a.c.is_drill.is_(False))
    )  # fmt: skip


def _answers() -> sa.Select[Any]:
    x, b, s = tables.answer, tables.beneficiary, tables.site
    return (
        sa.select(
            x.c.id, b.c.code.label("person"), s.c.code.label("site"), x.c.checkin, x.c.version, x.c.question,
            x.c.value, x.c.score, x.c.answered_at,
        )
        .join(b, b.c.id == x.c.beneficiary_id)
        .join(s, s.c.id == b.c.site_id)
    )  # fmt: skip


_TIMES = dict.fromkeys(("enrolled_at", "opened_at", "target_at", "taken_at", "closed_at", "answered_at"), _time)
_READABLE: Mapping[str, Callable[[Any], Cell]] = {
    **_TIMES,
    "level": _level,
    "machine_level": _level,
    "value": coded,
    "anchor_date": lambda day: day.isoformat() if day is not None else "",
}


def _statement(what: str) -> sa.Select[Any]:
    if what == "people":
        return _people()
    if what == "alerts":
        return _alerts()
    if what == "outcomes":
        return _alerts().where(tables.alert.c.state == "closed")
    if what == "answers":
        return _answers()
    raise ExportError(f"There is no export of {what[:32]!r}; there are people, alerts, outcomes and answers.")


def rows(database: Database, what: str) -> tuple[tuple[str, ...], AsyncIterator[tuple[Cell, ...]]]:
    """The header and the rows of one export, oldest first, read page by page. Raises `ExportError`."""
    statement = _statement(what)
    header = tuple(column.name for column in statement.selected_columns if column.name != "id")
    return header, _stream(database, statement, header)


async def _stream(
    database: Database, statement: sa.Select[Any], header: Sequence[str]
) -> AsyncIterator[tuple[Cell, ...]]:
    key, last = statement.selected_columns["id"], 0
    while True:
        async with database.read() as connection:
            page = (await connection.execute(statement.where(key > last).order_by(key).limit(_PAGE))).mappings().all()
        for row in page:
            yield tuple(_READABLE.get(name, _as_is)(row[name]) for name in header)
        if len(page) < _PAGE:
            return
        last = page[-1]["id"]


def _as_is(value: Any) -> Cell:
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


def defused(cell: Cell) -> Cell:
    """The cell so that a spreadsheet program shows it and does not run it (OWASP, CSV injection)."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in {"=", "+", "-", "@", "\t", "\r", "\n"} else cell


async def export(database: Database, what: str, form: str, path: Path) -> int:
    """Write one export to a file; how many rows. The file appears whole or not at all. Raises `ExportError`."""
    if form in _LATER:
        raise ExportError(f"The {form.upper()} export is not available yet; use csv or xlsx.")
    if form not in FORMATS:
        raise ExportError(f"There is no format {form[:16]!r}; there are {', '.join(FORMATS)}.")
    header, found = rows(database, what)
    table = [tuple(defused(cell) for cell in row) async for row in found]
    partial = path.with_name(f".{path.name}.part")
    write = _write_csv if form == "csv" else _write_xlsx
    try:
        await asyncio.to_thread(write, partial, header, table)
        await asyncio.to_thread(partial.replace, path)
    except OSError as error:
        raise ExportError(f"{path.name} cannot be written: {error.strerror}.") from None
    finally:
        await asyncio.to_thread(partial.unlink, missing_ok=True)
    return len(table)


def _write_csv(path: Path, header: Sequence[str], table: Sequence[Sequence[Cell]]) -> None:
    # The mark at the beginning makes Excel read it as UTF-8.
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(table)


def _write_xlsx(path: Path, header: Sequence[str], table: Sequence[Sequence[Cell]]) -> None:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("export")
    sheet.append(list(header))
    for row in table:
        sheet.append(list(row))
    book.save(path)
