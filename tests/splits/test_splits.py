"""The splits that judge reading: never trained on, sharing no sentence and no near-copy with what is."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.text import tokens
from content.schema import ROUTES, Level
from content.training import load_training

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("*/*.jsonl"))
LANGUAGES = sorted({file.stem for file in FILES})
KINDS = {"danger", "distress", "practical", "everyday", "trap"}
SHORT = 4  # words: "good morning" and "thank you" are everybody's
NEAR = 0.8  # share of the words that two near-copies have in common


def lines(file: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name} {file.stem}")
def test_every_line_says_what_it_is(file: Path) -> None:
    found = lines(file)
    assert len(found) >= 150
    for line in found:
        assert set(line) == {"text", "lang", "level", "route", "kind"}
        assert (line["lang"], line["kind"] in KINDS, line["route"] in ROUTES) == (file.stem, True, True)
        assert (line["kind"] == "danger") == (Level.of(line["level"]) >= Level.HIGH)


def _words(texts: Iterator[str]) -> Iterator[frozenset[str]]:
    for text in texts:
        words = frozenset(tokens(text))
        if len(words) > SHORT:
            yield words


def _is_near(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one & other) >= NEAR * len(one | other)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_is_in_two_places_and_no_near_copy(language: str) -> None:
    places = {file.parent.name: file for file in FILES if file.stem == language}
    sets = {name: list(_words(line["text"] for line in lines(file))) for name, file in places.items()}
    learned = [sentence.text for sentence in load_training().sentences if sentence.language == language]
    sets["training"] = list(_words(iter(learned)))
    index: dict[str, list[tuple[str, frozenset[str]]]] = {}
    for name, found in sets.items():
        for words in found:
            # Near-copies share most words, so also one of the longest: only those are compared.
            for word in sorted(words, key=lambda word: (-len(word), word))[:3]:
                index.setdefault(word, []).append((name, words))
    copies = {
        (name, other, " ".join(sorted(words)))
        for entries in index.values()
        for at, (name, words) in enumerate(entries)
        for other, more in entries[at + 1 :]
        if name != other and _is_near(words, more)
    }
    assert copies == set()
