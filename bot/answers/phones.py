"""Telephone numbers, E.164 out."""

import re

import phonenumbers

from bot.answers.numerals import SPELLED_ZERO
from bot.answers.speech import Answer
from bot.text import fold


def read_phone(text: str) -> Answer:
    """A number with its country code, E.164 out; without one it could belong to several countries."""
    digits = re.sub(r"[^\d+]", "", SPELLED_ZERO.sub("0", fold(text)))
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    if not digits.startswith("+"):
        return Answer(digits, "local number") if 7 <= len(digits) <= 12 else Answer(None, "not a telephone number")
    try:
        number = phonenumbers.parse(digits)
    except phonenumbers.NumberParseException:
        return Answer(None, "not a telephone number")
    if not phonenumbers.is_possible_number(number):
        return Answer(None, "not a telephone number")
    return Answer(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), "telephone number")
