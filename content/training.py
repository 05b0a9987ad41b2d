"""What a classifier learns from: training sentences in Rasa's own format, and which words carry which meaning.

`LANG/nlu.yaml` holds sentences by intent, as `rasa train nlu` reads them; `LANG/concepts.yaml` holds words by meaning.
`intents.yaml` says what each intent means: how soon a human must act (level), and about what (route); `limits.yaml` how
sure a classifier must be (`limits` the local one, `rasa` Rasa). A programme's own files of these names add to the
built-in ones.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import cast

from content.schema import LANGUAGES, ROUTES, Level, Route
from content.source import Desk, Entry, Fault

BUILTIN = Path(__file__).parent / "builtin"
FILES = ("nlu.yaml", "concepts.yaml")  # in each language's folder
FORMAT = "3.1"  # of Rasa's training files
# The sections of `limits.yaml`: each classifier is sure in its own way.
LOCAL, RASA = "limits", "rasa"
LIMITS = (LOCAL, RASA)
# Sentences of languages that we do not read: they teach what is none of ours.
OTHER = "other"


class TrainingError(Exception):
    """The training files cannot be used; `faults` holds everything that is wrong with them."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = sorted(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


@dataclass(frozen=True, slots=True)
class Intent:
    """What a sentence is about; `level` and `route` are what it means for staff."""

    name: str
    level: Level
    route: Route


@dataclass(frozen=True, slots=True)
class Limits:
    """How sure the classifier must be, 0 to 1, before a message counts as practical, elevated, high or imminent."""

    practical: float
    elevated: float
    high: float
    imminent: float


@dataclass(frozen=True, slots=True)
class Sentence:
    text: str
    language: str
    intent: str


@dataclass(frozen=True, slots=True)
class Training:
    """Everything a classifier is made of. `digest` changes whenever any of it does."""

    intents: Mapping[str, Intent]
    sentences: tuple[Sentence, ...]
    concepts: Mapping[str, Mapping[str, tuple[str, ...]]]  # language → meaning → forms
    digest: str


@dataclass(slots=True)
class _Draft:
    intents: dict[str, Intent] = field(default_factory=dict)
    sentences: dict[tuple[str, str], Sentence] = field(default_factory=dict)
    concepts: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)


def load_training(path: Path | None = None) -> Training:
    """The training material. Raises TrainingError with all faults."""
    training, faults = read_training(path)
    if faults:
        raise TrainingError(faults)
    return training


def read_training(path: Path | None = None) -> tuple[Training, list[Fault]]:
    """The training material and what is wrong with it, for `content.check`. Unchanged files are not read again."""
    return _read(path, digest_of(path))


@lru_cache(maxsize=1)
def _read(path: Path | None, digest: str) -> tuple[Training, list[Fault]]:
    desk, draft = Desk(), _Draft()
    layers = _layers(path)
    _read_all_intents(desk, layers, draft)
    for layer in layers:
        for language in (*LANGUAGES, OTHER):
            sentences = _opened(desk, layer, f"{language}/nlu.yaml")
            if sentences is not None:
                _read_sentences(desk, sentences, language, draft)
            concepts = _opened(desk, layer, f"{language}/concepts.yaml")
            if concepts is not None:
                _read_concepts(desk, concepts, draft.concepts.setdefault(language, {}))
    for section in LIMITS:
        _read_limits(desk, layers, section)
    training = Training(draft.intents, tuple(draft.sentences.values()), draft.concepts, digest)
    return training, desk.faults


def load_limits(path: Path | None = None, section: str = LOCAL) -> dict[str, Limits]:
    """The limits of a classifier by language; "*" is always among them. Raises TrainingError."""
    desk = Desk()
    limits = _read_limits(desk, _layers(path), section)
    if desk.faults:
        raise TrainingError(desk.faults)
    return limits


def load_intents(path: Path | None = None) -> Mapping[str, Intent]:
    """What each intent means, without reading the sentences. Raises TrainingError."""
    desk, draft = Desk(), _Draft()
    _read_all_intents(desk, _layers(path), draft)
    if desk.faults:
        raise TrainingError(desk.faults)
    return draft.intents


def _layers(path: Path | None) -> list[Path]:
    return [BUILTIN, *([path] if path is not None and path.is_dir() else [])]


def load_foreign(path: Path | None = None) -> list[str]:
    """Sentences of languages that are not ours (`languages.yaml`: language → sentences). Raises TrainingError."""
    sentences, faults = read_foreign(path)
    if faults:
        raise TrainingError(faults)
    return sentences


