"""What comes in as text, in a form or an address, and should be a number."""

from typing import overload

_LONGEST = 18  # digits: more does not fit a column


@overload
def whole(text: str) -> int: ...
@overload
def whole(text: str, otherwise: None) -> int | None: ...
@overload
def whole(text: str, otherwise: int) -> int: ...
def whole(text: str, otherwise: int | None = 0) -> int | None:
    """The number that this text is, or `otherwise`: 0 is the id of nothing."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _LONGEST else otherwise
