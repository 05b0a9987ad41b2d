"""Which language a message is in: one of ours, none of ours, or too little to tell. Pure; it decides what we answer in.

It never decides what is read: all lists and the classifier hear every message, whatever is said here.

A linear model over pieces of words, learned from the content's sentences (`hujambo.languages`), says how much each word
speaks for each language. Beside it stands a plain count of words that the language is known to use, because no set of
sentences can teach all the languages that are not ours.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bot import features
from bot.text import tokens

Array = npt.NDArray[Any]
OTHER = "other"  # a language, but none that the pack offers

ENOUGH = 3  # words: with fewer the person's own language stands
CLEAR = 0.9  # probability from which another language than their own is taken for certain
LIKELY_OTHER = (
    0.6  # and from which a text is put before a person as none of ours: that is little harm where it is wrong
)
FOREIGN = 4  # words: fewer are not called foreign for being unknown
# Below this a text is none of ours: the share of its words that the language knows, and a fifth of what speaks for the
# language rather than for a foreign one, a word. Chosen on the development split and on 400 languages never taught.
_LEAST_OURS = 0.65
_LEAST_OWN = 0.5  # for the person's own language, which they abbreviate as they like
_MARGIN_COUNTS = 0.2
MOST_WORDS = 120  # what comes after changes nothing
# How much rather than any other language it is their own (12 to 1), and rather one of their place than of elsewhere.
_OWN = 2.5
_ELSEWHERE = -1.0
_SWITCH = 3.0  # what a change of language within a message must be worth, in the units of a word's score
_SECOND_GAIN = 5.0
_SECOND_WORDS = 3
_KEPT_WORDS = 20_000
_LATIN_UNTIL = 0x02AF
_LATIN_MORE = (0x1E00, 0x1EFF)
_ARABIC = ((0x0600, 0x06FF), (0x0750, 0x077F), (0xFB50, 0xFDFF), (0xFE70, 0xFEFF))


@dataclass(frozen=True, slots=True, eq=False)
class LanguageModel:
    """What was learned. `weights[i]` belongs to the feature `keys[i]`, one column for each of `languages`."""

    languages: tuple[str, ...]  # OTHER is the last
    keys: Array  # uint32, sorted
    weights: Array  # float16
    bias: Array  # float32
    words: Array  # uint32, sorted: words known
    users: Array  # uint16: which languages use the word, one bit each
    digest: str


@dataclass(frozen=True, slots=True)
class Identified:
    """`language`: the main one, OTHER, or None if it cannot be told. `sureness`: its probability, 0 to 1.

    `is_clear`: sure enough, and long enough, to answer in it although the person's own language is another.
    """

    language: str | None
    sureness: float
    reasons: tuple[str, ...]
    second: str = ""  # another language with words of its own in the same message
    is_clear: bool = False

    def is_partly(self, language: str) -> bool:
        """Whether it is one of two languages in the message."""
        return bool(self.second) and language in (self.language, self.second)


@dataclass(frozen=True, slots=True, eq=False)
class _Said:
    """A message word by word."""

    scores: Array  # one row for each word, one column for each language
    users: list[int]  # the languages known to use the word, as bits


class Identifier:
    """Reads with a model. Keeps what words say, a bounded number of them."""

    def __init__(self, model: LanguageModel) -> None:
        self.model = model
        self._column = {code: at for at, code in enumerate(model.languages)}
        self._kept: dict[str, tuple[Array, int]] = {}

    def identify(
        self, text: str, prior: str, enabled: Sequence[str], nearby: Collection[str] | None = None
    ) -> Identified:
        """The language of one message. `prior`: the person's own, "" if unknown. `enabled`: those we can answer in;
        `nearby`: those of the place, all enabled ones where None.
        """
        if is_broken(text):
            return Identified(None, 1.0, ("letters lost on the way",))
        words = [word for word in tokens(text) if any(letter.isalpha() for letter in word)][:MOST_WORDS]
        scripts = [_script(word) for word in words]
        if not words:
            return Identified(None, 0.0, ("no words",))
        if sum(script == OTHER for script in scripts) * 2 > len(words):
            return Identified(OTHER, 1.0, ("script",), is_clear=True)
        offered = [code for code in enabled if code in self._column]
        kept = [self._word(word) for word, script in zip(words, scripts, strict=True) if script != OTHER]
        is_arabic = sum(script == "ar" for script in scripts) * 2 > len(words)
        said = _Said(np.array([row for row, _ in kept], dtype=np.float32), [users for _, users in kept])
        chances = self._chances(said.scores.sum(axis=0), prior, offered, nearby, is_arabic=is_arabic)
        return self._judge(chances, said, prior, is_arabic=is_arabic)

    def _chances(
        self, total: Array, prior: str, offered: Sequence[str], nearby: Collection[str] | None, *, is_arabic: bool
    ) -> dict[str, float]:
        """Language → probability, the languages that are not offered counted to OTHER."""
        logits = total + self.model.bias
        for code, at in self._column.items():
            if is_arabic and code not in ("ar", OTHER):
                logits[at] = -np.inf
            elif code == prior:
                logits[at] += _OWN
            elif nearby is not None and code not in nearby and code != OTHER:
                logits[at] += _ELSEWHERE
        logits = np.exp(logits - logits.max())
        shares = logits / logits.sum()
        chances = {code: float(shares[self._column[code]]) for code in offered}
        chances[OTHER] = max(0.0, 1.0 - sum(chances.values()))
        return chances

    def _judge(self, chances: dict[str, float], said: _Said, prior: str, *, is_arabic: bool) -> Identified:
        best = max(chances, key=chances.__getitem__)
        size = len(said.users)
        second = self._second(best, list(chances), said.scores) if size > _SECOND_WORDS else ""
        if size >= FOREIGN and best != OTHER and not self._is_ours(said, best, second, prior):
            return Identified(OTHER, 1.0, ("few words known",), is_clear=True)
        if is_arabic and best == "ar":
            return Identified(best, chances[best], ("script",), second, is_clear=True)
        if size < ENOUGH and prior in chances:
            return Identified(prior, chances[prior], ("too short to tell",))
        # Where two languages are heard, what is sure is that it is one of the two.
        sure = chances[best] + chances.get(second, 0.0)
        if best != prior and sure < (LIKELY_OTHER if best == OTHER else CLEAR) and prior in chances:
            return Identified(prior, chances[prior], ("no clear margin",), "" if second == prior else second)
        if sure < 0.5:
            return Identified(None, chances[best], ("no clear margin",), second)
        # Whoever writes partly in their own language reads it: that is no reason to answer in another.
        is_clear = size >= ENOUGH and sure >= CLEAR and (best in (prior, OTHER) or second != prior)
        return Identified(best, chances[best], ("words",), second, is_clear=is_clear)

    def _is_ours(self, said: _Said, best: str, second: str, prior: str) -> bool:
        """Whether enough of the words are known to these languages, or look enough like theirs."""
        ours = [self._column[code] for code in (best, second) if code and code != OTHER]
        bits = sum(1 << at for at in ours)
        known = sum(1 for users in said.users if users & bits)
        margin = (said.scores[:, ours].max(axis=1) - said.scores[:, self._column[OTHER]]).sum()
        least = _LEAST_OWN if best == prior else _LEAST_OURS
        return bool(known + _MARGIN_COUNTS * margin >= least * len(said.users))

    def _second(self, best: str, codes: list[str], scores: Array) -> str:
        """The language, besides the main one, that explains a run of words much better; "" if none does."""
        table = scores[:, [self._column[code] for code in codes]]
        main = codes.index(best)
        gains = table - table[:, [main]]
        if np.maximum(gains, 0.0).sum(axis=0).max() < _SECOND_GAIN:
            return ""
        path = _likeliest_path(table)
        worth = {}
        for at in set(path) - {main}:
            places = [place for place, chosen in enumerate(path) if chosen == at]
            if len(places) >= _SECOND_WORDS:
                worth[codes[at]] = float(gains[places, at].sum())
        second = max(worth, key=worth.__getitem__, default="")
        return second if second and worth[second] >= _SECOND_GAIN else ""

    def _word(self, word: str) -> tuple[Array, int]:
        """What the word speaks for, and which languages are known to use it (bits)."""
        found = self._kept.get(word)
        if found is None:
            model = self.model
            numbers = np.array([features.number(each) for each in features.of_word(word)], dtype=np.uint32)
            at = np.searchsorted(model.keys, numbers)
            at[at == len(model.keys)] = 0
            at = at[model.keys[at] == numbers]
            row = model.weights[at].astype(np.float32).sum(axis=0)
            if len(self._kept) >= _KEPT_WORDS:  # strangers must not be able to fill our memory
                self._kept.clear()
            found = self._kept[word] = (row, _users(model, word))
        return found


def _users(model: LanguageModel, word: str) -> int:
    number = features.number(f"w:{word}")
    at = int(np.searchsorted(model.words, number))
    return int(model.users[at]) if at < len(model.words) and model.words[at] == number else 0


def _likeliest_path(table: Array) -> list[int]:
    """Column by column the language of each word, where every change costs `_SWITCH` (Viterbi)."""
    best = table[0]
    came: list[Array] = []
    stay = np.arange(table.shape[1])
    for row in table[1:]:
        top = int(best.argmax())
        moved = best[top] - _SWITCH
        came.append(np.where(best >= moved, stay, top))
        best = np.maximum(best, moved) + row
    at = int(best.argmax())
    path = [at]
    for step in reversed(came):
        at = int(step[at])
        path.append(at)
    return path[::-1]


def _script(word: str) -> str:
    """ "" for Latin letters, "ar" for Arabic ones, OTHER for any other."""
    if word.isascii():
        return ""
    letter = next((ord(each) for each in word if each.isalpha()), 0)
    if letter <= _LATIN_UNTIL or _LATIN_MORE[0] <= letter <= _LATIN_MORE[1]:
        return ""
    return "ar" if any(first <= letter <= last for first, last in _ARABIC) else OTHER


def is_broken(text: str) -> bool:
    """Whether the letters were lost on the way: "???? ??" for Arabic, replacement marks, UTF-8 read as Latin-1."""
    if "\ufffd" in text:
        return True
    if text.isascii() and "?" not in text:
        return False
    marks = text.count("?")
    letters = sum(1 for each in text if each.isalpha())
    if marks >= 4 and marks > letters and any(not part.strip("?") for part in text.split()[1:]):
        return True
    return sum(text.count(pair) for pair in _MISREAD) >= 2


# What two bytes of UTF-8 become when they are read one by one: é → Ã©, ' → â€, ا → Ø§.
_MISREAD = (
    *("Ã©", "Ã¨", "Ã ", "Ã§", "Ã±", "Ã£", "Ã³", "Ã¡", "Ã\xad", "â€"),
    *("Ø§", "Ù„", "Ù…", "Ø±", "Ø¨", "ÙŠ", "Ù†", "É“", "É—", "Æ™"),
)
