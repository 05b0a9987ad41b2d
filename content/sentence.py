"""A sentence for staff that remembers how it was put together: a higher floor can say it in another language."""

from collections.abc import Mapping
from typing import Self


class Sentence(str):
    """Reads as its English text. `Sentence("Alert %(code)s is closed.", code="A7K2")` keeps the pattern and the values:
    the pattern is what the console's catalogues translate. Without values the pattern is taken as it is."""

    __slots__ = ("pattern", "values")
    pattern: str
    values: Mapping[str, object]

    def __new__(cls, pattern: str, **values: object) -> Self:
        made = super().__new__(cls, pattern % values if values else pattern)
        made.pattern = pattern
        made.values = values
        return made
