"""The directory of services a person can be referred to: read in from a sheet, and listed."""

import argparse
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from cases import services
from hujambo.cli.frame import DONE, command, show, show_import, with_database
from hujambo.settings import Settings
from store import tables as t
from store.database import Database, utc_now


def add_commands(commands: Any) -> None:
    group = commands.add_parser("service", help="services to refer people to").add_subparsers(required=True)
    reading = command(group, "import", "add or update every service of a CSV or XLSX file, or none", _import)
    reading.add_argument("file", type=Path)
    reading.add_argument("--dry-run", action="store_true", help="only say what would happen")
    command(group, "list", "list the services that are in use", _list)


def _import(args: argparse.Namespace) -> int:
    report = with_database(
        lambda database, _: services.import_services(database, args.file, utc_now(), dry_run=args.dry_run)
    )
    return show_import(report, is_json=args.json)


def _list(args: argparse.Namespace) -> int:
    async def work(database: Database, _: Settings) -> list[dict[str, Any]]:
        async with database.read() as connection:
            found = await connection.execute(sa.select(t.site.c.id, t.site.c.code))
            sites = {row.id: row.code for row in found}
        today = utc_now().date()
        return [
            {
                "code": one.code,
                "name": one.name,
                "kind": one.kind,
                "sites": [sites[number] for number in one.site_ids if number in sites],
                "languages": one.languages,
                "women_friendly": one.is_women_friendly,
                "child_friendly": one.is_child_friendly,
                "has_agreement": bool(one.agreement),
                "checked_on": one.checked_on,
                "is_stale": services.is_stale(one.checked_on, today),
            }
            for one in await services.list_services(database)
        ]

    show(with_database(work), is_json=args.json)
    return DONE
