"""Why an alert was raised, in words: every reason a rule can give, in every language of staff, old rows and new."""

import ast
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

from bot.distress import Reader
from bot.effects import Reason
from console.language import OWN_NAMES
from console.reasons import Explained, explain
from content.schema import LANGUAGES, ROUTES, STAFF_LANGUAGES, Pack

ROOT = Path(__file__).parent.parent.parent
FLOORS = ("bot", "cases", "scheduler", "console", "hujambo")


def _codes() -> Iterator[str]:
    """Every code that stands in the code: Reason("code"…), _quote("code"…) and {"code": …, "detail": …}."""
    for floor in FLOORS:
        for path in (ROOT / floor).glob("**/*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and _name(node.func) in {"Reason", "_quote"} and node.args:
                    yield from (n.value for n in ast.walk(node.args[0]) if isinstance(n, ast.Constant))
                if isinstance(node, ast.Dict):
                    items = {k.value: v for k, v in zip(node.keys, node.values, strict=True) if _is_text(k)}
                    if {"code", "detail"} <= set(items) and isinstance(items["code"], ast.Constant):
                        yield str(items["code"].value)


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _is_text(node: Any) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


CODES = sorted(set(_codes()))


def test_the_codes_are_found_where_they_are_made() -> None:
    assert {"list", "means", "time", "age", "classifier", "negated", "answer", "score", "silence", "duress"} <= set(
        CODES
    )


@pytest.mark.parametrize("language", STAFF_LANGUAGES)
@pytest.mark.parametrize("code", CODES)
def test_every_reason_has_its_words_in_every_language_of_staff(pack: Pack, code: str, language: str) -> None:
    assert pack.reasons.get(("sentences", code, language), "") != ""


@pytest.mark.parametrize("language", STAFF_LANGUAGES)
def test_every_list_route_and_language_has_a_name_in_every_language_of_staff(pack: Pack, language: str) -> None:
    lists = {source.id for words in pack.words.values() for source in words.signals} | {"ages"}
    wanted = {("lists", name) for name in lists} | {("routes", name) for name in ROUTES}
    wanted |= {("languages", name) for name in LANGUAGES}
    assert {key for key in wanted if not pack.reasons.get((*key, language))} == set()


def test_a_sentence_names_the_same_things_in_every_language(pack: Pack) -> None:
    named: dict[tuple[str, str], set[frozenset[str]]] = {}
    for (section, name, _), text in pack.reasons.items():
        fields = frozenset(field for _, field, _, _ in Formatter().parse(text) if field)
        named.setdefault((section, name), set()).add(fields)
    assert {key: found for key, found in named.items() if len(found) > 1} == {}


def test_nothing_in_the_file_of_reasons_is_for_nothing(pack: Pack) -> None:
    lists = {source.id for words in pack.words.values() for source in words.signals} | {"ages"}
    assert {name for section, name, _ in pack.reasons if section == "lists"} - lists == set()


LIST = {"language": "sw", "list": "self_harm.wish", "phrase": "nataka kufa"}
CASES: list[tuple[dict[str, Any], str, Explained]] = [
    (
        {"code": "list", "detail": "sw/self_harm.wish: nataka kufa", "data": LIST},
        "en",
        Explained("Wish to die – words found in Swahili", "“nataka kufa”"),
    ),
    (
        {"code": "list", "detail": "sw/self_harm.wish: nataka kufa"},
        "fr",
        Explained("Désir de mourir – mots trouvés en swahili", "“nataka kufa”"),
    ),
    (
        {"code": "list", "detail": "en/self_harm.wish: (mimba|mjamzito) <die>"},
        "en",
        Explained("Wish to die – words found in English"),
    ),
    ({"code": "list", "detail": "wish to die"}, "en", Explained("The message uses words from the danger list")),
    (
        {"code": "means", "detail": "en/means: gun"},
        "es",
        Explained("Se nombra un medio al lado – palabras encontradas en inglés", "“gun”"),
    ),
    (
        {"code": "age", "detail": "en/ages: i am {n}"},
        "en",
        Explained("The person may be under 18 – words found in English", "“i am …”"),
    ),
    (
        {"code": "classifier", "detail": "local: self_harm 96%"},
        "en",
        Explained("The classifier is nearly certain (96%): self-harm"),
    ),
    (
        {"code": "classifier", "detail": "", "data": {"by": "rasa", "route": "threat", "sureness": 0.9971}},
        "pt",
        Explained("O classificador está quase certo (99%): ameaça de outros"),
    ),
    (
        {"code": "classifier", "detail": "local: distress 61%"},
        "en",
        Explained("The classifier thinks it possible (61%): distress"),
    ),
    ({"code": "negated", "detail": "the phrase is denied"}, "en", Explained("Negated: the words stand beside a “not”")),
    ({"code": "negation"}, "en", Explained("Negated: the words stand beside a “not”")),
    (
        {"code": "score", "detail": "phq9 1: 14 of threshold 10 (not all questions answered)"},
        "en",
        Explained(
            "The check-in’s score is at or over the programme’s threshold",
            "Phq9: 14, threshold 10; not all questions were answered",
        ),
    ),
    (
        {"code": "silence", "detail": "check-ins without any answer in a row: 3"},
        "en",
        Explained("The person has gone silent", "Check-ins without an answer in a row: 3"),
    ),
    (
        {"code": "minor", "detail": "read as distress", "data": {"route": "distress"}},
        "en",
        Explained("Under 18 or of unknown age: the child-protection route is taken", "Read as: distress"),
    ),
    ({"code": "a_code_from_later"}, "ar", Explained("A code from later")),
    ({}, "en", Explained("")),
]


@pytest.mark.parametrize(("reason", "language", "said"), CASES)
def test_a_reason_reads_as_a_sentence(pack: Pack, reason: dict[str, Any], language: str, said: Explained) -> None:
    assert explain(reason, pack, language) == said


def test_an_answer_stands_beside_its_question(pack: Pack) -> None:
    data = {"checkin": "phq9", "question": "phq_9", "value": "3"}
    question = pack.text("phq9", "phq_9", "fr").text
    said = explain({"code": "answer", "detail": "phq_9 = 3", "data": data}, pack, "fr")
    assert said.detail == f"Réponse 3 à « {question} »"
    assert explain({"code": "answer", "detail": "phq_9 = 3"}, pack, "fr") == said


def test_a_list_nobody_described_is_known_by_its_route(pack: Pack) -> None:
    assert explain({"code": "list", "detail": "en/unknown.list: words"}, pack, "en").text == (
        "Not sorted – words found in English"
    )


def test_what_the_reader_finds_reads_the_same_with_and_without_its_parts(pack: Pack) -> None:
    """Rows of before had no parts: both ways must lead to one sentence."""
    texts = [
        ("nataka kufa, nina bunduki", "sw"), ("i want to die now", "en"), ("i dont want to die", "en"),
        ("je suis enceinte et je saigne", "fr"), ("i am 15 years old", "en"), ("my sister said she wants to die", "en"),
    ]  # fmt: skip
    reader, seen = Reader(pack), set()
    for text, language in texts:
        for reason in reader.assess(text, language, pack.languages).reasons:
            whole, line = reason.to_json(), Reason(reason.code, reason.detail).to_json()
            assert explain(whole, pack, "en") == explain(line, pack, "en")
            seen.add(reason.code)
    assert {"list", "means", "time", "negated", "age"} <= seen


def test_staff_read_reasons_in_every_language_that_pages_speak() -> None:
    assert set(STAFF_LANGUAGES) == set(OWN_NAMES)
