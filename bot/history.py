"""What is kept of a person's past, so that each message can be read against it without another query.

Numbers, days and kinds of signals only, never a word of theirs. It belongs to the person, not to the number they write
from: who gets that number later starts without a past.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, NamedTuple

from content.schema import Level, Route

MOST_VALUES = 24  # kept of each series; what makes a usual of them is the programme's to say


class Value(NamedTuple):
    """One scored answer or sum. `opened`: when its check-in was opened, in seconds since 1970, which names it."""

    opened: int
    value: float


class Run(NamedTuple):
    """How often running a bad answer was given, that of the check-in `opened` then included; `before`: without it."""

    opened: int
    times: int
    before: int


class Signal(NamedTuple):
    """That a signal of this kind was read on this day, the person's own."""

    day: date
    level: Level
    route: Route


@dataclass(frozen=True, slots=True)
class History:
    """`values` and `runs` by "check-in.question" or "check-in.sum", oldest value first."""

    values: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    runs: Mapping[str, Run] = field(default_factory=dict)
    signals: frozenset[Signal] = frozenset()

    def before(self, key: str, opened: int) -> tuple[float, ...]:
        """The values of earlier check-ins: an answer that is corrected is not part of its own past."""
        return tuple(each.value for each in self.values.get(key, ()) if each.opened < opened)

    def with_value(self, key: str, opened: int, value: float) -> "History":
        kept = [each for each in self.values.get(key, ()) if each.opened != opened]
        kept = sorted([*kept, Value(opened, value)])[-MOST_VALUES:]
        return replace(self, values={**self.values, key: tuple(kept)})

    def times_before(self, key: str, opened: int) -> int:
        """How often running the answer before this one was a bad one."""
        run = self.runs.get(key)
        if run is None:
            return 0
        return run.before if run.opened == opened else run.times

    def with_run(self, key: str, opened: int, *, is_bad: bool) -> "History":
        before = self.times_before(key, opened)
        if not is_bad and key not in self.runs:
            return self
        return replace(self, runs={**self.runs, key: Run(opened, before + 1 if is_bad else 0, before)})

    def with_signal(self, signal: Signal, since: date) -> "History":
        """With this signal and without those of days before `since`."""
        if signal in self.signals:
            return self
        return replace(self, signals=frozenset({each for each in self.signals if each.day >= since} | {signal}))

    def to_json(self) -> dict[str, Any]:
        return {
            "values": {key: [list(each) for each in kept] for key, kept in self.values.items()},
            "runs": {key: list(run) for key, run in self.runs.items()},
            "signals": sorted([each.day.isoformat(), int(each.level), each.route] for each in self.signals),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> "History":
        if not data:
            return EMPTY
        return cls(
            values={key: tuple(Value(*each) for each in kept) for key, kept in data.get("values", {}).items()},
            runs={key: Run(*run) for key, run in data.get("runs", {}).items()},
            signals=frozenset(
                Signal(date.fromisoformat(day), Level(level), route) for day, level, route in data.get("signals", ())
            ),
        )


EMPTY = History()


def seconds(opened_at: datetime | None) -> int:
    """The name of a check-in among a person's others: the second at which it was opened."""
    return int(opened_at.timestamp()) if opened_at is not None else 0
