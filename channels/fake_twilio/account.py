"""One account: its messages, who opted out, and what it was told to do wrong."""

import asyncio
import base64
import itertools
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

ACCOUNT_SID = "AC" + "f" * 32
AUTH_TOKEN = "fake-token"  # noqa: S105  nobody's token: this Twilio is ours
Failure = int | Literal["timeout", "timeout_after", "reset", "reset_after", "slow"]


@dataclass(slots=True)
class FakeMessage:
    """One message as Twilio keeps it; times are seconds since 1970."""

    sid: str
    to: str
    sender: str
    service: str
    body: str
    status: str
    direction: str
    created: float
    sent: float | None = None
    updated: float = 0.0
    error_code: int | None = None
    callback: str = ""
    media: int = 0


class Account:
    """What is kept, and how the next sends go wrong. See `FakeTwilio` for the settings."""

    def __init__(
        self,
        account_sid: str = ACCOUNT_SID,
        auth_token: str = AUTH_TOKEN,
        *,
        inbound_url: str = "",
        senders: frozenset[str] = frozenset(),
        answer_delay: float = 0.0,
        callbacks: bool = True,
        callback_delay: float = 0.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.account_sid = account_sid
        self.auth_token = auth_token
        self.inbound_url = inbound_url
        self.senders = senders
        self.answer_delay = answer_delay
        self.callbacks = callbacks
        self.callback_delay = callback_delay
        self.slow_seconds = 0.2
        self.messages: list[FakeMessage] = []
        self.opted_out: set[str] = set()
        # Number → code: 2xxxx refuses at once, 3xxxx accepts and reports undelivered later.
        self.failing_numbers: dict[str, int] = {}
        self.counts = {"requests": 0, "accepted": 0, "refused": 0, "callbacks": 0, "callbacks_failed": 0}
        self.url = ""
        self._failures: deque[Failure] = deque()
        self._by_number: dict[str, list[FakeMessage]] = {}
        self._by_sid: dict[str, FakeMessage] = {}
        self._sids = itertools.count(time.time_ns() % 10**12 * 10**6)
        self._authorization = "Basic " + base64.b64encode(f"{account_sid}:{auth_token}".encode()).decode()
        self._base = f"/2010-04-01/Accounts/{account_sid}/Messages"
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()

    def fail_next(self, failure: Failure, count: int = 1) -> None:
        """The next sends end so: an error code (5 digits), an HTTP status (3 digits), or a fault of the connection.

        `timeout` and `reset` take nothing; `timeout_after` and `reset_after` take the message and then do not say so;
        `slow` answers after `slow_seconds`.
        """
        self._failures.extend([failure] * count)

    def _keep(self, message: FakeMessage) -> None:
        self.messages.append(message)
        self._by_sid[message.sid] = message
        self._by_number.setdefault(message.to, []).append(message)

    def _sid(self, prefix: str) -> str:
        return f"{prefix}{next(self._sids):032x}"
