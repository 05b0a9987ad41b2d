"""The house's own rules: floors, pure rooms, shapes, lock files, documents that name everything."""

import argparse
import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from hujambo.cli import make_parser
from hujambo.settings import Settings, variable
from store import tables
from store.database import Database

ROOT = Path(__file__).parent.parent
ALLOWED = {
    "content": set[str](),
    "store": set[str](),
    "bot": {"content"},
    "channels": {"content", "store"},
    "cases": {"content", "store"},
    "scheduler": {"content", "store", "bot", "channels", "cases"},
    "console": {"content", "store", "bot", "channels", "cases", "scheduler"},
    "hujambo": {"content", "store", "bot", "channels", "cases", "scheduler", "console"},
}
PURE = [
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "bot").glob("**/*.py")),
    "content/schema.py",
    "cases/rules.py",
    "cases/rota.py",
    "cases/hours.py",
    "scheduler/due.py",
    "scheduler/retry.py",
    "channels/segments.py",
]
WORLD = {"sqlalchemy", "aiohttp", "asyncio", "socket", "os", "time", "random"}


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("floor", ALLOWED)
def test_no_floor_imports_one_above_it_or_beside_it(floor: str) -> None:
    rooms = {*ALLOWED, "bench", "tests"}
    wrong = {
        str(path.relative_to(ROOT)): sorted(upwards)
        for path in (ROOT / floor).glob("**/*.py")
        if (upwards := (_imports(path) & rooms) - ALLOWED[floor] - {floor})
    }
    assert wrong == {}


def _reads_clock(function: ast.expr) -> bool:
    """`datetime.now()`, `date.today()` and their like; `talk.now` is an argument and is fine."""
    return isinstance(function, ast.Attribute) and function.attr in {"now", "utcnow", "today"}


@pytest.mark.parametrize("name", PURE)
def test_pure_code_knows_no_database_network_or_clock(name: str) -> None:
    tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
    clocks = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Call) and _reads_clock(node.func)]
    assert (sorted(_imports(ROOT / name) & WORLD), clocks) == ([], [])


async def test_the_models_are_what_the_migrations_make(database: Database) -> None:
    def compare(connection: sa.Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        return list(compare_metadata(context, tables.metadata))

    async with database.engine.connect() as connection:
        assert await connection.run_sync(compare) == []


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_file_pins_hashes_and_names_no_host(name: str) -> None:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    hosts = [line for line in lines if re.search(r"://|--index|--extra-index|--find-links|--trusted", line)]
    pins = [line for line in lines if line and not line.startswith((" ", "#"))]
    assert hosts == []
    assert pins
    assert [line for line in pins if "==" not in line] == []
    assert "\n".join(lines).count("--hash=sha256:") >= len(pins)


def _commands(parser: argparse.ArgumentParser, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    subparsers = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not subparsers:
        yield path
    for action in subparsers:
        for name, child in action.choices.items():
            yield from _commands(child, (*path, name))


COMMANDS = [" ".join(path) for path in _commands(make_parser())]


def test_the_documents_name_every_command_and_no_other() -> None:
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| `hujambo ([^`]+)`", text, re.MULTILINE)) == sorted(COMMANDS)


def test_the_documents_name_every_setting_and_no_other() -> None:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `(HUJAMBO_[A-Z_]+)`", text, re.MULTILINE)
    assert sorted(named) == sorted(variable(name) for name in Settings.model_fields)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        make_parser().parse_args([*command.split(), "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: hujambo {command}")


def test_make_help_lists_what_the_readme_promises() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {"demo", "test", "lint", "bench"} <= targets
