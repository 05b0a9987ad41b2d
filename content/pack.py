"""Loads a content pack: the built-in one, overlaid by the programme's own, all faults collected before any is raised.

A programme's folder has the same layout as `content/builtin`; every file in it is optional. What it writes
- under a phrase's key, a question's text or a check-in's file name **takes the place** of the built-in one;
- in word lists and `forbidden.yaml` is **added** (`replace: [harmless]` starts anew; see `content.parts.read_words`);
- in `reasons.yaml` takes the place of the built-in text under the same name;
- in `overtime.yaml` takes the place of the built-in number of that name;
- in protocol cards and prepared replies follows `content.guidance`;
- in `pack.yaml` names the programme, its version and the languages it offers.
`common.yaml` beside the language folders holds words that belong to every language.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from content.guidance import Guidance, read_protocols, read_replies, read_reply_routes
from content.overtime import read_over_time
from content.parts import EMPTY_WORDS, read_checkin, read_texts, read_words
from content.reasons import read_reasons
from content.schema import LANGUAGES, STAFF_LANGUAGES, Checkin, OverTime, Pack, QuestionText, Words
from content.source import Desk, Entry, Fault
from content.training import FILES as TRAINING_FILES
from content.training import OTHER

BUILTIN = Path(__file__).parent / "builtin"
_WORD_FILES = ("signals.yaml", "answers.yaml", "commands.yaml", "talk.yaml", "common.yaml")
Places = Mapping[tuple[str, ...], tuple[str, int]]


class PackError(Exception):
    """The content cannot be used; `faults` holds everything that is wrong with it."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = sorted(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


@dataclass(frozen=True, slots=True)
class Loaded:
    """A pack as far as it could be read, its faults so far, and where each of its parts stands."""

    pack: Pack
    faults: list[Fault]
    places: Places


def load_pack(path: Path | None = None) -> Pack:
    """The complete pack. Raises PackError with all faults. Files that did not change are not read again."""
    loaded = read_pack(path)
    if loaded.faults:
        raise PackError(loaded.faults)
    return loaded.pack


@dataclass(slots=True)
class _Draft:
    """What the layers add up to."""

    name: str = ""
    version: str = ""
    languages: tuple[str, ...] = ()
    reviewed_by: dict[str, str] = field(default_factory=dict)
    checkins: dict[str, Checkin] = field(default_factory=dict)
    texts: dict[tuple[str, str, str], QuestionText] = field(default_factory=dict)
    phrases: dict[tuple[str, str], str] = field(default_factory=dict)
    words: dict[str, Words] = field(default_factory=dict)
    forbidden: dict[str, tuple[str, ...]] = field(default_factory=dict)
    reasons: dict[tuple[str, str, str], str] = field(default_factory=dict)
    over_time: dict[str, int] = field(default_factory=dict)
    over_time_by_country: dict[str, dict[str, int]] = field(default_factory=dict)
    guidance: Guidance = field(default_factory=Guidance)
    places: dict[tuple[str, ...], tuple[str, int]] = field(default_factory=dict)


def read_pack(path: Path | None = None) -> Loaded:
    """The pack and its faults together, for `content.check`. Files that did not change are not read again."""
    return _read(path, _digest([BUILTIN, *([path] if path is not None else [])]))


@lru_cache(maxsize=2)
def _read(path: Path | None, digest: str) -> Loaded:
    desk, draft = Desk(), _Draft()
    layers = [BUILTIN]
    if path is not None:
        if path.is_dir():
            layers.append(path)
        else:
            desk.fault((str(path), 1), "the content folder does not exist")
    for layer in layers:
        _read_about(desk, draft, layer)
    for layer in layers:
        _read_layer(desk, draft, layer)
    pack = Pack(
        name=draft.name,
        version=f"{draft.version}+{digest}",
        languages=draft.languages,
        checkins=draft.checkins,
        texts={key: text for key, text in draft.texts.items() if key[2] in draft.languages},
        phrases={key: text for key, text in draft.phrases.items() if key[1] in draft.languages},
        words={language: draft.words.get(language, EMPTY_WORDS) for language in draft.languages},
        forbidden=draft.forbidden,
        reviewed_by=draft.reviewed_by,
        reasons=draft.reasons,
        over_time=OverTime(**draft.over_time),
        over_time_by_country={
            country: OverTime(**draft.over_time | own) for country, own in draft.over_time_by_country.items()
        },
        protocols={key: card for key, card in draft.guidance.protocols.items() if key[1] in draft.languages},
        replies={key: reply for key, reply in draft.guidance.replies.items() if key[1] in draft.languages},
        reply_routes=draft.guidance.routes,
    )
    return Loaded(pack, desk.faults, draft.places)


