"""Assess: what reading one message for danger costs in this process, over all languages of the pack."""

import statistics
import time
from collections.abc import Iterator
from typing import Any

from bench.texts import TEXTS
from bot.distress import Reader
from content.pack import load_pack


def _microseconds(reader: Reader, texts: list[str], languages: tuple[str, ...]) -> list[float]:
    found = []
    for text in texts:
        before = time.perf_counter_ns()
        reader.assess(text, "en", languages)
        found.append((time.perf_counter_ns() - before) / 1000)
    return found


def run(*, messages: int = 20_000) -> Iterator[dict[str, Any]]:
    """Start, then texts as people write them, then texts in which no word was seen before."""
    before = time.perf_counter()
    pack = load_pack()
    reader = Reader(pack)
    yield {"what": "start: content read and compiled", "ms": round((time.perf_counter() - before) * 1000)}
    usual = [TEXTS[index % len(TEXTS)] for index in range(messages)]
    # A word that nobody wrote before is held against the lists for misspellings: the worst case.
    unseen = [f"{text} mzk{index}qo" for index, text in enumerate(usual)]
    for what, texts in (("as people write", usual), ("with a word never seen", unseen)):
        took = _microseconds(reader, texts, pack.languages)
        yield {
            "what": f"assess, {what}",
            "median_us": round(statistics.median(took), 1),
            "p99_us": round(statistics.quantiles(took, n=100)[98], 1),
            "per_second": round(1e6 / statistics.mean(took)),
        }
