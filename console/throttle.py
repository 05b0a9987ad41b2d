"""How many wrong log-ins an account and an address may try: a sliding window, pure but for its memory."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(slots=True)
class Throttle:
    """Counts failures per key. It lives in the process: several web processes each count for themselves."""

    window: timedelta = timedelta(minutes=15)
    most_keys: int = 10_000
    _failures: dict[str, deque[datetime]] = field(default_factory=dict)

    def is_blocked(self, limits: Iterable[tuple[str, int]], now: datetime) -> bool:
        return any(self._recent(key, now) >= limit for key, limit in limits)

    def failed(self, keys: Iterable[str], now: datetime) -> None:
        for key in keys:
            if key not in self._failures and len(self._failures) >= self.most_keys:
                self._forget_old(now)
            self._failures.setdefault(key, deque(maxlen=100)).append(now)

    def succeeded(self, account: str, address: str) -> None:
        """A right password clears the account. The address gets its one try back: an office shares it."""
        self._failures.pop(account, None)
        if tries := self._failures.get(address):
            tries.pop()

    def _recent(self, key: str, now: datetime) -> int:
        times = self._failures.get(key)
        if times is None:
            return 0
        while times and times[0] <= now - self.window:
            times.popleft()
        return len(times)

    def _forget_old(self, now: datetime) -> None:
        for key in [k for k, times in self._failures.items() if not times or times[-1] <= now - self.window]:
            del self._failures[key]
        while len(self._failures) >= self.most_keys:  # a flood of made-up names must not fill the memory
            del self._failures[next(iter(self._failures))]
