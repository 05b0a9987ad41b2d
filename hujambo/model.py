"""The local classifier's model: trained from the content's sentences, the same every time, and kept in a cache."""

import json
import os
import random
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import structlog

from bot import features
from bot.classifier import COLUMNS, HEADS, LocalClassifier, Model
from bot.features import Lexicon
from bot.text import END, marked
from content.schema import Level
from content.training import Intent, Sentence, Training, digest_of, load_limits, load_training

log = structlog.get_logger()
Array = npt.NDArray[Any]
VERSION = 2  # of the code that trains: a cached model of another one is not used
FOLDS = 3
SEEN_TWICE = 2
# Meanings are few and say much; single letters are many and say little.
EMPHASIS = {"c:": 3.0, "p:": 2.0}
# What a mistake costs while learning: distress read as danger costs a call too many, and at the border it is wanted.
_DISTRESS_AS_DANGER = 0.2
# People also write at length: harmless sentences strung together, and a cry for help after a greeting or a story.
_STRUNG, _MOST_STRUNG = 0.8, 4
_BESIDE = 0.4
_SEED = 20260101


def local_classifier(content: Path | None = None, *, cache: Path | None = None) -> LocalClassifier:
    """The classifier of this content, from the cache or trained now (a minute or two). Raises TrainingError."""
    folder = cache or default_cache()
    digest = f"{digest_of(content)}-{VERSION}"
    file = folder / f"model-{digest}.npz"
    model = _read(file, digest)
    if model is None:
        log.info("training the classifier", digest=digest)
        model = train(load_training(content), digest)
        _write(model, file)
    return LocalClassifier(model, load_limits(content))


def default_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hujambo"


# --- training


def train(training: Training, digest: str = "") -> Model:
    """Learn from all sentences. Needs scikit-learn; nothing else of the service does."""
    lexicon = Lexicon(training.concepts)
    sentences = [*training.sentences, *_longer(training)]
    rows = [_Row(sentence, training.intents[sentence.intent]) for sentence in sentences]
    counted = [_count(row.sentence.text, lexicon) for row in rows]
    keys, importance, rarest = _vocabulary(counted)
    matrix = _matrix(counted, keys, importance, rarest)
    weights = np.zeros((len(keys), len(COLUMNS)), dtype=np.float32)
    bias = np.zeros(len(COLUMNS), dtype=np.float32)
    slope, offset = np.ones(len(HEADS), dtype=np.float32), np.zeros(len(HEADS), dtype=np.float32)
    for column, (chosen, truth, costs) in enumerate(_targets(rows)):
        if len(set(truth.tolist())) < 2:
            bias[column] = 10.0 if len(truth) and truth[0] else -10.0
            continue
        fitted = _fit(matrix[chosen], truth, costs)
        weights[:, column], bias[column] = fitted.coef_[0], fitted.intercept_[0]
        if column < len(HEADS):
            slope[column], offset[column] = _calibrate(matrix[chosen], truth, costs)
    return Model(
        keys=keys,
        weights=(weights * importance[:, None]).astype(np.float16),
        importance=importance.astype(np.float16),
        rarest=rarest,
        bias=bias,
        slope=slope,
        offset=offset,
        lexicon=lexicon,
        digest=digest,
    )


class _Row:
    """A sentence and what it stands for."""

    def __init__(self, sentence: Sentence, intent: Intent) -> None:
        self.sentence = sentence
        self.intent = intent


def _longer(training: Training) -> Iterator[Sentence]:
    """Longer messages put together from the sentences, the same ones every time."""
    chance = random.Random(_SEED)  # noqa: S311  not a secret
    for language in dict.fromkeys(sentence.language for sentence in training.sentences):
        those = [sentence for sentence in training.sentences if sentence.language == language]
        calm = [one for one in those if training.intents[one.intent].level is Level.NONE]
        grave = [one for one in those if training.intents[one.intent].level > Level.NONE]
        for _ in range(int(len(calm) * _STRUNG)):
            chosen = chance.sample(calm, min(len(calm), chance.randint(2, _MOST_STRUNG)))
            yield Sentence(" ".join(one.text for one in chosen), language, chosen[0].intent)
        for _ in range(int(len(grave) * _BESIDE) if calm else 0):
            one, beside = chance.choice(grave), chance.choice(calm).text
            text = f"{beside} {one.text}" if chance.random() < 0.5 else f"{one.text} {beside}"
            yield Sentence(text, language, one.intent)


def _count(text: str, lexicon: Lexicon) -> Counter[str]:
    counted: Counter[str] = Counter()
    clause: list[str] = []
    for word in [*marked(text), END]:
        if word != END:
            clause.append(word)
            counted.update(features.of_word(word))
            continue
        counted.update(feature for _, feature in features.beside(clause, lexicon))
        clause = []
    return counted


