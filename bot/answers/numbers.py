"""One number, with its half; a range, or two numbers, is no answer."""

import re
from collections.abc import Mapping, Sequence

from bot.answers.choices import whole_label
from bot.answers.numerals import split_numbers
from bot.answers.speech import Answer, Speech
from bot.text import fold, tokens

# "5-7": both ends are meant, so neither is the answer.
_RANGE = re.compile(r"(?<![\d.,/-])\d+(?:[.,]\d+)?\s*[-–—]\s*\d+(?:[.,]\d+)?(?![\d/-])")


def read_number(  # noqa: PLR0911  one return per reason
    text: str, options: Mapping[str, Sequence[str]], speech: Speech, minimum: float | None, maximum: float | None
) -> Answer:
    if options:
        whole = whole_label(tuple(tokens(text)), options, speech)
        if whole is not None and re.fullmatch(r"-?\d+(\.\d+)?", whole):
            return Answer(float(whole), "label")
    if _is_range(text, speech):
        return Answer(None, "a range")
    numbers, rest = split_numbers(text, speech)
    if not numbers:
        return Answer(None, "no number")
    if len(set(numbers)) > 1:
        return Answer(None, "more than one number")
    if speech.denials & set(rest):
        return Answer(None, "denied or limited")
    number, rest = _with_half(numbers[0], rest, speech)
    if (minimum is not None and number < minimum) or (maximum is not None and number > maximum):
        return Answer(None, "out of range")
    if len([word for word in rest if word not in speech.fillers]) > 4:
        return Answer(None, "number inside a longer text")
    return Answer(number, "number")


def _with_half(number: float, rest: list[str], speech: Speech) -> tuple[float, list[str]]:
    for half in speech.halves:
        for at in range(len(rest) - len(half) + 1):
            if tuple(rest[at : at + len(half)]) == half and number == int(number):
                return number + 0.5, rest[:at] + rest[at + len(half) :]
    return number, rest


def _is_range(text: str, speech: Speech) -> bool:
    """ "5-7", "between five and seven", "2 or 3": two ends, and nobody but them can say which is meant."""
    folded = fold(text)
    if _RANGE.search(folded):
        return True
    said = tokens(folded)
    is_number = [word.isdigit() or (word,) in speech.numbers for word in said]
    return any(
        said[at] in speech.ranges and is_number[at - 1] and is_number[at + 1] and said[at - 1] != said[at + 1]
        for at in range(1, len(said) - 1)
    )
