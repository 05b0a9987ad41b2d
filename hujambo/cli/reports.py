"""What has happened: alerts, outcomes and exports, in codes only."""

import argparse
from pathlib import Path
from typing import Any

from cases import exports
from hujambo.cli.frame import (
    DONE,
    command,
    show,
    show_one,
    with_database,
)
from hujambo.settings import Settings
from store.database import Database


def add_commands(commands: Any) -> None:
    for what, help_text in (("alerts", "alerts"), ("outcomes", "how alerts ended")):
        listing = commands.add_parser(what, help=help_text).add_subparsers(required=True)
        command(listing, "list", "list them, oldest first", _list_export).set_defaults(what=what)
    export = command(commands, "export", "write coded data to a file", _export)
    export.add_argument("what", choices=["answers", "alerts", "outcomes", "people"])
    export.add_argument("--format", choices=exports.FORMATS, default="csv")
    export.add_argument("--out", type=Path, required=True)


def _list_export(args: argparse.Namespace) -> int:
    async def work(database: Database, _: Settings) -> list[dict[str, Any]]:
        header, found = exports.rows(database, args.what)
        return [dict(zip(header, row, strict=True)) async for row in found]

    show(with_database(work), is_json=args.json)
    return DONE


def _export(args: argparse.Namespace) -> int:
    count = with_database(lambda database, _: exports.export(database, args.what, args.format, args.out))
    show_one({"rows": count}, is_json=args.json)
    return DONE