def read_foreign(path: Path | None = None) -> tuple[list[str], list[Fault]]:
    """The same and what is wrong with them, for `content.check`."""
    desk = Desk()
    found: list[str] = []
    for layer in _layers(path):
        entry = _opened(desk, layer, "languages.yaml")
        for language, item in desk.mapping(entry).items() if entry is not None else ():
            if language in LANGUAGES:
                desk.fault(item.place, f"{language!r} is one of ours: its sentences belong into {language}/nlu.yaml")
            found += desk.words(item)
    return found, desk.faults


def digest_of(path: Path | None = None) -> str:
    """What the training files say, without reading them as YAML: quick enough for every start."""
    digest = hashlib.sha256()
    for number, layer in enumerate([BUILTIN, *([path] if path is not None else [])]):
        names = ["intents.yaml", *(f"{language}/{name}" for language in (*LANGUAGES, OTHER) for name in FILES)]
        for name in names:
            file = layer / name
            if file.is_file():
                digest.update(f"{number}/{name}\0".encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _opened(desk: Desk, layer: Path, relative: str) -> Entry | None:
    file = layer / relative
    name = f"builtin/{relative}" if layer == BUILTIN else file.as_posix()
    return desk.open(file, name) if file.is_file() else None


def _read_all_intents(desk: Desk, layers: list[Path], draft: _Draft) -> None:
    for layer in layers:
        intents = _opened(desk, layer, "intents.yaml")
        if intents is not None:
            _read_intents(desk, intents, draft)


def _read_intents(desk: Desk, entry: Entry, draft: _Draft) -> None:
    keys = desk.mapping(entry, ("intents",))
    levels = tuple(level.word for level in Level)
    for name, item in desk.mapping(keys["intents"]).items() if "intents" in keys else ():
        parts = desk.mapping(item, ("level", "route"), required=("level", "route"))
        level = Level.of(desk.one_of(parts.get("level"), levels, "none"))
        route = cast("Route", desk.one_of(parts.get("route"), ROUTES, "none"))
        if (level is Level.NONE) != (route == "none"):
            desk.fault(item.place, f"intent {name!r}: a level and a route go together")
        draft.intents[name] = Intent(name, level, route)


def _read_limits(desk: Desk, layers: list[Path], section: str) -> dict[str, Limits]:
    limits: dict[str, Limits] = {}
    names = ("practical", "elevated", "high", "imminent")
    for layer in layers:
        entry = _opened(desk, layer, "limits.yaml")
        keys = desk.mapping(entry, LIMITS) if entry is not None else {}
        for language, item in desk.mapping(keys[section]).items() if section in keys else ():
            parts = desk.mapping(item, names, required=names)
            found = [desk.number(parts.get(name), 0.5) or 0.0 for name in names]
            if not all(0 < value < 1 for value in found):
                desk.fault(item.place, f"{section} of {language!r}: each is between 0 and 1")
            limits[language] = Limits(*found)
    return limits


def _read_sentences(desk: Desk, entry: Entry, language: str, draft: _Draft) -> None:
    keys = desk.mapping(entry, ("version", "nlu"), required=("version", "nlu"))
    if "version" in keys and desk.word(keys["version"]) != FORMAT:
        desk.fault(keys["version"].place, f"version {FORMAT!r} of Rasa's format is expected")
    for item in desk.items(keys.get("nlu")):
        parts = desk.mapping(item, ("intent", "examples"), required=("intent", "examples"))
        intent = desk.word(parts.get("intent"))
        if intent not in draft.intents:
            desk.fault(item.place, f"intent {intent!r} is not in intents.yaml")
        for text in _examples(desk, parts.get("examples")):
            before = draft.sentences.get((language, text.casefold()))
            if before is not None and before.intent != intent:
                desk.fault(
                    item.place, f"a sentence of {intent!r} is also one of {before.intent!r}: it begins {text[:20]!r}"
                )
            draft.sentences.setdefault((language, text.casefold()), Sentence(text, language, intent))


def _examples(desk: Desk, entry: Entry | None) -> list[str]:
    if entry is None:
        return []
    found = []
    for number, line in enumerate(desk.word(entry).splitlines()):
        if line.startswith("- ") and line[2:].strip():
            found.append(line[2:].strip())
        elif line.strip():
            desk.fault((entry.place[0], entry.place[1] + number + 1), "an example begins with '- '")
    if not found:
        desk.fault(entry.place, "an intent needs examples")
    return found


def _read_concepts(desk: Desk, entry: Entry, concepts: dict[str, tuple[str, ...]]) -> None:
    for name, forms in desk.mapping(entry).items():
        concepts[name] = tuple(dict.fromkeys((*concepts.get(name, ()), *desk.words(forms))))
