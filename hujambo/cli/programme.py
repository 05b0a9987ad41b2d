"""Commands of whoever runs a programme: sites, staff, channels, people, campaigns, alerts and exports."""

import argparse
import getpass
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from cases import exports, people, staff
from channels import KINDS
from channels.base import Outgoing
from content.pack import load_pack
from hujambo.cli.frame import DONE, FAULTS, RefusedError, show, show_one, with_database
from hujambo.settings import Settings
from scheduler import campaigns
from scheduler.due import LATE_MINUTES, Plan
from store import tables as t
from store.database import Database, signal, utc_now


def add_commands(commands: Any) -> None:
    _add_site(commands.add_parser("site", help="places").add_subparsers(required=True))
    _add_user(commands.add_parser("user", help="staff accounts").add_subparsers(required=True))
    _add_channel(commands.add_parser("channel", help="gateway accounts").add_subparsers(required=True))
    _add_people(commands.add_parser("people", help="beneficiaries").add_subparsers(required=True))
    _add_campaign(commands.add_parser("campaign", help="who gets which check-in when").add_subparsers(required=True))
    for what, help_text in (("alerts", "alerts"), ("outcomes", "how alerts ended")):
        listing = commands.add_parser(what, help=help_text).add_subparsers(required=True)
        _command(listing, "list", "list them, oldest first", _list_export).set_defaults(what=what)
    export = _command(commands, "export", "write coded data to a file", _export)
    export.add_argument("what", choices=["answers", "alerts", "outcomes", "people"])
    export.add_argument("--format", choices=exports.FORMATS, default="csv")
    export.add_argument("--out", type=Path, required=True)


def _command(commands: Any, name: str, help_text: str, run: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=help_text)
    parser.add_argument("--json", action="store_true", help="answer as JSON")
    parser.set_defaults(run=run)
    return parser


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _minute(text: str) -> int:
    hour, _, minute = text.partition(":")
    if not (hour.isdigit() and minute.isdigit() and int(hour) < 24 and int(minute) < 60):
        raise argparse.ArgumentTypeError("expected HH:MM")
    return int(hour) * 60 + int(minute)


# --- sites ---


def _add_site(commands: Any) -> None:
    add = _command(commands, "add", "add a place", _site_add)
    add.add_argument("code")
    add.add_argument("--name", required=True)
    add.add_argument("--country", required=True, help="two letters")
    add.add_argument("--time-zone", required=True)
    add.add_argument("--languages", type=_split, required=True)
    add.add_argument("--quiet-from", type=_minute, default=21 * 60)
    add.add_argument("--quiet-until", type=_minute, default=7 * 60)
    add.add_argument("--staffed-from", type=_minute, default=8 * 60, help="Monday to Friday")
    add.add_argument("--staffed-until", type=_minute, default=17 * 60)
    add.add_argument("--hotline", help="number that is open at night")
    _command(commands, "list", "list them", _site_list)


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
        await _insert_new(database, statement, "code", f"there is a site {args.code!r} already")

    with_database(work)
    return DONE


async def _insert_new(database: Database, statement: Any, unique: str, refusal: str, *topics: str) -> None:
    async with database.write() as connection:
        statement = statement.on_conflict_do_nothing(index_elements=[unique]).returning(sa.literal(1))
        if (await connection.execute(statement)).scalar() is None:
            raise RefusedError(refusal)
        signal(connection, *topics)


def _site_list(args: argparse.Namespace) -> int:
    s = t.site.c
    query = sa.select(s.code, s.name, s.country, s.time_zone, s.languages, s.hotline).order_by(s.code)
    show(with_database(lambda database, _: _rows(database, query)), is_json=args.json)
    return DONE


async def _rows(database: Database, query: Any) -> list[dict[str, Any]]:
    async with database.read() as connection:
        return [dict(row) for row in (await connection.execute(query)).mappings()]


# --- staff ---


def _add_user(commands: Any) -> None:
    add = _command(commands, "add", "add an account; asks for the password", _user_add)
    add.add_argument("login")
    add.add_argument("--name", required=True)
    add.add_argument("--role", choices=staff.ROLES, required=True)
    add.add_argument("--sites", type=_split, default=[], help="codes, separated by commas; none: all sites")
    add.add_argument("--languages", type=_split, default=["en"])
    add.add_argument("--phone", help="where alerts are told by SMS")
    add.add_argument("--email")
    _takes_password(add)
    _command(commands, "list", "list accounts", _user_list)
    _command(commands, "disable", "close an account", _user_disable).add_argument("login")
    change = _command(commands, "password", "set a new password; ends the account's sessions", _user_password)
    change.add_argument("login")
    _takes_password(change)


def _takes_password(parser: argparse.ArgumentParser) -> None:
    """Never as an argument: arguments are in the shell's history and in everybody's process list."""
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--password-stdin", action="store_true", help="read it from standard input, one line")
    source.add_argument("--password-file", type=Path, help="read it from a file")


def _password(args: argparse.Namespace) -> str:
    try:
        if args.password_stdin:
            return sys.stdin.readline().strip("\r\n")
        if args.password_file is not None:
            return str(args.password_file.read_text(encoding="utf-8")).strip("\r\n")
    except OSError as error:
        raise RefusedError(f"--password-file: {error.strerror}") from None
    first = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != first:
        raise RefusedError("the two passwords are not the same")
    return first


