"""The rota of a site: who is told first, next and last."""

import argparse
from collections.abc import Awaitable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from cases import rota, shifts, staff
from cases.rules import AlertRuleError
from hujambo.cli.frame import DONE, RefusedError, rows, show, with_database
from hujambo.settings import Settings
from store import tables as t
from store.database import Database, utc_now


def add_commands(commands: Any) -> None:
    group = commands.add_parser("rota", help="who is on call").add_subparsers(required=True)
    change = group.add_parser("set", help="give a site its rungs; takes the place of what it had")
    change.add_argument("site", help="the site's code")
    change.add_argument("logins", help="log-ins in the order in which they are told, separated by commas")
    change.add_argument("--fallback", help="told when nobody on the rota can be reached (else: the last one named)")
    change.set_defaults(run=_set)
    away = group.add_parser("leave", help="somebody is away: not on call, and their alerts go back to the ladder")
    away.add_argument("login")
    away.add_argument("start", type=_day, metavar="FROM", help="first day, as 2026-12-24")
    away.add_argument("end", type=_day, metavar="UNTIL", help="last day")
    away.set_defaults(run=_leave)
    listing = group.add_parser("list", help="every site's rungs, and who is reached how")
    listing.add_argument("--json", action="store_true", help="answer as JSON")
    listing.set_defaults(run=_list)


def _set(args: argparse.Namespace) -> int:
    logins = [login.strip().lower() for login in args.logins.split(",") if login.strip()]
    if not logins:
        raise RefusedError("a site is never left without anybody on call: name at least one log-in")
    if len(set(logins)) < len(logins):
        raise RefusedError("a log-in stands on one rung only")

    async def work(database: Database, _: Settings) -> None:
        accounts = {account["login"]: account for account in await staff.list_staff(database)}
        chosen = [_fit(accounts.get(login), login, args.site) for login in logins]
        named = _fit(accounts.get(args.fallback), args.fallback, args.site) if args.fallback else chosen[-1]
        if not any(account["has_phone"] or account["has_email"] for account in chosen):
            raise RefusedError("none of them has a telephone number or an e-mail address: nobody would be told")
        site_id = await _site_id(database, args.site)
        entries = [rota.Entry(site_id, rung, account["id"]) for rung, account in enumerate(chosen, 1)]
        fallback = named if named["has_phone"] or named["has_email"] else chosen[0]
        await _refusing(shifts.save_rota(database, site_id, entries, fallback["id"], utc_now(), by=None))

    with_database(work)
    return DONE


def _leave(args: argparse.Namespace) -> int:
    async def work(database: Database, _: Settings) -> None:
        accounts = {account["login"]: account for account in await staff.list_staff(database)}
        account = accounts.get(args.login)
        if account is None:
            raise RefusedError(f"there is no account {args.login[:64]!r}")
        zone = ZoneInfo(await _zone(database, account["sites"]))
        start = datetime.combine(args.start, time(), zone).astimezone(UTC)
        end = datetime.combine(args.end + timedelta(days=1), time(), zone).astimezone(UTC)
        await _refusing(shifts.add_leave(database, account["id"], start, end, utc_now(), by=None))

    with_database(work)
    return DONE


async def _zone(database: Database, sites: Sequence[str]) -> str:
    """The time zone of the first of these sites; of the first site of all where none is named."""
    s = t.site.c
    query = sa.select(s.time_zone).order_by(s.id).limit(1)
    found = await rows(database, query.where(s.code.in_(sites)) if sites else query)
    return str(found[0]["time_zone"]) if found else "UTC"


async def _refusing(step: Awaitable[object]) -> None:
    try:
        await step
    except AlertRuleError as refused:
        raise RefusedError(str(refused)) from None


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text[:32]!r} is not a day: write 2026-12-24") from None


def _fit(account: Mapping[str, Any] | None, login: str, site: str) -> Mapping[str, Any]:
    if account is None or account["disabled_at"] is not None:
        raise RefusedError(f"there is no account {login[:64]!r} that is in use")
    if account["sites"] and site not in account["sites"]:
        raise RefusedError(f"{login} does not work at {site[:32]!r}")
    return account


async def _site_id(database: Database, site: str) -> int:
    found = await rows(database, sa.select(t.site.c.id).where(t.site.c.code == site))
    if not found:
        raise RefusedError(f"there is no site {site[:32]!r}")
    return int(found[0]["id"])


def _list(args: argparse.Namespace) -> int:
    r, s, w = t.rota.c, t.site.c, t.staff.c
    query = (
        sa.select(
            s.code.label("site"),
            r.rung,
            w.login,
            w.role,
            w.phone_index.is_not(None).label("has_phone"),
            w.email.is_not(None).label("has_email"),
            r.starts_at,
            r.ends_at,
            r.weekdays,
            r.from_minute,
            r.until_minute,
            (s.fallback_id == w.id).label("is_fallback"),
        )
        .select_from(t.site.outerjoin(t.rota).outerjoin(t.staff, w.id == r.staff_id))
        .order_by(s.code, r.rung)
    )

    async def work(database: Database, _: Settings) -> list[dict[str, Any]]:
        async with database.read() as connection:
            found = (await connection.execute(query)).mappings().all()
        # A site without a rung is listed all the same: that is the line one has to see.
        flags = ("has_phone", "has_email", "is_fallback")
        return [dict(row) | {flag: bool(row[flag]) for flag in flags} for row in found]

    show(with_database(work), is_json=args.json)
    return DONE
