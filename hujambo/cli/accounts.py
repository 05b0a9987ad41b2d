"""Staff accounts: user add, list, disable and password."""

import argparse
import getpass
import sys
from pathlib import Path
from typing import Any

from cases import staff
from hujambo.cli.frame import (
    DONE,
    RefusedError,
    command,
    show,
    split,
    with_database,
)
from store.database import utc_now


def add_commands(commands: Any) -> None:
    commands = commands.add_parser("user", help="staff accounts").add_subparsers(required=True)
    add = command(commands, "add", "add an account; asks for the password", _user_add)
    add.add_argument("login")
    add.add_argument("--name", required=True)
    add.add_argument("--role", choices=staff.ROLES, required=True)
    add.add_argument("--sites", type=split, default=[], help="codes, separated by commas; none: all sites")
    add.add_argument("--languages", type=split, default=["en"])
    add.add_argument("--phone", help="where alerts are told by SMS")
    add.add_argument("--email")
    _takes_password(add)
    command(commands, "list", "list accounts", _user_list)
    command(commands, "disable", "close an account", _user_disable).add_argument("login")
    change = command(commands, "password", "set a new password; ends the account's sessions", _user_password)
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
