"""Both classifiers side by side on the development split: what each hears, and how long it takes to ask.

`make test-rasa` runs it while Rasa is served. The final split is never read here.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bot.distress import Classifier, Reader
from bot.effects import Opinion
from bot.evaluation import Pair, report
from content.pack import load_pack
from content.schema import Level, Pack
from hujambo.model import local_classifier
from hujambo.rasa.client import UNHURRIED, Blocking, checked_url, open_rasa

SPLIT = Path(__file__).parents[1] / "tests" / "splits" / "development"
_COLUMNS = {  # of the table → of the report
    "danger heard": "danger read as high or imminent",
    "at least elevated": "danger read as elevated or more",
    "distress": "distress read as elevated or more",
    "everyday high": "everyday read as high or imminent",
    "everyday elevated": "everyday read as elevated or more",
    "traps high": "trap read as high or imminent",
}


class Timed:
    """A classifier, and how many seconds each opinion took."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self.took: list[float] = []

    def classify(self, text: str, language: str) -> Opinion:
        before = time.perf_counter()
        opinion = self._classifier.classify(text, language)
        self.took.append(time.perf_counter() - before)
        return opinion


def read(pack: Pack, classifier: Classifier, lines: Sequence[dict[str, str]]) -> list[Pair]:
    reader = Reader(pack, classifier)
    pairs = []
    for line in lines:
        found = reader.assess(line["text"], line["lang"], pack.languages)
        level = Level.of(line["level"])
        pairs.append(Pair(line["text"], line["lang"], level, found.level, line["route"], found.route, line["kind"]))
    return pairs


def table(name: str, pairs: Sequence[Pair]) -> Iterator[str]:
    """One row for each language, and for all: part of whole in each column."""
    found = {(line["language"], line["what"]): line for line in report(pairs)}
    for language in dict.fromkeys(language for language, what in found if what in _COLUMNS.values()):
        cells = [found[language, what] for what in _COLUMNS.values()]
        yield f"{name:6} {language:4}" + "".join(f"{cell['part']:>10} of {cell['whole']:<5}" for cell in cells)


def main() -> int:
    """Exit 1 if a message was not read by Rasa: then the figures are not its own."""
    url = os.environ.get("HUJAMBO_RASA_URL")
    if url is None:
        print("HUJAMBO_RASA_URL: is missing; 'make test-rasa' serves a Rasa and runs this", file=sys.stderr)
        return 2
    texts = "".join(file.read_text(encoding="utf-8") for file in sorted(SPLIT.glob("*.jsonl")))
    lines = [json.loads(line) for line in texts.splitlines() if line]
    pack, local = load_pack(), local_classifier()
    print("            " + "".join(f"{name:>18}" for name in _COLUMNS))
    with Blocking(open_rasa(checked_url(url), local, patience=UNHURRIED)) as rasa:
        for name, classifier in (("local", Timed(local)), ("rasa", Timed(rasa))):
            for row in table(name, read(pack, classifier, lines)):
                print(row)
            median, worst = statistics.median(classifier.took), max(classifier.took)
            print(f"{name:6} asked {len(lines)} times: median {median * 1000:.2f} ms, longest {worst * 1000:.0f} ms\n")
        missed = sum(rasa.rasa.counts.values()) - rasa.rasa.counts["answered"]
    if missed:
        print(f"{missed} messages were read by the local classifier, Rasa gave no opinion", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
