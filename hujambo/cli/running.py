"""Commands of whoever runs the installation: serve, db, backup, restore, keys and audit."""

import argparse
import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

from cases import audit
from hujambo.cli.frame import DONE, FAULTS, RefusedError, as_json, show, with_database
from hujambo.logs import set_up_logs
from hujambo.settings import Settings, read_settings
from store import migrate
from store.database import Database
from store.rotation import recompute_indexes, rotate
from store.secrets import KeyRing, KeyRingError


def add_commands(commands: Any) -> None:
    serve = commands.add_parser("serve", help="run the service")
    serve.add_argument("--roles", default="web,worker,scheduler", help="which parts run in this process")
    serve.add_argument("--port", type=int, help="instead of HUJAMBO_PORT")
    serve.set_defaults(run=_serve)
    db = commands.add_parser("db", help="the database's shape").add_subparsers(required=True)
    db.add_parser("upgrade", help="create the tables, or bring them to this version's shape").set_defaults(run=_upgrade)
    backup = commands.add_parser("backup", help="copy the database to a file while the service runs")
    backup.add_argument("file", type=Path)
    backup.set_defaults(run=_backup)
    restore = commands.add_parser("restore", help="put a backup where HUJAMBO_DATABASE_URL points; never overwrites")
    restore.add_argument("file", type=Path)
    restore.set_defaults(run=_restore)
    keys = commands.add_parser("keys", help="the key ring").add_subparsers(required=True)
    new = keys.add_parser("new", help="print a fresh key ring")
    new.add_argument("--name", default="k1", help="name of the data key")
    new.set_defaults(run=_new_keys)
    turn = keys.add_parser("rotate", help="seal everything anew with the first key of the ring")
    turn.add_argument("--index", action="store_true", help="the index key changed too: the service must stand still")
    turn.add_argument("--json", action="store_true")
    turn.set_defaults(run=_rotate)
    trail = commands.add_parser("audit", help="the audit trail").add_subparsers(required=True)
    verify = trail.add_parser("verify", help="look for holes and altered records")
    verify.add_argument("--json", action="store_true")
    verify.set_defaults(run=_verify)


def _serve(args: argparse.Namespace) -> int:
    from hujambo.service import ROLES, build_service, run_until_stopped  # noqa: PLC0415  loads every room

    settings = read_settings()
    set_up_logs(settings.log)
    roles = tuple(role.strip() for role in args.roles.split(","))
    unknown = [role for role in roles if role not in ROLES]
    if unknown:
        raise RefusedError(f"--roles: there is no role {unknown[0]!r}; there are {', '.join(ROLES)}")

    async def run() -> None:
        service = await build_service(settings, roles=roles)
        port = settings.port if args.port is None else args.port
        await run_until_stopped(service, settings.host, port, lambda at: print(f"listening on port {at}", flush=True))

    _run(run())
    return DONE


def _run(work: Any) -> None:
    try:
        import uvloop  # noqa: PLC0415  not on every system
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.run(work)


def _upgrade(args: argparse.Namespace) -> int:  # noqa: ARG001  every command takes its arguments
    settings = read_settings()
    migrate.upgrade_now(settings.url, settings.key_ring)
    print(f"the database has the shape {migrate.newest()}")
    return DONE


def _sqlite_file(settings: Settings, how: str) -> Path:
    url = make_url(settings.url)
    if url.get_backend_name() != "sqlite" or not url.database:
        raise RefusedError(f"for PostgreSQL use its own tool: {how}")
    return Path(url.database)


def _backup(args: argparse.Namespace) -> int:
    path = _sqlite_file(read_settings(), "pg_dump --format=custom --file=FILE")
    if not path.exists():
        raise RefusedError("HUJAMBO_DATABASE_URL: there is no such file")
    _copy(path, args.file)
    print("copied; the keys are not in it: keep HUJAMBO_KEYS elsewhere")
    return DONE


def _restore(args: argparse.Namespace) -> int:
    settings = read_settings()
    target = _sqlite_file(settings, "pg_restore --dbname=NAME FILE")
    if not args.file.is_file():
        raise RefusedError(f"there is no file {args.file}")
    _must_open(args.file, settings.key_ring)
    _copy(args.file, target)
    print("restored; run 'hujambo db upgrade', then 'hujambo audit verify'")
    return DONE


_SEALED = (("staff", "name"), ("contact", "address"), ("channel", "settings"))


def _must_open(path: Path, keys: KeyRing) -> None:
    """A backup that the keys of the settings do not open would be found out only when it is needed."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as backup:
            for table, column in _SEALED:
                # The newest: an old key may be missing on purpose once everything is sealed anew.
                statement = f"SELECT {column} FROM {table} ORDER BY id DESC LIMIT 1"  # noqa: S608  names written above
                for (value,) in backup.execute(statement):
                    keys.open(f"{table}.{column}", value)
    except sqlite3.Error:
        raise RefusedError(f"{path} is not a backup of this service") from None
    except KeyRingError:
        raise RefusedError(f"HUJAMBO_KEYS: {path} was sealed with other keys; nothing was restored") from None


def _copy(source: Path, target: Path) -> None:
    """SQLite's online backup: whole and consistent, also while the service writes. Appears whole or not at all."""
    if target.exists():
        raise RefusedError(f"{target} is there already and is not overwritten")
    partial = target.with_name(f".{target.name}.part")
    try:
        with (
            closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as old,
            closing(sqlite3.connect(partial)) as new,
        ):
            old.backup(new)
            if new.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                raise RefusedError(f"{source} is damaged; nothing was copied")
        partial.chmod(0o600)
        partial.rename(target)
    except (sqlite3.Error, OSError) as error:
        raise RefusedError(f"{source} cannot be copied: {error}") from None
    finally:
        partial.unlink(missing_ok=True)


def _new_keys(args: argparse.Namespace) -> int:
    text = KeyRing.generate(args.name)
    KeyRing.parse(text)  # refuses a name that the ring could not be read with
    print(text)
    return DONE


def _rotate(args: argparse.Namespace) -> int:
    async def work(database: Database, _: Settings) -> tuple[list[dict[str, Any]], int]:
        found: list[dict[str, Any]]
        found = [{"column": r.place, "sealed_anew": r.done, "left": r.left} async for r in rotate(database)]
        if args.index:
            indexed = await recompute_indexes(database)
            found += [{"column": place, "sealed_anew": done, "left": 0} for place, done in indexed.items()]
        return found, sum(row["left"] for row in found)

    rows, left = with_database(work)
    show(rows, is_json=args.json)
    return FAULTS if left else DONE


def _verify(args: argparse.Namespace) -> int:
    faults = with_database(lambda database, _: audit.verify(database))
    if args.json:
        print(as_json(faults))
    for fault in () if args.json else faults or ("the audit trail is whole",):
        print(fault)
    return FAULTS if faults else DONE
