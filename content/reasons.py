"""Reads `reasons.yaml`: what each word list, route and kind of reason is called when staff are told why."""

import re
from string import Formatter

from content.schema import LANGUAGES, ROUTES, STAFF_LANGUAGES
from content.source import Desk, Entry

SECTIONS = ("sentences", "lists", "routes", "languages")
# What a sentence may name; anything else would stand there as it is, in front of staff.
FIELDS = frozenset(
    {
        "meaning",
        "language",
        "route",
        "percent",
        "value",
        "question",
        "name",
        "sum",
        "threshold",
        "missed",
        "usual",
        "now",
        "times",
        "days",
        "answered",
        "asked",
        "hours",
    }
)
_ID = re.compile(r"[a-z0-9_.]+")


def read_reasons(desk: Desk, entry: Entry, found: dict[tuple[str, str, str], str]) -> None:
    """Adds to `found`: (section, name, staff language) → text. Each name needs its English."""
    for section, names in desk.mapping(entry, SECTIONS).items():
        for name, spoken in desk.mapping(names, _known(section)).items():
            if not _ID.fullmatch(name):
                desk.fault(spoken.place, f"{name!r} is no name: small letters, digits, '_' and '.' only")
            texts = desk.mapping(spoken, STAFF_LANGUAGES)
            if "en" not in texts and (section, name, "en") not in found:
                desk.fault(spoken.place, f"{name!r} needs its English (en): it is what is fallen back to")
            for language, value in texts.items():
                text = desk.word(value)
                _check(desk, value, text, is_sentence=section == "sentences")
                found[section, name, language] = text


def _known(section: str) -> tuple[str, ...] | None:
    return {"routes": ROUTES, "languages": LANGUAGES}.get(section)


def _check(desk: Desk, entry: Entry, text: str, *, is_sentence: bool) -> None:
    if not text:
        desk.fault(entry.place, "an empty entry")
    try:
        named = {field for _, field, _, _ in Formatter().parse(text) if field is not None}
    except ValueError:
        desk.fault(entry.place, "a brace is open")
        return
    for field in sorted(named - (FIELDS if is_sentence else frozenset())):
        desk.fault(entry.place, f"placeholder {{{field}}} is not known here")
