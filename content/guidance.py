"""What guides staff: protocol cards (`LANG/protocols.yaml`) and prepared replies (`replies.yaml`, `LANG/replies.yaml`).

A programme's own file is laid over the built-in one. A card's `steps` take the place of the built-in steps, its
`countries` are added; a reply's text takes the place of the built-in text. Whatever is written anew has been reviewed
by nobody, unless the file says by whom: `reviewed_by` at the top of a file speaks for all that then stands in its
language, the built-in texts included.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from string import Formatter

from content.schema import (
    ROUTES,
    STAFF_LANGUAGES,
    CountryCard,
    Level,
    Pack,
    Protocol,
    ProtocolStep,
    Reply,
)
from content.source import Desk, Entry, Fault

Places = Mapping[tuple[str, ...], tuple[str, int]]

_ROUTES = tuple(route for route in ROUTES if route != "none")
_LEVELS = tuple(level.word for level in Level if level)
_COUNTRY = re.compile(r"[A-Z]{2}")
_STEP_ID = re.compile(r"[a-z][a-z0-9_]{0,31}")
_FEWEST_STEPS, _MOST_STEPS = 4, 9
_LONGEST_STEP = 160
# The longest a filled-in {time} can be.
LONGEST_TIME = "00:00"


@dataclass(slots=True)
class Guidance:
    """What the layers add up to."""

    protocols: dict[tuple[str, str], Protocol] = field(default_factory=dict)
    replies: dict[tuple[str, str], Reply] = field(default_factory=dict)
    routes: dict[str, tuple[str, ...]] = field(default_factory=dict)


# --- protocol cards ---


def read_protocols(
    desk: Desk, entry: Entry, language: str, found: Guidance, places: dict[tuple[str, ...], tuple[str, int]]
) -> None:
    """`LANG/protocols.yaml`: `reviewed_by`, and `cards` by route."""
    keys = desk.mapping(entry, ("reviewed_by", "cards"))
    for route, item in desk.mapping(keys["cards"]).items() if "cards" in keys else ():
        if route not in _ROUTES:
            desk.fault(item.place, f"there is no route {route!r}; known: {', '.join(_ROUTES)}")
            continue
        found.protocols[route, language] = _card(desk, item, found.protocols.get((route, language)))
        places["protocol", route, language] = item.place
    reviewed_by = desk.word(keys.get("reviewed_by"))
    for key, card in found.protocols.items() if reviewed_by else ():
        if key[1] == language:
            found.protocols[key] = replace(card, reviewed_by=card.reviewed_by or reviewed_by)


def _card(desk: Desk, entry: Entry, before: Protocol | None) -> Protocol:
    needed = () if before is not None else ("title", "steps")
    keys = desk.mapping(entry, ("title", "steps", "countries", "reviewed_by"), required=needed)
    old = before or Protocol("", ())
    steps = _steps(desk, keys["steps"]) if "steps" in keys else old.steps
    countries = dict(old.countries)
    for code, item in desk.mapping(keys["countries"]).items() if "countries" in keys else ():
        if not _COUNTRY.fullmatch(code):
            desk.fault(item.place, f"country {code!r} is not two capital letters, as KE")
        parts = desk.mapping(item, ("steps_add", "contacts"))
        added = _steps(desk, parts["steps_add"]) if "steps_add" in parts else ()
        for step in added:
            if step.id in {one.id for one in steps}:
                desk.fault(item.place, f"step {step.id!r} is on the card already")
        countries[code] = CountryCard(added, desk.words(parts.get("contacts")))
    return Protocol(desk.word(keys.get("title"), old.title), steps, countries, desk.word(keys.get("reviewed_by")))


def _steps(desk: Desk, entry: Entry) -> tuple[ProtocolStep, ...]:
    found: dict[str, ProtocolStep] = {}
    for item in desk.items(entry):
        keys = desk.mapping(item, ("id", "text", "level", "never"), required=("id", "text"))
        step = ProtocolStep(
            id=desk.word(keys.get("id")),
            text=desk.word(keys.get("text")),
            level=Level.of(desk.one_of(keys["level"], _LEVELS, "practical")) if "level" in keys else Level.NONE,
            is_never=desk.flag(keys.get("never")),
        )
        if not _STEP_ID.fullmatch(step.id):
            desk.fault(item.place, f"a step's id is a short word of small letters: {step.id!r} is not")
        if step.id in found:
            desk.fault(item.place, f"two steps are called {step.id!r}")
        if not step.text or len(step.text) > _LONGEST_STEP:
            desk.fault(
                item.place, f"step {step.id!r}: between 1 and {_LONGEST_STEP} characters; it has {len(step.text)}"
            )
        found[step.id] = step
    return tuple(found.values())


# --- prepared replies ---


def read_reply_routes(
    desk: Desk, entry: Entry, found: Guidance, places: dict[tuple[str, ...], tuple[str, int]]
) -> None:
    """`replies.yaml`: which prepared replies there are, in order, and the `routes` they are for (none: all)."""
    for key, item in desk.mapping(entry).items():
        parts = desk.mapping(item, ("routes",)) if item.value else {}
        routes = desk.words(parts.get("routes"))
        for route in routes:
            if route not in _ROUTES:
                desk.fault(item.place, f"there is no route {route!r}; known: {', '.join(_ROUTES)}")
        found.routes[key] = routes
        places["reply", key] = item.place


def read_replies(
    desk: Desk, entry: Entry, language: str, found: Guidance, places: dict[tuple[str, ...], tuple[str, int]]
) -> None:
    """`LANG/replies.yaml`: `reviewed_by`, and `replies`, each id with its text."""
    keys = desk.mapping(entry, ("reviewed_by", "replies"))
    for key, item in desk.mapping(keys["replies"]).items() if "replies" in keys else ():
        found.replies[key, language] = Reply(desk.word(item))
        places["reply", key, language] = item.place
    reviewed_by = desk.word(keys.get("reviewed_by"))
    for name, reply in found.replies.items() if reviewed_by else ():
        if name[1] == language:
            found.replies[name] = replace(reply, reviewed_by=reviewed_by)


# --- what is wrong with them ---


def check_guidance(pack: Pack, places: Places) -> Iterator[Fault]:
    yield from _check_cards(pack, places)
    yield from _check_replies(pack, places)


def _check_cards(pack: Pack, places: Places) -> Iterator[Fault]:
    spoken = [language for language in STAFF_LANGUAGES if language in pack.languages]
    for route in _ROUTES:
        english = pack.protocols.get((route, "en"))
        if english is None:
            yield Fault(*places["pack",], f"there is no protocol card for {route!r} in 'en'")
            continue
        for language in spoken:
            card = pack.protocols.get((route, language))
            if card is None:
                yield Fault(*places["protocol", route, "en"], f"card {route!r} is missing in {language!r}")
                continue
            place = places["protocol", route, language]
            yield from _check_card(place, route, card)
            # A ticked step must mean the same to colleagues who read it in different languages.
            for sentence in _differences(english, card):
                yield Fault(*place, f"card {route!r}: {sentence}")


def _check_card(place: tuple[str, int], route: str, card: Protocol) -> Iterator[Fault]:
    if not card.title:
        yield Fault(*place, f"card {route!r}: its title is empty")
    if not _FEWEST_STEPS <= len(card.steps) <= _MOST_STEPS:
        yield Fault(*place, f"card {route!r} has {len(card.steps)} steps; {_FEWEST_STEPS} to {_MOST_STEPS} are read")
    texts = [step.text for step in card.steps]
    for added in card.countries.values():
        texts += [*(step.text for step in added.steps), *added.contacts]
    for text in texts:
        yield from _check_slots(place, f"card {route!r}", text, {"hotline"})


def _differences(english: Protocol, other: Protocol) -> Iterator[str]:
    for name, ours, theirs in (
        ("the card", english.steps, other.steps),
        *((code, added.steps, other.in_country(code).steps) for code, added in english.countries.items()),
    ):
        shape, other_shape = ({step.id: (step.level, step.is_never) for step in steps} for steps in (ours, theirs))
        if list(shape.items()) != list(other_shape.items()):
            names = f"{', '.join(other_shape) or 'none'}, in English {', '.join(shape) or 'none'}"
            yield f"the steps of {name}, their order, level and never are those of the English card: here {names}"
    for code in other.countries:
        if code not in english.countries:
            yield f"country {code!r} is not on the English card"


def _check_replies(pack: Pack, places: Places) -> Iterator[Fault]:
    for key in pack.reply_routes:
        for language in pack.languages:
            if not pack.replies.get((key, language), Reply("")).text:
                place = places.get(("reply", key, language)) or places["reply", key]
                yield Fault(*place, f"prepared reply {key!r} is missing in {language!r}")
    for (key, language), reply in pack.replies.items():
        place = places["reply", key, language]
        if key not in pack.reply_routes:
            yield Fault(*place, f"there is no prepared reply {key!r} in replies.yaml")
        yield from _check_slots(place, f"prepared reply {key!r}", reply.text, {"hotline", "time"})


def _check_slots(place: tuple[str, int], what: str, text: str, allowed: set[str]) -> Iterator[Fault]:
    try:
        names = {name for _, name, _, _ in Formatter().parse(text) if name is not None}
    except ValueError:
        yield Fault(*place, f"{what}: a curly bracket is open or closed alone")
        return
    known = ", ".join("{" + name + "}" for name in sorted(allowed))
    for name in sorted(names - allowed):
        yield Fault(*place, f"{what}: unknown placeholder {{{name}}}; known here: {known}")
