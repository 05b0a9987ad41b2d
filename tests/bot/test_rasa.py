"""What is asked of Rasa and what its answers mean."""

import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.classifier import COLUMNS, LONG, Array, judge
from bot.rasa import NonsenseError, as_asked, chances, stretches
from content.schema import Level
from content.training import RASA, Limits, load_intents, load_limits

INTENTS = load_intents()
LIMITS = {"*": Limits(0.5, 0.5, 0.5, 0.5)}


def answer(**confidences: float) -> dict[str, Any]:
    """As Rasa gives it; what is left to 1 is everyday."""
    found = {"everyday": 1 - sum(confidences.values())} | confidences
    return {"intent_ranking": [{"name": name, "confidence": value} for name, value in found.items()]}


def read(*answers: Any, limits: Limits = LIMITS["*"]) -> tuple[Level, str]:
    opinion = judge(chances(answers, INTENTS), {"*": limits}, "xx", by="rasa")
    return opinion.level, opinion.route


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("", []),
        ("...!?", []),
        ("help", []),  # one word alone is for the lists
        ("I want to DIE!!!", ["i want to die"]),
        ("Hi. I want to die", ["hi i want to die", "i want to die"]),
        ("Je n'en peux plus", ["je n en peux plus"]),
        (
            "a b. c d. e f. g h",
            ["a b", "a b c d", "a b c d e f", "c d", "c d e f", "c d e f g h", "e f", "e f g h", "g h"],
        ),
        ("a b. a b", ["a b", "a b a b"]),
        ("[die](now) {x}", ["die now x"]),  # what is markup to Rasa is none of ours
    ],
)
def test_a_message_is_asked_about_by_stretches_of_up_to_three_clauses(text: str, asked: list[str]) -> None:
    assert stretches(text) == asked


def test_a_long_clause_is_also_asked_about_in_parts() -> None:
    words = [f"w{at}" for at in range(LONG * 2)]
    asked = stretches(" ".join(words))
    assert asked[0] == " ".join(words)
    assert {len(part.split()) for part in asked[1:]} == {LONG}
    assert {word for part in asked[1:] for word in part.split()} == set(words)


def test_sentences_are_taught_in_the_form_in_which_messages_are_asked_about() -> None:
    assert as_asked("Bonjour! J'ai PEUR… 3 fois") == "bonjour j ai peur 3 fois"
    assert stretches("J'ai PEUR") == [as_asked("j ai peur")]


@pytest.mark.parametrize(
    ("answers", "meant"),
    [
        ([answer()], (Level.NONE, "none")),
        ([answer(trap=1.0)], (Level.NONE, "none")),
        ([answer(practical=0.6)], (Level.PRACTICAL, "practical")),
        ([answer(distress=0.6)], (Level.ELEVATED, "distress")),
        ([answer(gbv=0.6)], (Level.HIGH, "gbv")),
        ([answer(self_harm=0.6)], (Level.HIGH, "self_harm")),
        ([answer(self_harm_now=0.6)], (Level.IMMINENT, "self_harm")),
        ([answer(threat=0.35, self_harm=0.2)], (Level.HIGH, "threat")),  # divided over what, but not that it is danger
        ([answer(practical=0.3, distress=0.3)], (Level.PRACTICAL, "practical")),
        ([answer(), answer(child=0.7), answer(distress=0.9)], (Level.HIGH, "child")),
        ([answer(threat=0.9), answer(harm_others_now=0.6)], (Level.IMMINENT, "harm_others")),
        ([answer(gbv=0.5, threat_now=0.1)], (Level.HIGH, "gbv")),  # violence at home: how soon is for the lists
    ],
)
def test_an_answer_means_what_its_intents_mean_together(answers: list[Any], meant: tuple[Level, str]) -> None:
    assert read(*answers) == meant


@pytest.mark.parametrize(
    "nonsense",
    [
        None,
        [],
        "everyday",
        {},
        {"intent": {"name": "everyday", "confidence": 1.0}},
        {"intent_ranking": {}},
        {"intent_ranking": []},
        {"intent_ranking": [None]},
        {"intent_ranking": [{"name": 3, "confidence": 1.0}]},
        {"intent_ranking": [{"name": "everyday"}]},
        {"intent_ranking": [{"name": "everyday", "confidence": "1"}]},
        {"intent_ranking": [{"name": "everyday", "confidence": True}]},
        {"intent_ranking": [{"name": "everyday", "confidence": float("nan")}]},
        {"intent_ranking": [{"name": "everyday", "confidence": 2}]},
        {"intent_ranking": [{"name": "order_pizza", "confidence": 1.0}]},
        {"intent_ranking": [{"name": "everyday", "confidence": 0.7}]},  # the rest was cut off
    ],
)
def test_an_answer_of_another_rasa_is_refused_and_not_quoted(nonsense: Any) -> None:
    with pytest.raises(NonsenseError) as refused:
        chances([answer(), nonsense], INTENTS)
    assert "pizza" not in str(refused.value)


def _any_rasa(asked: list[str], seed: int) -> Array:
    """Some fixed opinion of every stretch, whatever it is."""
    rows = []
    for text in asked:
        chance = np.random.default_rng(zlib.crc32(f"{seed} {text}".encode()))
        rows.append(chance.dirichlet(np.full(len(INTENTS), 0.2)))
    return chances([_ranked(row.tolist()) for row in rows], INTENTS)


def _ranked(row: list[float]) -> Any:
    return {"intent_ranking": [{"name": n, "confidence": v} for n, v in zip(INTENTS, row, strict=True)]}


WORDS = ("aa", "bb", "ccc", "want", "die", "kill", "me", "now")
SENTENCE = st.lists(st.sampled_from(WORDS), min_size=2, max_size=40).map(" ".join)


@given(st.lists(SENTENCE, min_size=1, max_size=4), SENTENCE, st.integers(0, 2**30))
def test_whatever_rasa_says_of_each_stretch_a_sentence_more_never_lowers_the_level(
    said: list[str], more: str, seed: int
) -> None:
    before = judge(_any_rasa(stretches(". ".join(said)), seed), LIMITS, "en").level
    for text in (". ".join([*said, more]), ". ".join([more, *said])):
        assert judge(_any_rasa(stretches(text), seed), LIMITS, "en").level >= before


@given(st.text(max_size=300))
def test_no_text_makes_it_raise_and_what_is_asked_can_be_written_as_utf_8(text: str) -> None:
    for asked in stretches(text):
        assert len(asked.split()) >= 2
        asked.encode("utf-8")


def test_the_content_says_how_sure_rasa_must_be_apart_from_the_local_classifier() -> None:
    limits = load_limits(section=RASA)
    assert "*" in limits
    assert limits != load_limits()
    assert len(COLUMNS) == chances([answer()], INTENTS).shape[1]
