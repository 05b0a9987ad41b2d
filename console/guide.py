"""What the page of an alert offers to do: the protocol card of its route, and the replies prepared for it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from channels.segments import count
from content.schema import Level, Pack, ProtocolStep


@dataclass(frozen=True, slots=True)
class Mark:
    """Who ticked a step, and when."""

    who: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the card as the page shows it."""

    id: str
    text: str
    is_never: bool
    is_urgent: bool
    mark: Mark | None


@dataclass(frozen=True, slots=True)
class Card:
    """The protocol card of an alert, in the reader's language. `reviewed_by` is empty until somebody has."""

    title: str
    steps: Sequence[Step]
    contacts: Sequence[str]
    reviewed_by: str

    @property
    def done(self) -> int:
        return sum(step.mark is not None for step in self.steps)

    @property
    def doable(self) -> int:
        return sum(not step.is_never for step in self.steps)


@dataclass(frozen=True, slots=True)
class Prepared:
    """One prepared reply: what is sent, and its meaning in the reader's language where that is another."""

    id: str
    text: str
    meaning: str
    segments: int
    is_reviewed: bool


def marks(events: Sequence[Any], names: Mapping[int, str]) -> dict[str, Mark]:
    """Which steps stand ticked. `events` are an alert's, oldest first."""
    found: dict[str, Mark] = {}
    for event in events:
        if event.kind == "step_done":
            found[event.data["step"]] = Mark(names.get(event.staff_id, ""), event.at)
        elif event.kind == "step_undone":
            found.pop(event.data["step"], None)
    return found


def card(pack: Pack, alert: Any, ticked: Mapping[str, Mark], language: str) -> Card | None:
    """`alert` has route, level, country and hotline. None: the route has no card."""
    found = pack.protocol(alert.route, language)
    if found is None:
        return None
    hotline = _hotline(pack, alert.hotline, language)

    def shown(step: ProtocolStep) -> Step:
        return Step(step.id, _said(step.text, hotline), step.is_never, step.level > Level.NONE, ticked.get(step.id))

    return Card(
        title=found.title,
        steps=[shown(step) for step in found.steps_at(Level(alert.level), alert.country)],
        contacts=[_said(text, hotline) for text in found.in_country(alert.country).contacts],
        reviewed_by=found.reviewed_by,
    )


def step_texts(pack: Pack, alert: Any, language: str) -> dict[str, str]:
    """The words of every step of the alert's card, whatever its level now: the story tells what was done."""
    found = pack.protocol(alert.route, language)
    if found is None:
        return {}
    hotline = _hotline(pack, alert.hotline, language)
    return {step.id: _said(step.text, hotline) for step in found.steps_at(Level.IMMINENT, alert.country)}


def prepared(pack: Pack, alert: Any, language: str) -> list[Prepared]:
    """The replies for this route in the person's language; in English where the pack has none in theirs."""
    found = []
    for key in pack.replies_for(alert.route):
        reply = pack.replies.get((key, alert.language)) or pack.replies.get((key, "en"))
        meaning = pack.replies.get((key, language)) or pack.replies.get((key, "en"))
        if reply is None:
            continue
        text = _said(reply.text, _hotline(pack, alert.hotline, alert.language))
        meant = _said(meaning.text, _hotline(pack, alert.hotline, language)) if meaning else ""
        found.append(Prepared(key, text, meant if meant != text else "", count(text).segments, bool(reply.reviewed_by)))
    return found


def _hotline(pack: Pack, number: str | None, language: str) -> str:
    return number or pack.phrases.get(("no_hotline", language)) or pack.phrases.get(("no_hotline", "en"), "")


def _said(text: str, hotline: str) -> str:
    return text.replace("{hotline}", hotline)
