"""Reads `overtime.yaml`: the numbers behind what only time shows, for the programme and for single countries."""

from collections.abc import Mapping
from dataclasses import fields, replace

from content.schema import OverTime
from content.source import Desk, Entry

NAMES = tuple(each.name for each in fields(OverTime))
# Below these a number would make a signal of everything.
_LEAST = {"usual_from": 2, "usual_of": 2, "repeat_times": 2, "habit_of": 2, "steady_from": 2}
_MOST = 366
_PAIRS = (("usual_from", "usual_of"), ("steady_from", "habit_of"), ("repeat_times", "repeat_days"))
Numbers = dict[str, int]


def read_over_time(desk: Desk, entry: Entry, numbers: Numbers, countries: dict[str, Numbers]) -> None:
    """Lays the file over the `numbers` and those of single `countries` that stand already."""
    keys = desk.mapping(entry, (*NAMES, "countries"))
    numbers |= _numbers(desk, {name: value for name, value in keys.items() if name != "countries"})
    _check(desk, entry, numbers)
    for code, value in desk.mapping(keys["countries"]).items() if "countries" in keys else ():
        if len(code) != 2 or not code.isupper():
            desk.fault(value.place, f"{code!r} is no country: two capital letters, as in MZ")
        countries[code] = countries.get(code, {}) | _numbers(desk, desk.mapping(value, NAMES))
        _check(desk, value, numbers | countries[code])


def _numbers(desk: Desk, keys: Mapping[str, Entry]) -> Numbers:
    found: Numbers = {}
    for name, value in keys.items():
        number, least = desk.number(value), _LEAST.get(name, 1)
        if number is None:
            continue
        if number != int(number) or not least <= number <= _MOST:
            desk.fault(value.place, f"{name} must be a whole number from {least} to {_MOST}")
        else:
            found[name] = int(number)
    return found


def _check(desk: Desk, entry: Entry, numbers: Numbers) -> None:
    found = replace(OverTime(), **numbers)
    for few, many in _PAIRS:
        if getattr(found, few) > getattr(found, many):
            desk.fault(entry.place, f"{few} cannot be more than {many}")
