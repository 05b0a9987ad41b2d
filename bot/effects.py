"""What a turn is given and what it gives back: plain frozen values, serialisable, no database, no network, no clock.

The dialogue never sends, saves or logs. It returns effects in the order in which they happened; `scheduler.inbox`
writes them in one transaction. A new effect needs a case there: a test walks `EFFECTS`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from bot.history import EMPTY, History
from content.schema import Level, Route


@dataclass(frozen=True, slots=True)
class Reason:
    """Why the machine thinks so, for staff: a code that has its sentence in `content/builtin/reasons.yaml`, a detail
    that quotes the word list, and the same in parts, from which the sentence is made. Never the message itself."""

    code: str  # list · means · time · age · classifier · negated · past · someone_else · answer · score · silence …
    detail: str = ""
    data: Mapping[str, str | float] = field(default_factory=dict, compare=False)

    def to_json(self) -> dict[str, Any]:
        return {"code": self.code, "detail": self.detail, **({"data": dict(self.data)} if self.data else {})}


@dataclass(frozen=True, slots=True)
class Assessment:
    level: Level = Level.NONE
    route: Route = "none"
    reasons: tuple[Reason, ...] = ()
    language: str = ""  # the language whose list spoke, or that the text was read as

    @property
    def is_danger(self) -> bool:
        return self.level >= Level.HIGH


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a classifier makes of a message. `sureness`: its calibrated probability, 0 to 1, of `level` or more."""

    level: Level
    route: Route
    sureness: float
    by: str = "local"  # which classifier
    instead_of: str = ""  # the classifier that was to be asked and gave no answer
    danger: float = field(default=1.0, compare=False)  # probability of high or more; 1: not said, so nothing is doubted


@dataclass(frozen=True, slots=True)
class Inbound:
    """One message as it came. `text` is raw; it may be empty, in any script, and up to 1,600 characters or more."""

    id: int
    text: str
    media: int
    received_at: datetime
    opinion: Opinion | None = None  # of a classifier outside; None: it was not asked or did not answer
    is_call: bool = False  # they rang, and nobody picked up; there is no text


