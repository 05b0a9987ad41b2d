"""How many cries for help the lists hear: floors that no edit of a list may fall below. See docs/evaluation.md."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from bot.distress import Reader
from content.pack import load_pack
from content.schema import Level

ALL = ("en", "fr", "sw")
READER = Reader(load_pack())
SETS = yaml.safe_load(Path(__file__).with_name("recall.yaml").read_text(encoding="utf-8"))
LEAST_DANGERS = {"first": 55, "second": 45}
# Percent of messages in danger read as high or graver: what was measured, less two points.
FLOORS = {
    ("first", "en"): 96,
    ("first", "fr"): 94,
    ("first", "sw"): 98,
    ("second", "en"): 37,
    ("second", "fr"): 18,
    ("second", "sw"): 29,
}
# Percent of harmless messages full of dangerous words read as high or graver, at most.
ALARMS = {("first", "en"): 10, ("first", "fr"): 10, ("first", "sw"): 10}


def messages(name: str, language: str, *, danger: bool) -> Iterator[str]:
    for level, _, text in SETS[name][language]:
        if (Level.of(level) >= Level.HIGH) if danger else level == "none":
            yield text


def heard(texts: list[str], language: str) -> list[str]:
    return [text for text in texts if READER.assess(text, language, ALL).level >= Level.HIGH]


@pytest.mark.parametrize(("name", "language"), FLOORS)
def test_no_edit_of_a_list_makes_it_hear_less(name: str, language: str) -> None:
    texts = list(messages(name, language, danger=True))
    assert len(texts) >= LEAST_DANGERS[name]
    found = heard(texts, language)
    missed = [text for text in texts if text not in found]
    assert 100 * len(found) / len(texts) >= FLOORS[name, language], missed


@pytest.mark.parametrize(("name", "language"), ALARMS)
def test_dangerous_words_in_harmless_messages_seldom_alarm(name: str, language: str) -> None:
    texts = list(messages(name, language, danger=False))
    found = heard(texts, language)
    assert 100 * len(found) / len(texts) <= ALARMS[name, language], found


@pytest.mark.parametrize(
    "text",
    [
        "nimenunua sumu nitakunywa leo usiku",
        "j'ai acheté le poison, c'est pour ce soir",
        "men from before came to my house last nite with guns",
        "ils menacent de bruler ma maison",
    ],
)
def test_messages_that_were_missed_once_are_heard(text: str) -> None:
    assert READER.assess(text, "en", ALL).level >= Level.HIGH
