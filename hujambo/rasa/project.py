"""The Rasa project of a content pack: written anew from its training sentences, never edited by hand."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from bot.rasa import as_asked
from content.training import FORMAT, Training

# Measured on the development split (docs/evaluation.md): pieces of three to five letters beside words and pairs of
# words hear about as much as the local classifier; pieces of one or two letters bring false alarms, and letters alone
# hear less.
_PIPELINE: tuple[Mapping[str, Any], ...] = (
    {"name": "WhitespaceTokenizer"},
    {"name": "CountVectorsFeaturizer", "analyzer": "word", "min_ngram": 1, "max_ngram": 2, "min_df": 2},
    {"name": "CountVectorsFeaturizer", "analyzer": "char_wb", "min_ngram": 3, "max_ngram": 5, "min_df": 2},
    # The ranking must hold every intent: what a message means is a sum over them.
    {"name": "LogisticRegressionClassifier", "max_iter": 130, "ranking_length": 0},
)


def project_files(training: Training) -> dict[str, str]:
    """Name → text of each file. The same content gives the same text."""
    by_intent: dict[str, dict[str, None]] = {name: {} for name in training.intents}
    for sentence in training.sentences:
        if said := as_asked(sentence.text):
            by_intent[sentence.intent][said] = None
    taught = {name: said for name, said in by_intent.items() if said}
    examples = [{"intent": name, "examples": _Block(_listed(said))} for name, said in taught.items()]
    files = {
        # Rasa wants one language named; nothing in this pipeline depends on it.
        "config.yml": {"recipe": "default.v1", "language": "en", "pipeline": [dict(part) for part in _PIPELINE]},
        "domain.yml": {"version": FORMAT, "intents": list(taught)},
        "data/nlu.yml": {"version": FORMAT, "nlu": examples},
    }
    texts = {name: _as_yaml(value) for name, value in files.items()}
    texts["config.yml"] += f"assistant_id: hujambo-{_digest(texts)}\n"
    return texts


def write_project(training: Training, folder: Path) -> str:
    """Write the files; gives their digest, which changes whenever what Rasa learns does."""
    files = project_files(training)
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return _digest(files)


def _digest(files: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    for name, text in sorted(files.items()):
        digest.update(f"{name}\0{text}\0".encode())
    return digest.hexdigest()[:16]


def _listed(sentences: Iterable[str]) -> str:
    return "".join(f"- {sentence}\n" for sentence in sentences)


def _as_yaml(value: Any) -> str:
    return yaml.dump(value, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=10**6)


class _Block(str):
    """Text that is written as a block, as Rasa wants examples."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(_Block, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|"))
