"""Finds every sentence the console may say: in its templates, its code, its tables of words, and the rules below it."""

import ast
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract

ROOT = Path(__file__).parent.parent.parent
# Whose first argument (or the ones named) is a sentence for staff.
_KEYWORDS: dict[str, Any] = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "Sentence": None,
    "AlertRuleError": None,
    "CaseError": None,
    "ConsentError": None,
    "CampaignError": None,
    "PlanError": None,
    "FormError": None,
    "ContactResult": (2,),
    "AlertOutcome": (2,),
}
_MENU: dict[str, Any] = {"Entry": (2,)}  # in console/pages.py; other rooms have entries of another kind
_PYTHON = ("console/**/*.py", "cases/**/*.py", "scheduler/**/*.py")
_TEMPLATES = "console/templates/*.html"
_WORDS = "console/words.py"
_TRIMMED = {"trimmed": "true", "newstyle_gettext": "true"}


def messages() -> Catalog:
    """Every sentence with where it stands, in a catalogue without translations."""
    found = Catalog(project="Hujambo", charset="utf-8", fuzzy=False)
    for path in _sources():
        name = path.relative_to(ROOT).as_posix()
        for message, notes in _of(path, name):
            # The file, not the line: a line number would change in every language whenever code moves.
            found.add(message, None, [(name, 1)], auto_comments=notes)
    return found


def _sources() -> list[Path]:
    python = {path for pattern in _PYTHON for path in ROOT.glob(pattern) if "locale" not in path.parts}
    return [*sorted(ROOT.glob(_TEMPLATES)), *sorted(python)]


def _of(path: Path, name: str) -> Iterator[tuple[Any, list[str]]]:
    text = path.read_bytes()
    if name == _WORDS:
        yield from _tables(text.decode())
        return
    method, options = ("jinja2.ext:babel_extract", _TRIMMED) if path.suffix == ".html" else ("python", {})
    source: IO[bytes] = BytesIO(text)
    keywords = _KEYWORDS | _MENU if name == "console/pages.py" else _KEYWORDS
    for _line, message, notes, _context in extract(
        method, source, keywords=keywords, comment_tags=["i18n:"], options=options, strip_comment_tags=True
    ):
        yield message, list(notes)


def _tables(text: str) -> Iterator[tuple[str, list[str]]]:
    """Every text in the tables of console/words.py: there all of them are said, so none needs a mark of its own."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Dict):
            for value in node.value.values:
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield value.value, []
