"""One language's word lists, compiled once: spellings undone, phrases found by their rarest word."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, product
from typing import NamedTuple

from rapidfuzz.distance import OSA

from bot.text import END, marked, squeeze, tokens
from content.patterns import is_pattern, slots
from content.schema import Level, Route, SignalList, Words

MAX_GAP = 2  # words that may stand inside a phrase: "want to [just] die"
MIN_FUZZY = 5  # shorter words have too many neighbours: siko, siku, sikio
CACHE_SIZE = 20_000
MAX_WORD = 40
_AND = "و"  # written onto the next word in Arabic
_LEET = str.maketrans("013457", "oieast")

Pieces = tuple[str, ...]
Places = tuple[frozenset[str], ...]  # for each word of a phrase those that may stand there


class Guess(str):
    """A guessed correction. It may stand in a phrase but is none by itself: *kubaki* (stay), *kubaka* (rape)."""

    __slots__ = ()


class Draft(NamedTuple):
    """One entry of a list before it is known how rare its words are."""

    words: Places
    source: SignalList
    text: str
    is_family: bool


@dataclass(slots=True)  # not frozen: there are eighty thousand of them to be made at every start
class Phrase:
    """One entry of a list: for each place the words that may stand there. It is found by its rarest place, `anchor`."""

    words: Places
    needs: frozenset[str]  # the words it cannot do without
    anchor: int
    source: SignalList
    text: str
    gap: int = 0  # how many other words may stand inside
    is_family: bool = False  # made from a pattern: one of many forms


@dataclass(frozen=True, slots=True)
class Hit:
    """A phrase found: the positions of its words, and the words that stood between them."""

    phrase: Phrase
    positions: tuple[int, ...]
    between: Pieces
    crosses: bool  # a clause ended inside it

    @property
    def start(self) -> int:
        return self.positions[0]

    @property
    def end(self) -> int:
        return self.positions[-1]

    @property
    def is_whole(self) -> bool:
        return not self.between and not self.crosses


class WordList:
    """All lists of one language. `read` brings a message to the language's own spelling, `find` finds its phrases."""

    def __init__(
        self, words: Words, known_elsewhere: frozenset[str] = frozenset(), known: frozenset[str] | None = None
    ) -> None:
        self._pairs: dict[tuple[str, str], Pieces] = {}
        self._spellings: dict[str, Pieces] = {}
        for key, value in words.spellings.items():
            pieces = tuple(tokens(key))
            if len(pieces) == 1:
                self._spellings[pieces[0]] = tuple(tokens(value))
            elif len(pieces) == 2:
                self._pairs[pieces[0], pieces[1]] = tuple(tokens(value))
        self._pair_starts = {first for first, _ in self._pairs}
        self.known = known_words(words) if known is None else known
        self._known_elsewhere = known_elsewhere
        self._cache: dict[str, Pieces] = {}
        self._vocabulary: frozenset[str] = frozenset()
        self._shapes: dict[str, list[str]] = {}
        self._squeezed: dict[str, str] = {}
        self._and_known: frozenset[str] = frozenset()

        self._groups = words.groups
        self._spelled: dict[str, Pieces] = {}
        phrases = [
            phrase for source in _sources(words) for text in source.phrases for phrase in self._phrases(text, source)
        ]
        self.before, self.inside = self._bracketed(words.negations)
        self.denying = self.inside | {pieces[0] for pieces in self.before if len(pieces) == 1}
        self.past, self.still = self._bracketed(words.past)
        self.others = {self._spell(tokens(text)) for text in words.third_person}
        self.other_words = {pieces[0] for pieces in self.others if len(pieces) == 1}
        self.numbers = {self._spell(tokens(text)): value for text, value in words.numbers.items()}
        self.number_starts = frozenset(form[0] for form in self.numbers if form)
        self.ages = [self._spell(tokens(text.replace("{n}", " 0n "))) for text in words.ages]
        self._index(phrases)
        self._learn(phrases)
        self._spelled.clear()

    def read(self, words: Sequence[str]) -> list[str]:
        """The words (with clause ends) as this language's lists spell them."""
        return self.readings(words)[0]

    def readings(self, words: Sequence[str]) -> tuple[list[str], ...]:
        """As `read`; and, where it joined pairs of words, once more with them apart.

        Two words that are often one may also be the end of a cry and the start of the next: *gida na* → *gidana*.
        """
        cache = self._cache
        apart: list[str] = []
        for word in words:
            pieces = cache.get(word)
            apart += self._resolve(word) if pieces is None else pieces
        if self._pair_starts.isdisjoint(apart):
            return (apart,)
        joined = self._join_pairs(apart)
        return (joined, apart) if joined != apart else (apart,)

    def origins(self, words: Sequence[str], spelled: Sequence[str]) -> list[int]:
        """For each word of one of the `readings`, which word of the message it came from (a joined pair: the later)."""
        apart = [at for at, word in enumerate(words) for _ in (self._cache.get(word) or self._resolve(word))]
        if len(apart) == len(spelled):
            return apart
        joined: list[int] = []
        pieces = self.readings(words)[-1]
        kept: list[str] = []
        for at, word in zip(apart, pieces, strict=True):
            pair = self._pairs.get((kept[-1], word)) if kept else None
            if pair:
                kept[-1:] = pair
                joined[-1:] = [at] * len(pair)
            else:
                kept.append(word)
                joined.append(at)
        return joined

    def find(self, words: Sequence[str]) -> list[Hit]:
        """Every place where a phrase stands, nearest words first, at most `MAX_GAP` others inside."""
        present = set(words)
        hits = []
        # In the order of the message: the reasons that staff read are the same in every process.
        for word in dict.fromkeys(words):
            for phrase in self._by_anchor.get(word, ()):
                if phrase.needs <= present:
                    for at, here in enumerate(words):
                        if here == word and (hit := self._match(phrase, words, at)):
                            hits.append(hit)
        return hits

    # --- compiling

    def _phrases(self, text: str, source: SignalList) -> Iterator[Draft]:
        if not is_pattern(text):
            yield Draft(tuple([frozenset((word,)) for word in self._spell(tokens(text))]), source, text, False)
            return
        for places in product(*(self._choices(forms) for forms in slots(text, self._groups))):
            yield Draft(tuple(chain.from_iterable(places)), source, text, True)

    def _choices(self, forms: Iterable[str]) -> list[Places]:
        """One place of a pattern: its single words together, each longer form (or none at all) by itself."""
        spelled = dict.fromkeys([self._spell_form(form) for form in forms])
        single = frozenset([pieces[0] for pieces in spelled if len(pieces) == 1])
        longer = [tuple([frozenset((word,)) for word in pieces]) for pieces in spelled if len(pieces) != 1]
        return [*([(single,)] if single else []), *longer]

    def _spell_form(self, form: str) -> Pieces:
        """The same groups of words stand in hundreds of patterns."""
        found = self._spelled.get(form)
        if found is None:
            found = self._spelled[form] = self._spell(tokens(form))
        return found

    def _spell(self, words: Iterable[str]) -> Pieces:
        spelled: list[str] = []
        for word in words:
            spelled += self._spellings.get(word, (word,))
        return tuple(self._join_pairs(spelled))

    def _bracketed(self, texts: Iterable[str]) -> tuple[set[Pieces], set[str]]:
        """Entries as they are, and those in brackets: "(pas)" bends a phrase it stands inside of, not after."""
        plain = {self._spell(tokens(text)) for text in texts if not text.startswith("(")}
        return plain, {tokens(text)[0] for text in texts if text.startswith("(")}

    def _index(self, drafts: list[Draft]) -> None:
        # The same places stand in thousands of phrases: what each costs is added up once.
        stands = Counter(chain.from_iterable([draft.words for draft in drafts]))
        counts: dict[str, int] = {}
        for place, times in stands.items():
            for word in place:
                counts[word] = counts.get(word, 0) + times
        costs = {place: sum([counts[word] for word in place]) for place in stands}
        index: dict[str, list[Phrase]] = {}
        seen = set()
        for words, source, text, is_family in drafts:
            if not words or (words, source.id) in seen:
                continue
            seen.add((words, source.id))
            anchor = min(range(len(words)), key=[costs[place] for place in words].__getitem__)
            needs = frozenset(chain.from_iterable([place for place in words if len(place) == 1]))
            found = Phrase(words, needs, anchor, source, text, _gap(words, source), is_family)
            for word in words[anchor]:
                index.setdefault(word, []).append(found)
        self._by_anchor = index

    def _learn(self, drafts: list[Draft]) -> None:
        """What a misspelling may be corrected to: the words of signals, never those of "fine" or harmless lists."""
        grave = set(chain.from_iterable({place for draft in drafts if draft.source.level for place in draft.words}))
        grave |= {key for key in self._spellings if self._spellings[key][0] in grave}
        self._vocabulary = frozenset(grave)
        self._and_known = self.known | self._vocabulary | self._spellings.keys()
        for word in grave:
            self._squeezed.setdefault(squeeze(word), word)
            if len(word) >= MIN_FUZZY and word.isalpha():
                for shape in _shapes(word):
                    self._shapes.setdefault(shape, []).append(word)

    # --- reading one word

    def _resolve(self, word: str) -> Pieces:
        pieces = self._understand(word)
        # Bounded: strangers must not be able to fill our memory.
        if len(self._cache) >= CACHE_SIZE:
            self._cache.clear()
        self._cache[word] = pieces
        return pieces

    def _understand(self, word: str) -> Pieces:
        if word in self._spellings:
            return self._spellings[word]
        if word in self._vocabulary or word in self.known or len(word) < 3 or len(word) > MAX_WORD:
            return (word,)
        if word[0] == _AND and word[1:] in self._and_known:
            return (word[0], *self._understand(word[1:]))
        squeezed = self._squeezed.get(squeeze(word))
        guess: str | None = Guess(squeezed) if squeezed else None
        if guess is None and not word.isalpha() and not word.isdigit():
            plain = word.translate(_LEET)
            guess = plain if plain in self._vocabulary else None
        if guess is None and word not in self._known_elsewhere:
            nearest = self._nearest(word)
            guess = Guess(nearest) if nearest else None
        if guess is not None:
            pieces = self._spellings.get(guess, (guess,))
            return tuple(Guess(piece) for piece in pieces) if isinstance(guess, Guess) else pieces
        if len(word) >= 7 and word not in self._known_elsewhere:
            return self._split(word)
        return (word,)

    def _nearest(self, word: str) -> str | None:
        if len(word) < MIN_FUZZY or not word.isalpha():
            return None
        best: tuple[int, str] | None = None
        for shape in _shapes(word):
            for candidate in self._shapes.get(shape, ()):
                # People get the first letter right; "changing" is not "hanging".
                if candidate[0] != word[0]:
                    continue
                distance = OSA.distance(word, candidate, score_cutoff=2)
                if distance <= (2 if len(word) >= 9 else 1) and (best is None or (distance, candidate) < best):
                    best = (distance, candidate)
        return best[1] if best else None

    def _split(self, word: str) -> Pieces:
        """ "iwanttodie": words typed without spaces, if all of it is made of the lists' own words."""
        ways: list[Pieces | None] = [()] + [None] * len(word)
        for end in range(1, len(word) + 1):
            for start in range(max(0, end - 14), end):
                way, piece = ways[start], word[start:end]
                if way is None or piece not in self._vocabulary:
                    continue
                best = ways[end]
                if (len(piece) > 1 or piece in ("i", "j")) and (best is None or len(way) + 1 < len(best)):
                    ways[end] = (*way, piece)
        return ways[-1] or (word,)

    def _join_pairs(self, words: list[str]) -> list[str]:
        joined: list[str] = []
        for word in words:
            pair = self._pairs.get((joined[-1], word)) if joined else None
            if pair:
                joined[-1:] = pair
            else:
                joined.append(word)
        return joined

    # --- finding phrases

    def _match(self, phrase: Phrase, words: Sequence[str], at: int) -> Hit | None:
        if len(phrase.words) == 1 and isinstance(words[at], Guess) and not _is_plain(phrase, words[at]):
            return None
        positions = [at]
        between: list[str] = []
        crosses = False
        for step, wanted in ((-1, phrase.words[: phrase.anchor][::-1]), (1, phrase.words[phrase.anchor + 1 :])):
            here = at
            for place in wanted:
                here += step
                while 0 <= here < len(words) and words[here] not in place:
                    other = words[here]
                    if other == END:
                        crosses = True
                    elif len(between) == phrase.gap or other in self.other_words:
                        return None
                    else:
                        between.append(other)
                    here += step
                if not 0 <= here < len(words):
                    return None
                positions.append(here)
        return Hit(phrase, tuple(sorted(positions)), tuple(between), crosses)


