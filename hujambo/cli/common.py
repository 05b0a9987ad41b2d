"""What every command shares: how it fails, how it prints, and how it opens the database."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy.exc import DBAPIError

from cases.exports import ExportError
from cases.people import PeopleError
from cases.staff import StaffError
from channels.base import ChannelSettingError
from content.pack import PackError
from hujambo.logs import set_up_logs
from hujambo.service import check_database
from hujambo.settings import SettingError, Settings, read_settings
from scheduler.campaigns import CampaignError
from store.database import Database, DatabaseSettingError, is_unreachable, open_database
from store.secrets import KeyRingError

T = TypeVar("T")


class UsageError(ValueError):
    """The command cannot do what was asked. The text is for the person at the terminal."""


class FaultsFoundError(Exception):
    """Faults in what was given, each a line for stderr."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = list(faults)


EXPECTED = (
    UsageError, FaultsFoundError, SettingError, PackError, KeyRingError, DatabaseSettingError, CampaignError,
    StaffError, PeopleError, ExportError, ChannelSettingError, DBAPIError, OSError,
)  # fmt: skip


def sentences(error: BaseException) -> list[str]:
    """The lines to print for an expected error. A database's own words may quote a row, so they are not among them."""
    if isinstance(error, PackError):
        return [f"{fault.file}:{fault.line}: {fault.message}" for fault in error.faults]
    if isinstance(error, FaultsFoundError):
        return error.faults
    if isinstance(error, DBAPIError):
        kind = "cannot be reached" if is_unreachable(error) else f"refused the command ({type(error.orig).__name__})"
        return [f"the database {kind}"]
    if isinstance(error, OSError) and error.filename:
        return [f"{error.filename}: {error.strerror}"]
    return [str(error)]


def exit_code(error: BaseException) -> int:
    return 1 if isinstance(error, PackError | FaultsFoundError) else 2


def run(work: Coroutine[Any, Any, T]) -> T:
    """asyncio.run, on uvloop where it is installed."""
    try:
        import uvloop  # noqa: PLC0415  not on every platform
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)


def settings() -> Settings:
    found = read_settings()
    set_up_logs(found.log)
    return found


@contextlib.asynccontextmanager
async def opened(found: Settings) -> AsyncIterator[Database]:
    """The database of the settings, which must have the newest shape."""
    await check_database(found)
    database = await open_database(found.url, found.key_ring, pool_size=2)
    try:
        yield database
    finally:
        await database.close()


def show(rows: Iterable[Mapping[str, Any]], *, as_json: bool, columns: Sequence[str] = ()) -> None:
    """A list for people (columns side by side) or for programs (one JSON array)."""
    listed = [dict(row) for row in rows]
    if as_json:
        print(json.dumps(listed, default=str, ensure_ascii=False, indent=1))
        return
    if not listed:
        print("(none)")
        return
    names = list(columns) or list(listed[0])
    table = [names] + [[_cell(row.get(name)) for name in names] for row in listed]
    widths = [max(len(line[k]) for line in table) for k in range(len(names))]
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, list | tuple):
        return ",".join(map(str, value)) or "-"
    return str(value)
