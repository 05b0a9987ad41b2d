"""What a staff member asks for by SMS: pure reading of "K7QF", "TRY K7QF 2", "END K7QF SAFE talked with her"."""

import re
import unicodedata
from dataclasses import dataclass

from cases import notices
from cases.closing import CONTACT_RESULTS, OUTCOMES
from cases.rules import CODE_LETTERS

_CODE = re.compile(f"[{CODE_LETTERS}]{{4}}")
_PUNCTUATION = ".,;:!?#\"'()-"


@dataclass(frozen=True, slots=True)
class Asked:
    """One step asked for; what is missing or was not understood in it is ""."""

    step: str  # take · pass · try · end · say · note · list · help
    code: str = ""
    what: str = ""  # a contact result, an outcome, or the log-in of a colleague
    text: str = ""


def read_step(text: str) -> Asked | None:
    """The step that this text asks for, or None if it asks for none.

    A code alone takes the alert. Only what begins with a keyword and a code (or is a bare keyword) counts, so that
    ordinary talk is none. Letters may be small and accents missing.
    """
    first, *more = text.split() or [""]
    step = notices.KEYWORDS.get(_plain(first), "")
    if step in _BARE:
        return Asked(step) if len(more) <= 1 else None
    if not more:
        return Asked("take", _code(first)) if _code(first) and not step else None
    code, rest = _code(more[0]), more[1:]
    if not step or not code or (step == "take" and rest):
        return None
    return _with_rest(step, code, rest, text)


_BARE = frozenset({"list", "help"})


def _with_rest(step: str, code: str, rest: list[str], text: str) -> Asked:
    match step:
        case "pass":
            return Asked(step, code, rest[0].lower().strip(_PUNCTUATION) if rest else "")
        case "try":
            return Asked(step, code, _result(rest[:1]), " ".join(rest[1:]))
        case "end":
            return Asked(step, code, _outcome(rest[:1]), " ".join(rest[1:]))
        case _:
            # The words as they were typed, lines and all.
            return Asked(step, code, text=text.split(None, 2)[2] if rest else "")


def _plain(word: str) -> str:
    bare = unicodedata.normalize("NFKD", word.strip(_PUNCTUATION).casefold())
    # Arabic "إ" is alif and a mark: what is left after the marks is how people type it.
    return "".join(character for character in bare if not unicodedata.combining(character))


def _code(word: str) -> str:
    bare = word.strip(_PUNCTUATION).upper()
    return bare if _CODE.fullmatch(bare) else ""


def _result(words: list[str]) -> str:
    if not words:
        return ""
    bare = words[0].strip(_PUNCTUATION)
    digit = unicodedata.normalize("NFKC", bare)
    named = bare.upper()
    number = str(unicodedata.digit(digit, -1)) if len(digit) == 1 else digit
    return notices.TRIES.get(number, named if named in CONTACT_RESULTS else "")


def _outcome(words: list[str]) -> str:
    if not words:
        return ""
    bare = words[0].strip(_PUNCTUATION)
    return notices.ENDS.get(bare.casefold(), bare.upper() if bare.upper() in OUTCOMES else "")