def known_words(words: Words) -> frozenset[str]:
    """Every word the language's files contain."""
    texts: list[str] = [*words.negations, *words.third_person, *words.past, *words.yes, *words.no]
    texts += [*words.numbers, *words.fine, *words.names, *words.common, *words.spellings, *words.spellings.values()]
    texts += [text for group in words.commands.values() for text in group]
    # A place that is a group of words stands in hundreds of patterns.
    texts += {form for text in _pattern_texts(words) for place in slots(text, words.groups) for form in place}
    return frozenset(word for text in set(texts) for word in marked(text) if word != END)


def _sources(words: Words) -> Iterator[SignalList]:
    yield from words.signals
    none: Route = "none"
    yield SignalList(route=none, level=Level.NONE, phrases=words.harmless, id="harmless")


def _pattern_texts(words: Words) -> Iterator[str]:
    for source in _sources(words):
        yield from source.phrases


def _is_plain(phrase: Phrase, word: str) -> bool:
    """A long word of self-harm, like *kujinyonga*, is meant even when misspelt: it has no innocent neighbours."""
    return phrase.source.route == "self_harm" and len(word) >= (12 if phrase.is_family else 10)


def _gap(words: Places, source: SignalList) -> int:
    """Two words far apart say little, except where missing them costs a life. Harmless ones bear no gap."""
    if not source.level and not source.means:
        return 0
    return MAX_GAP if len(words) > 2 or source.route in ("self_harm", "harm_others") else 1


def _shapes(word: str) -> set[str]:
    """The word, and the word without each of its letters: two words one mistake apart share a shape."""
    return {word, *(word[:at] + word[at + 1 :] for at in range(len(word)))}
