"""`hujambo talk`: be a beneficiary in this terminal. The dialogue itself, without a database or a network."""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from bot.checkin import open_checkin
from bot.effects import (
    Assess,
    ChangeLanguage,
    Effect,
    EndSession,
    Inbound,
    KeepProgress,
    Memory,
    OptIn,
    OptOut,
    Person,
    RaiseAlert,
    RaiseTask,
    Say,
    StoreAnswer,
)
from bot.turn import take_turn
from hujambo.cli.frame import DONE, RefusedError
from hujambo.cli.texts import own_reader, words_of
from store.database import utc_now

_HOTLINE = "1199"


def add_commands(commands: Any) -> None:
    talk = commands.add_parser("talk", help="be a beneficiary in this terminal, or in lines on stdin")
    talk.add_argument("--checkin", default="weekly")
    talk.add_argument("--lang", default="en")
    talk.add_argument("--explain", action="store_true", help="also say what was understood, and what staff would see")
    talk.set_defaults(run=_talk)


def _talk(args: argparse.Namespace) -> int:
    pack, reader = own_reader("local")
    words_of(pack, args.lang)
    if args.checkin not in pack.checkins:
        raise RefusedError(
            f"--checkin: the pack has no check-in {args.checkin[:48]!r}; it has {', '.join(pack.checkins)}"
        )
    opening = open_checkin(pack, args.checkin, args.lang, utc_now())
    print(opening.text)
    progress, memory = opening.progress, Memory()
    person = Person(enrolled=True, language=args.lang, languages=pack.languages, hotline=_HOTLINE)
    current = progress if progress.question else None
    for number, text in enumerate(_messages(), 1):
        now = utc_now()
        turn = take_turn(Inbound(number, text, 0, now), person, current, memory, pack, reader, now)
        memory = turn.memory
        for effect in turn.effects:
            match effect:
                case Say():
                    print(effect.text)
                case KeepProgress():
                    current = effect.progress
                case EndSession():
                    current = None
            person = _after(person, effect)
            if args.explain and (said := explained(effect)):
                print(f"    [{said}]")
    return DONE


def _after(person: Person, effect: Effect) -> Person:
    """What the next message meets: the terminal has no rows to keep it in."""
    match effect:
        case RaiseAlert():
            return replace(person, has_open_alert=True)
        case OptOut():
            return replace(person, opted_out=True)
        case OptIn():
            return replace(person, opted_out=False)
        case ChangeLanguage(language=language):
            return replace(person, language=language)
    return person


def explained(effect: Effect) -> str:
    """What happened behind the words, for who is trying out a check-in; empty for what is seen anyway."""
    match effect:
        case StoreAnswer():
            return f"answer {effect.question}: {effect.value}"
        case Assess(assessment=found) | RaiseAlert(assessment=found):
            why = "; ".join(f"{reason.code} {reason.detail}".strip() for reason in found.reasons)
            what = "alert" if isinstance(effect, RaiseAlert) else "read as"
            return f"{what} {found.level.word}, {found.route}: {why}"
        case RaiseTask():
            return f"task for staff: {effect.kind}, within {effect.due_hours:g} hours"
        case EndSession():
            return f"the check-in is {effect.state}"
        case KeepProgress():
            return f"waits for {effect.progress.question}" if effect.progress.question else ""
    return "" if isinstance(effect, Say) else type(effect).__name__


def _messages() -> Iterator[str]:
    if not sys.stdin.isatty():
        yield from (line.rstrip("\r\n") for line in sys.stdin)
        return
    while True:
        try:
            yield input("> ")
        except (EOFError, KeyboardInterrupt):
            return
