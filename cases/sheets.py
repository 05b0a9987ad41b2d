"""Reading a spreadsheet of people, CSV or XLSX, into rows of text: size limits, encodings, formulas refused."""

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import openpyxl

MOST_ROWS = 100_000
MOST_BYTES = 32 * 1024 * 1024
_MOST_UNPACKED = 400 * 1024 * 1024
_MOST_COLUMNS = 100
_LONGEST_CELL = 500


class SheetError(ValueError):
    """The file cannot be read as a sheet at all; the message is a sentence for whoever brought it."""


@dataclass(frozen=True, slots=True)
class SheetRow:
    """`number` is the row as the spreadsheet program shows it. A formula is kept as a fault, never as its value."""

    number: int
    cells: tuple[str, ...]
    formulas: tuple[int, ...] = ()


def read_sheet(path: Path) -> Iterator[SheetRow]:
    """The rows that are not empty, the header first. Cells are stripped text; dates are YYYY-MM-DD, times HH:MM."""
    if not path.is_file():
        raise SheetError(f"There is no file {path.name}.")
    if path.stat().st_size > MOST_BYTES:
        raise SheetError(f"{path.name} is larger than {MOST_BYTES // 1024 // 1024} MB: split it.")
    with path.open("rb") as file:
        is_zip = file.read(4) == b"PK\x03\x04"
    rows = _xlsx_rows(path) if is_zip else _csv_rows(path)
    for count, row in enumerate(rows):
        if count > MOST_ROWS:
            raise SheetError(f"{path.name} has more than {MOST_ROWS} rows: split it.")
        yield row


def _csv_rows(path: Path) -> Iterator[SheetRow]:
    text = _decode(path.read_bytes())
    header = text.partition("\n")[0]
    delimiter = max(";,\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for cells in reader:
            # A quoted cell may span lines; the row is numbered by the line it ends on, as editors show it.
            if any(cell.strip() for cell in cells):
                yield _row(reader.line_num, cells)
    except csv.Error as error:
        raise SheetError(f"Line {reader.line_num} cannot be read as CSV: {error}.") from None


def _decode(raw: bytes) -> str:
    """UTF-8 with or without its mark, UTF-16 as Excel's "Unicode text", else Windows-1252 as older Excel saves CSV."""
    is_utf16 = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ["utf-16"] if is_utf16 else ["utf-8-sig", "cp1252"]:
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise SheetError("This is neither a CSV nor an XLSX file; save it again from the spreadsheet program.")


def _xlsx_rows(path: Path) -> Iterator[SheetRow]:
    try:
        with zipfile.ZipFile(path) as packed:
            unpacked = sum(entry.file_size for entry in packed.infolist())
    except (zipfile.BadZipFile, OSError):
        raise SheetError(f"{path.name} is not a readable XLSX file; save it again.") from None
    if unpacked > _MOST_UNPACKED:
        raise SheetError(f"{path.name} unpacks to far more than a list of people can be.")
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=False, keep_links=False)
    except Exception:  # noqa: BLE001  openpyxl raises anything at all on a broken file; its details help nobody
        raise SheetError(f"{path.name} is not a readable XLSX file; save it again.") from None
    try:
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # the size a file claims for itself may be a lie
        for number, values in enumerate(sheet.iter_rows(values_only=True, max_col=_MOST_COLUMNS), 1):
            cells = [_cell(value) for value in values]
            if any(cells):
                yield _row(number, cells)
    except Exception:  # noqa: BLE001  as above: damage inside the archive shows only while reading
        raise SheetError(f"{path.name} is damaged; save it again.") from None
    finally:
        book.close()


def _row(number: int, cells: list[str]) -> SheetRow:
    stripped = tuple(cell.strip()[:_LONGEST_CELL] for cell in cells[:_MOST_COLUMNS])
    return SheetRow(number, stripped, tuple(i for i, cell in enumerate(stripped) if is_formula(cell)))


# "+254 712…" begins like a formula and is a number.
_HARMLESS = re.compile(r"[+-][\d\s().-]*")


def is_formula(cell: str) -> bool:
    return cell[:1] in "=@+-\t\r" and cell != "" and not _HARMLESS.fullmatch(cell)


def _cell(value: Any) -> str:  # noqa: PLR0911  one line for each kind of cell
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "minutes")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, time):
        return value.strftime("%H:%M")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
