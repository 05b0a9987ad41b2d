"""The rota of a site: who is told first, next and last."""

import argparse
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from cases import audit, staff
from hujambo.cli.frame import DONE, RefusedError, show, with_database
from hujambo.settings import Settings
from store import tables as t
from store.database import Database, utc_now


def add_commands(commands: Any) -> None:
    rota = commands.add_parser("rota", help="who is on call").add_subparsers(required=True)
    change = rota.add_parser("set", help="give a site its rungs; takes the place of what it had")
    change.add_argument("site", help="the site's code")
    change.add_argument("logins", help="log-ins in the order in which they are told, separated by commas")
    change.set_defaults(run=_set)
    listing = rota.add_parser("list", help="every site's rungs, and who is reached how")
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
        if not any(account["has_phone"] or account["has_email"] for account in chosen):
            raise RefusedError("none of them has a telephone number or an e-mail address: nobody would be told")
        await _write(database, args.site, [account["id"] for account in chosen])

    with_database(work)
    return DONE


def _fit(account: Mapping[str, Any] | None, login: str, site: str) -> Mapping[str, Any]:
    if account is None or account["disabled_at"] is not None:
        raise RefusedError(f"there is no account {login[:64]!r} that is in use")
    if account["sites"] and site not in account["sites"]:
        raise RefusedError(f"{login} does not work at {site[:32]!r}")
    return account


async def _write(database: Database, site: str, staff_ids: list[int]) -> None:
    r = t.rota
    async with database.write() as connection:
        found = sa.select(t.site.c.id).where(t.site.c.code == site)
        site_id = (await connection.execute(found)).scalar()
        if site_id is None:
            raise RefusedError(f"there is no site {site[:32]!r}")
        await connection.execute(sa.delete(r).where(r.c.site_id == site_id))
        rungs = [
            {"id": database.new_id(), "site_id": site_id, "rung": rung, "staff_id": staff_id}
            for rung, staff_id in enumerate(staff_ids, 1)
        ]
        await database.insert_rows(connection, r, rungs)
        data = {"staff": staff_ids}
        await audit.record(connection, database, None, "rota.set", f"site/{site_id}", data, utc_now())


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
        )
        .select_from(t.site.outerjoin(t.rota).outerjoin(t.staff, w.id == r.staff_id))
        .order_by(s.code, r.rung)
    )

    async def work(database: Database, _: Settings) -> list[dict[str, Any]]:
        async with database.read() as connection:
            rows = (await connection.execute(query)).mappings().all()
        # A site without a rung is listed all the same: that is the line one has to see.
        flags = ("has_phone", "has_email")
        return [dict(row) | {flag: bool(row[flag]) for flag in flags} for row in rows]

    show(with_database(work), is_json=args.json)
    return DONE
