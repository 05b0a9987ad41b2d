"""How many messages may leave a channel, and when: a token bucket kept as one moment (GCRA). Pure."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

# A channel's burst is a tenth of a second of its rate; half of it is kept back, because the way to the gateway may push
# what left in two seconds into one.
BURST_SECONDS = 0.05
# Claiming further ahead than this would let a crisis reply wait behind check-ins that are already claimed.
WINDOW_SECONDS = 0.5


def tolerance(rate: float) -> float:
    """Seconds by which messages may leave ahead of an even pace: the burst, at least one message."""
    return (max(1.0, rate * BURST_SECONDS) - 1.0) / rate


@dataclass(frozen=True, slots=True)
class Allowance:
    """`count` messages may be claimed; message k leaves `leaves_in(k)` seconds after `now`."""

    now: datetime
    start: float  # seconds after `now` of the first slot; negative inside the burst
    rate: float
    count: int

    def leaves_in(self, position: int) -> float:
        return max(0.0, self.start + position / self.rate)

    def free_at(self, taken: int) -> datetime:
        """Where the channel's `free_at` moves when so many were taken. Rounded up: kept in whole milliseconds."""
        seconds = self.start + taken / self.rate
        return self.now + timedelta(milliseconds=math.ceil(seconds * 1000 - 1e-6))


def allow(free_at: datetime, rate: float, now: datetime, most: int) -> Allowance:
    """How many of `most` may be claimed now. None at all until half the window is free, so that claims stay batches."""
    ahead = (free_at - now).total_seconds()
    start = max(ahead, -tolerance(rate))
    if start > WINDOW_SECONDS / 2:
        return Allowance(now, start, rate, 0)
    count = math.floor((WINDOW_SECONDS - start) * rate + 1e-9)
    return Allowance(now, start, rate, min(most, max(1, count)))


def wait(free_at: datetime, now: datetime) -> float:
    """Seconds until `allow` gives something again."""
    return max(0.0, (free_at - now).total_seconds() - WINDOW_SECONDS / 2)


class LocalPace:
    """The same bucket for what really leaves this process, in `loop.time()`: a stall is not caught up at once."""

    def __init__(self) -> None:
        self._free = 0.0

    def slot(self, leave_at: float, rate: float, now: float) -> float:
        """The moment at which the next message leaves, not before `leave_at`; the slot is taken."""
        start = max(leave_at, self._free, now - tolerance(rate))
        self._free = start + 1.0 / rate
        return start
