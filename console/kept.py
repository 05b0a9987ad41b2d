"""A form that arrives after its session has ended: what was typed waits on the log-in page and is sent only by hand."""

import re
from collections.abc import Mapping
from typing import Any

from console.context import BASE

_PREFIX = "kept-"
_PLACE = re.compile(rf"{BASE}/(?:alerts|people|campaigns|tasks)(?:/[\w-]+){{0,3}}")
_PAGE = re.compile(rf"{BASE}/(?:(?:alerts|people|campaigns)/[\w-]+|alerts|people|campaigns|tasks|phones)")
_TYPED = frozenset({"text", "note", "reason", "name"})  # what a person wrote, not what they chose


def page_of(path: str) -> str:
    """The page on which the form of this address stands, or "" when there is none to come back to."""
    found = _PAGE.match(path)
    return found[0] if found else ""


def keep(path: str, form: Mapping[str, Any]) -> dict[str, str]:
    """Hidden fields for the log-in page, or none when nothing was written that would be a pity to lose."""
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    if not _PLACE.fullmatch(path) or not any(fields.get(name, "").strip() for name in _TYPED):
        return {}
    return {"kept": path} | {f"{_PREFIX}{name}": value for name, value in fields.items()}


def kept(form: Mapping[str, Any]) -> dict[str, str]:
    """The same hidden fields, as they come back with a name and a password. Only a form of ours is taken up."""
    fields = {
        name: value
        for name, value in form.items()
        if isinstance(value, str) and (name == "kept" or name.startswith(_PREFIX))
    }
    return fields if _PLACE.fullmatch(fields.get("kept", "")) else {}


def again(fields: Mapping[str, str]) -> dict[str, Any]:
    """What the page shows that offers the form once more: `written` for the person to read, `chosen` as it was."""
    form = {name.removeprefix(_PREFIX): value for name, value in fields.items() if name != "kept"}
    return {
        "place": fields["kept"],
        "back": page_of(fields["kept"]),
        "written": {name: value for name, value in form.items() if name in _TYPED},
        "chosen": {name: value for name, value in form.items() if name not in _TYPED},
        "is_reply": fields["kept"].endswith("/reply"),
    }
