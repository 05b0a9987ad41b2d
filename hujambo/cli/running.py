"""Running and keeping an installation: serve, db, keys, backup."""

import argparse
from typing import Any

from channels.segments import count
from content.check import check_pack
from hujambo.cli.common import FaultsFoundError, UsageError, run, settings
from hujambo.service import ROLES, build_service, run_until_stopped
from store import migrate
from store.secrets import KeyRing


def add_commands(commands: Any) -> None:
    serve = commands.add_parser("serve", help="run the service")
    serve.add_argument("--roles", default=",".join(ROLES), help="which of web, worker and scheduler run here")
    serve.add_argument("--port", type=int, help="instead of HUJAMBO_PORT")
    serve.add_argument("--host", help="instead of HUJAMBO_HOST")
    serve.set_defaults(run=_serve)
    db = commands.add_parser("db", help="the database's shape").add_subparsers(metavar="action", required=True)
    db.add_parser("upgrade", help="create it or bring it to this version").set_defaults(run=_upgrade)
    keys = commands.add_parser("keys", help="the key ring").add_subparsers(metavar="action", required=True)
    keys.add_parser("new", help="print a new key ring").set_defaults(run=_new_keys)


def _serve(arguments: argparse.Namespace) -> int:
    found = settings()
    roles = [role.strip() for role in arguments.roles.split(",") if role.strip()]
    strange = [role for role in roles if role not in ROLES]
    if strange or not roles:
        raise UsageError(f"--roles: {', '.join(strange) or 'nothing'} is not among {', '.join(ROLES)}")
    faults = check_pack(found.content, lambda text: count(text).segments)
    if faults:
        raise FaultsFoundError([f"{fault.file}:{fault.line}: {fault.message}" for fault in faults])

    async def serve() -> None:
        service = await build_service(found, roles=roles)
        host = arguments.host or found.host
        port = found.port if arguments.port is None else arguments.port
        await run_until_stopped(service, host, port, lambda at: print(f"listening on http://{host}:{at}", flush=True))

    run(serve())
    return 0


def _upgrade(_arguments: argparse.Namespace) -> int:
    found = settings()
    migrate.upgrade_now(found.url, found.key_ring)
    print(f"the database has the shape of version {migrate.newest()}")
    return 0


def _new_keys(_arguments: argparse.Namespace) -> int:
    print(KeyRing.generate())
    return 0
