"""The local classifier: what it hears, what makes it deaf, and what no text can make it do."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.classifier import LocalClassifier
from bot.distress import Reader
from bot.effects import Assessment, Opinion
from bot.features import Lexicon, number, skeleton
from content.pack import load_pack
from content.schema import Level
from content.training import Intent, Limits, Sentence, Training
from hujambo.model import _read, _write, train

LIMITS = {"*": Limits(0.5, 0.5, 0.5, 0.5)}
CALM = (
    "good morning my friend", "the match was nice", "rain came on the farm today", "see you at the market",
    "happy birthday to you", "we cook rice and beans", "the bus is late again", "my phone has no credit",
    "mama greets you all", "school opens on monday", "the goat is in the garden", "i like this song",
    "he plays football well", "the price of maize is high", "church was full today", "thank you very much",
)  # fmt: skip
GRAVE = (
    "i want to die", "i will kill myself", "i do not want to live", "better i end my life", "let me die now",
    "i am tired of living", "i wish i was dead", "death is better for me", "i think of killing myself",
    "my life must end", "i want to sleep and never wake", "no reason to live any more",
)  # fmt: skip
INTENTS = {
    "everyday": Intent("everyday", Level.NONE, "none"),
    "self_harm": Intent("self_harm", Level.HIGH, "self_harm"),
    "self_harm_now": Intent("self_harm_now", Level.IMMINENT, "self_harm"),
    "distress": Intent("distress", Level.ELEVATED, "distress"),
    "practical": Intent("practical", Level.PRACTICAL, "practical"),
    "threat": Intent("threat", Level.HIGH, "threat"),
}
MORE = {
    "self_harm_now": ("i drink the poison now", "the rope is tied i go now", "tonight i kill myself goodbye"),
    "distress": ("i cannot sleep at night", "my heart is heavy", "i feel alone and cry every day"),
    "practical": ("i need school fees", "my roof is leaking", "please help with rent"),
    "threat": ("they follow me with guns", "armed men look for me", "he said he will kill me"),
}


def training() -> Training:
    sentences = [Sentence(text, "en", "everyday") for text in CALM]
    sentences += [Sentence(text, "en", "self_harm") for text in GRAVE]
    sentences += [Sentence(text, "en", intent) for intent, texts in MORE.items() for text in texts]
    concepts = {"en": {"die": ("die", "dead", "death", "kill myself", "end my life"), "not": ("no", "not", "never")}}
    return Training(INTENTS, tuple(sentences), concepts, "test")


@pytest.fixture(scope="module")
def classifier() -> LocalClassifier:
    return LocalClassifier(train(training(), "test"), LIMITS)


def test_it_hears_what_it_was_taught_in_other_words_and_spellings(classifier: LocalClassifier) -> None:
    for text in ("i wnt to dieee", "I JUST WANT TO DIE", "better i am dead"):
        found = classifier.classify(text, "en")
        assert (found.level >= Level.HIGH, found.route) == (True, "self_harm"), text
    assert classifier.classify("the market was nice today", "en").level is Level.NONE


def test_less_than_two_words_are_no_opinion(classifier: LocalClassifier) -> None:
    for text in (" ... ", "si", "death", "3"):  # what one word means is for the lists to say
        assert classifier.classify(text, "en") == Opinion(Level.NONE, "none", 0.0)


def test_a_cry_inside_a_long_story_is_heard(classifier: LocalClassifier) -> None:
    story = ". ".join(CALM * 3)
    assert classifier.classify(f"{story}. i want to die. {story}", "en").level >= Level.HIGH


def test_the_limits_of_the_language_decide(classifier: LocalClassifier) -> None:
    deaf = LocalClassifier(classifier.model, {**LIMITS, "fr": Limits(*[0.999999] * 4)})
    assert deaf.classify("i want to die", "en").level >= Level.HIGH
    assert deaf.classify("i want to die", "fr").level is Level.NONE


def test_learning_twice_gives_the_same_and_the_cache_gives_it_back(classifier: LocalClassifier, tmp_path: Path) -> None:
    again = train(training(), "test")
    assert np.array_equal(again.keys, classifier.model.keys)
    assert np.array_equal(again.weights, classifier.model.weights)
    _write(again, tmp_path / "model.npz")
    kept = _read(tmp_path / "model.npz", "test")
    assert kept is not None
    assert LocalClassifier(kept, LIMITS).classify("let me die", "en") == classifier.classify("let me die", "en")
    assert _read(tmp_path / "model.npz", "another") is None
    (tmp_path / "model.npz").write_bytes(b"half a file")
    assert _read(tmp_path / "model.npz", "test") is None


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=400))
def test_no_text_makes_it_raise(classifier: LocalClassifier, text: str) -> None:
    found = classifier.classify(text, "en")
    assert 0.0 <= found.sureness <= 1.0


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([*CALM, *GRAVE]), min_size=1, max_size=4), st.sampled_from([*GRAVE, *MORE["threat"]]))
def test_a_dangerous_sentence_more_never_lowers_the_level(
    classifier: LocalClassifier, said: list[str], more: str
) -> None:
    before = classifier.classify(". ".join(said), "en")
    for text in (". ".join([*said, more]), ". ".join([more, *said])):
        assert classifier.classify(text, "en").level >= before.level


def test_what_it_keeps_of_words_is_bounded(classifier: LocalClassifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.classifier._KEPT_WORDS", 10)
    for at in range(50):
        classifier.classify(f"word{at} again", "en")
    assert len(classifier._kept) <= 10


def test_features_are_the_same_everywhere() -> None:
    assert number("w:die") == 3_565_155_778
    assert (skeleton("please"), skeleton("plse")) == ("pls", "pls")
    lexicon = Lexicon({"en": {"die": ("die", "kill* me"), "beat": ("*beat*",), "hunt": ("looking for me",)}})
    assert lexicon.of_message(["they", "are", "looking", "for", "me"])[2] == ("hunt",)
    assert lexicon.of_word("unbeaten") == ("beat",)


class _Fixed:
    def __init__(self, opinion: Opinion) -> None:
        self.opinion = opinion

    def classify(self, _text: str, _language: str) -> Opinion:
        return self.opinion


def test_a_classifier_raises_what_the_lists_read_and_never_lowers_it() -> None:
    pack = replace(load_pack(), languages=("en",), words={"en": load_pack().words["en"]})
    high = Opinion(Level.HIGH, "gbv", 0.91)
    read = Reader(pack, _Fixed(high)).assess("nice weather", "en", ("en",))
    assert (read.level, read.route, read.reasons[0].detail) == (Level.HIGH, "gbv", "local: gbv 91%")
    calm = Reader(pack, _Fixed(Opinion(Level.NONE, "none", 0.0))).assess("i want to die", "en", ("en",))
    assert (calm.level, calm.route) == (Level.HIGH, "self_harm")
    # An opinion from outside, asked before, takes the place of our own.
    outside = Opinion(Level.ELEVATED, "distress", 0.7, by="rasa")
    read = Reader(pack, _Fixed(high)).assess("nice weather", "en", ("en",), outside)
    assert (read.level, read.reasons[0].detail) == (Level.ELEVATED, "rasa: distress 70%")


def test_a_broad_pattern_that_the_classifier_is_sure_is_harmless_counts_as_elevated() -> None:
    pack = replace(load_pack(), languages=("en",), words={"en": load_pack().words["en"]})

    def read(text: str, danger: float) -> Assessment:
        return Reader(pack, _Fixed(Opinion(Level.NONE, "none", 0.0, danger=danger))).assess(text, "en", ("en",))

    broad = "please tell the butcher to slaughter the ram"
    assert (read(broad, 0.5).level, read(broad, 0.01).level) == (Level.HIGH, Level.ELEVATED)
    assert "doubted" in [reason.code for reason in read(broad, 0.01).reasons]
    # What is written out in the lists is never doubted, nor is any wish to die, nor what is worse than high.
    for text in ("he will kill me", "i want to hang myself", "i think of ending it all", "they are here with guns"):
        assert read(text, 0.5).level >= Level.HIGH, text
        assert read(text, 0.0).level == read(text, 0.5).level, text
    # A classifier that does not say how likely danger is doubts nothing.
    assert Reader(pack, _Fixed(Opinion(Level.NONE, "none", 0.0))).assess(broad, "en", ("en",)).level is Level.HIGH
