"""What staff may text, read: a table; and the words they are answered with, each in one SMS."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases import notices
from cases.bysms import Asked, read_step
from cases.closing import CONTACT_RESULTS, OUTCOMES
from channels.segments import count


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("K7QF", Asked("take", "K7QF")),
        ("k7qf", Asked("take", "K7QF")),
        (" K7QF. ", Asked("take", "K7QF")),
        ("TAKE K7QF", Asked("take", "K7QF")),
        ("prendre k7qf", Asked("take", "K7QF")),
        ("Tomar K7QF", Asked("take", "K7QF")),
        ("خذ K7QF", Asked("take", "K7QF")),
        ("إستلم K7QF", Asked("take", "K7QF")),
        ("TRY K7QF 2", Asked("try", "K7QF", "NO_ANSWER")),
        ("try k7qf 1 calm now, calls back", Asked("try", "K7QF", "REACHED_SELF", "calm now, calls back")),
        ("Essai K7QF ٢", Asked("try", "K7QF", "NO_ANSWER")),
        ("try K7QF phone_off", Asked("try", "K7QF", "PHONE_OFF")),
        ("try K7QF", Asked("try", "K7QF")),
        ("try K7QF 0", Asked("try", "K7QF")),
        ("try K7QF gone", Asked("try", "K7QF", "", "")),
        ("END K7QF SAFE talked with her", Asked("end", "K7QF", "SAFE_SUPPORTED", "talked with her")),
        ("fin k7qf plan", Asked("end", "K7QF", "SAFE_PLAN")),
        ("END K7QF DECLINED_SUPPORT", Asked("end", "K7QF", "DECLINED_SUPPORT")),
        ("end K7QF whatever", Asked("end", "K7QF")),
        ("PASS K7QF", Asked("pass", "K7QF")),
        ("pass K7QF Amina.", Asked("pass", "K7QF", "amina")),
        ("SAY K7QF Hello,\nI can call at 5", Asked("say", "K7QF", text="Hello,\nI can call at 5")),
        ("say K7QF", Asked("say", "K7QF")),
        ("note K7QF mother answered", Asked("note", "K7QF", text="mother answered")),
        ("LIST", Asked("list")),
        ("liste svp", Asked("list")),
        ("Ayuda", Asked("help")),
        ("aide !", Asked("help")),
    ],
)
def test_what_is_asked(text: str, asked: Asked) -> None:
    assert read_step(text) == asked


@pytest.mark.parametrize(
    "text",
    ["", " ", "ok", "fine", "K7Q", "K7QFX", "K0QF", "KIQF", "take", "take care of yourself", "try again", "end it",
     "please take K7QF", "K7QF K8QF", "i want to take K7QF", "say hello to them", "list of things to do", "2", "?"],
)  # fmt: skip
def test_ordinary_talk_asks_for_nothing(text: str) -> None:
    assert read_step(text) is None


def test_four_letters_that_are_a_keyword_take_nothing() -> None:
    assert read_step("PASS") is None  # it could be a code as well


@given(st.text(max_size=200))
def test_no_text_breaks_the_reading(text: str) -> None:
    asked = read_step(text)
    assert asked is None or asked.step in set(notices.KEYWORDS.values())


def test_what_digits_and_words_stand_for_exists() -> None:
    assert set(notices.TRIES.values()) <= set(CONTACT_RESULTS)
    assert set(notices.ENDS.values()) <= set(OUTCOMES)
    # Everything that can end an alert can be said by SMS, but what needs a second alert or is no end.
    assert set(OUTCOMES) - set(notices.ENDS.values()) == {"DUPLICATE_OF", "REFERRED_PENDING"}


@pytest.mark.parametrize("key", notices.WORDS)
@pytest.mark.parametrize("language", notices.LANGUAGES)
def test_every_word_to_staff_is_one_sms(key: str, language: str) -> None:
    assert set(notices.WORDS[key]) == set(notices.LANGUAGES)
    names = {name for _, name, _, _ in string.Formatter().parse(notices.WORDS[key][language]) if name}
    assert names == {name for _, name, _, _ in string.Formatter().parse(notices.WORDS[key]["en"]) if name} or (
        language == "ar"
    )
    phone = max((words[language] for words in notices.PHONES.values()), key=len)
    full = {
        "code": "K7QF", "level": "IMMINENT", "site": "KISIMA", "by": "25/12 10:15", "link": "", "person": "KIS-0042",
        "phone": f"{phone} 10:00-11:00", "start": "25/12 10:15", "end": "26/12 10:15", "what": "PASS amina", "why": "",
        "alerts": "",
    }  # fmt: skip
    cost = count(notices.WORDS[key][language].format(**full))
    assert cost.segments == 1
    assert cost.encoding == "GSM-7" or language == "ar"
