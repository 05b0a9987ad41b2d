"""Where and for whom a programme runs: site and people."""

import argparse
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from cases import people
from hujambo.cli.frame import (
    DONE,
    RefusedError,
    command,
    insert_new,
    minute,
    rows,
    show,
    show_import,
    split,
    with_database,
)
from hujambo.settings import Settings
from store import tables as t
from store.database import Database, utc_now


def add_commands(commands: Any) -> None:
    _add_site(commands.add_parser("site", help="places").add_subparsers(required=True))
    _add_people(commands.add_parser("people", help="beneficiaries").add_subparsers(required=True))


def _add_site(commands: Any) -> None:
    add = command(commands, "add", "add a place", _site_add)
    add.add_argument("code")
    add.add_argument("--name", required=True)
    add.add_argument("--country", required=True, help="two letters")
    add.add_argument("--time-zone", required=True)
    add.add_argument("--languages", type=split, required=True)
    add.add_argument("--quiet-from", type=minute, default=21 * 60)
    add.add_argument("--quiet-until", type=minute, default=7 * 60)
    add.add_argument("--staffed-from", type=minute, default=8 * 60, help="Monday to Friday")
    add.add_argument("--staffed-until", type=minute, default=17 * 60)
    add.add_argument("--hotline", help="number that is open at night")
    command(commands, "list", "list them", _site_list)


def _site_add(args: argparse.Namespace) -> int:
    try:
        ZoneInfo(args.time_zone)
    except (KeyError, ValueError, OSError):
        raise RefusedError("--time-zone: expected a name like Africa/Nairobi") from None
    names = ("code", "name", "time_zone", "languages", "quiet_from", "quiet_until", "hotline")
    row = {name: getattr(args, name) for name in names} | {"country": args.country.upper()}
    row["staffed"] = {str(day): [args.staffed_from, args.staffed_until] for day in range(5)}

    async def work(database: Database, _: Settings) -> None:
        statement = database.insert(t.site).values(id=database.new_id(), **row)
        await insert_new(database, statement, "code", f"there is a site {args.code!r} already")

    with_database(work)
    return DONE


def _site_list(args: argparse.Namespace) -> int:
    s = t.site.c
    query = sa.select(s.code, s.name, s.country, s.time_zone, s.languages, s.hotline).order_by(s.code)
    show(with_database(lambda database, _: rows(database, query)), is_json=args.json)
    return DONE


def _add_people(commands: Any) -> None:
    enrol = command(commands, "import", "enrol or update everyone in a CSV or XLSX file", _people_import)
    enrol.add_argument("file", type=Path)
    enrol.add_argument("--dry-run", action="store_true", help="only say what would happen")
    command(commands, "list", "list people by code, without names and numbers", _people_list)


def _people_import(args: argparse.Namespace) -> int:
    report = with_database(
        lambda database, _: people.import_people(database, args.file, utc_now(), dry_run=args.dry_run)
    )
    return show_import(report, is_json=args.json)


def _people_list(args: argparse.Namespace) -> int:
    async def work(database: Database, _: Settings) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while page := await people.list_people(database, limit=500, after_code=found[-1]["code"] if found else ""):
            found += [dict(row) for row in page]
        return found

    show(with_database(work), is_json=args.json)
    return DONE