def _user_add(args: argparse.Namespace) -> int:
    password = _password(args)
    with_database(
        lambda database, _: staff.add_staff(
            database, args.login, args.name, args.role, utc_now(), password=password, sites=args.sites,
            languages=args.languages, phone=args.phone, email=args.email,
        )
    )  # fmt: skip
    return DONE


def _user_list(args: argparse.Namespace) -> int:
    show(with_database(lambda database, _: staff.list_staff(database)), is_json=args.json)
    return DONE


def _user_disable(args: argparse.Namespace) -> int:
    with_database(lambda database, _: staff.disable_staff(database, args.login, utc_now()))
    return DONE


def _user_password(args: argparse.Namespace) -> int:
    password = _password(args)
    with_database(lambda database, _: staff.set_password(database, args.login, password, utc_now()))
    return DONE


# --- channels ---


def _add_channel(commands: Any) -> None:
    add = _command(commands, "add", "add a gateway account", _channel_add)
    add.add_argument("name", help="also part of the webhook's address")
    add.add_argument("--kind", choices=sorted(KINDS), required=True)
    add.add_argument("--address", default="", help="our number or sender")
    add.add_argument("--set", dest="setting", action="append", default=[], metavar="NAME=VALUE")
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
    _command(commands, "list", "list them", _channel_list)
    test = _command(commands, "test", "send one test message", _channel_test)
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
        await _insert_new(database, statement, "name", f"there is a channel {args.name!r} already", "channels")

    with_database(work)
    return DONE


async def _site_id(database: Database, code: str | None) -> int | None:
    if code is None:
        return None
    found = await _rows(database, sa.select(t.site.c.id).where(t.site.c.code == code))
    if not found:
        raise RefusedError(f"--site: there is no site {code!r}")
    return int(found[0]["id"])


def _channel_list(args: argparse.Namespace) -> int:
    c = t.channel.c
    query = sa.select(c.name, c.kind, c.address, c.rate, c.state, c.paused_until).order_by(c.name)
    show(with_database(lambda database, _: _rows(database, query)), is_json=args.json)
    return DONE


def _channel_test(args: argparse.Namespace) -> int:
    async def work(database: Database, installed: Settings) -> Any:
        found = await _rows(database, sa.select(t.channel).where(t.channel.c.name == args.name))
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


# --- people ---


def _add_people(commands: Any) -> None:
    enrol = _command(commands, "import", "enrol or update everyone in a CSV or XLSX file", _people_import)
    enrol.add_argument("file", type=Path)
    enrol.add_argument("--dry-run", action="store_true", help="only say what would happen")
    _command(commands, "list", "list people by code, without names and numbers", _people_list)


def _people_import(args: argparse.Namespace) -> int:
    report = with_database(
        lambda database, _: people.import_people(database, args.file, utc_now(), dry_run=args.dry_run)
    )
    faults = [{"row": row, "column": column, "reason": reason} for row, column, reason in report.faults]
    counts = {name: value for name, value in asdict(report).items() if name != "faults"}
    if args.json:
        show_one(counts | {"faults": faults}, is_json=True)
    else:
        show_one(counts, is_json=False)
        for fault in faults:
            print(f"row {fault['row']}, {fault['column']}: {fault['reason']}")
    return FAULTS if faults else DONE


def _people_list(args: argparse.Namespace) -> int:
    async def work(database: Database, _: Settings) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while page := await people.list_people(database, limit=500, after_code=found[-1]["code"] if found else ""):
            found += [dict(row) for row in page]
        return found

    show(with_database(work), is_json=args.json)
    return DONE


# --- campaigns ---


def _add_campaign(commands: Any) -> None:
    create = _command(commands, "create", "make a draft", _campaign_create)
    create.add_argument("code")
    create.add_argument("--name", required=True)
    create.add_argument("--checkin", default="weekly")
    create.add_argument("--kind", choices=["once", "weekly", "after_anchor"], default="weekly")
    create.add_argument("--date", type=date.fromisoformat, help="once: the day, YYYY-MM-DD")
    create.add_argument("--every", type=int, default=1, help="weekly: every so many weeks")
    create.add_argument("--days", type=_split, default=[], help="after_anchor: days after the anchor date")
    create.add_argument("--at", type=_minute, help="HH:MM, local (default: each person's own hour)")
    for name in ("sites", "languages", "roles"):
        create.add_argument(f"--{name}", type=_split, default=[], help="separated by commas; none: all")
    create.add_argument("--late-minutes", type=int, default=LATE_MINUTES)
    preview = _command(commands, "preview", "who would get what, and who not", _campaign_preview)
    preview.add_argument("code")
    preview.add_argument("--days", type=int, default=7)
    for name, help_text, run in (
        ("start", "begin sending", _campaign_start),
        ("pause", "hold everything back", _campaign_pause),
        ("resume", "go on", _campaign_resume),
    ):
        parser = _command(commands, name, help_text, run)
        parser.add_argument("code")
        if name != "start":
            parser.add_argument("--site", help="only at this site")
    _command(commands, "status", "a campaign in numbers", _campaign_status).add_argument("code")
    _command(commands, "list", "every campaign in numbers", _campaign_status).set_defaults(code=None)


def _campaign_create(args: argparse.Namespace) -> int:
    if not all(day.isdigit() for day in args.days):
        raise RefusedError("--days: numbers, separated by commas")
    days = tuple(int(day) for day in args.days)
    plan = Plan(kind=args.kind, date=args.date, every=args.every, days=days, minute=args.at)
    audience = {name: getattr(args, name) for name in ("sites", "languages", "roles") if getattr(args, name)}
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


# --- alerts and exports ---


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
