"""The numbers inside a message: digits, words, and letters that stand for digits."""

import re
from collections.abc import Sequence

from bot.answers.speech import Speech
from bot.text import fold, tokens

_ARTICLES = frozenset({"one", "un", "une", "uno", "una", "um", "uma"})
# A number as written inside a text: "24ans", "no.2", "2)", "7.5", "٤". A sign in front belongs to it.
_NUMBER = re.compile(r"(?<![\d.,])-?\d+(?:[.,]\d+)?")
_DIGIT = re.compile(r"\d")
_THOUSANDS = re.compile(r"(?<=\d)[ ,'](?=\d{3}\b)")
SPELLED_ZERO = re.compile(r"(?<![^\W\d_])[oO](?=\d)|(?<=\d)[oO](?![^\W\d_])")
_DIGIT_LETTERS = re.compile(r"(?<![\w])[a-z]+\d+[a-z][a-z\d]*(?![\w])|(?<![\w])\d[a-z]+\d[a-z\d]*(?![\w])")
_NO_DIGITS = str.maketrans("0123456789", "oizeasgtbq")


def split_numbers(text: str, speech: Speech) -> tuple[list[float], list[str]]:
    """The numbers in a message, in digits or words (l and I alone are ones, o is zero), and its other words."""
    folded = fold(text)
    bare = folded.strip(" .!)(")
    if bare in ("l", "i", "|"):
        return [1.0], []
    if bare == "o":
        return [0.0], []
    numbers: list[float] = []
    if _DIGIT.search(folded) is not None:
        folded = _THOUSANDS.sub("", SPELLED_ZERO.sub("0", folded))
        folded = _DIGIT_LETTERS.sub(lambda word: _digit_letters(word[0], speech), folded)
        numbers = [float(found.replace(",", ".")) for found in _NUMBER.findall(folded)]
        folded = _NUMBER.sub(" ", folded)
    named, rest = _named_numbers(_without_phrases(tokens(folded), speech), speech, has_digits=bool(numbers))
    return numbers + named, rest


def _digit_letters(word: str, speech: Speech) -> str:
    """Arabic in Latin letters writes letters as digits: *sab3a* is seven and not three, *wa7ed* one and not seven."""
    for form in (tuple(tokens(word)), tuple(tokens(speech.words.spellings.get(word, "")))):
        if form in speech.numbers:
            return f" {speech.numbers[form]} "
    return f" {word.translate(_NO_DIGITS)} "


def _without_phrases(words: list[str], speech: Speech) -> list[str]:
    """ "More or less": as a whole it says nothing, though its words alone would turn an answer."""
    for phrase in speech.phrases:
        for at in range(len(words) - len(phrase), -1, -1):
            if tuple(words[at : at + len(phrase)]) == phrase:
                words = words[:at] + words[at + len(phrase) :]
    return words


def _named_numbers(left: Sequence[str], speech: Speech, *, has_digits: bool) -> tuple[list[float], list[str]]:
    numbers: list[float] = []
    rest: list[str] = []
    at = 0
    is_joined = False  # whether what stands before this word may be the beginning of the same number
    while at < len(left):
        value, size = _named_at(left, at, speech)
        whole = _compose(numbers[-1], value) if is_joined and value is not None else None
        # "one" after "the second", "un" before a noun: an article beside a number or other words is none.
        is_alone = not has_digits and len(left) == 1
        is_marked = bool(rest) and rest[-1] in speech.marks
        if value is not None and (whole is not None or left[at] not in _ARTICLES or is_alone or is_marked):
            numbers[-1:] = [whole] if whole is not None else [*numbers[-1:], value]
            at, is_joined = at + size, True
        elif is_joined and left[at] in speech.joins and _named_at(left, at + 1, speech)[0] is not None:
            at += 1
        else:
            rest.append(left[at])
            at, is_joined = at + 1, False
    return numbers, rest


def _named_at(words: Sequence[str], at: int, speech: Speech) -> tuple[float | None, int]:
    for size in (3, 2, 1):
        if at + size <= len(words) and (value := speech.numbers.get(tuple(words[at : at + size]))) is not None:
            return float(value), size
    return None, 0


def _compose(one: float, other: float) -> float | None:
    """ "twenty five", "five and twenty", "two hundred", "hundred and two": one number; None: two."""
    if 20 <= one < 100 and one % 10 == 0 and 0 < other < 10:
        return one + other
    if 0 < one < 10 and 20 <= other < 100 and other % 10 == 0:
        return one + other
    if 0 < one < 10 and other in (100, 1000):
        return one * other
    if one >= 100 and one % 100 == 0 and 0 < other < 100:
        return one + other
    return None
