"""One way to write a message down: folded letters, words apart, clause ends marked; it never raises."""

import re
import unicodedata
from functools import lru_cache

END = "."  # marks the end of a clause in `marked`

# Symbols that say something by themselves; every other one is a space.
MEANINGFUL = frozenset("👍👎✅❌🔫🔪💣💊🪢💀⚰🗡😭😢😂🤣💔🙏❤😀🙂🙁☹😊😔")

# Letters that decomposition leaves alone: hooked Hausa letters, Arabic variants, ligatures, joiners.
_LETTERS = str.maketrans(
    {
        "ɓ": "b", "ɗ": "d", "ƙ": "k", "ƴ": "y", "ʼ": "'", "’": "'", "‘": "'", "`": "'", "´": "'", "ʻ": "'",
        "′": "'", "ʹ": "'", "＇": "'", "أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ی": "ي", "ک": "ك",
        "ة": "ه", "ـ": "", "œ": "oe", "æ": "ae", "ø": "o", "đ": "d", "ł": "l", "ı": "i", "ŋ": "n",
        "\u200b": "", "\u200c": "", "\u200d": "", "\u200e": "", "\u200f": "", "\ufeff": "", "\ufe0f": "", "\u00ad": "",
    }
)  # fmt: skip
_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "01234567890123456789")
_ENDS = ".!?;:\n\r…؟؛।"


class _Spacing(dict[int, str]):
    """What stands for a character in `marked`, found when it is first met: letters and digits as they are."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        self[code] = found = _spaced(character)
        return found


class _Unmarking(dict[int, int | None]):
    """Every character but combining marks."""

    def __missing__(self, code: int) -> int | None:
        self[code] = found = None if unicodedata.category(chr(code)) == "Mn" else code
        return found


_DOUBLED = re.compile(r"([^\W\d_])\1+")
_REPEATS = re.compile(r"([^\W\d_])\1{2,}")
# "k i l l": four letters, or three that do not start like "i m a" or "u r a".
_LETTER_BY_LETTER = re.compile(r"(?<!\S)(?![iu] )[a-z](?: +[a-z]){2,}(?!\S)")
# French (and Arabic-French) elision: the apostrophe parts two words. Everywhere else it is inside one.
_ELIDED = re.compile(r"\b(j|n|d|l|m|t|s|c|qu|jusqu|lorsqu|puisqu)'(?=[^\W\d_]{2}|[aày]\b)")


# Every step of a turn looks at the same message again: its last few forms are kept, and no more than those.
_KEPT = 16


@lru_cache(maxsize=_KEPT)
def fold(text: str) -> str:
    """Lower case, no accents, Western digits, folded Arabic letters; spacing and punctuation as they were."""
    if text.isascii():
        return text.lower().replace("`", "'")
    text = unicodedata.normalize("NFKC", text).translate(_LETTERS).casefold()
    text = unicodedata.normalize("NFD", text).translate(_UNMARKING)
    return unicodedata.normalize("NFC", text).translate(_LETTERS).translate(_DIGITS)


def marked(text: str) -> list[str]:
    """The words in order, with `END` where a clause ends."""
    return list(_marked(text))


@lru_cache(maxsize=_KEPT)
def _marked(text: str) -> tuple[str, ...]:
    text = fold(text)
    if "'" in text:
        text = _ELIDED.sub(r"\1 ", text).replace("'", "")
    text = text.translate(_SPACING)
    if _REPEATS.search(text):
        text = _REPEATS.sub(r"\1", text)
    if _LETTER_BY_LETTER.search(text):
        text = _LETTER_BY_LETTER.sub(lambda found: found[0].replace(" ", ""), text)
    return tuple(text.split())


def _spaced(character: str) -> str:
    if character.isalnum():
        return character
    if character in _ENDS:
        return f" {END} "
    if character in MEANINGFUL:
        return f" {character} "
    return " "


_SPACING, _UNMARKING = _Spacing(), _Unmarking()


def tokens(text: str) -> list[str]:
    """The words of a message, folded."""
    return [word for word in marked(text) if word != END]


def normalise(text: str) -> str:
    """The words of a message, folded, with single spaces between them; a second pass changes nothing."""
    return " ".join(tokens(text))


def squeeze(word: str) -> str:
    """The word with every doubled letter single: what people who hold a key down or drop a letter have in common."""
    return _DOUBLED.sub(r"\1", word)
