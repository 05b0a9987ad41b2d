"""Commands that read texts and need no database, but for staff's judgements: content, assess, evaluate, read-answer."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from bot.answers import read_answer
from bot.classifier import LocalClassifier
from bot.distress import Reader
from bot.evaluation import Pair, confusion, report, worst
from bot.language import Identifier
from channels.segments import count
from content.check import check_pack
from content.pack import load_pack
from content.schema import Level, Pack, Words
from hujambo.cli.frame import DONE, FAULTS, RefusedError, as_json
from hujambo.cli.judged import add_proposals, evaluate_judged
from hujambo.languages import local_identifier
from hujambo.model import local_classifier
from hujambo.rasa.client import DEFAULT_URL, UNHURRIED, Blocking, checked_url, open_rasa
from store.database import utc_now

_KINDS = ("choice", "number", "scale", "yesno", "date", "phone")


def add_commands(commands: Any) -> None:
    content = commands.add_parser("content", help="look after the content pack").add_subparsers(required=True)
    check = content.add_parser("check", help="list every fault of a content pack, with file and line")
    check.add_argument("path", nargs="?", type=Path, help="the programme's own pack (default: HUJAMBO_CONTENT)")
    check.add_argument("--json", action="store_true")
    check.set_defaults(run=_check)
    add_proposals(content)
    assess = commands.add_parser("assess", help='read danger in JSON lines {"id": …, "text": …, "lang": …} on stdin')
    assess.add_argument("--nlu", choices=["local", "rasa", "none"], default="local")
    assess.set_defaults(run=_assess)
    evaluate = commands.add_parser("evaluate", help="how well messages are read: labelled ones, or those staff judged")
    evaluate.add_argument(
        "file",
        type=Path,
        nargs="?",
        help='lines {"text": …, "lang": …, "level": …, "route": …, "kind": …}; none: --judged',
    )
    evaluate.add_argument("--judged", action="store_true", help="from what staff judged in the database")
    evaluate.add_argument("--days", type=int, default=365, help="with --judged: so far back")
    evaluate.add_argument("--nlu", choices=["local", "rasa", "none"], default="local")
    evaluate.add_argument("--json", action="store_true")
    evaluate.set_defaults(run=_evaluate)
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


def own_reader(nlu: str) -> tuple[Pack, Reader]:
    """The pack of the settings and how it reads in this process: `nlu` is local or none."""
    pack = own_pack()
    return pack, Reader(pack, _local() if nlu == "local" else None, _identifier())


def _local() -> LocalClassifier:
    own = os.environ.get("HUJAMBO_CONTENT")
    return local_classifier(Path(own) if own else None)


def _identifier() -> Identifier:
    own = os.environ.get("HUJAMBO_CONTENT")
    return local_identifier(Path(own) if own else None)


@contextmanager
def _reading(nlu: str) -> Iterator[tuple[Pack, Reader, Callable[[], int]]]:
    """The pack, how it reads, and what says how often the local classifier had to read instead of Rasa.

    `nlu`: local, rasa or none. One line on stderr says that Rasa did not answer, and why.
    """
    if nlu != "rasa":
        yield *own_reader(nlu), lambda: 0
        return
    own = os.environ.get("HUJAMBO_CONTENT")
    try:
        url = checked_url(os.environ.get("HUJAMBO_RASA_URL") or DEFAULT_URL)
    except ValueError as error:
        raise RefusedError(f"HUJAMBO_RASA_URL: {error}") from None
    rasa = open_rasa(url, _local(), Path(own) if own else None, patience=UNHURRIED)

    def instead() -> int:
        return sum(rasa.counts.values()) - rasa.counts["answered"]

    with Blocking(rasa) as asked:
        pack = own_pack()
        yield pack, Reader(pack, asked, _identifier()), instead
        if instead():
            why = rasa.degraded() or ["Rasa did not answer every time: the local classifier read instead"]
            print(f"hujambo: {instead()} messages: {why[0]} ({url})", file=sys.stderr)


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
    with _reading(args.nlu) as (pack, reader, _):
        return _each_line(partial(_assessed, pack, reader), names_every=True)


def _assessed(pack: Pack, reader: Reader, line: Mapping[str, Any]) -> dict[str, Any]:
    language = str(line.get("lang") or "")
    heard = reader.identify(line["text"], language, pack.languages)
    found = reader.assess(line["text"], language, pack.languages, spoken=heard)
    return {
        "level": found.level.word,
        "route": found.route,
        "lang": heard.language or found.language or language or None,
        "reasons": [reason.to_json() for reason in found.reasons],
    }


def _evaluate(args: argparse.Namespace) -> int:
    if args.judged and args.file is not None:
        raise RefusedError("evaluate: either a file, or --judged")
    if args.file is None:
        return evaluate_judged(args.days, is_json=args.json)
    with _reading(args.nlu) as (pack, reader, instead):
        pairs, faults = _labelled(args.file, pack, reader)
        if missed := instead():
            faults.append(f"{missed} messages were read by the local classifier: these are not Rasa's figures")
    lines = list(report(pairs))
    if args.json:
        table = [{"meant": one.word, "read": two.word, "count": n} for (one, two), n in confusion(pairs).items()]
        misses = [
            {"text": pair.text, "lang": pair.language, "meant": pair.meant.word, "read": pair.read.word}
            for pair in worst(pairs)
        ]
        print(as_json({"lines": lines, "confusion": table, "worst": misses, "faults": faults}))
        return FAULTS if faults else DONE
    for line in lines:
        share = "-" if line["share"] is None else f"{line['share']:.1%} ({line['from']:.0%} to {line['to']:.0%})"
        print(f"{line['language']:4} {line['what']:36} {line['part']:5} of {line['whole']:5}  {share}")
    print("\nmeant → read      " + "".join(f"{level.word:>10}" for level in Level))
    counted = confusion(pairs)
    for meant in Level:
        print(f"{meant.word:16}  " + "".join(f"{counted.get((meant, read), 0):10}" for read in Level))
    for pair in worst(pairs):
        print(f"\n{pair.language} {pair.meant.word} read as {pair.read.word}: {pair.text}", end="")
    print()
    for fault in faults:
        print(fault, file=sys.stderr)
    return FAULTS if faults else DONE


def _labelled(file: Path, pack: Pack, reader: Reader) -> tuple[list[Pair], list[str]]:
    """Each labelled line as it is read, with all languages of the pack and its own as the person's."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise RefusedError(f"{file}: cannot be read as a UTF-8 file") from None
    pairs, faults = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            given = json.loads(line)
            text, meant = str(given["text"]), Level.of(given["level"])
        except (ValueError, KeyError, TypeError, AttributeError):
            faults.append(f"{file}:{number}: expected a JSON object with text and level (none … imminent)")
            continue
        language = str(given.get("lang") or "")
        heard = reader.identify(text, language, pack.languages)
        found = reader.assess(text, language, pack.languages, spoken=heard)
        pairs.append(
            Pair(
                text, language, meant, found.level,
                str(given.get("route") or "none"), found.route, str(given.get("kind") or ""),
            )
        )  # fmt: skip
    return pairs, faults


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
