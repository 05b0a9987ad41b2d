"""What a content pack is made of, as plain values: check-ins, phrases, word lists, commands and the risk vocabulary.

`content.pack` loads these from YAML, `content.check` finds faults in them. Everything a beneficiary can read or be
understood by is here and belongs to one language; structure (which question follows which) belongs to none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal


class Level(IntEnum):
    """How soon a human must act (DOMAIN: 0 Imminent … 3 Practical; ordered so that the highest wins)."""

    NONE = 0
    PRACTICAL = 1
    ELEVATED = 2
    HIGH = 3
    IMMINENT = 4

    @property
    def word(self) -> str:
        return self.name.lower()

    @classmethod
    def of(cls, word: str) -> "Level":
        return cls[word.upper()]


Route = Literal[
    "none",
    "self_harm",
    "harm_others",
    "threat",
    "recruitment",
    "gbv",
    "child",
    "medical",
    "misconduct",
    "distress",
    "practical",
]
# In order of precedence: between two signals of one level the earlier route decides who is called.
ROUTES: tuple[Route, ...] = (
    "self_harm",
    "child",
    "gbv",
    "harm_others",
    "threat",
    "medical",
    "misconduct",
    "recruitment",
    "distress",
    "practical",
    "none",
)

LANGUAGES = ("en", "fr", "es", "pt", "sw", "ha", "ar", "so")
STAFF_LANGUAGES = ("en", "fr", "es", "pt", "ar")  # in which the console speaks, and says why an alert was raised

# Areas of life that a plan has goals in and that staff confirm (DOMAIN §2.2). Drink and drugs, and whom one still
# meets, are none of them: what is written of those incriminates.
DOMAINS = ("LIV", "FOOD", "HOU", "FAM", "COM", "SAF", "HEA", "PSY", "DOC", "EDU")

QuestionKind = Literal["choice", "scale", "number", "yesno", "date", "phone", "text"]


@dataclass(frozen=True, slots=True)
class Worse:
    """A change for the worse against the person's own usual that is a signal below any threshold: `by` so much."""

    by: float
    level: Level
    route: Route = "distress"
    is_lower: bool = False  # the lower, the worse
    countries: Mapping[str, float] = field(default_factory=dict)  # ISO code → `by`

    def by_in(self, country: str) -> float:
        return self.countries.get(country, self.by)


