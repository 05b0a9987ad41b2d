"""`hujambo …`: the command line. Exit 0 done, 1 found faults, 2 wrong usage or refused; errors are one line."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import sqlalchemy as sa

from cases.exports import ExportError
from cases.people import PeopleError
from cases.sheets import SheetError
from cases.staff import StaffError
from channels.base import ChannelSettingError
from content.pack import PackError
from hujambo.cli import (
    accounts,
    bench,
    campaigning,
    demo,
    directory,
    drill,
    gateways,
    programme,
    reports,
    rota,
    running,
    talk,
    texts,
)
from hujambo.cli.frame import FAULTS, REFUSED, RefusedError
from hujambo.logs import set_up_logs
from hujambo.settings import SettingError
from scheduler.campaigns import CampaignError
from scheduler.due import PlanError
from store.secrets import KeyRingError

FAMILIES = (
    running, demo, programme, accounts, rota, drill, directory, gateways, campaigning, reports, talk, texts, bench,
)  # fmt: skip
_REFUSALS = (
    RefusedError, SettingError, StaffError, PeopleError, SheetError, ExportError, CampaignError, PlanError,
    ChannelSettingError, KeyRingError,
)  # fmt: skip


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; `--help` has the rest. Options are not abbreviated: a later one may clash."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"allow_abbrev": False} | options)

    def error(self, message: str) -> NoReturn:
        self.exit(REFUSED, f"hujambo: {message} (see {self.prog} --help)\n")


def make_parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="hujambo", description="Check-ins by text message, and alerts for staff.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for family in FAMILIES:
        family.add_commands(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    args = make_parser().parse_args(arguments)
    set_up_logs(
        "info", libraries="warning"
    )  # stdout is for the answers; a service and the demo then set their own level
    try:
        return int(args.run(args))
    except _REFUSALS as error:
        return _refuse(str(error))
    except PackError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        return FAULTS
    except sa.exc.SQLAlchemyError as error:
        # Not the driver's own text: it repeats the values of the statement.
        return _refuse(f"the database refused ({type(error).__name__})")
    except BrokenPipeError:
        sys.stderr.close()
        return REFUSED
    except KeyboardInterrupt:
        return REFUSED


def _refuse(sentence: str) -> int:
    print(f"hujambo: {' '.join(sentence.split())}", file=sys.stderr)
    return REFUSED
