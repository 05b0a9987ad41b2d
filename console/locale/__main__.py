"""Bring the catalogues up to date with the code: `make words`. New sentences are added empty, unused ones go."""

import sys
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

from console.language import FOLDER, OWN_NAMES
from console.locale.extract import messages

_WIDTH = 110
_UNSTEADY = tuple(
    f'"{name}'.encode()
    for name in (
        "Project-Id",
        "Report-Msgid",
        "POT-Creation",
        "PO-Revision",
        "Last-Tr",
        "Language-Team",
        "Generated-By",
    )
)


def read(path: Path, code: str) -> Catalog:
    if not path.is_file():
        return Catalog(locale=code, project="Hujambo", charset="utf-8", fuzzy=False)
    with path.open("rb") as file:
        return read_po(file, locale=code)


def written(catalog: Catalog) -> bytes:
    """The file. Dates, addresses and the tool's version are left out: they would differ without a word differing."""
    out = BytesIO()
    # In the order of the sentences: what two people add falls in different places.
    write_po(
        out, catalog, sort_output=True, width=_WIDTH, ignore_obsolete=True, include_previous=True, include_lineno=False
    )
    lines = out.getvalue().splitlines(keepends=True)
    return b"".join(line for line in lines if not line.startswith(_UNSTEADY))


def missing(catalog: Catalog) -> list[str]:
    """Sentences of the catalogue that are not said in its language yet."""
    found = []
    for message in catalog:
        forms = message.string if isinstance(message.string, tuple | list) else (message.string,)
        if message.id and (message.fuzzy or not all(forms)):
            found.append(message.id if isinstance(message.id, str) else message.id[0])
    return found


def main() -> int:
    wanted = messages()
    left = 0
    for code in OWN_NAMES:
        if code == "en":
            continue
        path = FOLDER / f"{code}.po"
        catalog = read(path, code)
        # No guessing from similar sentences: a wrong guess about a person in danger is worse than English.
        catalog.update(wanted, no_fuzzy_matching=True, update_header_comment=False)
        path.write_bytes(written(catalog))
        empty = missing(catalog)
        left += len(empty)
        print(f"{path.name}: {len(catalog)} sentences, {len(empty)} to translate")
        for sentence in empty:
            print(f"    {sentence}")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
