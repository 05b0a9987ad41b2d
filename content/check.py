"""Finds what would go wrong with a content pack before anybody receives it: all faults, each with its file and line."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from string import Formatter

from content.guidance import LONGEST_TIME, check_guidance
from content.pack import Loaded, read_pack
from content.schema import Checkin, Pack, Question, QuestionText
from content.source import Fault
from content.training import read_foreign, read_training

# The longest hotline a site may plausibly have: a whole international number with its spaces.
LONGEST_HOTLINE = "+254 700 000 000"
# Which phrases carry more than the hotline, and must.
_FILLED = {"reask_1": "help", "reask_2": "help", "resume": "question", "reminder": "question"}

_BETWEEN_WORDS = re.compile(r"[^\w]+|_+")

CountSegments = Callable[[str], int]


def check_pack(path: Path | None = None, count_segments: CountSegments | None = None) -> list[Fault]:
    """All faults of the pack at `path` laid over the built-in one, in reading order.

    `count_segments` says how many SMS a text takes (`channels.segments`, which stands above this floor); without it
    lengths are not checked.
    """
    loaded = read_pack(path)
    faults = {
        *loaded.faults,
        *read_training(path)[1],
        *read_foreign(path)[1],
        *_check_phrases(loaded),
        *_check_texts(loaded),
        *_check_paths(loaded),
        *_check_words_sent(loaded),
        *check_guidance(loaded.pack, loaded.places),
    }
    if count_segments is not None:
        faults |= set(_check_lengths(loaded, count_segments))
    return sorted(faults)


# --- never-send words ---


def find_forbidden(pack: Pack, text: str, language: str) -> list[str]:
    """The never-send words in an outgoing text: of all languages, of this one and, as staff mix it in, of English."""
    return list(dict.fromkeys(_hits(pack, _folded(text), dict.fromkeys(("*", language, "en")))))


def find_forbidden_typed(pack: Pack, text: str, language: str) -> list[str]:
    """The same for what staff type: in a person's language, or in any other of ours that both may know.

    A word of another language's list that is an everyday word of the person's language or of English is no hit: a
    warning that is mostly wrong is soon not read.
    """
    spoken = _folded(text)
    found = dict.fromkeys(_hits(pack, spoken, dict.fromkeys(("*", language, "en"))))
    everyday = _everyday(pack, language)
    for word in _hits(pack, spoken, [listed for listed in pack.forbidden if listed not in ("*", language, "en")]):
        if not everyday.issuperset(word.split()):
            found[word] = None
    return list(found)


def _hits(pack: Pack, spoken: str, lists: Iterable[str]) -> Iterator[str]:
    for listed in lists:
        for match in _pattern(tuple(pack.forbidden.get(listed, ()))).finditer(spoken):
            yield match.group()


def _everyday(pack: Pack, language: str) -> frozenset[str]:
    known = [pack.words[code].common for code in dict.fromkeys((language, "en")) if code in pack.words]
    return frozenset(_folded(word) for words in known for word in words)


def _folded(text: str) -> str:
    """Small letters without accents; anything that is no letter or digit is one space."""
    spread = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(letter for letter in spread if not unicodedata.combining(letter))
    return _BETWEEN_WORDS.sub(" ", bare).strip()


@lru_cache(maxsize=64)
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    branches = [re.escape(_folded(word)) + (r"\w*" if word.endswith("*") else "") for word in words]
    if not branches:
        return re.compile(r"(?!)")
    return re.compile(rf"(?<!\w)(?:{'|'.join(sorted(branches, key=len, reverse=True))})(?!\w)")


def _check_words_sent(loaded: Loaded) -> Iterator[Fault]:
    for place, language, text in _sent(loaded):
        for word in find_forbidden(loaded.pack, text, language):
            yield Fault(*place, f"{word!r} must never be sent: it can expose or hurt the person")


def _sent(loaded: Loaded) -> Iterator[tuple[tuple[str, int], str, str]]:
    """Every text that can leave: where it stands, its language, its words."""
    for (key, language), text in loaded.pack.phrases.items():
        yield loaded.places["phrase", key, language], language, text
    for (key, language), reply in loaded.pack.replies.items():
        yield loaded.places["reply", key, language], language, reply.text
    for (checkin, question, language), asked in loaded.pack.texts.items():
        if _goes_to_private_phones(loaded.pack, checkin, question):
            continue  # an instrument's own wording, which only a phone confirmed private gets (DOMAIN 5.3)
        place = loaded.places["text", checkin, question, language]
        for text in (*asked.before, asked.text, asked.help):
            yield place, language, text


def _goes_to_private_phones(pack: Pack, checkin_id: str, question_id: str) -> bool:
    checkin = pack.checkins.get(checkin_id)
    question = checkin.question(question_id) if checkin is not None else None
    return checkin is not None and (checkin.private_only or (question is not None and question.private_only))


# --- phrases ---


def _check_phrases(loaded: Loaded) -> Iterator[Fault]:
    pack = loaded.pack
    keys = {key for key, _ in pack.phrases}
    for key in sorted(keys):
        written = [language for language in pack.languages if pack.phrases.get((key, language))]
        for language in pack.languages:
            if language not in written:
                place = loaded.places.get(("phrase", key, language)) or _first_place(loaded, key, written)
                yield Fault(*place, f"phrase {key!r} is missing in {language!r}")
    for (key, language), text in pack.phrases.items():
        yield from _check_placeholders(loaded.places["phrase", key, language], key, text)


def _first_place(loaded: Loaded, key: str, written: list[str]) -> tuple[str, int]:
    return loaded.places["phrase", key, written[0]] if written else loaded.places["pack",]


def _check_placeholders(place: tuple[str, int], key: str, text: str) -> Iterator[Fault]:
    needed = _FILLED.get(key)
    allowed = {"hotline"} if needed is None else {needed}
    try:
        names = {name for _, name, _, _ in Formatter().parse(text) if name is not None}
    except ValueError:
        yield Fault(*place, f"phrase {key!r}: a curly bracket is open or closed alone")
        return
    for name in sorted(names - allowed):
        known = ", ".join("{" + name + "}" for name in sorted(allowed))
        yield Fault(*place, f"phrase {key!r}: unknown placeholder {{{name}}}; known here: {known}")
    if needed is not None and needed not in names:
        yield Fault(*place, f"phrase {key!r} must contain {{{needed}}}")


# --- check-ins ---


def _check_texts(loaded: Loaded) -> Iterator[Fault]:
    pack = loaded.pack
    for checkin in pack.checkins.values():
        for question in checkin.questions:
            for language in checkin.languages:
                if question.languages and language not in question.languages:
                    continue
                text = pack.texts.get((checkin.id, question.id, language))
                if text is None:
                    place = loaded.places["question", checkin.id, question.id]
                    yield Fault(*place, f"question {question.id!r} has no text in {language!r}")
                else:
                    place = loaded.places["text", checkin.id, question.id, language]
                    yield from _check_text(place, question, text)
    for checkin_id, question_id, language in pack.texts:
        known = pack.checkins.get(checkin_id)
        place = loaded.places["text", checkin_id, question_id, language]
        if known is None:
            yield Fault(*place, f"there is no check-in {checkin_id!r}")
        elif known.question(question_id) is None:
            yield Fault(*place, f"check-in {checkin_id!r} has no question {question_id!r}")


def _check_text(place: tuple[str, int], question: Question, text: QuestionText) -> Iterator[Fault]:
    name = f"question {question.id!r}"
    if not text.text:
        yield Fault(*place, f"{name}: its text is empty")
    if not text.help:
        yield Fault(*place, f"{name}: its help is empty")
    values = [option.value for option in question.options]
    for value in values:
        if question.kind == "choice" and not text.options.get(value):
            yield Fault(*place, f"{name}: option {value!r} has no label")
    for value in text.options:
        if value not in values:
            yield Fault(*place, f"{name}: there is no option {value!r}")
    owners: dict[str, str] = {}
    for value, spellings in text.options.items():
        for spelling in spellings:
            other = owners.setdefault(_folded(spelling), value)
            if other != value:
                yield Fault(*place, f"{name}: {spelling!r} is written for both {other!r} and {value!r}")


def _check_paths(loaded: Loaded) -> Iterator[Fault]:
    for checkin in loaded.pack.checkins.values():
        before: dict[str, Question] = {}
        for question in checkin.questions:
            place = loaded.places["question", checkin.id, question.id]
            for other, values in question.when.items():
                for sentence in _unreachable(checkin, before, question, other, values):
                    yield Fault(*place, f"question {question.id!r} can never be asked: {sentence}")
            before[question.id] = question


def _unreachable(
    checkin: Checkin, before: Mapping[str, Question], question: Question, other: str, values: tuple[str, ...]
) -> Iterator[str]:
    asked = before.get(other)
    if asked is None:
        if other == question.id:
            yield "it waits for its own answer"
        elif checkin.question(other) is not None:
            yield f"it waits for {other!r}, which comes later"
        else:
            yield f"it waits for {other!r}, which does not exist"
        return
    if not values:
        yield f"no value of {other!r} is named"
    known = _values(asked)
    for value in values:
        if known is not None and value not in known:
            yield f"{value!r} is no answer to {other!r}"


def _values(question: Question) -> set[str] | None:
    """The answers that can be waited for; None: anything."""
    if question.kind == "yesno":
        return {"yes", "no"}
    return {option.value for option in question.options} if question.kind == "choice" else None


# --- length ---


def _check_lengths(loaded: Loaded, count_segments: CountSegments) -> Iterator[Fault]:
    for place, what, text in _longest(loaded):
        segments = count_segments(text)
        if segments > 1:
            size = f"{segments} SMS ({len(text)} characters with its placeholders filled in)"
            yield Fault(*place, f"{what} takes {size}; one is allowed")


def _longest(loaded: Loaded) -> Iterator[tuple[tuple[str, int], str, str]]:
    """Every message that can leave, with its placeholders at their longest."""
    pack = loaded.pack
    for (key, language), text in pack.phrases.items():
        place = loaded.places["phrase", key, language]
        if key in _FILLED:
            # A question with parts before it is repeated in its parts, without the phrase around it.
            once = (text for (_, _, spoken), text in pack.texts.items() if spoken == language)
            for asked in (text for text in once if not text.before):
                yield place, f"phrase {key!r}", _filled(text, question=asked.text, help=asked.help)
        elif not key.startswith("greeting_"):
            yield place, f"phrase {key!r}", _filled(text, hotline=_longest_hotline(pack, language))
    for (key, language), reply in pack.replies.items():
        place = loaded.places["reply", key, language]
        filled = _filled(reply.text, hotline=_longest_hotline(pack, language), time=LONGEST_TIME)
        yield place, f"prepared reply {key!r}", filled
    for (checkin_id, question_id, language), asked in pack.texts.items():
        place = loaded.places["text", checkin_id, question_id, language]
        yield place, f"question {question_id!r}", asked.text
        for part in asked.before:
            yield place, f"question {question_id!r}, what is sent before it,", part
        checkin = pack.checkins.get(checkin_id)
        if checkin is not None and checkin.questions and checkin.questions[0].id == question_id:
            for greeting in pack.greetings(language):
                yield place, f"question {question_id!r} after its greeting", f"{greeting} {asked.text}"


def _longest_hotline(pack: Pack, language: str) -> str:
    return max(LONGEST_HOTLINE, pack.phrases.get(("no_hotline", language), ""), key=len)


def _filled(text: str, **values: str) -> str:
    """Like `format`, but what is not known stays as it stands (it is a fault of its own)."""
    for name, value in values.items():
        text = text.replace("{" + name + "}", value)
    return text
