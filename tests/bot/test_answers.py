"""Answers as people type them: each table row is a language, what was typed, and the value that is stored (or none)."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.answers import read_answer
from content.pack import load_pack
from content.schema import QuestionKind

PACK = load_pack()
MOOD = {
    "en": {
        "fine": ("fine", "good", "ok"),
        "so_so": ("so-so", "not fine", "bad"),
        "call_me": ("call me", "call me please"),
    },
    "fr": {"fine": ("ça va", "bien"), "so_so": ("pas bien", "ça va pas"), "call_me": ("appelez-moi",)},
    "sw": {
        "fine": ("vizuri", "sawa", "niko sawa"),
        "so_so": ("si vizuri", "siko sawa", "vibaya"),
        "call_me": ("nipigie",),
    },
}

CHOICES = """
en | 1 | fine
en | 1. | fine
en | 1) | fine
en |  1  | fine
en | ١ | fine
en | l | fine
en | I | fine
en | no 2 | so_so
en | no. 2 | so_so
en | 2) | so_so
en | 2 so-so | so_so
en | 1 fine | fine
en | number 3 | call_me
en | number one | fine
en | option two | so_so
en | two | so_so
en | TWO | so_so
en | three please | call_me
en | the second one | so_so
en | first | fine
en | 3 pls | call_me
en | Hello 1 | fine
en | fine | fine
en | Fine. | fine
en | FINEEEE | fine
en | gud | fine
en | I am fine thank you | fine
en | good morning. fine | fine
en | so so | so_so
en | soso | none
en | not fine | so_so
en | I am not fine | so_so
en | bad | so_so
en | call me | call_me
en | please call me | call_me
en | not call me | none
en | not 1 | none
en | 1 or 2 | none
en | 1, 2 | none
en | 12 | none
en | 1-2 | none
en | between 1 and 2 | none
en | fine or bad | none
en | 1 but I am very bad | none
en | 1 bad | none
en | 1 but not really | none
en | fine but sick | none
en | 1 the soldiers came last night | none
en | 0 | none
en | 4 | none
en | -1 | none
en | 99 | none
en | 1.5 | none
en | hello | none
en | ? | none
en | nothing | none
fr | 1 | fine
fr | ça va | fine
fr | sa va | fine
fr | cava | none
fr | bien merci | fine
fr | ça va pas | so_so
fr | ca va pas | so_so
fr | pas bien | so_so
fr | je ne vais pas bien | so_so
fr | deux | so_so
fr | le deuxième | so_so
fr | numéro 3 | call_me
fr | 3 svp | call_me
fr | appelez moi | call_me
fr | apelez moi | call_me
fr | 1 ou 2 | none
fr | pas 1 | none
fr | 1 mais ça va pas | none
sw | 1 | fine
sw | moja | fine
sw | mbili | so_so
sw | ya pili | so_so
sw | namba 2 | so_so
sw | sawa | fine
sw | xawa | fine
sw | SAWA SAWA | fine
sw | niko sawa | fine
sw | siko sawa | so_so
sw | nipigie tafadhali | call_me
sw | 1 au 2 | none
sw | 1 lakini niko vibaya | none
sw | si 1 | none
"""

YES_NO = """
en | yes | yes
en | YES! | yes
en | yesss | yes
en | y | yes
en | yeah | yes
en | yes please | yes
en | yes yes | yes
en | Yes, thanks | yes
en | ok | yes
en | no | no
en | n | no
en | nope | no
en | no thank you | no
en | nooo | no
en | not really | no
en | yes but no | none
en | yes or no | none
en | maybe | none
en | no one helps me | none
en | yes i want to but they will not let me | none
en | 3 | none
fr | oui | yes
fr | wi | yes
fr | oui oui | yes
fr | ouiii | yes
fr | d'accord | yes
fr | oui s'il vous plaît | yes
fr | non | no
fr | nn | no
fr | non merci | no
fr | pas du tout | no
fr | oui et non | none
sw | ndio | yes
sw | ndiyo | yes
sw | ndiooo | yes
sw | ee | yes
sw | naam | yes
sw | ndio asante | yes
sw | hapana | no
sw | apana | no
sw | hapana asante | no
sw | la | no
sw | ndio au hapana | none
"""

NUMBERS = """
en | 7 | 7
en | 7. | 7
en | 07 | 7
en | ٧ | 7
en | 1O | 10
en | ten | 10
en | none | 0
en | 2.5 | 2.5
en | 2,5 | 2.5
en | I have 3 children | 3
en | 24yrs | 24
en | 3-4 | none
en | 3 or 4 | none
en | 7/10 | none
en | -1 | none
en | 31 | none
en | not 3 | none
en | more than 5 | none
en | many | none
fr | 24ans | 24
fr | dix | 10
fr | dix-sept | 17
fr | plus de 5 | none
sw | watoto 3 | 3
sw | kumi | 10
sw | kumi na tano | 15
sw | zaidi ya 5 | none
"""


def _rows(table: str) -> list[tuple[str, str, str]]:
    return [(a.strip(), b, c.strip()) for a, b, c in (row.split("|") for row in table.strip().splitlines())]


def _read(kind: QuestionKind, language: str, text: str) -> object:
    options = MOOD[language] if kind == "choice" else {}
    bounds = (0.0, 30.0) if kind == "number" else (None, None)
    words = PACK.words[language]
    return read_answer(kind, text, options=options, words=words, minimum=bounds[0], maximum=bounds[1]).value


@pytest.mark.parametrize(("language", "text", "value"), _rows(CHOICES))
def test_a_choice_is_read_or_left_open(language: str, text: str, value: str) -> None:
    assert _read("choice", language, text) == (None if value == "none" else value)


@pytest.mark.parametrize(("language", "text", "value"), _rows(YES_NO))
def test_yes_and_no_are_read_or_left_open(language: str, text: str, value: str) -> None:
    assert _read("yesno", language, text) == (None if value == "none" else value)


@pytest.mark.parametrize(("language", "text", "value"), _rows(NUMBERS))
def test_a_number_is_read_or_left_open(language: str, text: str, value: str) -> None:
    assert _read("number", language, text) == (None if value == "none" else float(value))


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("date", "3/4/2026", "2026-04-03"),
        ("date", "03-04-26", "2026-04-03"),
        ("date", "2026-04-03", "2026-04-03"),
        ("date", "٣/٤/٢٠٢٦", "2026-04-03"),
        ("date", "31/2/2026", None),
        ("date", "tomorrow", None),
        ("phone", "+254 712 123456", "+254712123456"),
        ("phone", "00254712123456", "+254712123456"),
        ("phone", "0712123456", "0712123456"),
        ("phone", "+25471", None),
        ("phone", "none", None),
        ("text", "  I sold maize ", "I sold maize"),
        ("text", "   ", None),
    ],
)
def test_dates_telephone_numbers_and_texts(kind: QuestionKind, text: str, value: str | None) -> None:
    assert read_answer(kind, text, options={}, words=PACK.words["en"]).value == value


def test_one_and_two_answer_a_yes_or_no_that_offers_them() -> None:
    options = {"yes": ("yes",), "no": ("no",)}
    read = [read_answer("yesno", text, options=options, words=PACK.words["en"]).value for text in ("1", "2.", "3")]
    assert read == ["yes", "no", None]


def test_options_that_are_numbers_mean_themselves_not_their_place() -> None:
    options = {"0": ("never",), "1": ("some days",), "2": ("most days",)}
    assert read_answer("choice", "0", options=options, words=PACK.words["en"]).value == "0"
    assert read_answer("choice", "3", options=options, words=PACK.words["en"]).value is None


@given(st.sampled_from(["choice", "yesno", "number", "scale", "date", "phone", "text"]), st.text())
def test_any_text_gets_an_answer_or_none_with_a_reason(kind: QuestionKind, text: str) -> None:
    answer = read_answer(kind, text, options=MOOD["en"], words=PACK.words["en"], minimum=0, maximum=10)
    assert answer.reason


DAY = date(2026, 11, 24)


@pytest.mark.parametrize(
    ("language", "text", "value"),
    [
        ("en", "thirty two", 32.0),
        ("en", "two hundred", 200.0),
        ("en", "one hundred and five", 105.0),
        ("en", "about 5", 5.0),
        ("en", "3 and a half", 3.5),
        ("en", "5-7", None),
        ("en", "two or three", None),
        ("en", "more than 5", None),
        ("fr", "vingt et un", 21.0),
        ("fr", "environ 4", 4.0),
        ("fr", "plus ou moins 4", 4.0),
        ("fr", "2 a 3", None),
        ("sw", "hamsini na tano", 55.0),
        ("sw", "kama 4 hivi", 4.0),
        ("sw", "2 au 3", None),
    ],
)
def test_numbers_of_several_words_and_what_is_no_single_number(language: str, text: str, value: float | None) -> None:
    assert read_answer("number", text, options={}, words=PACK.words[language]).value == value


@pytest.mark.parametrize(
    ("language", "text", "value"),
    [
        ("en", "yesterday", "2026-11-23"),
        ("en", "12 march 2025", "2025-03-12"),
        ("en", "3rd of dec", "2026-12-03"),
        ("en", "03/25/2024", "2024-03-25"),
        ("en", "5/6/85", "1985-06-05"),
        ("en", "30 february", None),
        ("en", "monday", None),
        ("en", "i have 3 kids and 2 goats", None),
        ("en", "i may come with 5 people to the office", None),
        ("en", "5/12", "2026-12-05"),
        ("fr", "le 3 mai 2024", "2024-05-03"),
        ("fr", "avant hier", "2026-11-22"),
        ("sw", "tarehe 5 januari", "2027-01-05"),
        ("sw", "tarehe 5 mei", None),
        ("sw", "jana", "2026-11-23"),
    ],
)
def test_dates_as_people_write_them(language: str, text: str, value: str | None) -> None:
    assert read_answer("date", text, options={}, words=PACK.words[language], today=DAY).value == value


@pytest.mark.parametrize(
    ("text", "value"), [("sab3a", 7.0), ("wa7ed", 1.0), ("ta3ban 6", 6.0), ("٤", 4.0), ("ma 3indi", None)]
)
def test_digits_that_are_letters_of_arabic_are_no_numbers(text: str, value: float | None) -> None:
    assert read_answer("number", text, options={}, words=PACK.words["ar"]).value == value
