"""Why an alert was raised, as sentences in the staff member's language, made from what the reading left behind.

Rows written before reasons had parts (`data`) hold the same in one line (`detail`); they are taken apart here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from console import words
from content.patterns import is_pattern
from content.schema import Pack

NEARLY_CERTAIN, FAIRLY_SURE = 0.95, 0.75
_QUOTING = frozenset({"list", "means", "time", "age"})
# What earlier versions wrote → what it is called now.
_RENAMED = {"negation": "negated", "third_person": "someone_else", "signal": "list"}
_DETAILS = {
    "quote": re.compile(r"(?P<language>\w\w)/(?P<list>[\w.-]+): (?P<phrase>.+)", re.DOTALL),
    "classifier": re.compile(r"(?P<by>\w+): (?P<route>\w+) (?P<sureness>\d+)%"),
    "score": re.compile(
        r"(?P<name>\S+) \S+: (?P<sum>-?[\d.]+) of threshold (?P<threshold>-?[\d.]+)(?P<partly> \(.*\))?"
    ),
    "answer": re.compile(r"(?P<question>\S+) = (?P<value>.+)"),
    "silence": re.compile(r".*: (?P<missed>\d+)"),
    "minor": re.compile(r"read as (?P<route>\w+)"),
}


@dataclass(frozen=True, slots=True)
class Explained:
    """One reason: what it says to everybody, and what only those may see who read messages."""

    text: str
    detail: str = ""


def explain(reason: Mapping[str, Any], pack: Pack, language: str) -> Explained:
    """A stored reason {"code", "detail", "data"?} in words. A code that nobody knows is shown as it is."""
    code = str(reason.get("code", ""))
    code = _RENAMED.get(code, code)
    data = reason.get("data") or _taken_apart(code, str(reason.get("detail", "")))
    if code in _QUOTING:
        return _quoting(code, data, pack, language)
    if code == "classifier":
        return Explained(_classifier(data, pack, language))
    text = pack.reason("sentences", code, language) or words.label(words.REASONS, code)
    return Explained(text, _detail(code, data, pack, language))


def _taken_apart(code: str, detail: str) -> dict[str, Any]:
    pattern = _DETAILS.get("quote" if code in _QUOTING else code)
    match = pattern.fullmatch(detail) if pattern is not None else None
    if match is None:
        return {}
    data: dict[str, Any] = match.groupdict()
    if code == "classifier":
        data["sureness"] = int(data["sureness"]) / 100
    if code == "score":
        data["whole"] = data.pop("partly") is None
    return data


def _quoting(code: str, data: Mapping[str, Any], pack: Pack, language: str) -> Explained:
    if not data:
        return Explained(words.label(words.REASONS, code))
    sentence = pack.reason("sentences", code, language)
    spoken = pack.reason("languages", str(data["language"]), language) or str(data["language"])
    text = sentence.format(meaning=_meaning(str(data["list"]), pack, language), language=spoken)
    phrase = str(data["phrase"]).replace("{n}", "…")
    # A pattern is for those who write lists; what it means says more than how it is written.
    return Explained(text, "" if is_pattern(phrase) else f"“{phrase}”")


def _meaning(source: str, pack: Pack, language: str) -> str:
    """What the list means; one that nobody has described is known by its route, which most names begin with."""
    described = pack.reason("lists", source, language)
    if described:
        return described
    listed = next((each.route for one in pack.words.values() for each in one.signals if each.id == source), "none")
    return _capital(pack.reason("routes", listed, language)) or source


def _classifier(data: Mapping[str, Any], pack: Pack, language: str) -> str:
    if not data:
        return pack.reason("sentences", "classifier", language)
    sureness = float(data["sureness"])
    name = "nearly_certain" if sureness >= NEARLY_CERTAIN else "fairly_sure" if sureness >= FAIRLY_SURE else "leaning"
    route = pack.reason("routes", str(data["route"]), language) or str(data["route"])
    # 99.6 % is not certainty.
    return pack.reason("sentences", name, language).format(percent=min(99, round(sureness * 100)), route=route)


def _detail(code: str, data: Mapping[str, Any], pack: Pack, language: str) -> str:
    """The sentence beneath: which one, and what it is filled with; "" for a reason that has none."""
    name = {
        "answer": "answer_given",
        "score": "score_reached" if data.get("whole", True) else "score_partly",
        "silence": "silence_since",
        "baseline": "baseline_now",
        "twice": "twice_given",
        "repeat": "repeat_days",
        "habit": "habit_usual",
        "after_danger": "after_danger_days",
        "minor": "minor_read",
    }.get(code)
    if not data or name is None:
        return ""
    filled: dict[str, Any] = {key: _shown(value) for key, value in data.items()}
    if "question" in data:
        filled["question"] = _question(data, pack, language)
    if "route" in data:
        route = pack.reason("routes", str(data["route"]), language) or str(data["route"])
        filled["route"] = route if code == "minor" else _capital(route)
    if code == "score":
        filled["name"] = _capital(str(data["name"]).replace("_", " "))
    return pack.reason("sentences", name, language).format(**filled)


def _question(data: Mapping[str, Any], pack: Pack, language: str) -> str:
    """What was asked, in a language of the staff member; its name where an old row does not say in which check-in."""
    question = str(data["question"])
    asked = [key for key in pack.texts if key[1] == question and key[0] == data.get("checkin", key[0])]
    found = next((key for wanted in (language, "en") for key in asked if key[2] == wanted), None)
    return pack.texts[found].text if found is not None else question


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
