"""Drills: does a cry for help reach a human in time, at this site, through this channel?"""

import argparse
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from cases import drills
from cases.rules import AlertRuleError
from hujambo.cli.frame import DONE, RefusedError, rows, show, with_database
from hujambo.settings import Settings
from store import tables as t
from store.database import Database, utc_now

Act = Callable[[Database, int, int, datetime], Awaitable[object]]


def add_commands(commands: Any) -> None:
    group = commands.add_parser("drill", help="try whether a cry for help reaches a human in time")
    steps = group.add_subparsers(required=True)
    plan = _of_place(steps.add_parser("set", help="hold one again and again"), _set)
    plan.add_argument("--every-days", type=int, default=7)
    _of_place(steps.add_parser("off", help="hold none there any more"), _off)
    _of_place(steps.add_parser("run", help="hold the next one now"), _run)
    listing = steps.add_parser("list", help="every drill and how the last one went")
    listing.add_argument("--json", action="store_true", help="answer as JSON")
    listing.set_defaults(run=_list)


def _of_place(parser: argparse.ArgumentParser, run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
    parser.add_argument("site", help="the site's code")
    parser.add_argument("channel", help="the channel's name")
    parser.set_defaults(run=run)
    return parser


def _set(args: argparse.Namespace) -> int:
    return _do(args, lambda database, site, channel, now: drills.set_drill(
        database, site, channel, args.every_days, now, by=None
    ))  # fmt: skip


def _off(args: argparse.Namespace) -> int:
    return _do(args, lambda database, site, channel, now: drills.stop_drill(database, site, channel, now, by=None))


def _run(args: argparse.Namespace) -> int:
    return _do(args, lambda database, site, channel, now: drills.hold_now(database, site, channel, now, by=None))


def _do(args: argparse.Namespace, act: Act) -> int:
    async def work(database: Database, _: Settings) -> None:
        site = await rows(database, sa.select(t.site.c.id).where(t.site.c.code == args.site))
        channel = await rows(
            database,
            sa.select(t.channel.c.id).where(t.channel.c.name == args.channel, t.channel.c.kind != "email"),
        )
        if not site:
            raise RefusedError(f"there is no site {args.site[:32]!r}")
        if not channel:
            raise RefusedError(f"there is no channel {args.channel[:32]!r} that carries texts")
        try:
            await act(database, int(site[0]["id"]), int(channel[0]["id"]), utc_now())
        except AlertRuleError as refused:
            raise RefusedError(str(refused)) from None

    with_database(work)
    return DONE


def _list(args: argparse.Namespace) -> int:
    async def work(database: Database, _: Settings) -> list[dict[str, Any]]:
        return [dict(row) for row in await drills.list_drills(database)]

    show(with_database(work), is_json=args.json)
    return DONE
