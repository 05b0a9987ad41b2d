"""Chooses and phrases what is said: the variant for the phone and the hour, the hotline, nothing twice in a row."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from bot.effects import Assessment, Effect, Memory, Person, Say
from bot.overtime.repetition import noted, repeated
from bot.text import tokens
from content.schema import Level, OverTime, Pack, Route

CRISIS_EVERY = timedelta(minutes=10)
ONCE_A_DAY = timedelta(hours=24)
# What was said longer ago than this no longer matters to anybody.
_FORGET_AFTER = timedelta(days=7)

Form = tuple[str, ...]  # the words of a phrase
Purpose = Literal["crisis", "reply", "checkin", "reminder"]


@dataclass(slots=True)
class Talk:
    """One turn in the making: what is known, the effects so far, and the memory as they leave it."""

    person: Person
    memory: Memory
    pack: Pack
    now: datetime
    language: str = ""  # that of the conversation; "": the person's own
    effects: list[Effect] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.language = self.language or self.person.language

    def add(self, *effects: Effect) -> None:
        self.effects.extend(effects)

    @property
    def over_time(self) -> OverTime:
        return self.pack.over_time_in(self.person.country)

    def among_earlier(self, read: Assessment) -> Assessment:
        """The signal as it counts beside those of the last days, and kept for the next ones."""
        if read.level is Level.NONE:
            return read
        today = self.now.astimezone(ZoneInfo(self.person.time_zone)).date()
        found = repeated(read, self.memory.history, today, self.over_time)
        self.memory = replace(self.memory, history=noted(read, self.memory.history, today, self.over_time))
        return found

    def say(
        self,
        key: str,
        *,
        every: timedelta = timedelta(0),
        language: str = "",
        purpose: Purpose = "reply",
        **values: str,
    ) -> bool:
        """Says a phrase, unless it was said less than `every` ago. Off duty, its `_off` variant where there is one."""
        chosen = phrase_for(self.pack, key, self.person)
        if self.was_said(chosen, every):
            return False
        text = phrased(self.pack, chosen, self.person, language or self.language, **values)
        self.add(Say(text, chosen, purpose))
        self.remember(chosen)
        return True

    def was_said(self, key: str, within: timedelta) -> bool:
        at = self.memory.said.get(key)
        return at is not None and self.now - at < within

    def remember(self, key: str) -> None:
        recent = {name: at for name, at in self.memory.said.items() if self.now - at < _FORGET_AFTER}
        self.memory = replace(self.memory, said={**recent, key: self.now})

    def expect(self, pending: str, for_hours: float) -> None:
        until = self.now + timedelta(hours=for_hours) if pending else None
        self.memory = replace(self.memory, pending=pending, pending_until=until)


def phrase_for(pack: Pack, key: str, person: Person) -> str:
    if not person.staff_on_duty and (f"{key}_off", "en") in pack.phrases:
        return f"{key}_off"
    return key


def phrased(pack: Pack, key: str, person: Person, language: str, **values: str) -> str:
    hotline = person.hotline or pack.phrase("no_hotline", language)
    return pack.phrase(key, language).format(hotline=hotline, **values)


def danger_key(pack: Pack, route: Route, person: Person) -> str:
    """The reply to danger: neutral on a phone that others use or watch, else the route's own words."""
    if person.phone_kind != "private":
        return "danger_discreet"
    return route if (route, "en") in pack.phrases else "danger_discreet"


@lru_cache(maxsize=256)
def spoken(phrases: tuple[str, ...]) -> tuple[Form, ...]:
    """A list of the pack as the words of its phrases, read once."""
    return tuple(dict.fromkeys(tuple(words) for phrase in phrases if (words := tokens(phrase))))


def by_first_word(phrases: Iterable[Form]) -> dict[str, tuple[Form, ...]]:
    found: dict[str, tuple[Form, ...]] = {}
    for phrase in phrases:
        found[phrase[0]] = (*found.get(phrase[0], ()), phrase)
    return found


def contains_any(words: Sequence[str], starts: Mapping[str, Sequence[Form]]) -> bool:
    """Whether one of the phrases, given by their first words, stands in the message."""
    return any(contains(words, phrase) for word in words if word in starts for phrase in starts[word])


def contains(words: Sequence[str], phrase: Sequence[str]) -> bool:
    """Whether the phrase's words stand in the message, in a row."""
    size = len(phrase)
    return size > 0 and any(tuple(words[at : at + size]) == tuple(phrase) for at in range(len(words) - size + 1))
