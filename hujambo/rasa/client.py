"""Asks Rasa over HTTP how grave a message is. Whatever becomes of Rasa, there is an opinion: the local classifier's.

A fault is seen by staff (a reason on the assessment), by monitoring (/readyz, /metrics) and in the log, once for each
outage. The text goes to the configured address and nowhere else: no redirect is followed, no proxy is used.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import urlsplit

import aiohttp
import structlog

from bot.classifier import Array, judge
from bot.distress import Classifier
from bot.effects import Opinion
from bot.rasa import NonsenseError, chances, stretches
from content.schema import Level
from content.training import RASA, Intent, Limits, load_intents, load_limits

log = structlog.get_logger()

Fault = Literal["timeout", "unreachable", "status", "nonsense"]
Judge = Callable[[str], Opinion]
DEFAULT_URL = "http://127.0.0.1:5005"  # where `make rasa` serves it
PATIENCE = 2.0  # seconds; a gateway waits longer than that for its 200
UNHURRIED = 10.0  # seconds; of commands, where nobody waits for a 200
AT_ONCE = 8  # requests on their way together: Rasa answers one after the other
MOST_WAITING = 100  # requests, about a second of Rasa's work: who comes later is read here at once
RETRY = 5.0  # seconds that a Rasa which failed is left alone
_MOST_BYTES = 100_000  # of an answer
# Seconds until we close a connection that is not used: Rasa does it after five, and what is sent just then is lost.
_IDLE = 2.0
_GREETING = "good morning"  # what is asked to see whether Rasa can answer
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_SAID: Mapping[Fault, str] = {
    "timeout": "does not answer in time",
    "unreachable": "cannot be reached",
    "status": "refuses to answer",
    "nonsense": "answers like one that was not trained on this content",
}


class _FaultError(Exception):
    def __init__(self, kind: Fault) -> None:
        super().__init__(kind)
        self.kind = kind


def checked_url(url: str) -> str:
    """The address, without a slash at its end. ValueError: messages must not cross a network in the clear."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError(f"expected an address like {DEFAULT_URL}")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ValueError("must begin with https unless Rasa is on this machine: messages pass over it")
    return url.rstrip("/")


def open_rasa(url: str, local: Classifier, content: Path | None = None, *, patience: float = PATIENCE) -> "Rasa":
    """The Rasa at this address, for this content. Nothing is asked yet. Raises TrainingError."""
    return Rasa(url, local, load_intents(content), load_limits(content, RASA), patience=patience)


class Rasa:
    """One Rasa server. `ask` raises nothing; `look` finds out whether it can answer, and whether it can again.

    `patience`: seconds within which all stretches of a message must be answered. `clock`: monotonic seconds.
    """

    def __init__(
        self,
        url: str,
        local: Classifier,
        intents: Mapping[str, Intent],
        limits: Mapping[str, Limits],
        *,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address = f"{url}/model/parse"
        self._local = local
        self._intents = intents
        self._limits = limits
        self._patience = patience
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self._retry_at = 0.0
        self.fault: Fault | None = None
        self.counts = dict.fromkeys(("answered", "timeout", "unreachable", "status", "nonsense", "away", "busy"), 0)

    # --- what the service and the commands use

    async def ask(self, text: str) -> Judge:
        """What gives the opinion, once it is told the writer's language."""
        texts = stretches(text)
        if not texts:  # what a single word means is for the lists to say
            return _silent
        if self._waiting and self._waiting + len(texts) > MOST_WAITING:
            return self._by_local(text, "busy")
        if self.fault is not None and self._clock() < self._retry_at:
            return self._by_local(text, "away")
        rows, fault = await self._rows(texts)
        if fault is not None or rows is None:
            return self._by_local(text, fault or "nonsense", rows)
        self.counts["answered"] += 1
        return partial(judge, rows, self._limits, by="rasa")

    async def look(self) -> int:
        """Ask something harmless: an outage is seen, and its end, also while nobody writes. For the service's clock."""
        await self._rows([_GREETING])
        return 0

    def degraded(self) -> list[str]:
        """What monitoring is told; nothing while Rasa answers."""
        return [] if self.fault is None else [f"Rasa {_SAID[self.fault]}: the local classifier reads instead"]

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    # --- asking

    async def _rows(self, texts: Sequence[str]) -> tuple[Array | None, Fault | None]:
        """What Rasa makes of the stretches it answered, and why it did not answer all. Nothing of it: an outage."""
        self._retry_at = self._clock() + RETRY  # while one tries, the others need not
        answers, fault = await self._answers(texts)
        rows = None
        try:
            rows = chances(answers, self._intents) if answers else None
        except NonsenseError:
            fault = "nonsense"
        self._note(fault, has_answered=rows is not None)
        return rows, fault

    async def _answers(self, texts: Sequence[str]) -> tuple[list[Any], Fault | None]:
        self._waiting += len(texts)
        tasks = [asyncio.create_task(self._parse(text)) for text in texts]
        try:
            await asyncio.wait(tasks, timeout=self._patience)
        finally:
            self._waiting -= len(texts)
            for task in tasks:
                task.cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        faults = [_kind(one) for one in found if isinstance(one, BaseException)]
        return [one for one in found if not isinstance(one, BaseException)], faults[0] if faults else None

    async def _parse(self, text: str) -> Any:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=AT_ONCE, keepalive_timeout=_IDLE),
                timeout=aiohttp.ClientTimeout(total=self._patience),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        async with (
            self._gate,
            self._session.post(self._address, json={"text": text}, allow_redirects=False) as answer,
        ):
            if answer.status != 200:
                raise _FaultError("status")
            body = bytearray()
            async for part in answer.content.iter_any():
                body += part
                if len(body) > _MOST_BYTES:
                    raise _FaultError("nonsense")
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise _FaultError("nonsense") from None

    # --- instead of it

    def _by_local(self, text: str, why: str, rows: Array | None = None) -> Judge:
        self.counts[why] += 1
        return partial(self._instead, text, rows)

    def _instead(self, text: str, rows: Array | None, language: str) -> Opinion:
        """The local classifier's opinion. What Rasa heard in the stretches it answered is not thrown away."""
        opinion = self._local.classify(text, language)
        if rows is not None:
            opinion = max(opinion, judge(rows, self._limits, language, by="rasa"), key=lambda each: each.level)
        return replace(opinion, instead_of="rasa")

    def _note(self, fault: Fault | None, *, has_answered: bool) -> None:
        """An outage begins when nothing at all is answered, and is logged once; it ends when everything is."""
        if fault is None and self.fault is not None:
            log.info("rasa answers again")
            self.fault = None
        elif fault is not None and not has_answered:
            if self.fault is None:
                log.warning("rasa gives no opinion: the local classifier reads instead", fault=fault)
            self.fault = fault


def _silent(language: str) -> Opinion:  # noqa: ARG001  an opinion is asked for with the language
    return Opinion(Level.NONE, "none", 0.0, by="rasa")


def _kind(error: BaseException) -> Fault:
    if isinstance(error, _FaultError):
        return error.kind
    return "timeout" if isinstance(error, TimeoutError | asyncio.CancelledError) else "unreachable"


class Blocking:
    """Rasa for commands, which read one message after the other: a `bot.distress.Classifier`. Close it in the end."""

    def __init__(self, rasa: Rasa) -> None:
        self.rasa = rasa
        self._runner = asyncio.Runner()

    def classify(self, text: str, language: str) -> Opinion:
        return self._runner.run(self.rasa.ask(text))(language)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.run(self.rasa.close())
        self._runner.close()
