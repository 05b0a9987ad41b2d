"""How many SMS segments a text costs: GSM 03.38 septets where it fits, else UCS-2, counted as Twilio counts."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

# GSM 03.38 default alphabet and its extension table; an extended character costs two septets (escape + character).
GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENDED = frozenset("\f^{}\\[~]|€")
_GSM = GSM_BASIC | GSM_EXTENDED

# Units per segment: alone, and when several are joined by a six-byte header in each.
_SIZES = {"GSM-7": (160, 153), "UCS-2": (70, 67)}

_ZWJ = "\u200d"
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_REGIONAL = range(0x1F1E6, 0x1F200)

Encoding = Literal["GSM-7", "UCS-2"]


@dataclass(frozen=True, slots=True)
class Segments:
    """`characters`: septets in GSM-7, graphemes in UCS-2. `left`: units that still fit without another segment."""

    encoding: Encoding
    segments: int
    characters: int
    left: int


def is_gsm(text: str) -> bool:
    return _GSM.issuperset(text)


def count(text: str) -> Segments:
    if is_gsm(text):
        septets = len(text) + sum(text.count(character) for character in GSM_EXTENDED)
        if septets <= 160:
            return Segments("GSM-7", 1, septets, 160 - septets)
        pieces = [2 if character in GSM_EXTENDED else 1 for character in text]
        return _placed("GSM-7", pieces, septets)
    pieces = [_utf16_units(grapheme) for grapheme in graphemes(text)]
    return _placed("UCS-2", pieces, len(pieces))


def _placed(encoding: Encoding, pieces: list[int], characters: int) -> Segments:
    """No grapheme and no escaped character is torn apart by a segment's end, unless it is longer than a segment."""
    alone, joined = _SIZES[encoding]
    total = sum(pieces)
    if total <= alone:
        return Segments(encoding, 1, characters, alone - total)
    segments, used = 1, 0
    for piece in pieces:
        if used + piece > joined:
            if used:
                segments += 1
            more, piece = divmod(piece - 1, joined)  # noqa: PLW2901  what remains of it opens the last segment
            segments += more
            used = piece + 1
        else:
            used += piece
    return Segments(encoding, segments, characters, joined - used)


def _utf16_units(text: str) -> int:
    return len(text) + sum(character > "\uffff" for character in text)


def graphemes(text: str) -> Iterator[str]:
    """What a reader sees as one character: marks, joined emoji, skin tones and flags stay with what they belong to.

    Covers the scripts and emoji of our languages, not all of Unicode's rules (Hangul jamo and Indic conjuncts).
    """
    start, flags = 0, 0
    for index, character in enumerate(text):
        joins = index > 0 and _extends(text[index - 1], character, flags)
        flags = (flags + 1 if joins else 1) if ord(character) in _REGIONAL else 0
        if index > 0 and not joins:
            yield text[start:index]
            start = index
    if text:
        yield text[start:]


def _extends(before: str, character: str, flags: int) -> bool:
    code = ord(character)
    if before in "\r\n":
        return False
    if code in _REGIONAL:
        return flags % 2 == 1
    if before == _ZWJ:
        return code > 0x2000
    return character == _ZWJ or code in _SKIN_TONES or unicodedata.category(character) in {"Mn", "Me", "Mc"}
