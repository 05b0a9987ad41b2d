"""How grave a message is, and why: all languages' word lists, what bends them, and what a classifier makes of it."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from bot.effects import Assessment, Opinion, Reason
from bot.language import Identified, Identifier
from bot.text import END, marked, tokens
from bot.wordlists import Hit, WordList, known_words
from content.schema import ROUTES, Level, Pack, Route

ADULT = 18
CHILD = 5  # below, "5 years" is how long, not how old
MAX_REASONS = 8
NEAR = 6  # words between a phrase and the word of time, of the past or of another person that bends it
# Weapons and times make these a plan (DOMAIN 3.3); for other routes they say nothing new.
_PLANS: frozenset[Route] = frozenset({"self_harm", "harm_others"})
# Long ago is less urgent for these (C-SSRS); for rape, recruitment or a child it is not.
_FADES: frozenset[Route] = frozenset({"self_harm", "harm_others", "threat"})
# Probability of danger below which a broad pattern of a list counts as elevated only. Of what the lists hear in the
# development split no message in danger was lost by it; of their false alarms one in five went (docs/evaluation.md).
_DOUBT = 0.05
_CALM = Assessment()


@dataclass(frozen=True, slots=True)
class Reading:
    """The message as one language's lists see it."""

    language: str
    lists: WordList
    words: list[str]
    hits: list[Hit]


@dataclass(frozen=True, slots=True)
class Finding:
    """One signal as it counts in the end."""

    level: Level
    route: Route
    language: str
    reasons: tuple[Reason, ...]


_kept: dict[int, tuple[Pack, dict[str, WordList]]] = {}
_MOST_KEPT = 2  # packs; a service has one


def _compiled(pack: Pack) -> dict[str, WordList]:
    """The pack's lists, compiled once: it takes a second. Kept by identity, with the pack, so that no id returns."""
    found = _kept.get(id(pack))
    if found is None:
        with _collector_resting():
            lists = _compile(pack)
        if len(_kept) >= _MOST_KEPT:
            _kept.pop(next(iter(_kept)))
        found = _kept[id(pack)] = (pack, lists)
    return found[1]


def _compile(pack: Pack) -> dict[str, WordList]:
    known = {code: known_words(words) for code, words in pack.words.items()}
    # A word that is right in one language is not a misspelling in another.
    return {
        code: WordList(words, frozenset().union(*(known[other] for other in known if other != code)), known[code])
        for code, words in pack.words.items()
    }


@contextmanager
def _collector_resting() -> Iterator[None]:
    """Half a million objects are made that stay: looking for garbage among them again and again took a third."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class Classifier(Protocol):
    """Says at once how grave a message is; `language` is the writer's own."""

    def classify(self, text: str, language: str) -> Opinion: ...


