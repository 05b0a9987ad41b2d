"""Folding: what people type in one way or another becomes one way, and nothing typed can break it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.text import marked, normalise, tokens


@pytest.mark.parametrize(
    ("typed", "folded"),
    [
        ("I don't WANT to live!!!", "i dont want to live"),
        ("don’t", "dont"),
        ("J'ai peur", "j ai peur"),
        ("j’ai plus goût à la vie", "j ai plus gout a la vie"),
        ("s'il te plaît", "s il te plait"),
        ("qu'est-ce", "qu est ce"),
        ("Ça va", "ca va"),
        ("cœur", "coeur"),
        ("ng'ombe", "ngombe"),
        ("nooooo", "no"),
        ("saaaaana", "sana"),
        ("1000", "1000"),
        ("0777 000 111", "0777 000 111"),
        ("٤ و ۵", "4 و 5"),
        ("أنا بخير", "انا بخير"),
        ("مدرسة", "مدرسه"),
        ("كـــويس", "كويس"),
        ("ɓata ƙarfi ɗaya", "bata karfi daya"),
        ("FULL ｗｉｄｔｈ", "full width"),
        ("zero\u200bwidth", "zerowidth"),
        ("ok👍", "ok 👍"),
        ("fine 🌍", "fine"),
        ("k i l l myself", "kill myself"),
        ("d.i.e", "d i e"),
        ("i m a minor", "i m a minor"),
        ("so-so", "so so"),
        ("", ""),
        ("...", ""),
        ("line\nbreak", "line break"),
    ],
)
def test_text_is_folded(typed: str, folded: str) -> None:
    assert normalise(typed) == folded


def test_the_end_of_a_clause_is_marked_but_is_no_word() -> None:
    assert marked("No. I am ok") == ["no", ".", "i", "am", "ok"]
    assert tokens("No. I am ok") == ["no", "i", "am", "ok"]


@given(st.text())
def test_any_text_can_be_folded_and_folding_again_changes_nothing_more_than_letters_spelt_apart(text: str) -> None:
    once = normalise(text)
    assert "  " not in once
    assert once == once.strip()


@given(st.text(alphabet=st.characters(codec="ascii")))
def test_the_fast_way_for_plain_letters_says_what_the_slow_way_says(text: str) -> None:
    assert tokens(text) == tokens(text + "\u200d")


@given(st.text(alphabet=st.characters(min_codepoint=0xD800, max_codepoint=0xDFFF, categories=["Cs"])))
def test_half_characters_do_no_harm(text: str) -> None:
    assert tokens(text) == []
