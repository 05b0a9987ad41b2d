"""Which language a message is in: figures that must hold, the rules around them, and nothing typed that breaks it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.language import OTHER, Identifier, LanguageModel, is_broken
from content.schema import LANGUAGES
from content.training import load_foreign, load_training
from hujambo.languages import COLUMNS, _read, _write, local_identifier

HERE = Path(__file__).parent
SPLITS = HERE.parent / "splits" / "development"
IDENTIFIER = local_identifier()
SETS: dict[str, list[dict[str, Any]]] = yaml.safe_load((HERE / "languages.yaml").read_text("utf-8"))


def development() -> Iterator[tuple[str, str]]:
    for file in sorted(SPLITS.glob("*.jsonl")):
        for line in file.read_text("utf-8").splitlines():
            yield json.loads(line)["text"], file.stem


def another(language: str) -> str:
    """A language to be registered with that is not the one written in."""
    return LANGUAGES[(LANGUAGES.index(language) + 3) % len(LANGUAGES)]


# --- how well


def test_messages_of_the_development_split_are_told_apart_without_knowing_who_wrote_them() -> None:
    right = {language: [0, 0] for language in LANGUAGES}
    for text, language in development():
        right[language][0] += IDENTIFIER.identify(text, "", LANGUAGES).language == language
        right[language][1] += 1
    assert sum(one for one, _ in right.values()) / sum(all_ for _, all_ in right.values()) >= 0.98
    assert {language: hits / lines for language, (hits, lines) in right.items() if hits / lines < 0.95} == {}


def test_who_writes_in_their_own_language_is_next_to_never_taken_for_a_foreigner() -> None:
    lines = list(development())
    wrong = [text for text, own in lines if IDENTIFIER.identify(text, own, LANGUAGES).language != own]
    assert len(wrong) / len(lines) <= 0.015, wrong


def test_who_writes_in_another_language_than_their_own_is_answered_in_it() -> None:
    clear, wrong, lines = 0, 0, 0
    for text, language in development():
        found = IDENTIFIER.identify(text, another(language), LANGUAGES)
        lines += 1
        clear += found.is_clear and found.language == language
        wrong += found.is_clear and found.language != language
    assert clear / lines >= 0.95
    assert wrong / lines <= 0.015


@pytest.mark.parametrize(("is_known", "most"), [(True, 2), (False, 5)])
def test_abbreviated_messages_are_told_apart_whether_or_not_it_is_known_who_wrote_them(
    is_known: bool, most: int
) -> None:
    cases = SETS["abbreviated"]
    found = [IDENTIFIER.identify(case["text"], case["lang"] if is_known else "", LANGUAGES) for case in cases]
    wrong = [case["text"] for case, each in zip(cases, found, strict=True) if each.language != case["lang"]]
    assert len(wrong) <= most, wrong


@pytest.mark.parametrize("case", SETS["short"], ids=lambda case: case["text"])
def test_short_messages_are_never_certain_against_their_writers_language(case: dict[str, str]) -> None:
    assert IDENTIFIER.identify(case["text"], case["lang"], LANGUAGES).language == case["lang"]
    found = IDENTIFIER.identify(case["text"], another(case["lang"]), LANGUAGES)
    assert not found.is_clear or found.language == case["lang"]


@pytest.mark.parametrize("case", SETS["mixed"], ids=lambda case: case["text"][:30])
def test_both_languages_of_a_mixed_message_are_named(case: dict[str, Any]) -> None:
    found = IDENTIFIER.identify(case["text"], "", LANGUAGES)
    assert {found.language, found.second} == set(case["lang"])


def test_messages_in_one_language_are_seldom_taken_for_two() -> None:
    lines = list(development())
    two = [text for text, own in lines if IDENTIFIER.identify(text, own, LANGUAGES).second]
    assert len(two) / len(lines) <= 0.02  # many of those are indeed in two


@pytest.mark.parametrize("own", ["", "en", "fr", "sw", "ha", "ar"])
def test_languages_that_are_none_of_ours_are_known_as_such(own: str) -> None:
    missed = [c["text"] for c in SETS["other"] if IDENTIFIER.identify(c["text"], own, LANGUAGES).language != OTHER]
    assert len(missed) / len(SETS["other"]) <= 0.15, missed
    clear = [IDENTIFIER.identify(text, own, LANGUAGES) for text in missed]
    assert sum(each.is_clear and each.language != own for each in clear) <= 2


def test_what_is_judged_with_was_not_learned_from() -> None:
    learned = {one.text.casefold() for one in load_training().sentences} | {x.casefold() for x in load_foreign()}
    judged = [case["text"] for cases in SETS.values() for case in cases]
    assert [text for text in judged if text.casefold() in learned] == []


# --- the rules around it


@pytest.mark.parametrize(
    ("text", "own", "language", "is_clear"),
    [
        ("ina so in mutu", "en", "ha", True),
        ("je veux mourir", "ha", "fr", True),
        ("g envi 2 mourir", "en", "fr", True),
        ("q haces x aki pq no vienes", "en", "es", True),
        ("cjui xaxa cna pesa", "en", "sw", True),
        ("ana 3ayez amoot", "fr", "ar", True),  # Arabic in Latin letters
        ("شكرا", "en", "ar", True),  # one word: the letters say it
        ("nataka kufa", "en", "en", False),  # two words: their own language stands
        ("ok", "so", "so", False),
        ("sawa", "fr", "fr", False),
        ("zxqv brrt kwlpf ghnn", "en", OTHER, True),
        ("ዛሬ በመንደራችን", "en", OTHER, True),
        ("Сегодня дождь", "ar", OTHER, True),
        ("سلام حال شما چطور است امروز چه کار می کنید", "ar", OTHER, True),  # Persian has Arabic letters
        ("𝐢 𝐰𝐚𝐧𝐭 𝐭𝐨 𝐝𝐢𝐞 𝐧𝐨𝐰", "fr", "en", True),
    ],
)
def test_a_message_is_identified(text: str, own: str, language: str, is_clear: bool) -> None:
    found = IDENTIFIER.identify(text, own, LANGUAGES)
    assert (found.language, found.is_clear) == (language, is_clear)


@pytest.mark.parametrize(
    "text", ["", "   ", "12345", "...", "👍👍", "????? ?? ????", "Je suis fatigu\ufffd", "trÃ¨s fatiguÃ©"]
)
def test_where_nothing_can_be_told_nothing_is_said(text: str) -> None:
    found = IDENTIFIER.identify(text, "en", LANGUAGES)
    assert (found.language, found.is_clear) == (None, False)


@pytest.mark.parametrize(
    "text", ["why??", "hello ????", "?", "???", "what is it? who are you? why?", "São João", "¿Qué?"]
)
def test_question_marks_and_accents_are_no_broken_letters(text: str) -> None:
    assert not is_broken(text)


def test_whoever_writes_partly_in_their_own_language_is_not_clearly_in_another() -> None:
    for own in ("sw", "en"):
        found = IDENTIFIER.identify("maisha yamenishinda kabisa, i just want to die", own, LANGUAGES)
        assert found.is_partly(own)
        assert not found.is_clear or found.language == own


def test_a_language_the_pack_does_not_offer_is_none_of_ours() -> None:
    assert IDENTIFIER.identify("ina so in mutu yau da dare", "en", ("en", "fr", "sw")).language == OTHER


def test_a_language_of_elsewhere_needs_more_than_one_of_the_place() -> None:
    here = IDENTIFIER.identify("habari za leo rafiki", "en", LANGUAGES, ("en", "sw"))
    elsewhere = IDENTIFIER.identify("habari za leo rafiki", "en", LANGUAGES, ("en", "fr"))
    assert here.language == elsewhere.language == "sw"
    assert here.sureness > elsewhere.sureness


def test_what_is_kept_of_words_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.language._KEPT_WORDS", 10)
    identifier = Identifier(IDENTIFIER.model)
    for number in range(50):
        identifier.identify(f"nataka kitu hiki ab{chr(97 + number % 26)}{chr(97 + number // 26)}", "sw", LANGUAGES)
    assert len(identifier._kept) <= 10


# --- the cache


def test_a_model_survives_the_cache_and_a_broken_or_foreign_file_is_not_used(tmp_path: Path) -> None:
    model = LanguageModel(
        COLUMNS,
        np.array([1, 2], dtype=np.uint32),
        np.zeros((2, len(COLUMNS)), dtype=np.float16),
        np.zeros(len(COLUMNS), dtype=np.float32),
        np.array([1], dtype=np.uint32),
        np.array([3], dtype=np.uint16),
        "digest",
    )
    file = tmp_path / "languages.npz"
    _write(model, file)
    found = _read(file, "digest")
    assert found is not None
    assert np.array_equal(found.keys, model.keys)
    assert _read(file, "another") is None
    file.write_bytes(b"not a model")
    assert _read(file, "digest") is None


def test_the_model_is_small() -> None:
    model = IDENTIFIER.model
    assert sum(each.nbytes for each in (model.keys, model.weights, model.words, model.users)) < 8_000_000


# --- anything at all


@settings(max_examples=300)
@given(
    st.text(max_size=300), st.sampled_from(["", *LANGUAGES, "xx"]), st.lists(st.sampled_from(LANGUAGES), unique=True)
)
def test_any_text_gets_an_answer_in_range(text: str, own: str, enabled: list[str]) -> None:
    found = IDENTIFIER.identify(text, own, enabled)
    assert found.language is None or found.language in {*enabled, OTHER, own}
    assert 0.0 <= found.sureness <= 1.0
    assert found.second != found.language or not found.second
    assert found.reasons