class Reader:
    """Compiles the lists of a pack once; `assess` reads one message with the lists of all given languages.

    `classifier` None: the lists alone. `identifier` None: everybody is taken to write in their own language.
    """

    def __init__(self, pack: Pack, classifier: Classifier | None = None, identifier: Identifier | None = None) -> None:
        self._classifier = classifier
        self._identifier = identifier
        self._offered = pack.languages
        self._lists = _compiled(pack)

    def identify(self, text: str, language: str, languages: Sequence[str]) -> Identified:
        """Which language of the pack the message is in; `language` is the writer's own, `languages` those around."""
        if self._identifier is None:
            return Identified(language or None, 0.0, ("not judged",))
        return self._identifier.identify(text, language, self._offered, languages)

    def assess(
        self,
        text: str,
        language: str,
        languages: Sequence[str],
        opinion: Opinion | None = None,
        spoken: Identified | None = None,
    ) -> Assessment:
        """The gravest signal and everything that spoke for it. Quotes the lists, never the message.

        `opinion`: of a classifier outside, asked before; where it is missing, our own is asked here. `spoken`: the
        languages the message is in are read too, where they are none of `languages`; it never leaves one out.
        """
        is_told = spoken is not None and (spoken.is_clear or bool(spoken.second))
        also = [code for code in (spoken.language, spoken.second) if code] if spoken and is_told else []
        if opinion is None and self._classifier is not None:
            opinion = self._classifier.classify(text, language)
            for code in also:
                if code != language and code in self._lists:  # what is sure enough differs from language to language
                    opinion = max(opinion, self._classifier.classify(text, code), key=lambda each: each.level)
        is_doubted = opinion is not None and opinion.danger < _DOUBT
        return _with_opinion(self._by_lists(text, language, (*languages, *also), is_doubted=is_doubted), opinion)

    def _by_lists(self, text: str, language: str, languages: Sequence[str], *, is_doubted: bool = False) -> Assessment:
        words = marked(text)
        if not words:
            return _CALM
        readings = []
        findings: list[Finding] = []
        for code in dict.fromkeys((language, *languages)):
            lists = self._lists.get(code)
            if lists is None:
                continue
            spellings = lists.readings(words)
            if lists.ages:
                findings += _ages(code, lists, spellings[0])
            for spelled in spellings:
                hits = lists.find(spelled)
                if hits:
                    readings.append(Reading(code, lists, spelled, hits))
        if readings:
            means = [(each.language, hit) for each in readings for hit in each.hits if hit.phrase.source.means]
            taken = _taken(words, readings) if len(readings) > 1 else [set[int]()] * len(readings)
            for each, elsewhere in zip(readings, taken, strict=True):
                findings += _findings(each, means, elsewhere, is_doubted=is_doubted)
        return _weigh(findings) if findings else _CALM

    def is_readable(self, text: str, languages: Sequence[str]) -> bool:
        """False if next to no word is known: such a text goes to a person (DOMAIN 3.2 b), never to "fine"."""
        words = [word for word in tokens(text) if any(c.isalpha() for c in word)]
        if len(words) < 2:
            return True
        lists = [self._lists[code] for code in languages if code in self._lists]
        known = sum(1 for word in words if any(word in each.known for each in lists))
        return known * 5 >= len(words)


def _with_opinion(read: Assessment, opinion: Opinion | None) -> Assessment:
    """The graver of the two; both say why. Between equals the lists name the route: their words can be pointed at."""
    if opinion is None:
        return read
    raised = _raised(read, opinion)
    if not opinion.instead_of:
        return raised
    # Staff must be able to see which messages were read without the classifier that the programme chose.
    fallback = Reason("fallback", f"{opinion.instead_of}: no answer; read by: {opinion.by}")
    return replace(raised, reasons=(*raised.reasons[: MAX_REASONS - 1], fallback))


def _raised(read: Assessment, opinion: Opinion) -> Assessment:
    if opinion.level is Level.NONE or opinion.level < read.level:
        return read
    data: dict[str, str | float] = {
        "by": opinion.by,
        "route": opinion.route,
        "sureness": round(opinion.sureness, 4),
    }
    reason = Reason("classifier", f"{opinion.by}: {opinion.route} {opinion.sureness:.0%}", data)
    if opinion.level == read.level:
        return replace(read, reasons=(*read.reasons[: MAX_REASONS - 1], reason))
    return replace(read, level=opinion.level, route=opinion.route, reasons=(reason, *read.reasons[: MAX_REASONS - 1]))


def _taken(words: list[str], readings: list[Reading]) -> list[set[int]]:
    """For each reading the places of its words that are part of a signal in another language.

    *Kashe ni* ends a Hausa cry; the Spanish one that follows is not denied by its *ni*.
    """
    origins = [each.lists.origins(words, each.words) for each in readings]
    signals = [
        {
            origin[at]
            for hit in _not_covered(each.hits)
            if hit.is_whole and len(hit.positions) > 1
            for at in hit.positions
        }
        for each, origin in zip(readings, origins, strict=True)
    ]
    found = []
    for mine, origin in zip(readings, origins, strict=True):
        others = {
            at
            for other, places in zip(readings, signals, strict=True)
            if other.language != mine.language
            for at in places
        }
        found.append({place for place, at in enumerate(origin) if at in others})
    return found


def _findings(
    reading: Reading, means: list[tuple[str, Hit]], elsewhere: set[int], *, is_doubted: bool
) -> Iterator[Finding]:
    signals = _not_covered(reading.hits)
    for hit in signals:
        finding = _bend(reading, hit, _said_by_others(hit, signals) | (elsewhere - set(hit.positions)))
        if finding is not None:
            finding = _raise(finding, hit, means)
            yield _doubt(finding) if is_doubted and hit.phrase.is_family else finding


