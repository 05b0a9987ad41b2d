"""Commands that read texts and need no database: content check, assess and read-answer."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bot.answers import read_answer
from bot.distress import Reader
from channels.segments import count
from content.check import check_pack
from content.pack import load_pack
from content.schema import Pack, Words
from hujambo.cli.frame import DONE, FAULTS, RefusedError, as_json
from store.database import utc_now

_KINDS = ("choice", "number", "scale", "yesno", "date", "phone")


def add_commands(commands: Any) -> None:
    content = commands.add_parser("content", help="look after the content pack").add_subparsers(required=True)
    check = content.add_parser("check", help="list every fault of a content pack, with file and line")
    check.add_argument("path", nargs="?", type=Path, help="the programme's own pack (default: HUJAMBO_CONTENT)")
    check.add_argument("--json", action="store_true")
    check.set_defaults(run=_check)
    assess = commands.add_parser("assess", help='read danger in JSON lines {"id": …, "text": …, "lang": …} on stdin')
    assess.add_argument("--nlu", choices=["local", "rasa", "none"], default="none")
    assess.set_defaults(run=_assess)
    read = commands.add_parser("read-answer", help='read answers in JSON lines {"text": …} on stdin')
    read.add_argument("--type", required=True, choices=_KINDS)
    read.add_argument("--lang", default="en")
    read.add_argument("--options", default="", help="of a choice, in order: a,b,c or value=label,value=label")
    read.add_argument("--minimum", type=float)
    read.add_argument("--maximum", type=float)
    read.set_defaults(run=_read_answer)


def own_pack() -> Pack:
    """The pack of the settings, without asking for the other settings."""
    own = os.environ.get("HUJAMBO_CONTENT")
    return load_pack(Path(own) if own else None)


def words_of(pack: Pack, language: str) -> Words:
    if language not in pack.words:
        raise RefusedError(f"--lang: the pack has no language {language[:16]!r}; it has {', '.join(pack.languages)}")
    return pack.words[language]


def _check(args: argparse.Namespace) -> int:
    own = os.environ.get("HUJAMBO_CONTENT")
    path = args.path or (Path(own) if own else None)
    if path is not None and not path.is_dir():
        raise RefusedError(f"there is no folder {path}")
    faults = check_pack(path, lambda text: count(text).segments)
    unreviewed: list[str] = []
    if not faults:
        pack = load_pack(path)
        unreviewed = [language for language in pack.languages if not pack.reviewed_by.get(language)]
    if args.json:
        listed = [{"file": fault.file, "line": fault.line, "message": fault.message} for fault in faults]
        print(as_json({"faults": listed, "not_reviewed": unreviewed}))
        return FAULTS if faults else DONE
    for fault in faults:
        print(fault)
    if unreviewed:
        print(f"reviewed by nobody yet: {', '.join(unreviewed)} (reviewed_by in pack.yaml)")
    if not faults:
        print("no faults")
    return FAULTS if faults else DONE


def _assess(args: argparse.Namespace) -> int:
    if args.nlu != "none":
        raise RefusedError("--nlu: this version reads with word lists alone; the only value is 'none'")
    pack = own_pack()
    reader = Reader(pack)

    def assess(line: Mapping[str, Any]) -> dict[str, Any]:
        language = str(line.get("lang") or "")
        found = reader.assess(line["text"], language, pack.languages)
        return {
            "level": found.level.word,
            "route": found.route,
            "lang": found.language or language or None,
            "reasons": [{"code": reason.code, "detail": reason.detail} for reason in found.reasons],
        }

    return _each_line(assess, names_every=True)


def _read_answer(args: argparse.Namespace) -> int:
    words, options = words_of(own_pack(), args.lang), _options(args.options)
    today = utc_now().date()
    if args.type == "choice" and not options:
        raise RefusedError("--options: a choice needs its options")

    def read(line: Mapping[str, Any]) -> dict[str, Any]:
        answer = read_answer(
            args.type, line["text"], options=options, words=words, minimum=args.minimum, maximum=args.maximum,
            today=today,
        )  # fmt: skip
        return {"value": answer.value, "reason": answer.reason}

    return _each_line(read, names_every=False)


def _options(given: str) -> dict[str, tuple[str, ...]]:
    options: dict[str, tuple[str, ...]] = {}
    for part in given.split(","):
        value, _, label = (piece.strip() for piece in part.partition("="))
        if value:
            options[value] = (label or value,)
    return options


def _each_line(work: Callable[[Mapping[str, Any]], dict[str, Any]], *, names_every: bool) -> int:
    """One JSON line out for each line in, in order; a line that is none has its error in its place, and exit 1."""
    code = DONE
    for line in _lines():
        if "error" in line:
            code = FAULTS
            print(as_json(line), flush=True)
            continue
        identified = {"id": line.get("id")} if names_every or "id" in line else {}
        print(as_json(identified | work(line)), flush=True)
    return code


def _lines() -> Iterator[dict[str, Any]]:
    for number, line in enumerate(sys.stdin, start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict) and isinstance(value.get("text"), str):
            yield {name: value[name] for name in ("id", "text", "lang") if name in value}
        else:
            known = value.get("id") if isinstance(value, dict) else None
            yield {"id": known, "error": f'line {number}: expected a JSON object with "text"'}
