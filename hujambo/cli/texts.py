"""Commands that need no database: content check, assess, read-answer and talk."""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bot.answers import read_answer
from bot.checkin import open_checkin
from bot.distress import Reader
from bot.effects import Assess, EndSession, Inbound, KeepProgress, Memory, Person, Progress, RaiseAlert, RaiseTask, Say
from bot.turn import take_turn
from channels.segments import count
from content.check import check_pack
from content.pack import load_pack
from content.schema import Pack, Words
from hujambo.cli.frame import DONE, FAULTS, RefusedError, as_json, show
from store.database import utc_now


def add_commands(commands: Any) -> None:
    content = commands.add_parser("content", help="look after the content pack").add_subparsers(required=True)
    check = content.add_parser("check", help="list every fault of a content pack, with file and line")
    check.add_argument("path", nargs="?", type=Path, help="the programme's own pack (default: HUJAMBO_CONTENT)")
    check.add_argument("--json", action="store_true")
    check.set_defaults(run=_check)
    assess = commands.add_parser("assess", help='read danger in JSON lines {"text": …, "lang": …, "id": …} on stdin')
    assess.add_argument("--nlu", choices=["local", "rasa", "none"], default="none")
    assess.set_defaults(run=_assess)
    read = commands.add_parser("read-answer", help='read answers in JSON lines {"text": …} on stdin')
    read.add_argument("--type", required=True, choices=["choice", "number", "scale", "yesno", "date", "phone"])
    read.add_argument("--lang", default="en")
    read.add_argument("--options", default="", help="a choice's options, separated by commas")
    read.add_argument("--minimum", type=float)
    read.add_argument("--maximum", type=float)
    read.set_defaults(run=_read_answer)
    talk = commands.add_parser("talk", help="be a beneficiary in this terminal")
    talk.add_argument("--checkin", default="weekly")
    talk.add_argument("--lang", default="en")
    talk.set_defaults(run=_talk)


def _pack() -> Pack:
    own = os.environ.get("HUJAMBO_CONTENT")
    return load_pack(Path(own) if own else None)


def _check(args: argparse.Namespace) -> int:
    own = os.environ.get("HUJAMBO_CONTENT")
    path = args.path or (Path(own) if own else None)
    if path is not None and not path.is_dir():
        raise RefusedError(f"there is no folder {path}")
    faults = check_pack(path, lambda text: count(text).segments)
    if args.json:
        show(({"file": f.file, "line": f.line, "message": f.message} for f in faults), is_json=True)
    else:
        for fault in faults:
            print(fault)
    return FAULTS if faults else DONE


def _lines() -> Iterator[dict[str, Any]]:
    for number, line in enumerate(sys.stdin, start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError:
            value = None
        if not isinstance(value, dict) or not isinstance(value.get("text"), str):
            raise RefusedError(f'line {number}: expected a JSON object with "text"')
        yield value


def _words(pack: Pack, language: str) -> Words:
    if language not in pack.words:
        raise RefusedError(f"the pack has no language {language!r}; it has {', '.join(pack.languages)}")
    return pack.words[language]


def _assess(args: argparse.Namespace) -> int:
    if args.nlu != "none":
        raise RefusedError("--nlu: this version reads with word lists alone; the only value is 'none'")
    pack = _pack()
    reader = Reader(pack)
    for value in _lines():
        found = reader.assess(value["text"], str(value.get("lang") or ""), pack.languages)
        reasons = [{"code": reason.code, "detail": reason.detail} for reason in found.reasons]
        print(
            as_json(
                {
                    "id": value.get("id"),
                    "level": found.level.word,
                    "route": found.route,
                    "lang": found.language or value.get("lang"),
                    "reasons": reasons,
                }
            )
        )
    return DONE


def _read_answer(args: argparse.Namespace) -> int:
    words = _words(_pack(), args.lang)
    options = {label.strip(): (label.strip(),) for label in args.options.split(",") if label.strip()}
    if args.type == "choice" and not options:
        raise RefusedError("--options: a choice needs its options")
    for value in _lines():
        answer = read_answer(
            args.type, value["text"], options=options, words=words, minimum=args.minimum, maximum=args.maximum
        )
        line = {"value": answer.value, "reason": answer.reason}
        print(as_json(line | ({"id": value["id"]} if "id" in value else {})))
    return DONE


def _talk(args: argparse.Namespace) -> int:
    pack = _pack()
    _words(pack, args.lang)
    if args.checkin not in pack.checkins:
        raise RefusedError(f"the pack has no check-in {args.checkin!r}; it has {', '.join(pack.checkins)}")
    opening = open_checkin(pack, args.checkin, args.lang, utc_now())
    print(opening.text)
    reader, progress, memory = Reader(pack), opening.progress, Memory()
    person = Person(enrolled=True, language=args.lang, languages=pack.languages)
    _converse(pack, reader, person, progress, memory)
    return DONE


def _converse(pack: Pack, reader: Reader, person: Person, progress: Progress | None, memory: Memory) -> None:
    number = 0
    while True:
        try:
            text = input("> ")
        except (EOFError, KeyboardInterrupt):
            return
        number += 1
        now = utc_now()
        turn = take_turn(Inbound(number, text, 0, now), person, progress, memory, pack, reader, now)
        memory = turn.memory or memory
        for effect in turn.effects:
            match effect:
                case Say():
                    print(effect.text)
                case KeepProgress():
                    progress = effect.progress
                case EndSession():
                    progress = None
                    print(f"[the check-in is {effect.state}]")
                case RaiseAlert(assessment=found) | Assess(assessment=found):
                    what = "alert" if isinstance(effect, RaiseAlert) else "read"
                    print(f"[{what}: {found.level.word}, {found.route}]")
                case RaiseTask():
                    print(f"[task for staff: {effect.kind}]")
                case _:
                    print(f"[{type(effect).__name__}]")
