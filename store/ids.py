"""Ids that the client assigns: rows of several tables can be written in one batch, and no process asks another."""

import time


class Ids:
    """63-bit ids, ordered by time, unique over all processes that drew different worker numbers.

    (milliseconds since 2024 × 1024 + sequence) × 4096 + worker. Ticks may run ahead of the clock under load.
    """

    WORKERS = 4096
    _ORIGIN_MS = 1_704_067_200_000

    def __init__(self, worker: int) -> None:
        self.worker = worker % self.WORKERS
        self._next = 0

    def new(self) -> int:
        return self.reserve(1) * self.WORKERS + self.worker

    def reserve(self, count: int) -> int:
        """The first of `count` ticks; id k is `(tick + k) * WORKERS + worker`. For INSERT … SELECT."""
        now = (time.time_ns() // 1_000_000 - self._ORIGIN_MS) * 1024
        tick = max(self._next, now)
        self._next = tick + count
        return tick
