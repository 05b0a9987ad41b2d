"""Campaigns: create, preview, start, pause, resume, status and list."""

import argparse
from dataclasses import asdict
from datetime import date
from typing import Any

from content.pack import load_pack
from hujambo.cli.frame import (
    DONE,
    RefusedError,
    command,
    minute,
    show,
    show_one,
    split,
    with_database,
)
from hujambo.settings import Settings
from scheduler import campaigns
from scheduler.due import LATE_MINUTES, Plan
from store.database import Database, utc_now


def add_commands(commands: Any) -> None:
    commands = commands.add_parser("campaign", help="who gets which check-in when").add_subparsers(required=True)
    create = command(commands, "create", "make a draft", _campaign_create)
    create.add_argument("code")
    create.add_argument("--name", required=True)
    create.add_argument("--checkin", default="weekly")
    create.add_argument("--kind", choices=["once", "weekly", "after_anchor", "after_exit"], default="weekly")
    create.add_argument("--date", type=date.fromisoformat, help="once: the day, YYYY-MM-DD")
    create.add_argument("--every", type=int, default=1, help="weekly: every so many weeks")
    create.add_argument("--days", type=split, default=[], help="after_anchor, after_exit: days after that date")
    create.add_argument("--at", type=minute, help="HH:MM, local (default: each person's own hour)")
    for name in ("sites", "languages", "roles"):
        create.add_argument(f"--{name}", type=split, default=[], help="separated by commas; none: all")
    create.add_argument(
        "--states", type=split, default=[], help="active, exited (only with consent to after_exit); none: active"
    )
    create.add_argument("--late-minutes", type=int, default=LATE_MINUTES)
    preview = command(commands, "preview", "who would get what, and who not", _campaign_preview)
    preview.add_argument("code")
    preview.add_argument("--days", type=int, default=7)
    for name, help_text, run in (
        ("start", "begin sending", _campaign_start),
        ("pause", "hold everything back", _campaign_pause),
        ("resume", "go on", _campaign_resume),
    ):
        parser = command(commands, name, help_text, run)
        parser.add_argument("code")
        if name != "start":
            parser.add_argument("--site", help="only at this site")
    command(commands, "status", "a campaign in numbers", _campaign_status).add_argument("code")
    command(commands, "list", "every campaign in numbers", _campaign_status).set_defaults(code=None)


def _campaign_create(args: argparse.Namespace) -> int:
    if not all(day.isdigit() for day in args.days):
        raise RefusedError("--days: numbers, separated by commas")
    days = tuple(int(day) for day in args.days)
    plan = Plan(kind=args.kind, date=args.date, every=args.every, days=days, minute=args.at)
    parts = ("sites", "languages", "roles", "states")
    audience = {name: getattr(args, name) for name in parts if getattr(args, name)}
    with_database(
        lambda database, settings: campaigns.create(
            database, load_pack(settings.content), code=args.code, name=args.name, checkin=args.checkin, plan=plan,
            audience=audience, now=utc_now(), late_minutes=args.late_minutes,
        )
    )  # fmt: skip
    return DONE


def _campaign_preview(args: argparse.Namespace) -> int:
    found = with_database(
        lambda database, settings: campaigns.preview(
            database, load_pack(settings.content), args.code, utc_now(), days=args.days
        )
    )
    if args.json:
        show_one(asdict(found) | {"people": found.people, "segments": found.segments}, is_json=True)
        return DONE
    show((asdict(line) for line in found.lines), is_json=False)
    show_one({"messages": found.people, "segments": found.segments, "left_out": found.left_out}, is_json=False)
    for language, text in found.texts.items():
        print(f"{language}: {text}")
    return DONE


def _campaign_start(args: argparse.Namespace) -> int:
    with_database(lambda database, _: campaigns.start(database, args.code, utc_now()))
    return DONE


def _campaign_pause(args: argparse.Namespace) -> int:
    count = with_database(lambda database, _: campaigns.pause(database, args.code, utc_now(), site=args.site))
    show_one({"held_back": count}, is_json=args.json)
    return DONE


def _campaign_resume(args: argparse.Namespace) -> int:
    count = with_database(lambda database, _: campaigns.resume(database, args.code, utc_now(), site=args.site))
    show_one({"will_leave": count}, is_json=args.json)
    return DONE


def _campaign_status(args: argparse.Namespace) -> int:
    async def work(database: Database, _: Settings) -> list[dict[str, Any]]:
        codes = [args.code] if args.code else [campaign.code for campaign in await campaigns.list_campaigns(database)]
        found = []
        for code in codes:
            status = await campaigns.status(database, code)
            numbers = asdict(status)
            del numbers["campaign"]
            found.append({"code": code, "state": status.campaign.state, **numbers})
        return found

    show(with_database(work), is_json=args.json)
    return DONE
