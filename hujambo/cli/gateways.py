"""Gateway accounts: channel add, list and test."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from channels import KINDS
from channels.base import Outgoing
from hujambo.cli.frame import (
    DONE,
    FAULTS,
    RefusedError,
    command,
    insert_new,
    rows,
    show,
    show_one,
    with_database,
)
from hujambo.settings import Settings
from store import tables as t
from store.database import Database, utc_now


def add_commands(commands: Any) -> None:
    commands = commands.add_parser("channel", help="gateway accounts").add_subparsers(required=True)
    add = command(commands, "add", "add a gateway account", _channel_add)
    add.add_argument("name", help="also part of the webhook's address")
    add.add_argument("--kind", choices=sorted(KINDS), required=True)
    add.add_argument("--address", default="", help="our number or sender")
    add.add_argument("--set", "--setting", dest="setting", action="append", default=[], metavar="NAME=VALUE")
    add.add_argument(
        "--set-file",
        "--setting-file",
        dest="setting_file",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="for secrets",
    )
    add.add_argument("--rate", type=float, help="messages per second")
    add.add_argument("--site", help="code of the site that answers for strangers")
    command(commands, "list", "list them", _channel_list)
    test = command(commands, "test", "send one test message", _channel_test)
    test.add_argument("name")
    test.add_argument("--to", required=True)


def _pairs(given: Sequence[str], option: str) -> dict[str, str]:
    pairs = {}
    for item in given:
        name, separator, value = item.partition("=")
        if not separator:
            raise RefusedError(f"{option}: expected NAME=VALUE")
        pairs[name] = value
    return pairs


def _channel_add(args: argparse.Namespace) -> int:
    settings = _pairs(args.setting, "--set")
    for name, path in _pairs(args.setting_file, "--set-file").items():
        try:
            settings[name] = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise RefusedError(f"--set-file {name}: {error.strerror}") from None
    kind = KINDS[args.kind]
    if args.rate is not None and args.rate <= 0:
        raise RefusedError("--rate: more than 0 messages per second")

    async def work(database: Database, installed: Settings) -> None:
        await kind.open(args.name, args.address, settings, installed.public_url).close()  # refuses bad settings
        site_id = await _site_id(database, args.site)
        statement = database.insert(t.channel).values(
            id=database.new_id(), name=args.name, kind=args.kind, site_id=site_id, address=args.address,
            settings=json.dumps(settings), rate=args.rate or kind.default_rate, free_at=utc_now(), state="active",
        )  # fmt: skip
        await insert_new(database, statement, "name", f"there is a channel {args.name!r} already", "channels")

    with_database(work)
    return DONE


async def _site_id(database: Database, code: str | None) -> int | None:
    if code is None:
        return None
    found = await rows(database, sa.select(t.site.c.id).where(t.site.c.code == code))
    if not found:
        raise RefusedError(f"--site: there is no site {code!r}")
    return int(found[0]["id"])


def _channel_list(args: argparse.Namespace) -> int:
    c = t.channel.c
    query = sa.select(c.name, c.kind, c.address, c.rate, c.state, c.paused_until).order_by(c.name)
    show(with_database(lambda database, _: rows(database, query)), is_json=args.json)
    return DONE


def _channel_test(args: argparse.Namespace) -> int:
    async def work(database: Database, installed: Settings) -> Any:
        found = await rows(database, sa.select(t.channel).where(t.channel.c.name == args.name))
        if not found:
            raise RefusedError(f"there is no channel {args.name!r}")
        row = found[0]
        channel = KINDS[row["kind"]].open(args.name, row["address"], json.loads(row["settings"]), installed.public_url)
        try:
            return await channel.send(Outgoing(database.new_id(), args.to, "Test. Please ignore.", "test"))
        finally:
            await channel.close()

    result = with_database(work)
    outcome = result.outcome
    show_one({"outcome": outcome.name, "meaning": outcome.sentence, "detail": result.detail}, is_json=args.json)
    return DONE if outcome.is_sent else FAULTS
