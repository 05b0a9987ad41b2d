"""What a classifier sees of a message: pieces of its words, its words, what they mean, and what stands beside what.

Everything is made word by word or from neighbouring words, so that what a word is worth can be kept and added up.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from zlib import crc32

from bot.text import END, marked, squeeze

PIECES = (2, 3, 4, 5)  # letters
WINDOW = 4  # meanings that may stand between two that belong together
MIN_SKELETON = 3
_VOWELS = frozenset("aeiouy")

Concepts = tuple[str, ...]


def number(feature: str) -> int:
    """The feature as 32 bits: the same in every process and on every machine."""
    return crc32(feature.encode())


@lru_cache(maxsize=20_000)
def skeleton(word: str) -> str:
    """What is left when vowels are dropped, as people do to save letters: *please* and *plse* have one skeleton."""
    plain = squeeze(word)
    if not plain.isascii():
        return plain
    return plain[:1] + "".join(letter for letter in plain[1:] if letter not in _VOWELS)


class Lexicon:
    """Which meanings a word carries, in any of the languages. Built once from the content's `concepts.yaml` files."""

    def __init__(self, concepts: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
        self.concepts = concepts
        self._whole: dict[str, set[str]] = {}
        self._bare: dict[str, set[str]] = {}
        self._phrases: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        self._begins: list[tuple[str, str]] = []
        self._ends: list[tuple[str, str]] = []
        self._within: list[tuple[str, str]] = []
        for by_name in concepts.values():
            for name, forms in by_name.items():
                for form in forms:
                    self._add(name, form)
        self._known: dict[str, Concepts] = {}

    def _add(self, name: str, form: str) -> None:
        words = [word for word in marked(form.replace("*", "")) if word != END]
        if not words:
            return
        if len(words) > 1:
            self._phrases.setdefault(words[0], []).append((tuple(words), name))
            return
        word, starred = words[0], (form.startswith("*"), form.endswith("*"))
        if starred == (False, False):
            self._whole.setdefault(squeeze(word), set()).add(name)
            bare = skeleton(word)
            if len(bare) >= MIN_SKELETON:
                self._bare.setdefault(bare, set()).add(name)
        elif starred == (False, True):
            self._begins.append((squeeze(word), name))
        elif starred == (True, False):
            self._ends.append((squeeze(word), name))
        else:
            self._within.append((squeeze(word), name))

    def of_word(self, word: str) -> Concepts:
        found = self._known.get(word)
        if found is None:
            if len(self._known) > 50_000:  # strangers must not be able to fill our memory
                self._known.clear()
            found = self._known[word] = self._look_up(squeeze(word))
        return found

    def _look_up(self, word: str) -> Concepts:
        found = set(self._whole.get(word, ()))
        if len(word) > 3:
            found |= {name for stem, name in self._begins if word.startswith(stem)}
            found |= {name for stem, name in self._ends if word.endswith(stem)}
            found |= {name for stem, name in self._within if stem in word}
        if not found and len(word) > 3:
            found = self._bare.get(skeleton(word), set())
        return tuple(sorted(found))

    def of_message(self, words: Sequence[str]) -> list[Concepts]:
        """For each word its meanings; those of a longer expression stand at its first word."""
        found = [self.of_word(word) for word in words]
        for at, word in enumerate(words):
            for phrase, name in self._phrases.get(word, ()):
                if tuple(words[at : at + len(phrase)]) == phrase:
                    found[at] = (*found[at], name)
        return found


def of_word(word: str) -> list[str]:
    """What the word is made of."""
    plain = f"<{squeeze(word)}>"
    found = [plain[at : at + size] for size in PIECES for at in range(len(plain) - size + 1)]
    found.append(f"w:{word}")
    found.append(f"k:{skeleton(word)}")
    return found


def beside(words: Sequence[str], lexicon: Lexicon) -> Iterator[tuple[int, str]]:
    """What words mean and what stands beside what, within one clause: (place of the last word of it, feature)."""
    bare = [skeleton(word) for word in words]
    for at in range(1, len(words)):
        yield at, f"b:{words[at - 1]} {words[at]}"
        yield at, f"d:{bare[at - 1]} {bare[at]}"
        if at > 1:
            yield at, f"s:{words[at - 2]} {words[at]}"
    before: list[Concepts] = []
    for at, names in enumerate(lexicon.of_message(words)):
        if not names:
            continue
        for name in names:
            yield at, f"c:{name}"
            for others in before[-WINDOW:]:
                for other in others:
                    yield at, f"p:{other} {name}"
        before.append(names)