def _not_covered(hits: list[Hit]) -> list[Hit]:
    """Without what lies inside a longer phrase: "died" in "my phone died", "not kill" in "why not kill myself"."""
    signals = [hit for hit in hits if not hit.phrase.source.means]
    covers = [(set(hit.positions), hit.phrase) for hit in signals if hit.is_whole]
    # What seems harmless is not, where a danger that reaches beyond it takes one of its words: two cries run together.
    dangers = [cover for cover, phrase in covers if phrase.source.level and not phrase.is_family]
    covers = [
        (cover, phrase)
        for cover, phrase in covers
        if phrase.source.level or not any(cover & danger and danger - cover and cover - danger for danger in dangers)
    ]
    left = []
    for hit in signals:
        mine, level = set(hit.positions), hit.phrase.source.level
        # A family is broad: it never makes little of a graver phrase inside it, as an exact one may.
        is_covered = any(
            (mine < cover and (not phrase.is_family or phrase.source.level >= level or not phrase.source.level))
            or (mine == cover and not phrase.source.level)
            or (mine <= cover and hit.phrase.is_family and not phrase.is_family and phrase.source.level >= level)
            for cover, phrase in covers
        )
        if hit.phrase.source.level and not is_covered:
            left.append(hit)
    left.sort(key=lambda hit: hit.phrase.is_family)  # the exact phrase says more to staff
    return left


def _said_by_others(hit: Hit, signals: list[Hit]) -> set[int]:
    """Words that are part of another signal: *nobody cares* is a cry itself and does not deny the one that follows."""
    mine = set(hit.positions)
    return {at for other in signals if other.is_whole and mine.isdisjoint(other.positions) for at in other.positions}


def _bend(reading: Reading, hit: Hit, taken: set[int]) -> Finding | None:
    """The finding as negation, the past and another person leave it; None if a mild signal was denied."""
    source = hit.phrase.source
    level = source.level
    reasons = [_quote("list", reading.language, source.id, hit.phrase.text)]
    start, end = _clause(reading.words, hit)
    if _is_denied(reading, hit, start, taken):
        if level <= Level.ELEVATED:
            return None
        # "I don't want to die" may be fear of dying: a person looks, within the day.
        level = Level(level - 1)
        reasons.append(Reason("negated", "the phrase is denied"))
    if level is Level.HIGH and source.route in _FADES and _is_past(reading, hit, start, end, taken):
        level = Level.ELEVATED
        reasons.append(Reason("past", "said of the past"))
    before = reading.words[max(start, hit.start - NEAR) : hit.start]
    if _any_of(reading.lists.others, before) is not None:
        reasons.append(Reason("someone_else", "may be about someone else"))
    return Finding(level, source.route, reading.language, tuple(reasons))


def _raise(finding: Finding, hit: Hit, means: list[tuple[str, Hit]]) -> Finding:
    """HIGH becomes IMMINENT beside means, or beside a time unless it is only a thought."""
    if finding.level is not Level.HIGH or finding.route not in _PLANS:
        return finding
    if any(reason.code == "negated" for reason in finding.reasons):
        return finding
    for language, mean in means:
        is_time = mean.phrase.source.id.startswith("time")
        if is_time and (hit.phrase.source.id.endswith(".thought") or _distance(hit, mean) > NEAR):
            continue
        # "I bought poison" is a means already: only a time makes it more.
        if not is_time and hit.phrase.source.id.endswith(".means"):
            continue
        reason = _quote("time" if is_time else "means", language, mean.phrase.source.id, mean.phrase.text)
        return replace(finding, level=Level.IMMINENT, reasons=(*finding.reasons, reason))
    return finding


def _doubt(finding: Finding) -> Finding:
    """A pattern covers sentences that nobody had in mind. Staff see it within hours; a wish to die is never doubted."""
    if finding.level is not Level.HIGH or finding.route == "self_harm":
        return finding
    return replace(finding, level=Level.ELEVATED, reasons=(*finding.reasons, Reason("doubted", "the pattern is broad")))


def _quote(code: str, language: str, source: str, phrase: str) -> Reason:
    return Reason(code, f"{language}/{source}: {phrase}", {"language": language, "list": source, "phrase": phrase})


