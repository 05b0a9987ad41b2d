"""`hujambo demo`: a synthetic programme on pretend phones, to look at."""

import argparse
import asyncio
from pathlib import Path
from typing import Any

from hujambo.cli.frame import DONE, RefusedError
from hujambo.logs import set_up_logs

FEWEST, MOST = 40, 20_000


def add_commands(commands: Any) -> None:
    demo = commands.add_parser("demo", help="build a synthetic programme and serve it on this machine only")
    demo.add_argument("--port", type=int, default=8080)
    demo.add_argument("--people", type=int, default=300, help=f"how many are enrolled, {FEWEST} to {MOST}")
    demo.add_argument("--once", action="store_true", help="build it, print the log-ins, and end")
    demo.add_argument("--folder", type=Path, default=Path("var/demo"), help="where its database and keys are kept")
    demo.set_defaults(run=_demo)


def _demo(arguments: argparse.Namespace) -> int:
    from hujambo.demo import serving  # noqa: PLC0415  no other command needs the demo's parts

    if not FEWEST <= arguments.people <= MOST:
        raise RefusedError(f"--people: from {FEWEST} to {MOST}")
    if not 1 <= arguments.port <= 65535:
        raise RefusedError("--port: from 1 to 65535")
    set_up_logs("warning")
    asyncio.run(serving.run(arguments.port, arguments.people, arguments.folder, once=arguments.once))
    return DONE
