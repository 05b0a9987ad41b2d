"""`hujambo …`: one parser, a module per family of commands, and one way to fail.

A command is a function of its parsed arguments that gives the exit code: 0 done, 1 found faults, 2 wrong usage. What a
user did wrong is a `UsageError`: one line on stderr and 2, never a traceback.
"""

import argparse
import sys
from collections.abc import Sequence

from hujambo.cli import common, running
from hujambo.cli.common import UsageError

FAMILIES = (running,)


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hujambo", description="Check-ins by text message, and a human when it matters."
    )
    commands = parser.add_subparsers(metavar="command", required=True)
    for family in FAMILIES:
        family.add_commands(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    arguments = make_parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
    except common.EXPECTED as error:
        for line in common.sentences(error):
            print(f"hujambo: {line}", file=sys.stderr)
        return common.exit_code(error)
    except BrokenPipeError:
        return 0
    except KeyboardInterrupt:
        return 130
    return code


__all__ = ["UsageError", "main", "make_parser"]
