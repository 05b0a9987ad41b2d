"""What every gateway has in common: messages, receipts, the named ways a send can end, and the Channel protocol.

A channel is one configured gateway account. Its file verifies and reads the gateway's webhooks and sends one message;
it stores nothing and retries nothing. `scheduler.outbox` has one branch for all of them: what `Outcome` says.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Request:
    """A webhook as it arrived: `url` is what the gateway signed (public address + raw path and query)."""

    url: str
    headers: Mapping[str, str]  # keys in lower case
    body: bytes
    query: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """One message from a person. `sender` is canonical (E.164 for telephones); `provider_id` recognises duplicates."""

    provider_id: str
    sender: str
    recipient: str
    text: str
    media: int = 0
    is_call: bool = False  # they rang instead of writing, and nobody picked up: there is no text

    def __post_init__(self) -> None:
        try:
            self.text.encode()
        except UnicodeEncodeError:
            # Half a character, as JSON can carry one, is no text: it cannot be stored, and the message must be.
            whole = self.text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            object.__setattr__(self, "text", whole)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One named way in which a send can end. `sentence` is what staff read."""

    name: str
    is_final: bool  # no further attempt may follow
    is_sent: bool = False
    retry_after: float | None = None  # seconds; None: the retry policy decides
    pause_channel: float | None = None  # the whole channel is told to wait this long
    is_uncertain: bool = False  # it may have been accepted: ask before sending again
    blames_contact: bool = False  # staff get a task: the number is wrong, blocked or opted out
    sentence: str = ""


def _outcomes(*outcomes: Outcome) -> Mapping[str, Outcome]:
    return {outcome.name: outcome for outcome in outcomes}


OUTCOMES = _outcomes(
    Outcome("accepted", is_final=True, is_sent=True, sentence="The gateway took the message."),
    Outcome("delivered", is_final=True, is_sent=True, sentence="The operator says the phone received it."),
    Outcome("bad_number", is_final=True, blames_contact=True, sentence="This is not a number that can be texted."),
    Outcome("not_mobile", is_final=True, blames_contact=True, sentence="This is a landline or cannot receive SMS."),
    Outcome(
        "opted_out",
        is_final=True,
        blames_contact=True,
        sentence="The person stopped messages at the operator or gateway. Call instead.",
    ),
    # These two must not pause the channel: a stranger with a foreign number could then silence it for everyone.
    Outcome(
        "country_closed",
        is_final=True,
        blames_contact=True,
        sentence="The gateway account may not send to this country. An administrator must open it.",
    ),
    Outcome("no_route", is_final=True, blames_contact=True, sentence="Our sender has no way to reach this number."),
    Outcome("bad_address", is_final=True, blames_contact=True, sentence="The mail server knows no such address."),
    Outcome(
        "bad_sender",
        is_final=True,
        pause_channel=900,
        sentence="The gateway refuses our sender for this number. An administrator must look.",
    ),
    Outcome(
        "bad_account",
        is_final=False,
        pause_channel=300,
        sentence="The gateway refuses our credentials or account. An administrator must look.",
    ),
    Outcome("unreachable", is_final=False, retry_after=1800, sentence="The phone is off or out of reach."),
    Outcome("blocked", is_final=True, blames_contact=True, sentence="The operator or the phone blocks our messages."),
    Outcome("unknown_handset", is_final=True, blames_contact=True, sentence="The number no longer exists."),
    Outcome("filtered", is_final=True, sentence="The operator's filter dropped the message."),
    Outcome("lost", is_final=False, retry_after=300, sentence="The operator lost the message without a reason."),
    Outcome("rate_limited", is_final=False, pause_channel=2, sentence="The gateway asked us to slow down."),
    Outcome("gateway_fault", is_final=False, sentence="The gateway had a fault; nothing was sent."),
    Outcome("no_connection", is_final=False, sentence="The gateway could not be reached; nothing was sent."),
    Outcome(
        "timeout",
        is_final=False,
        is_uncertain=True,
        sentence="The gateway did not answer in time; it may have taken the message.",
    ),
    Outcome("rejected", is_final=True, sentence="The gateway refused the message for another reason."),
)


@dataclass(frozen=True, slots=True)
class SendResult:
    outcome: Outcome
    provider_id: str = ""
    detail: str = ""  # the gateway's code, never a number or a text


@dataclass(frozen=True, slots=True)
class Receipt:
    """A status callback. `state`: sent · delivered · failed. `message_id` is our own id if the gateway returned it."""

    provider_id: str
    state: str
    outcome: Outcome | None = None
    message_id: int | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to send. `message_id` is our outbox id and goes into the status callback's address."""

    message_id: int
    recipient: str
    text: str
    purpose: str = "reply"


@dataclass(frozen=True, slots=True)
class Found:
    """What the gateway remembers having accepted, when we ask it about a send whose end we do not know."""

    provider_id: str
    recipient: str
    text: str
    created_at: datetime


class ForgedRequestError(Exception):
    """The webhook's signature is missing or wrong: answer 403."""


class MalformedRequestError(Exception):
    """The webhook is signed, but cannot be read: answer 400. The text names what is missing, never a value."""


class ChannelSettingError(ValueError):
    """The channel's settings cannot be used; the text names the setting."""


class Channel(Protocol):
    """One gateway account, open. Made by a `ChannelKind`; `close` it."""

    async def send(self, message: Outgoing) -> SendResult: ...

    def read_inbound(self, request: Request) -> IncomingMessage:
        """Verify, then read. Raises ForgedRequestError or MalformedRequestError."""
        ...

    def read_call(self, request: Request) -> IncomingMessage | None:
        """Somebody rings the number that texts them: verify, then read. None: the caller hides their number."""
        ...

    def read_status(self, request: Request) -> Receipt | None:
        """Verify, then read. None: a state that means nothing to us (queued, sending)."""
        ...

    def acknowledge(self) -> tuple[str, str]:
        """Body and content type of the 200 that answers a webhook."""
        ...

    def hang_up(self) -> tuple[str, str]:
        """The same for a call: it is not picked up, so that it costs the caller nothing."""
        ...

    @property
    def can_find(self) -> bool:
        """Whether `find` finding nothing means that nothing was accepted (a minute after the attempt at the latest)."""
        ...

    def find(self, recipient: str, since: datetime) -> AsyncIterator[Found]:
        """What the gateway accepted for this recipient since then; nothing if it cannot say."""
        ...

    async def close(self) -> None: ...


class ChannelKind(Protocol):
    """How a kind of channel is configured and opened; registered in `channels.KINDS`."""

    @property
    def name(self) -> str: ...

    @property
    def settings(self) -> Sequence[str]:
        """Names of the settings it needs."""
        ...

    @property
    def default_rate(self) -> float:
        """Messages per second."""
        ...

    def open(self, name: str, address: str, settings: Mapping[str, Any], public_url: str) -> Channel: ...


@dataclass(frozen=True, slots=True)
class Kind:
    """A plain `ChannelKind`."""

    name: str
    settings: Sequence[str]
    default_rate: float
    opener: Any = field(repr=False)

    def open(self, name: str, address: str, settings: Mapping[str, Any], public_url: str) -> Channel:
        missing = [key for key in self.settings if not settings.get(key)]
        if missing:
            msg = f"channel {name!r}: setting {missing[0]!r} is missing"
            raise ChannelSettingError(msg)
        channel: Channel = self.opener(name, address, settings, public_url)
        return channel
