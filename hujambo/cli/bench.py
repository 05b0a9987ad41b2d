"""`hujambo bench`: each bench measures beside the machine's own limit, in the same run."""

import argparse
import importlib
import inspect
from typing import Any

from hujambo.cli.frame import DONE, RefusedError, as_json

# Our option → what the benches call it; a bench takes those that its `run` has.
_OPTIONS = {
    "messages": ("messages",),
    "people": ("people", "sizes"),
    "connections": ("connections", "at_once"),
    "peer": ("peer",),
    "no_postgres": ("on_postgres",),
}


def add_commands(commands: Any) -> None:
    bench = commands.add_parser("bench", help="measure, beside this machine's own limit")
    bench.add_argument("what", choices=["inbound", "outbound", "plan", "assess"])
    bench.add_argument("--json", action="store_true", help="one JSON object a line")
    for name in ("messages", "people", "connections"):
        bench.add_argument(f"--{name}", type=_count, help=f"how many {name}")
    bench.add_argument("--peer", action="store_true", help="inbound: also the peer, RapidSMS from PyPI")
    bench.add_argument("--no-postgres", action="store_true", help="inbound: SQLite only")
    bench.set_defaults(run=_bench)


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError("expected a whole number from 1 up")
    return int(text)


def _bench(args: argparse.Namespace) -> int:
    try:
        module = importlib.import_module(f"bench.{args.what}")
    except ModuleNotFoundError as error:
        if error.name not in ("bench", f"bench.{args.what}"):
            raise RefusedError(f"bench {args.what}: needs {error.name}, which is not installed") from None
        raise RefusedError(f"bench {args.what}: is not part of this installation; run it from the sources") from None
    for line in module.run(**_given(args, set(inspect.signature(module.run).parameters))):
        print(as_json(line) if args.json else "  ".join(f"{name} {value}" for name, value in line.items()), flush=True)
    return DONE


def _given(args: argparse.Namespace, taken: set[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for option, names in _OPTIONS.items():
        value = getattr(args, option)
        if value is None or value is False:
            continue
        name = next((each for each in names if each in taken), None)
        if name is None:
            raise RefusedError(f"bench {args.what}: has no --{option.replace('_', '-')}")
        values[name] = False if option == "no_postgres" else (value,) if name == "sizes" else value
    return values
