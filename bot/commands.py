"""Commands: only ever the whole message, politeness aside, because "stop" and "end" are also words of despair."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from bot.text import tokens
from content.schema import Pack, Words

Name = Literal["stop", "start", "help", "call_me", "language"]
_NAMES: tuple[Name, ...] = ("stop", "start", "call_me", "help")
MAX_WORDS = 8

_POLITE_PHRASES = (("s", "il", "vous", "plait"), ("s", "il", "te", "plait"), ("thank", "you"))
# Alone these are what operators know; "please end" may be about a life.
_BARE_ONLY = frozenset({"end", "quit", "cancel", "fin", "annuler"})


@dataclass(frozen=True, slots=True)
class Command:
    """What was asked for; `language` is the new language of a language change, else the one the keyword belongs to."""

    name: Name
    language: str = ""


def read_command(text: str, pack: Pack, language: str) -> Command | None:
    """The command that this message is, or None. The person's own language is tried first, then all of the pack."""
    if len(text) > 120:
        return None
    if text.strip() in ("?", "??", "???"):
        return Command("help", language)
    words = tuple(tokens(text))
    if not 0 < len(words) <= MAX_WORDS:
        return None
    book = _book(pack, language)
    for form in _forms(words, book.polite):
        for code, keywords, _ in book.languages:
            found = keywords.get(form)
            if found is not None and (form == words or form[0] not in _BARE_ONLY):
                return Command(found, code)
    asked = _without(words, book.asking)
    for code, _, names in book.languages:
        if asked in names:
            return Command("language", code)
    return None


def _forms(words: tuple[str, ...], polite: frozenset[str]) -> Iterator[tuple[str, ...]]:
    """The message as it is, and without politeness: "stop pls", "arrêt svp". Repeating a word changes nothing."""
    yield words
    if len(words) > 1 and len(set(words)) == 1:
        yield words[:1]
    bare = words
    for phrase in _POLITE_PHRASES:
        if bare[-len(phrase) :] == phrase:
            bare = bare[: -len(phrase)]
    bare = _without(bare, polite)
    if bare:
        yield bare
        if len(set(bare)) == 1:
            yield bare[:1]


def _without(words: tuple[str, ...], drop: frozenset[str]) -> tuple[str, ...]:
    return tuple(word for word in words if word not in drop)


@dataclass(frozen=True, slots=True)
class _Book:
    """All keywords of a pack as one person's messages are held against them: their own language first."""

    pack: Pack
    languages: tuple[tuple[str, dict[tuple[str, ...], Name], frozenset[tuple[str, ...]]], ...]
    polite: frozenset[str]
    asking: frozenset[str]  # politeness, and the words of asking for a language


_books: dict[tuple[int, str], _Book] = {}


def _book(pack: Pack, language: str) -> _Book:
    # Kept by the pack's identity (and the pack alive with it): hashing its phrases costs more than reading the message.
    found = _books.get((id(pack), language))
    if found is None:
        order = dict.fromkeys(code for code in (language, *pack.languages) if code in pack.words)
        polite = frozenset(word for code in order for word in pack.words[code].polite)
        found = _books[id(pack), language] = _Book(
            pack,
            tuple((code, _keywords(pack.words[code]), _names(pack.words[code])) for code in order),
            polite,
            polite | frozenset(word for code in order for word in pack.words[code].asking),
        )
    return found


def _keywords(words: Words) -> dict[tuple[str, ...], Name]:
    found: dict[tuple[str, ...], Name] = {}
    for name in _NAMES:
        for keyword in words.commands.get(name, ()):
            if form := tuple(tokens(keyword)):
                found.setdefault(form, name)
    return found


def _names(words: Words) -> frozenset[tuple[str, ...]]:
    return frozenset(tuple(tokens(name)) for name in words.names)