def _digest(layers: list[Path]) -> str:
    """What the files say, in eight hexadecimal digits: two packs with one version number are still told apart."""
    digest = hashlib.sha256()
    for number, layer in enumerate(layers):
        for file in sorted(layer.rglob("*.yaml")):
            digest.update(f"{number}/{file.relative_to(layer).as_posix()}\0".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()[:8]


def _name(layer: Path, file: Path) -> str:
    """What faults call a file: within the built-in pack its short name, else the path the editor gave."""
    return f"builtin/{file.relative_to(layer).as_posix()}" if layer == BUILTIN else file.as_posix()


def _opened(desk: Desk, layer: Path, relative: str) -> Entry | None:
    file = layer / relative
    return desk.open(file, _name(layer, file)) if file.is_file() else None


def _read_about(desk: Desk, draft: _Draft, layer: Path) -> None:
    entry = _opened(desk, layer, "pack.yaml")
    if entry is None:
        return
    keys = desk.mapping(entry, ("name", "version", "languages", "reviewed_by"), required=("name", "version"))
    draft.name = desk.word(keys.get("name"), draft.name)
    draft.version = desk.word(keys.get("version"), draft.version)
    draft.places["pack",] = entry.place
    languages = desk.words(keys.get("languages"))
    for language in languages:
        if language not in LANGUAGES:
            desk.fault(keys["languages"].place, f"language {language!r} is not known; known: {', '.join(LANGUAGES)}")
    if "languages" in keys and "en" not in languages:
        # Staff must be able to read what the service falls back to.
        desk.fault(keys["languages"].place, "English (en) must be among the languages: it is what is fallen back to")
    draft.languages = tuple(x for x in languages if x in LANGUAGES) or draft.languages
    if "reviewed_by" in keys:
        draft.reviewed_by |= {key: desk.word(value) for key, value in desk.mapping(keys["reviewed_by"]).items()}


def _read_layer(desk: Desk, draft: _Draft, layer: Path) -> None:
    _warn_of_strays(desk, draft, layer)
    for file in sorted((layer / "checkins").glob("*.yaml")):
        entry = desk.open(file, _name(layer, file))
        if entry is not None:
            checkin_id = file.stem
            for key in [key for key in draft.places if key[:2] == ("question", checkin_id)]:
                del draft.places[key]
            draft.places["checkin", checkin_id] = entry.place
            draft.checkins[checkin_id] = read_checkin(desk, checkin_id, entry, draft.languages, draft.places)
    forbidden = _opened(desk, layer, "forbidden.yaml")
    if forbidden is not None:
        for language, words in desk.mapping(forbidden, ("*", *LANGUAGES)).items():
            draft.forbidden[language] = (*draft.forbidden.get(language, ()), *desk.words(words))
    reasons = _opened(desk, layer, "reasons.yaml")
    if reasons is not None:
        read_reasons(desk, reasons, draft.reasons)
    over_time = _opened(desk, layer, "overtime.yaml")
    if over_time is not None:
        read_over_time(desk, over_time, draft.over_time, draft.over_time_by_country)
    replies = _opened(desk, layer, "replies.yaml")
    if replies is not None:
        read_reply_routes(desk, replies, draft.guidance, draft.places)
    common = _opened(desk, layer, "common.yaml")
    for language in draft.languages:
        _read_language(desk, draft, layer, language, common)


def _read_language(desk: Desk, draft: _Draft, layer: Path, language: str, common: Entry | None) -> None:
    words = draft.words.get(language, EMPTY_WORDS)
    for entry in (common, *(_opened(desk, layer, f"{language}/{file}") for file in _WORD_FILES)):
        if entry is not None:
            words = read_words(desk, entry, words)
    draft.words[language] = words
    phrases = _opened(desk, layer, f"{language}/phrases.yaml")
    if phrases is not None:
        for key, value in desk.mapping(phrases).items():
            draft.phrases[key, language] = desk.word(value)
            draft.places["phrase", key, language] = value.place
    texts = _opened(desk, layer, f"{language}/checkins.yaml")
    if texts is not None:
        read_texts(desk, texts, language, draft.texts, draft.places)
    replies = _opened(desk, layer, f"{language}/replies.yaml")
    if replies is not None:
        read_replies(desk, replies, language, draft.guidance, draft.places)
    cards = _opened(desk, layer, f"{language}/protocols.yaml") if language in STAFF_LANGUAGES else None
    if cards is not None:
        read_protocols(desk, cards, language, draft.guidance, draft.places)


def _warn_of_strays(desk: Desk, draft: _Draft, layer: Path) -> None:
    """A file that nothing reads is a typing error somebody would look for long."""
    single = ("pack", "forbidden", "common", "intents", "limits", "reasons", "languages", "overtime", "replies")
    known = {f"{name}.yaml" for name in single}
    known |= set(_known_files(draft.languages))
    for file in sorted((*layer.rglob("*.yaml"), *layer.rglob("*.yml"))):
        relative = file.relative_to(layer).as_posix()
        if relative in known or (
            relative.startswith("checkins/") and relative.count("/") == 1 and file.suffix == ".yaml"
        ):
            continue
        if relative.split("/")[0] in LANGUAGES and relative.split("/")[0] not in draft.languages:
            continue  # a language that this pack does not offer, or not yet
        desk.fault((_name(layer, file), 1), "nothing reads this file: is its name or folder misspelt?")


def _known_files(languages: tuple[str, ...]) -> Iterator[str]:
    for language in languages:
        for file in (*_WORD_FILES, "phrases.yaml", "checkins.yaml", "replies.yaml", *TRAINING_FILES):
            yield f"{language}/{file}"
        if language in STAFF_LANGUAGES:
            yield f"{language}/protocols.yaml"
    yield from (f"{OTHER}/{file}" for file in TRAINING_FILES)


__all__ = ["Fault", "Loaded", "PackError", "load_pack", "read_pack"]