@dataclass(frozen=True, slots=True)
class Person:
    """What the dialogue may know about who is writing. A stranger is a person who is not enrolled."""

    enrolled: bool
    language: str
    languages: tuple[str, ...] = ("en",)  # of the site: all their lists read every message
    country: str = ""
    has_left: bool = False  # the programme: what they write is handled as ever, but no answer is expected of them
    is_minor: bool = False  # under 18 or of unknown age: no screening
    phone_kind: Literal["private", "shared", "monitored"] = "private"
    opted_out: bool = False
    is_held: bool = False  # a staff member holds the conversation: only danger is read
    has_open_alert: bool = False
    is_under_duress: bool = False  # an unclosed alert was raised by the duress word: nothing may show on the phone
    staff_on_duty: bool = True
    hotline: str = ""
    duress_word: str = ""
    time_zone: str = "UTC"  # what a day is for them


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a session stands. `step` counts every question asked, so a timer can name the one it was set for."""

    checkin: str
    version: str
    language: str
    question: str  # "" before the opening and after the end
    step: int = 0
    tries: int = 0  # re-asks of this question
    reminded: bool = False
    opened_at: datetime | None = None
    answers: Mapping[str, str] = field(default_factory=dict)  # question → value as text, for `when`
    scores: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        # By hand: dataclasses.asdict copies deeply and was a tenth of a turn's time.
        return {
            "checkin": self.checkin,
            "version": self.version,
            "language": self.language,
            "question": self.question,
            "step": self.step,
            "tries": self.tries,
            "reminded": self.reminded,
            "opened_at": self.opened_at.isoformat() if self.opened_at else None,
            "answers": dict(self.answers),
            "scores": dict(self.scores),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Progress":
        opened = data.get("opened_at")
        return cls(**{**data, "opened_at": datetime.fromisoformat(opened) if opened else None})


@dataclass(frozen=True, slots=True)
class Memory:
    """What the dialogue remembers of a contact: when it last said what, and what it is waiting for."""

    said: Mapping[str, datetime] = field(default_factory=dict)  # phrase key → when, to say it once per while
    pending: str = ""  # a confirmation asked for, e.g. "stop"
    pending_until: datetime | None = None
    spoken: str = ""  # the language they last wrote in, where it was clear and not their own
    spoken_at: datetime | None = None
    spoken_times: int = 0  # messages in a row, counted as far as it matters
    history: History = EMPTY  # of the person, who may change their number: it is kept with them, not in `to_json`

    def to_json(self) -> dict[str, Any]:
        data: dict[str, Any] = {
            "said": {key: at.isoformat() for key, at in self.said.items()},
            "pending": self.pending,
            "pending_until": self.pending_until.isoformat() if self.pending_until else None,
        }
        if self.spoken and self.spoken_at:
            data |= {"spoken": self.spoken, "spoken_at": self.spoken_at.isoformat(), "spoken_times": self.spoken_times}
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Memory":
        until, spoken_at = data.get("pending_until"), data.get("spoken_at")
        return cls(
            said={key: datetime.fromisoformat(at) for key, at in data.get("said", {}).items()},
            pending=data.get("pending", ""),
            pending_until=datetime.fromisoformat(until) if until else None,
            spoken=data.get("spoken", ""),
            spoken_at=datetime.fromisoformat(spoken_at) if spoken_at else None,
            spoken_times=data.get("spoken_times", 0),
        )


# --- effects ---


@dataclass(frozen=True, slots=True)
class Say:
    """Send this text to the contact. `key` is the phrase or question it came from; purpose orders the outbox."""

    text: str
    key: str
    purpose: Literal["crisis", "reply", "checkin", "reminder"] = "reply"
    # Seconds to wait before sending, e.g. so that several messages in one minute get one answer.
    delay: float = 0


@dataclass(frozen=True, slots=True)
class StoreAnswer:
    question: str
    value: str | float
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Assess:
    """Store what was read in this message or answer (levels above NONE; NONE is kept on the message itself)."""

    assessment: Assessment


@dataclass(frozen=True, slots=True)
class RaiseAlert:
    """A human must act: open an alert, or join and perhaps raise the one that is open."""

    assessment: Assessment


@dataclass(frozen=True, slots=True)
class RaiseTask:
    """A dated task for staff. `kind`: read_message · call_me · unknown_number · opted_out · media · silence · …"""

    kind: str
    due_hours: float
    once_per: Literal["day", "session", "ever", "message"] = "day"


@dataclass(frozen=True, slots=True)
class ChangeLanguage:
    language: str


@dataclass(frozen=True, slots=True)
class OptOut:
    by: Literal["word", "staff", "provider"] = "word"


@dataclass(frozen=True, slots=True)
class OptIn:
    pass


@dataclass(frozen=True, slots=True)
class KeepProgress:
    """The session goes on from here; `timer` at `due_at` belongs to `progress.step`."""

    progress: Progress
    timer: Literal["remind", "expire"] = "expire"
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class EndSession:
    """The session is over: everything asked (done), time ran out (expired), or the person or staff stopped it."""

    progress: Progress
    state: Literal["done", "expired", "stopped"]
    is_silent: bool = False  # not a word came back


@dataclass(frozen=True, slots=True)
class SetConsent:
    """The person's own answer gives or withdraws consent for a purpose."""

    purpose: str
    is_given: bool


Effect = (
    Say
    | StoreAnswer
    | Assess
    | RaiseAlert
    | RaiseTask
    | ChangeLanguage
    | OptOut
    | OptIn
    | KeepProgress
    | EndSession
    | SetConsent
)
EFFECTS: tuple[type, ...] = (
    Say,
    StoreAnswer,
    Assess,
    RaiseAlert,
    RaiseTask,
    ChangeLanguage,
    OptOut,
    OptIn,
    KeepProgress,
    EndSession,
    SetConsent,
)


@dataclass(frozen=True, slots=True)
class Turn:
    """What followed from one message: effects in order, the contact's new memory, and what was read."""

    effects: tuple[Effect, ...]
    memory: Memory
    assessment: Assessment
