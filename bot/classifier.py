"""How grave a message is, by what a model learned from the content's sentences: plain arrays, no library, no files.

The model is linear, so that what each word adds is known and can be summed over any stretch of a message: a cry for
help is heard inside a long story, and a second sentence never makes the first one unheard.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bot import features
from bot.effects import Opinion
from bot.features import Lexicon
from bot.text import END, marked
from content.schema import ROUTES, Level, Route
from content.training import Limits

Array = npt.NDArray[Any]
HEADS = ("practical", "elevated", "high", "imminent")  # at least so grave; imminent: among the high ones
COLUMNS: tuple[str, ...] = (*HEADS, *(route for route in ROUTES if route != "none"))
_ROUTES: tuple[Route, ...] = tuple(route for route in ROUTES if route != "none")
# What can be so urgent by its words alone: see `content/builtin/intents.yaml`.
_URGENT: frozenset[Route] = frozenset({"self_harm", "harm_others", "threat"})
_DANGERS = frozenset(_ROUTES) - {"distress", "practical"}
MOST_CLAUSES = 3  # in one stretch
LEAST = 2  # words: what one word means alone ("si", "3", "help") is for the lists to say
LONG = 24  # words: a longer clause is also read in stretches of LONG, moved on by half
MOST_WORDS = 400  # an SMS has 1,600 characters at most
_HIGH = HEADS.index("high")
_KEPT_WORDS = 20_000


_NONE = Opinion(Level.NONE, "none", 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """Weights as they were learned; `weights[i]` and `importance[i]` belong to the feature `keys[i]`."""

    keys: Array  # uint32, sorted
    weights: Array  # float16, one column for each of COLUMNS, times importance
    importance: Array  # float16: how rare a feature is; a feature never seen has `rarest`
    rarest: float
    bias: Array  # float32, of COLUMNS
    slope: Array  # float32, of HEADS: scores to probabilities
    offset: Array
    lexicon: Lexicon
    digest: str


class LocalClassifier:
    """Reads messages with a model. Keeps what words add, a bounded number of them.

    `limits`: language ("*": the rest) → how sure it must be.
    """

    def __init__(self, model: Model, limits: Mapping[str, Limits]) -> None:
        self.model = model
        self.limits = limits
        self._kept: dict[str, tuple[Array, float]] = {}
        self._last: tuple[str, Array | None] = ("", None)

    def classify(self, text: str, language: str) -> Opinion:
        """The gravest opinion over all stretches of the message. `language` chooses the limits."""
        chances = self.chances(text)
        if chances is None:
            return _NONE
        return replace(judge(chances, self.limits, language), danger=float(chances[:, _HIGH].max()))

    def chances(self, text: str) -> Array | None:
        """For each stretch the heads' probabilities and the routes' scores; None for less than two words."""
        # Asked again of the same message with the limits of another language that it is written in.
        last = self._last  # read once: a thread that assesses beside us may put another in its place
        if text != last[0]:
            self._last = last = (text, self._chances(text))
        return last[1]

    def _chances(self, text: str) -> Array | None:
        clauses = clauses_of(text)
        if sum(map(len, clauses)) < LEAST:
            return None
        sums, sizes = [], []
        for words in clauses:
            added, size = self._add_up(words)
            sums.append(added)
            sizes.append(size)
        stretches, norms = _stretches(sums, sizes)
        if not len(norms):
            return None
        scores = stretches / np.sqrt(norms)[:, None] + self.model.bias
        heads = len(HEADS)
        scores[:, :heads] = 1 / (1 + np.exp(-(scores[:, :heads] * self.model.slope + self.model.offset)))
        return scores

    # --- adding up

    def _add_up(self, words: Sequence[str]) -> tuple[Array, Array]:
        """Running sums over a clause of what its words add, and of their importance squared. Row 0 is zero."""
        rows = np.zeros((len(words) + 1, len(COLUMNS)), dtype=np.float32)
        sizes = np.zeros(len(words) + 1, dtype=np.float32)
        for at, word in enumerate(words, start=1):
            rows[at], sizes[at] = self._word(word)
        beside: list[int] = []
        places: list[int] = []
        for at, feature in features.beside(words, self.model.lexicon):
            beside.append(features.number(feature))
            places.append(at + 1)
        if beside:
            found, importance = self._look_up(np.array(beside, dtype=np.uint32))
            np.add.at(rows, places, found)
            np.add.at(sizes, places, importance)
        return rows.cumsum(axis=0), sizes.cumsum()

    def _word(self, word: str) -> tuple[Array, float]:
        kept = self._kept.get(word)
        if kept is None:
            numbers = np.array([features.number(feature) for feature in features.of_word(word)], dtype=np.uint32)
            found, importance = self._look_up(numbers)
            if len(self._kept) >= _KEPT_WORDS:  # strangers must not be able to fill our memory
                self._kept.clear()
            kept = self._kept[word] = (found.sum(axis=0), float(importance.sum()))
        return kept

    def _look_up(self, numbers: Array) -> tuple[Array, Array]:
        """Weights, and importance squared, of features; those never seen weigh nothing but count as rare."""
        model = self.model
        at = np.searchsorted(model.keys, numbers)
        at[at == len(model.keys)] = 0
        known = model.keys[at] == numbers
        weights = np.where(known[:, None], model.weights[at].astype(np.float32), 0.0)
        importance = np.where(known, model.importance[at].astype(np.float32), model.rarest)
        return weights, importance**2


def judge(chances: Array, limits: Mapping[str, Limits], language: str, by: str = "local") -> Opinion:
    """The gravest opinion over all stretches. `chances`: one row for each, with COLUMNS; `language` chooses the limits.

    A stretch more never makes it less: whatever the other stretches are, each is held against the limits by itself.
    """
    least = limits.get(language) or limits["*"]
    practical, elevated, high = (float(chances[:, head].max()) for head in range(len(HEADS) - 1))
    if high >= least.high:
        return _danger(chances[chances[:, 2] >= least.high], least.imminent, by)
    if elevated >= least.elevated:
        return Opinion(Level.ELEVATED, "distress", elevated, by)
    if practical >= least.practical:
        return Opinion(Level.PRACTICAL, "practical", practical, by)
    return Opinion(Level.NONE, "none", 0.0, by)


def _danger(stretches: Array, imminent: float, by: str) -> Opinion:
    """Imminent if any dangerous stretch is; else the route of the surest."""
    for stretch in stretches:
        route = _likeliest(stretch, _DANGERS)
        if stretch[3] >= imminent and route in _URGENT:
            return Opinion(Level.IMMINENT, route, float(stretch[2]), by)
    surest = stretches[stretches[:, 2].argmax()]
    return Opinion(Level.HIGH, _likeliest(surest, _DANGERS), float(surest[2]), by)


def _likeliest(stretch: Array, among: frozenset[str]) -> Route:
    found = max(
        (column for column in range(len(HEADS), len(COLUMNS)) if COLUMNS[column] in among),
        key=lambda column: stretch[column],
    )
    return _ROUTES[found - len(HEADS)]


def clauses_of(text: str) -> list[list[str]]:
    """The words of a message, clause by clause; no more than MOST_WORDS of them."""
    clauses: list[list[str]] = [[]]
    for word in marked(text)[:MOST_WORDS]:
        if word != END:
            clauses[-1].append(word)
        elif clauses[-1]:
            clauses.append([])
    return [clause for clause in clauses if clause]


def _stretches(sums: Sequence[Array], sizes: Sequence[Array]) -> tuple[Array, Array]:
    """Up to three clauses in a row, and the parts of long ones. A stretch's sums do not depend on what follows it."""
    found, norms = [], []
    for first in range(len(sums)):
        total, size, words = np.zeros(len(COLUMNS), dtype=np.float32), 0.0, 0
        for clause in range(first, min(first + MOST_CLAUSES, len(sums))):
            total = total + sums[clause][-1]
            size += float(sizes[clause][-1])
            words += len(sums[clause]) - 1
            if words >= LEAST:
                found.append(total)
                norms.append(size)
        words = len(sums[first]) - 1
        for start in range(0, words - LONG // 2 if words > LONG else 0, LONG // 2):
            end = min(start + LONG, words)
            found.append(sums[first][end] - sums[first][start])
            norms.append(float(sizes[first][end] - sizes[first][start]))
    return np.array(found, dtype=np.float32), np.maximum(np.array(norms, dtype=np.float32), 1e-6)