def _vocabulary(counted: Sequence[Counter[str]]) -> tuple[Array, Array, float]:
    """Features that at least two sentences have, by number, and how rare each is."""
    seen = Counter(feature for one in counted for feature in one)
    total = len(counted)
    found: dict[int, float] = {}
    for feature, count in seen.items():
        if count >= SEEN_TWICE:
            rare = float(np.log((1 + total) / (1 + count)) + 1) * EMPHASIS.get(feature[:2], 1.0)
            found[features.number(feature)] = rare
    keys = np.array(sorted(found), dtype=np.uint32)
    importance = np.array([found[int(key)] for key in keys], dtype=np.float32)
    return keys, importance.astype(np.float16).astype(np.float32), float(np.log(1 + total) / 2 + 1)


def _matrix(counted: Sequence[Counter[str]], keys: Array, importance: Array, rarest: float) -> Any:
    from scipy import sparse  # noqa: PLC0415  only training needs it

    place = {int(key): at for at, key in enumerate(keys)}
    starts: list[int] = [0]
    columns: list[int] = []
    values: list[float] = []
    for one in counted:
        size = 0.0
        begin = len(values)
        for feature, count in one.items():
            at = place.get(features.number(feature))
            rare = float(importance[at]) if at is not None else rarest
            size += count * rare * rare
            if at is not None:
                columns.append(at)
                values.append(count * rare)
        norm = size**0.5 or 1.0
        values[begin:] = [value / norm for value in values[begin:]]
        starts.append(len(values))
    return sparse.csr_matrix(
        (np.array(values, dtype=np.float64), np.array(columns, dtype=np.int32), np.array(starts, dtype=np.int64)),
        shape=(len(counted), len(keys)),
    )


def _targets(rows: Sequence[_Row]) -> Iterator[tuple[Array, Array, Array]]:
    """For each column: which sentences it learns from, which of them are meant, and what a mistake on each costs."""
    levels = np.array([int(row.intent.level) for row in rows])
    routes = np.array([row.intent.route for row in rows])
    everyone, one = np.arange(len(rows)), np.ones(len(rows))
    danger_costs = np.where(levels == Level.ELEVATED, _DISTRESS_AS_DANGER, 1.0)
    yield everyone, levels >= Level.PRACTICAL, one
    yield everyone, levels >= Level.ELEVATED, one
    yield everyone, levels >= Level.HIGH, danger_costs
    both = np.isin(routes, sorted(set(routes[levels == Level.IMMINENT]))) & (levels >= Level.HIGH)
    grave = np.flatnonzero(both)
    yield grave, levels[grave] == Level.IMMINENT, np.ones(len(grave))
    some = np.flatnonzero(levels > Level.NONE)
    for route in COLUMNS[len(HEADS) :]:
        yield some, routes[some] == route, np.ones(len(some))


def _fit(matrix: Any, truth: Array, costs: Array) -> Any:
    from sklearn.svm import LinearSVC  # noqa: PLC0415  only training needs it

    return LinearSVC(C=1.0, tol=1e-3, random_state=_SEED).fit(matrix, truth, sample_weight=costs)


def _calibrate(matrix: Any, truth: Array, costs: Array) -> tuple[float, float]:
    """Platt's scaling on sentences that the scores were not learned from."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.model_selection import StratifiedKFold  # noqa: PLC0415

    scores = np.zeros(len(truth))
    for learned, held in StratifiedKFold(FOLDS, shuffle=True, random_state=_SEED).split(scores, truth):
        scores[held] = _fit(matrix[learned], truth[learned], costs[learned]).decision_function(matrix[held])
    fitted = LogisticRegression(C=1e6).fit(scores[:, None], truth)
    return float(fitted.coef_[0][0]), float(fitted.intercept_[0])


# --- the cache


def _write(model: Model, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    about = {
        "rarest": model.rarest, "digest": model.digest, "columns": COLUMNS,
        "concepts": model.lexicon.concepts,
    }  # fmt: skip
    arrays = {name: getattr(model, name) for name in ("keys", "weights", "importance", "bias", "slope", "offset")}
    # Another process may be writing the same: each writes its own file and puts it in place whole.
    with tempfile.NamedTemporaryFile(dir=file.parent, suffix=".part", delete=False) as part:
        np.savez(part, about=np.frombuffer(json.dumps(about).encode(), dtype=np.uint8), **arrays)
    Path(part.name).replace(file)


def _read(file: Path, digest: str) -> Model | None:
    """The cached model; None if there is none or it cannot be used."""
    try:
        with np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError):
        return None
    about: Mapping[str, Any] = json.loads(arrays.pop("about").tobytes())
    if about["digest"] != digest or tuple(about["columns"]) != COLUMNS:
        return None
    return Model(**arrays, rarest=about["rarest"], lexicon=Lexicon(about["concepts"]), digest=digest)


if __name__ == "__main__":
    local_classifier()