@dataclass(frozen=True, slots=True)
class Option:
    """One answer to a choice: `value` is stored; `score`, `level` and `route` say what choosing it means."""

    value: str
    score: float | None = None
    level: Level = Level.NONE
    route: Route = "none"
    twice: Level = Level.NONE  # its level when an answer that has one was also given the time before


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a check-in. `when` = {earlier question: values} must hold for it to be asked."""

    id: str
    kind: QuestionKind
    options: tuple[Option, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    optional: bool = False
    languages: tuple[str, ...] = ()  # asked in these only (an instrument without an official wording); () = all
    private_only: bool = False  # asked only on phones confirmed private
    # Scale and number: an answer at or beyond these is a signal.
    alarm_at_least: float | None = None
    alarm_at_most: float | None = None
    alarm_level: Level = Level.NONE
    alarm_route: Route = "none"
    worse: Worse | None = None
    consent: str = ""  # of a yesno, or a choice with both: "yes" gives consent for this purpose, "no" withdraws it


@dataclass(frozen=True, slots=True)
class Sum:
    """A score over some questions; at or above its threshold it is a signal. Countries may set their own threshold."""

    id: str
    questions: tuple[str, ...]
    threshold: float
    level: Level
    route: Route = "distress"
    countries: Mapping[str, float] = field(default_factory=dict)  # ISO code → threshold
    worse: Worse | None = None

    def threshold_in(self, country: str) -> float:
        return self.countries.get(country, self.threshold)


@dataclass(frozen=True, slots=True)
class Checkin:
    """A short questionnaire, without its words. `remind_hours` and `expire_hours` count from its opening."""

    id: str
    version: str
    questions: tuple[Question, ...]
    languages: tuple[str, ...]
    remind_hours: float = 24
    expire_hours: float = 48
    source: str = ""
    private_only: bool = False  # only to phones confirmed private
    sums: tuple[Sum, ...] = ()

    def question(self, question_id: str) -> Question | None:
        return next((q for q in self.questions if q.id == question_id), None)


@dataclass(frozen=True, slots=True)
class QuestionText:
    """A question in one language: what is sent, what is sent again with help, and how its options may be written."""

    text: str
    help: str
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # value → label first, then other spellings
    before: tuple[str, ...] = ()  # messages of their own that are sent before it: a validated item does not fit one SMS


@dataclass(frozen=True, slots=True)
class SignalList:
    """Phrases of one language that mean one route at one level. `means` lists raise a signal found beside them."""

    route: Route
    level: Level
    phrases: tuple[str, ...]
    means: bool = False
    id: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """How one language is read: risk lists and what bends them, answers, commands."""

    signals: tuple[SignalList, ...]
    negations: tuple[str, ...]
    # Words that turn a following "not": phrases that look like danger and are not, masked before reading.
    harmless: tuple[str, ...]
    # "my brother", "he": someone else; the signal stays, its reason says so.
    third_person: tuple[str, ...]
    past: tuple[str, ...]
    spellings: Mapping[str, str]  # SMS spelling → word, both normalised
    yes: tuple[str, ...]
    no: tuple[str, ...]
    numbers: Mapping[str, int]
    fine: tuple[str, ...]  # whole-message "I am well"
    commands: Mapping[str, tuple[str, ...]]  # stop, start, help, call_me → whole-message keywords
    names: tuple[str, ...]  # how people name this language: "english", "anglais"
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # name → words, for <name> in signal phrases
    ages: tuple[str, ...] = ()  # patterns "i am {n}", "{n} years old"
    thanks: tuple[str, ...] = ()  # whole-message "thank you", "good morning": nothing is being asked
    corrections: tuple[str, ...] = ()  # "sorry", "i mean" before an answer: it mends the one before
    end_requests: tuple[str, ...] = ()  # within a sentence, plainly ask for the messages to end
    polite: tuple[str, ...] = ()  # words around a command or a yes that change nothing: "please", "sir"
    fillers: tuple[str, ...] = ()  # more words around an answer that change nothing: "my answer is"
    number_marks: tuple[str, ...] = ()  # what stands before a number: "no 2", "option 2"
    denials: tuple[str, ...] = ()  # words that turn or limit an answer: "not", "but", "more than"
    number_joins: tuple[str, ...] = ()  # between the words of one number: "twenty and five"
    halves: tuple[str, ...] = ()  # after a number, half of one more: "and a half"
    ranges: tuple[str, ...] = ()  # between two numbers, the answer is a range and is asked again: "to", "or"
    months: Mapping[str, int] = field(default_factory=dict)
    days: Mapping[str, int] = field(default_factory=dict)  # "yesterday" → -1, counted from the day of the message
    asking: tuple[str, ...] = ()  # words around a language's name when it is asked for: "speak", "in"
    common: tuple[str, ...] = ()  # everyday words, to tell a readable message from one a person must read


@dataclass(frozen=True, slots=True)
class OverTime:
    """What only time shows, in numbers that a programme may set for itself or for a country."""

    usual_from: int = 3  # so many earlier answers make a person's own usual …
    usual_of: int = 8  # … of at most so many, the latest
    repeat_times: int = 3  # the same kind of signal on so many different days …
    repeat_days: int = 14  # … of so many is a repetition
    missed_rounds: int = 2  # so many check-ins in a row without any answer
    habit_of: int = 8  # check-ins from which a person's habit is read, the latest
    steady_from: int = 6  # whoever answered each of them, and at least so many, is missed at once …
    steady_hours: int = 24  # … if their answers usually came within this
    danger_days: int = 30  # after a high or imminent alert, silence is danger for so long


@dataclass(frozen=True, slots=True)
class ProtocolStep:
    """One thing for staff to do. `id` is the same in every language; `level`: only from this level up."""

    id: str
    text: str
    level: Level = Level.NONE
    is_never: bool = False  # something not to do


@dataclass(frozen=True, slots=True)
class CountryCard:
    """What one country adds to a card: further steps, and whom to call there. Texts may hold {hotline}."""

    steps: tuple[ProtocolStep, ...] = ()
    contacts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Protocol:
    """What staff do next about an alert of one route, in one language. `reviewed_by` is empty until somebody has."""

    title: str
    steps: tuple[ProtocolStep, ...]
    countries: Mapping[str, CountryCard] = field(default_factory=dict)  # ISO code → what it adds
    reviewed_by: str = ""

    def in_country(self, country: str) -> CountryCard:
        return self.countries.get(country, CountryCard())

    def steps_at(self, level: Level, country: str) -> tuple[ProtocolStep, ...]:
        """The steps of an alert of this level in this country: first what only this danger needs, then the rest."""
        found = [step for step in (*self.steps, *self.in_country(country).steps) if step.level <= level]
        return tuple(sorted(found, key=lambda step: (step.is_never, -step.level)))


@dataclass(frozen=True, slots=True)
class Reply:
    """A prepared reply that staff can send, in one language. Texts may hold {hotline} and {time}."""

    text: str
    reviewed_by: str = ""


@dataclass(frozen=True, slots=True)
class Pack:
    """All texts, word lists and rules of a programme, loaded and complete. `version` names what made an assessment."""

    name: str
    version: str
    languages: tuple[str, ...]
    checkins: Mapping[str, Checkin]
    texts: Mapping[tuple[str, str, str], QuestionText]  # (check-in, question, language)
    phrases: Mapping[tuple[str, str], str]  # (phrase key, language)
    words: Mapping[str, Words]
    forbidden: Mapping[str, tuple[str, ...]]  # language → words never to be sent; "*" for all languages
    reviewed_by: Mapping[str, str] = field(default_factory=dict)
    # Why the machine thinks so, for staff: (section, name, language) → text; see `builtin/reasons.yaml`.
    reasons: Mapping[tuple[str, str, str], str] = field(default_factory=dict)
    over_time: OverTime = OverTime()
    over_time_by_country: Mapping[str, OverTime] = field(default_factory=dict)
    protocols: Mapping[tuple[str, str], Protocol] = field(default_factory=dict)  # (route, staff language)
    replies: Mapping[tuple[str, str], Reply] = field(default_factory=dict)  # (reply id, language)
    reply_routes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # in the order shown; () = every route

    def over_time_in(self, country: str) -> OverTime:
        return self.over_time_by_country.get(country, self.over_time)

    def protocol(self, route: str, language: str) -> Protocol | None:
        """The card of this route in a staff language, in English where the pack lacks it. None: no card at all."""
        return self.protocols.get((route, language)) or self.protocols.get((route, "en"))

    def replies_for(self, route: str) -> tuple[str, ...]:
        """The ids of the prepared replies that fit this route: its own first, then those that fit every route."""
        own = [key for key, routes in self.reply_routes.items() if route in routes]
        return (*own, *(key for key, routes in self.reply_routes.items() if not routes))

    def phrase(self, key: str, language: str, **values: str) -> str:
        """The phrase in this language, in English where the pack lacks it (a human must still be able to read it)."""
        text = self.phrases.get((key, language)) or self.phrases[(key, "en")]
        return text.format(**values) if values else text

    def greetings(self, language: str) -> tuple[str, ...]:
        """The ways to begin a check-in (phrases `greeting_…`), in a fixed order."""
        keys = sorted(key for key, spoken in self.phrases if spoken == language and key.startswith("greeting_"))
        return tuple(self.phrases[key, language] for key in keys)

    def text(self, checkin: str, question: str, language: str) -> QuestionText:
        found = self.texts.get((checkin, question, language))
        return found if found is not None else self.texts[(checkin, question, "en")]

    def reason(self, section: str, name: str, language: str) -> str:
        """A text of `reasons.yaml` in a staff language, else in English; "" where the pack has none."""
        return self.reasons.get((section, name, language)) or self.reasons.get((section, name, "en"), "")
