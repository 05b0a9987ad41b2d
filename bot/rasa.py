"""What is asked of Rasa and what its answers mean: plain values, which `hujambo/rasa` carries.

Rasa reads a stretch of a message at a time, as the local classifier does, and for the same reasons: a cry for help is
heard inside a long story, and a sentence more never makes the others unheard.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bot.classifier import COLUMNS, HEADS, LEAST, LONG, MOST_CLAUSES, Array, clauses_of
from bot.text import END, marked
from content.schema import Level
from content.training import Intent

_GRAVE_ENOUGH = (Level.PRACTICAL, Level.ELEVATED, Level.HIGH)  # of the first heads; imminent is among the high ones
_WHOLE = (0.98, 1.02)  # what the confidences of an answer add up to, if none was left out


class NonsenseError(ValueError):
    """An answer that is none of a Rasa trained on our content. The text says why and quotes nothing of it."""


def as_asked(text: str) -> str:
    """The words of a sentence as Rasa is taught and asked them: folded, with nothing in them that is markup to it."""
    return " ".join(word for word in marked(text) if word != END)


def stretches(text: str) -> list[str]:
    """The texts to ask Rasa about: up to three clauses in a row, and parts of long ones. Each once; maybe none.

    What is asked about a message is asked about every longer message that contains it.
    """
    found: dict[str, None] = {}
    clauses = clauses_of(text)
    for first, words in enumerate(clauses):
        said: list[str] = []
        for clause in clauses[first : first + MOST_CLAUSES]:
            said = [*said, *clause]
            if len(said) >= LEAST:
                found[" ".join(said)] = None
        for start in range(0, len(words) - LONG // 2 if len(words) > LONG else 0, LONG // 2):
            found[" ".join(words[start : start + LONG])] = None
    return list(found)


def chances(answers: Sequence[Any], intents: Mapping[str, Intent]) -> Array:
    """Rasa's answers (JSON, one for each stretch) as `bot.classifier.judge` takes them. Raises NonsenseError."""
    return np.array([_row(_confidences(answer, intents), intents) for answer in answers], dtype=np.float32)


def _confidences(answer: Any, intents: Mapping[str, Intent]) -> dict[str, float]:
    ranking = answer.get("intent_ranking") if isinstance(answer, dict) else None
    if not isinstance(ranking, list):
        raise NonsenseError("an answer has no ranking of intents")
    found: dict[str, float] = {}
    for each in ranking:
        name, value = (each.get("name"), each.get("confidence")) if isinstance(each, dict) else (None, None)
        if not isinstance(name, str) or name not in intents:
            raise NonsenseError("an answer names an intent that the content does not have")
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1.001:
            raise NonsenseError("a confidence is not between 0 and 1")
        found[name] = float(value)
    if not _WHOLE[0] <= sum(found.values()) <= _WHOLE[1]:
        raise NonsenseError("the confidences of an answer do not add up to 1")
    return found


def _row(confidences: Mapping[str, float], intents: Mapping[str, Intent]) -> list[float]:
    """How likely each level and route is, when every intent counts for what it means."""
    read = [(intents[name], value) for name, value in confidences.items()]
    heads = [sum(value for intent, value in read if intent.level >= least) for least in _GRAVE_ENOUGH]
    urgent = {intent.route for intent in intents.values() if intent.level is Level.IMMINENT}
    among = sum(value for intent, value in read if intent.level >= Level.HIGH and intent.route in urgent)
    now = sum(value for intent, value in read if intent.level is Level.IMMINENT)
    routes = [sum(value for intent, value in read if intent.route == route) for route in COLUMNS[len(HEADS) :]]
    return [min(1.0, value) for value in (*heads, now / among if among else 0.0, *routes)]
