"""Wake-ups inside one process, so that nothing waits for a poll."""

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Any


class Signals:
    """Named wake-ups inside one process: `wait` returns when the topic was sent since the last `wait`, or in time.

    Each waiter has an event of its own: several may listen for one topic.
    """

    def __init__(self) -> None:
        self._waiters: dict[str, set[asyncio.Event]] = {}

    @contextlib.contextmanager
    def listen(self, *topics: str) -> Any:
        """An `asyncio.Event` that is set whenever one of the topics is sent."""
        event = asyncio.Event()
        for topic in topics:
            self._waiters.setdefault(topic, set()).add(event)
        try:
            yield event
        finally:
            for topic in topics:
                self._waiters[topic].discard(event)

    def send(self, topics: Iterable[str]) -> None:
        for topic in topics:
            for event in self._waiters.get(topic, ()):
                event.set()
