"""Assess: what reading one message for danger costs in this process, over all languages of the pack."""

import os
import statistics
import time
from collections.abc import Iterator
from typing import Any

from bench.texts import TEXTS
from bot.classifier import LocalClassifier
from bot.distress import Reader
from bot.rasa import stretches
from content.pack import load_pack
from content.schema import Pack
from hujambo.model import local_classifier
from hujambo.rasa.client import UNHURRIED, Blocking, checked_url, open_rasa

_OF_RASA = 20  # one message in so many is put to Rasa too: it takes a thousand times as long


def _microseconds(reader: Reader, texts: list[str], languages: tuple[str, ...]) -> list[float]:
    found = []
    for text in texts:
        before = time.perf_counter_ns()
        reader.assess(text, "en", languages)
        found.append((time.perf_counter_ns() - before) / 1000)
    return found


def run(*, messages: int = 20_000) -> Iterator[dict[str, Any]]:
    """Start, then texts as people write them, then texts in which no word was seen before; Rasa where there is one."""
    before = time.perf_counter()
    pack = load_pack()
    reader = Reader(pack)
    yield {"what": "start: content read and compiled", "ms": round((time.perf_counter() - before) * 1000)}
    before = time.perf_counter()
    classifier = local_classifier()
    arrays = (classifier.model.keys, classifier.model.weights, classifier.model.importance)
    yield {
        "what": "start: classifier from the cache (or trained, where there is none)",
        "ms": round((time.perf_counter() - before) * 1000),
        "weights_mb": round(sum(array.nbytes for array in arrays) / 1e6, 1),
    }
    learned = Reader(pack, classifier)
    usual = [TEXTS[index % len(TEXTS)] for index in range(messages)]
    # A word that nobody wrote before is held against the lists for misspellings: the worst case.
    unseen = [f"{text} mzk{index}qo" for index, text in enumerate(usual)]
    ways = (
        ("lists alone, as people write", reader, usual),
        ("lists alone, with a word never seen", reader, unseen),
        ("with the classifier, as people write", learned, usual),
        ("with the classifier, with a word never seen", learned, unseen),
    )
    for what, one, texts in ways:
        yield _figures(what, _microseconds(one, texts, pack.languages))
    if url := os.environ.get("HUJAMBO_RASA_URL"):
        yield from _beside_rasa(checked_url(url), pack, classifier, usual)


def _beside_rasa(url: str, pack: Pack, classifier: LocalClassifier, texts: list[str]) -> Iterator[dict[str, Any]]:
    """Both on the same messages, those of two words or more: a word alone is put to neither."""
    asked = [text for text in texts[: max(len(TEXTS), len(texts) // _OF_RASA)] if stretches(text)]
    took = _microseconds(Reader(pack, classifier), asked, pack.languages)
    yield _figures("with the classifier, what is put to Rasa", took)
    with Blocking(open_rasa(url, classifier, patience=UNHURRIED)) as rasa:
        took = _microseconds(Reader(pack, rasa), asked, pack.languages)
        missed = len(asked) - rasa.rasa.counts["answered"]
    yield _figures("with Rasa over HTTP, what is put to Rasa", took) | {"not_answered": missed}


def _figures(what: str, took: list[float]) -> dict[str, Any]:
    return {
        "what": f"assess, {what}",
        "median_us": round(statistics.median(took), 1),
        "p99_us": round(statistics.quantiles(took, n=100)[98], 1),
        "per_second": round(1e6 / statistics.mean(took)),
    }
