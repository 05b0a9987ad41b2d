"""What the languages are told apart by: learned from the content's sentences, always the same, and kept in a cache."""

import hashlib
import json
import random
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import structlog

from bot import features
from bot.language import OTHER, Identifier, LanguageModel
from bot.text import tokens
from content.pack import BUILTIN, load_pack
from content.schema import LANGUAGES, Words
from content.training import digest_of, load_foreign, load_training
from hujambo.model import default_cache

log = structlog.get_logger()
Array = npt.NDArray[Any]
VERSION = 2  # of the code that learns: a cached model of another one is not used
COLUMNS = (*LANGUAGES, OTHER)
# Sentences of other languages are few and stand for all the languages of the world.
_OTHER_TIMES = 3
_OTHER_WORDS = 10  # in one line, so that they are as long as a message
_WINDOW = 4  # words: messages are short, and so are most of the lines that are learned from
_SEEN_TWICE = 2
_STEP = 0.3  # what a piece of a word counts while learning: the smaller, the slower it is learned
# Pieces of one word, and words of one message, are no evidence apart from each other: without this every score would be
# certainty. Chosen on short pieces of the development split, as what makes the probabilities come true.
_TEMPERATURE = 4.0
_SURELY_ANOTHER = 1.0  # how much more a line must speak for another language, after _TEMPERATURE, to be left out
_SEED = 20260101


def local_identifier(content: Path | None = None, *, cache: Path | None = None) -> Identifier:
    """Tells the languages apart, from the cache or learned now (some seconds). Raises TrainingError."""
    folder = cache or default_cache()
    digest = f"{_digest(content)}-{VERSION}"
    file = folder / f"languages-{digest}.npz"
    model = _read(file, digest)
    if model is None:
        log.info("learning to tell the languages apart", digest=digest)
        model = learn(content, digest)
        _write(model, file)
    return Identifier(model)


def _digest(content: Path | None) -> str:
    """Of everything that is learned from; a phrase or a check-in that changes teaches nothing."""
    digest = hashlib.sha256(digest_of(content).encode())
    for layer in (BUILTIN, *([content] if content is not None else [])):
        files = [layer / "languages.yaml"]
        if layer == BUILTIN:
            files += [layer / code / name for code in LANGUAGES for name in ("signals.yaml", *_LISTS)]
        for file in files:
            if file.is_file():
                digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


_LISTS = ("answers.yaml", "commands.yaml", "talk.yaml", "common.yaml")


def learn(content: Path | None = None, digest: str = "") -> LanguageModel:
    """Needs scikit-learn; nothing else of this does."""
    lines = list(_lines(content))
    counted = Counter(feature for words, _ in lines for word in words for feature in features.of_word(word))
    chosen = np.unique(
        np.fromiter((features.number(each) for each, n in counted.items() if n >= _SEEN_TWICE), dtype=np.uint32)
    )
    matrix, columns = _matrix(lines, chosen), np.array([column for _, column in lines])
    # Where people mix languages, a line filed under one may be whole in another: the first look finds it.
    own = np.flatnonzero(_are_own(matrix, columns, *_fit(matrix, columns)))
    weights, bias = _fit(matrix[own], columns[own])
    words, users = _vocabulary([lines[at] for at in own])
    return LanguageModel(COLUMNS, chosen, weights.astype(np.float16), bias, words, users, digest)


Line = tuple[list[str], int]


def _lines(content: Path | None) -> Iterator[Line]:
    """Whole sentences, short pieces of them, and the words of the lists; always the same ones."""
    chance = random.Random(_SEED)  # noqa: S311  not a secret
    told = [(tokens(one.text), one.language) for one in load_training(content).sentences]
    for text in load_foreign(content):
        words = tokens(text)
        told += _OTHER_TIMES * [(words[at : at + _OTHER_WORDS], OTHER) for at in range(0, len(words), _OTHER_WORDS)]
    for words, language in told:
        if not words or language not in COLUMNS:
            continue
        column = COLUMNS.index(language)
        yield words, column
        size = chance.randint(1, _WINDOW)
        if len(words) > size:
            start = chance.randrange(len(words) - size + 1)
            yield words[start : start + size], column
    for language, lists in load_pack().words.items():
        for text in _said(lists):
            yield tokens(text), COLUMNS.index(language)


