"""What every command shares: settings, the open database, tables or JSON as answers, refusals as one line."""

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from enum import Enum
from typing import Any, TypeVar

import sqlalchemy as sa

from hujambo.settings import Settings, read_settings
from store.database import Database, open_database, signal

DONE, FAULTS, REFUSED = 0, 1, 2
T = TypeVar("T")


class RefusedError(Exception):
    """The command cannot do what was asked; the text is one line for whoever typed it."""


def with_database(work: Callable[[Database, Settings], Awaitable[T]]) -> T:
    """Run `work` on the database of the settings, which must have the newest shape."""
    from hujambo.service import check_database  # noqa: PLC0415  not needed by commands without a database

    settings = read_settings()

    async def run() -> T:
        await check_database(settings)
        database = await open_database(settings.url, settings.key_ring, pool_size=2)
        try:
            return await work(database, settings)
        finally:
            await database.close()

    return asyncio.run(run())


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value.name.lower() if isinstance(value, Enum) else str(value)


def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=_plain)


def show(rows: Iterable[Mapping[str, Any]], *, is_json: bool) -> None:
    """A list, as one JSON array or as columns."""
    rows = list(rows)
    if is_json:
        print(as_json(rows))
    elif rows:
        table = [list(rows[0])] + [[_cell(value) for value in row.values()] for row in rows]
        widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
        for line in table:
            print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    else:
        print("(none)", file=sys.stderr)


def show_one(values: Mapping[str, Any], *, is_json: bool) -> None:
    """A report, as one JSON object or as lines."""
    if is_json:
        print(as_json(dict(values)))
    else:
        for name, value in values.items():
            print(f"{name.replace('_', ' ')}: {_cell(value)}")


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_cell(each)}" for name, each in value.items()) or "-"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_cell(each) for each in value) or "-"
    return str(value)


def command(commands: Any, name: str, help_text: str, run: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=help_text)
    parser.add_argument("--json", action="store_true", help="answer as JSON")
    parser.set_defaults(run=run)
    return parser


def split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def minute(text: str) -> int:
    hour, _, minute = text.partition(":")
    if not (hour.isdigit() and minute.isdigit() and int(hour) < 24 and int(minute) < 60):
        raise argparse.ArgumentTypeError("expected HH:MM")
    return int(hour) * 60 + int(minute)


async def insert_new(database: Database, statement: Any, unique: str, refusal: str, *topics: str) -> None:
    async with database.write() as connection:
        statement = statement.on_conflict_do_nothing(index_elements=[unique]).returning(sa.literal(1))
        if (await connection.execute(statement)).scalar() is None:
            raise RefusedError(refusal)
        signal(connection, *topics)


async def rows(database: Database, query: Any) -> list[dict[str, Any]]:
    async with database.read() as connection:
        return [dict(row) for row in (await connection.execute(query)).mappings()]


def show_import(report: Any, *, is_json: bool) -> int:
    """What an import of a sheet did (a dataclass with `faults` of row, column and reason), and the exit code."""
    faults = [{"row": row, "column": column, "reason": reason} for row, column, reason in report.faults]
    counts = {name: value for name, value in asdict(report).items() if name != "faults"}
    if is_json:
        show_one(counts | {"faults": faults}, is_json=True)
    else:
        show_one(counts, is_json=False)
        for fault in faults:
            print(f"row {fault['row']}, {fault['column']}: {fault['reason']}")
    return FAULTS if faults else DONE
