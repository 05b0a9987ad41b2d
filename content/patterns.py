"""One entry for a family of phrases: `(a|b)` for alternatives, `<name>` for a group of words defined once.

`(nita|nime|na)kunywa <poison>` stands for every one of its forms. An empty alternative, `(the|)`, may be missing.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import product

_TOKEN = re.compile(r"<[^<>]*>|\([^()]*\)|[^<>()]+")
_WORD = re.compile(r"(?:<[^<>]*>|\([^()]*\)|[^\s()<>])+")
_IS_WHOLE = re.compile(r"(?:<[^<>()]*>|\([^()<>]*\)|[^<>()]+)*")
MAX_FORMS = 2000  # of one word; more is a slip of the list's editor

Groups = Mapping[str, Sequence[str]]


def is_pattern(text: str) -> bool:
    """True if the phrase has alternatives or groups in it."""
    return "<" in text or "(" in text


def slots(text: str, groups: Groups) -> list[list[str]]:
    """The phrase word by word, each with all its forms ("" where it may be missing)."""
    if not is_pattern(text):
        return [[word] for word in text.split()]
    return [forms(word, groups) for word in _WORD.findall(text)]


def forms(word: str, groups: Groups) -> list[str]:
    """All forms of one word. Raises `ValueError` naming what is wrong with it."""
    if not _IS_WHOLE.fullmatch(word):
        raise ValueError(f"{word!r}: a bracket is open, or stands inside another")
    parts: list[list[str]] = []
    for token in _TOKEN.findall(word):
        if token.startswith("<"):
            name = token[1:-1]
            if name not in groups:
                raise ValueError(f"group <{name}> does not exist")
            parts.append([form for member in groups[name] for form in _plain_forms(member)])
        elif token.startswith("("):
            parts.append(token[1:-1].split("|"))
        else:
            parts.append([token])
    found = list(dict.fromkeys("".join(pieces) for pieces in product(*parts)))
    if len(found) > MAX_FORMS:
        raise ValueError(f"{word!r} has {len(found)} forms, more than {MAX_FORMS}")
    return found


def _plain_forms(member: str) -> list[str]:
    """Members of groups may have alternatives and several words, never groups of their own."""
    if "<" in member:
        raise ValueError(f"{member!r}: a group cannot stand inside a group")
    return [" ".join(" ".join(words).split()) for words in product(*slots(member, {}))]