def _said(lists: Words) -> Iterator[str]:
    yield from lists.spellings
    yield from lists.numbers
    for texts in (lists.common, lists.fine, lists.thanks, lists.polite, lists.yes, lists.no, *lists.commands.values()):
        yield from texts


def _are_own(matrix: Any, columns: Array, weights: Array, bias: Array) -> Array:
    """For each line whether it is in the language that it is filed under, or not surely in another."""
    logits = matrix @ (weights / _STEP) + bias
    ahead = logits.max(axis=1) - logits[np.arange(len(columns)), columns]
    return np.asarray(ahead < _SURELY_ANOTHER)


def _matrix(lines: list[Line], chosen: Array) -> Any:
    from scipy.sparse import csr_matrix  # noqa: PLC0415

    kept: dict[str, Array] = {}

    def row(words: list[str]) -> Array:
        for word in words:
            if word not in kept:
                numbers = np.array([features.number(each) for each in features.of_word(word)], dtype=np.uint32)
                at = np.searchsorted(chosen, numbers)
                at[at == len(chosen)] = 0
                kept[word] = at[chosen[at] == numbers]
        return np.concatenate([kept[word] for word in words]) if words else np.zeros(0, dtype=np.int64)

    rows = [row(words) for words, _ in lines]
    ends = np.cumsum([0, *(len(each) for each in rows)])
    values = np.full(ends[-1], _STEP, dtype=np.float32)
    matrix = csr_matrix((values, np.concatenate(rows), ends), shape=(len(rows), len(chosen)))
    matrix.sum_duplicates()
    return matrix


def _fit(matrix: Any, columns: Array) -> tuple[Array, Array]:
    from sklearn.linear_model import SGDClassifier  # noqa: PLC0415

    fitted = SGDClassifier(
        loss="log_loss", alpha=1e-6, max_iter=5, tol=None, average=True, class_weight="balanced", random_state=_SEED
    ).fit(matrix, columns)
    return fitted.coef_.T * _STEP / _TEMPERATURE, (fitted.intercept_ / _TEMPERATURE).astype(np.float32)


def _vocabulary(lines: list[Line]) -> tuple[Array, Array]:
    """Words that were met twice in a language; a word met once may be a slip or a name."""
    counted = Counter((features.number(f"w:{word}"), column) for words, column in lines for word in words)
    users: dict[int, int] = {}
    for (number, column), times in counted.items():
        if times >= _SEEN_TWICE and COLUMNS[column] != OTHER:
            users[number] = users.get(number, 0) | 1 << column
    listed = np.array(sorted(users), dtype=np.uint32)
    return listed, np.array([users[int(number)] for number in listed], dtype=np.uint16)


# --- the cache


def _write(model: LanguageModel, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    about = json.dumps({"digest": model.digest, "languages": model.languages}).encode()
    arrays = {name: getattr(model, name) for name in ("keys", "weights", "bias", "words", "users")}
    # Another process may be writing the same: each writes its own file and puts it in place whole.
    with tempfile.NamedTemporaryFile(dir=file.parent, suffix=".part", delete=False) as part:
        np.savez(part, about=np.frombuffer(about, dtype=np.uint8), **arrays)
    Path(part.name).replace(file)


def _read(file: Path, digest: str) -> LanguageModel | None:
    """The cached model; None if there is none or it cannot be used."""
    try:
        with np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError):
        return None
    about: Mapping[str, Any] = json.loads(arrays.pop("about").tobytes())
    if about["digest"] != digest or tuple(about["languages"]) != COLUMNS:
        return None
    return LanguageModel(**arrays, languages=COLUMNS, digest=digest)


if __name__ == "__main__":
    local_identifier()