def _weigh(findings: list[Finding]) -> Assessment:
    """The highest level wins; between equals the order of `ROUTES` decides. All reasons are kept, gravest first."""
    findings.sort(key=lambda finding: (-finding.level, ROUTES.index(finding.route)))
    reasons = list(dict.fromkeys(reason for finding in findings for reason in finding.reasons))
    first = findings[0]
    return Assessment(first.level, first.route, tuple(reasons[:MAX_REASONS]), first.language)


# --- what stands around a phrase


def _clause(words: list[str], hit: Hit) -> tuple[int, int]:
    start = hit.start
    while start > 0 and words[start - 1] != END:
        start -= 1
    end = hit.end + 1
    while end < len(words) and words[end] != END:
        end += 1
    return start, end


def _is_denied(reading: Reading, hit: Hit, start: int, taken: set[int]) -> bool:
    """A denial stands right before the phrase or inside it; one word further away it belongs to something else."""
    if not reading.lists.inside.isdisjoint(hit.between):
        return True
    # "(ne) veux pas vivre", "dont want to live" are the signal, not its denial.
    if not reading.lists.denying.isdisjoint(reading.words[at] for at in hit.positions):
        return False
    free = hit.start
    while free > start and free - 1 not in taken:
        free -= 1
    before = reading.words[free : hit.start]
    return any(before[-size:] and tuple(before[-size:]) in reading.lists.before for size in (1, 2, 3, 4))


def _is_past(reading: Reading, hit: Hit, start: int, end: int, taken: set[int]) -> bool:
    clause = reading.words[start:end]
    if not reading.lists.still.isdisjoint(clause):
        return False
    places = range(max(start, hit.start - NEAR), min(end, hit.end + 1 + NEAR))
    near = [END if at in taken else reading.words[at] for at in places]
    return _any_of(reading.lists.past, near) is not None


def _any_of(phrases: set[tuple[str, ...]], words: Sequence[str]) -> int | None:
    for at in range(len(words)):
        for size in (1, 2, 3):
            if at + size <= len(words) and tuple(words[at : at + size]) in phrases:
                return at
    return None


def _distance(hit: Hit, other: Hit) -> int:
    return max(0, other.start - hit.end - 1, hit.start - other.end - 1)


# --- ages


def _ages(language: str, lists: WordList, words: list[str]) -> Iterator[Finding]:
    """A first-person age under 18: a child must not be screened (IDDRS 5.20)."""
    for at, word in enumerate(words):
        if word not in lists.number_starts and not word.isdigit():
            continue
        for size in (3, 2, 1):
            number = _number(lists, words[at : at + size]) if at + size <= len(words) else None
            if number is None or not CHILD <= number < ADULT:
                continue
            fitting = (p for p in lists.ages if _fits(p, words, at, size, number))
            pattern = next((p for p in fitting if not _about_another(lists, p, words, at)), None)
            if pattern is not None:
                text = " ".join("{n}" if part == "0n" else part for part in pattern)
                yield Finding(Level.HIGH, "child", language, (_quote("age", language, "ages", text),))
            break


def _number(lists: WordList, words: list[str]) -> int | None:
    if len(words) == 1 and words[0].isdigit() and len(words[0]) <= 2:
        return int(words[0])
    return lists.numbers.get(tuple(words))


def _fits(pattern: tuple[str, ...], words: list[str], at: int, size: int, number: int) -> bool:
    if "0n" not in pattern:
        return False
    slot = pattern.index("0n")
    first, after = at - slot, at + size
    tail = pattern[slot + 1 :]
    if first < 0 or tuple(words[first:at]) != pattern[:slot] or tuple(words[after : after + len(tail)]) != tail:
        return False
    # "I am 9" may answer a scale and "I am 16 km away" is no age: a bare number must end the clause and be likely.
    return bool(tail) or (number > 10 and (after == len(words) or words[after] == END))


def _about_another(lists: WordList, pattern: tuple[str, ...], words: list[str], at: int) -> bool:
    """ "my son, 12 years old": only a pattern without an "I am" of its own can be about someone else."""
    return pattern.index("0n") < 2 and _any_of(lists.others, words[max(0, at - NEAR) : at]) is not None
