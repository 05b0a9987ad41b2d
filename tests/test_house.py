"""The house's own rules: floors, pure rooms, migrations, lock files, packaging, documents that name everything."""

import argparse
import ast
import re
import subprocess
import uuid
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from setuptools import Distribution
from setuptools.config.pyprojecttoml import apply_configuration

from hujambo.cli import make_parser
from hujambo.settings import Settings, variable
from store import migrate, tables
from store.database import create_engine
from store.secrets import KeyRing
from tests.conftest import _named, _postgres

ROOT = Path(__file__).parent.parent

# --- floors ---

ALLOWED = {
    "content": set[str](),
    "store": set[str](),
    "bot": {"content", "store"},
    "channels": {"content", "store"},
    "cases": {"content", "store"},
    "scheduler": {"content", "store", "bot", "channels", "cases"},
    "console": {"content", "store", "bot", "channels", "cases", "scheduler"},
    "hujambo": {"content", "store", "bot", "channels", "cases", "scheduler", "console"},
    "bench": {"content", "store", "bot", "channels", "cases", "scheduler", "console", "hujambo"},
}
# The front door is also where benches start from, and only there.
MAY_START_BENCHES = "hujambo/cli/"
FOLDERS = [*ALLOWED, "tests", "docs"]


def _modules(path: Path) -> set[str]:
    """Every module a file imports, wherever in it, with dots."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write the whole name of what you import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return found


def _tops(path: Path) -> set[str]:
    return {module.split(".")[0] for module in _modules(path)}


@pytest.mark.parametrize("floor", ALLOWED)
def test_no_floor_imports_one_above_it_or_beside_it(floor: str) -> None:
    rooms = {*ALLOWED, "tests"}
    files = sorted((ROOT / floor).glob("**/*.py"))
    wrong = {
        str(path.relative_to(ROOT)): sorted(upwards)
        for path in files
        if (upwards := (_tops(path) & rooms) - ALLOWED[floor] - {floor})
        and not (upwards == {"bench"} and str(path.relative_to(ROOT)).startswith(MAY_START_BENCHES))
    }
    assert files
    assert wrong == {}


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_folder_of_the_design_holds_something(folder: str) -> None:
    sizes = [path.stat().st_size for path in (ROOT / folder).glob("**/*") if path.suffix in {".py", ".md"}]
    assert sum(sizes) > 2000


# --- pure rooms ---

PURE = [
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "bot").glob("**/*.py") if path.name != "__init__.py"),
    "content/schema.py",
    "channels/segments.py",
    "cases/rules.py",
    "cases/rota.py",
    "cases/hours.py",
    "cases/closing.py",
    "cases/replying.py",
    "scheduler/due.py",
    "scheduler/retry.py",
    "scheduler/outbox/checks.py",
    "scheduler/outbox/pace.py",
]
OUTSIDE = {"sqlalchemy", "aiosqlite", "psycopg", "aiohttp", "twilio", "asyncio", "socket", "ssl", "os", "random"}


def _reached(start: Path) -> set[Path]:
    """The files of this house that a file imports, and those that they import."""
    seen, todo = set(), [start]
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        for module in _modules(path):
            found = ROOT / (module.replace(".", "/") + ".py")
            if found.is_file():
                todo.append(found)
    return seen


@pytest.mark.parametrize("name", PURE)
def test_pure_code_reaches_no_database_and_no_network(name: str) -> None:
    reached = {str(path.relative_to(ROOT)): sorted(_tops(path) & OUTSIDE) for path in _reached(ROOT / name)}
    assert {path: outside for path, outside in reached.items() if outside} == {}


@pytest.mark.parametrize("name", PURE)
def test_pure_code_asks_no_clock(name: str) -> None:
    clocks = {"now", "utcnow", "today", "time_ns", "monotonic", "perf_counter", "utc_now"}
    tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    asked = [f.attr for f in called if isinstance(f, ast.Attribute) and f.attr in clocks]
    asked += [f.id for f in called if isinstance(f, ast.Name) and f.id in clocks]
    assert (asked, "time" in _modules(ROOT / name)) == ([], False)


# --- migrations ---


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database with nothing in it."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.sqlite'}"
        return
    server = request.getfixturevalue("postgres_server")
    name = f"e_{uuid.uuid4().hex[:12]}"
    _postgres(server, f'CREATE DATABASE "{name}"')
    yield _named(server, name)
    _postgres(server, f'DROP DATABASE "{name}" WITH (FORCE)')


def _differences(connection: sa.Connection, metadata: sa.MetaData) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, metadata))


def _shape(connection: sa.Connection) -> dict[str, Any]:
    """All that a database says about its tables; also what Alembic does not compare, such as the WHERE of an index."""
    look = sa.inspect(connection)
    by_name: Any = lambda items: sorted(items, key=lambda item: str(item["name"]))  # noqa: E731  short and local
    return {
        name: {
            "columns": {c["name"]: (str(c["type"]), c["nullable"], c["default"]) for c in look.get_columns(name)},
            "key": look.get_pk_constraint(name)["constrained_columns"],
            "foreign": sorted(
                (f["constrained_columns"], f["referred_table"], f["referred_columns"])
                for f in look.get_foreign_keys(name)
            ),
            "unique": by_name(look.get_unique_constraints(name)),
            "indexes": [
                (i["name"], i["column_names"], bool(i["unique"]), {k: str(v) for k, v in i["dialect_options"].items()})
                for i in by_name(look.get_indexes(name))
            ],
        }
        for name in sorted(look.get_table_names())
        if name != "alembic_version"
    }


async def test_the_migrations_make_what_the_models_say_from_nothing(empty_url: str, keys: KeyRing) -> None:
    await migrate.upgrade(empty_url, keys)
    engine = create_engine(empty_url, keys, pool_size=1)
    try:
        async with engine.connect() as connection:
            differences = await connection.run_sync(_differences, tables.metadata)
            migrated = await connection.run_sync(_shape)
            await connection.rollback()
            await connection.run_sync(tables.metadata.drop_all)
            await connection.run_sync(tables.metadata.create_all)
            modelled = await connection.run_sync(_shape)
            await connection.rollback()
        found = await migrate.current(engine)
    finally:
        await engine.dispose()
    assert differences == []
    assert migrated == modelled
    assert set(migrated) == set(tables.metadata.tables)
    assert found == migrate.newest()


async def test_a_column_without_a_migration_is_found(database_url: str, keys: KeyRing) -> None:
    metadata = sa.MetaData()
    for table in tables.metadata.sorted_tables:
        table.to_metadata(metadata)
    metadata.tables["site"].append_column(sa.Column("forgotten", sa.Integer))
    engine = create_engine(database_url, keys, pool_size=1)
    try:
        async with engine.connect() as connection:
            differences = await connection.run_sync(_differences, metadata)
    finally:
        await engine.dispose()
    assert [(what, table, column.name) for what, _, table, column in differences] == [
        ("add_column", "site", "forgotten")
    ]


async def test_an_upgrade_of_an_up_to_date_database_changes_nothing(database_url: str, keys: KeyRing) -> None:
    engine = create_engine(database_url, keys, pool_size=1)
    try:
        async with engine.connect() as connection:
            before = await connection.run_sync(_shape)
        await migrate.upgrade(database_url, keys)
        async with engine.connect() as connection:
            after = await connection.run_sync(_shape)
    finally:
        await engine.dispose()
    assert before == after


# --- what is in the repository ---


def _tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True)  # noqa: S607  git from the path
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def _pins(name: str) -> dict[str, str]:
    """Name with its marker → version, of each requirement in a lock file."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        pin = re.match(r"([a-z0-9-]+(?:\[[a-z,]+\])?)==([^ ;]+)(?: ; ([^\\]*?))?(?= +--hash| *$)", line)
        assert pin, f"{name}: not a pin: {line[:60]}"
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", line), f"{name}: no hash: {pin[1]}"
        found[f"{pin[1]} {pin[3] or ''}".strip()] = pin[2]
    return found


def test_the_lock_files_pin_every_package_with_hashes_and_agree() -> None:
    runtime, developer = _pins("requirements.lock"), _pins("requirements-dev.lock")
    assert "sqlalchemy" in runtime
    assert "pytest" in developer
    # A package may be pinned once for each Python: name and marker together have one version.
    assert {name: v for name, v in runtime.items() if developer.get(name) != v} == {}


def test_rasas_own_lock_file_pins_every_package_with_hashes() -> None:
    pinned = {f"{name}=={version}" for name, version in _pins("requirements-rasa.lock").items()}
    wanted = set((ROOT / "requirements-rasa.in").read_text(encoding="utf-8").split())
    assert wanted
    assert wanted - pinned == set()


def test_no_file_names_a_package_registry_or_a_path_of_somebodys_machine() -> None:
    hosts = [r"pypi\.org", r"pythonhosted\.", r"registry\.npmjs", r"--(extra-)?index-url [^\"' $]", r"--trusted-host"]
    machine = r"(?<![\w.~*])/(?:work|root|home|Users)/\w"
    pattern = re.compile("|".join([*hosts, machine]))
    found = []
    for path in _tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture
        if path == Path(__file__):
            continue
        found += [f"{path.relative_to(ROOT)}: {hit[0]}" for hit in pattern.finditer(text)]
    assert found == []


def test_the_package_carries_every_file_that_the_code_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    distribution = Distribution()
    apply_configuration(distribution, "pyproject.toml")
    distribution.include_package_data = (
        False  # what git or a MANIFEST would add is not asked: the settings must suffice
    )
    build = distribution.get_command_obj("build_py")
    build.ensure_finalized()
    carried = {f"{source}/{name}" for _, source, _, names in build.data_files for name in names}
    floors = tuple(f"{name}/" for name in ALLOWED)
    names = [str(path.relative_to(ROOT)) for path in _tracked()]
    needed = {name for name in names if name.startswith(floors) and not name.endswith((".py", ".md"))}
    assert needed
    assert needed - carried == set()


@pytest.mark.parametrize(
    ("package", "name"),
    [
        ("content", "builtin/pack.yaml"),
        ("content", "builtin/sw/signals.yaml"),
        ("console", "templates/queue.html"),
        ("console", "static/app.css"),
        ("store", "migrations/env.py"),
    ],
)
def test_the_code_finds_its_files(package: str, name: str) -> None:
    assert resources.files(package).joinpath(name).is_file()


# --- documents ---


def _commands(parser: argparse.ArgumentParser, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not groups:
        yield path
    for action in groups:
        for name, child in action.choices.items():
            yield from _commands(child, (*path, name))


COMMANDS = [" ".join(path) for path in _commands(make_parser())]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def test_the_documents_name_every_command_and_no_other() -> None:
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| `hujambo ([^`]+)`", text, re.MULTILINE)) == sorted(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        make_parser().parse_args([*command.split(), "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: hujambo {command}")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_a_document_names_no_command_that_does_not_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    used = re.findall(r"(?:^|`|bin/)hujambo ([a-z][a-z-]+(?: [a-z][a-z-]+)?)", text, re.MULTILINE)
    firsts, wholes = {command.split(" ")[0] for command in COMMANDS}, set(COMMANDS)
    unknown = [
        use
        for use in used
        if use not in wholes and use.split(" ")[0] not in wholes and not (use in firsts and " " not in use)
    ]
    assert unknown == []


def _options(parser: argparse.ArgumentParser, words: list[str]) -> set[str]:
    """All options along the path of subcommands that the words begin with."""
    found = {option for action in parser._actions for option in action.option_strings}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction) and words and words[0] in action.choices:
            found |= _options(action.choices[words[0]], words[1:])
    return found


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_a_document_gives_no_command_an_option_that_it_does_not_have(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    unknown = []
    for line in re.findall(r"(?:^|`|bin/)hujambo ([a-z][^`\n]*)", text, re.MULTILINE):
        words = line.split("#")[0].split()
        known = _options(make_parser(), words)
        unknown += [(line, word) for word in words if word.startswith("--") and word.split("=")[0] not in known]
    assert unknown == []


def test_the_documents_name_every_setting_and_no_other() -> None:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(HUJAMBO_[A-Z_]+)` \| (yes|no) \|(.*?)\|", text, re.MULTILINE)
    assert sorted((name, needed == "yes") for name, needed, _ in rows) == sorted(
        (variable(name), field.is_required()) for name, field in Settings.model_fields.items()
    )
    defaults = {variable(name): f.default for name, f in Settings.model_fields.items() if not f.is_required()}
    written = {name: default.strip(" `") for name, needed, default in rows if needed == "no"}
    assert written == {name: "" if default is None else str(default) for name, default in defaults.items()}
    assert "_FILE" in text


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_a_document_names_no_setting_that_does_not_exist(path: Path) -> None:
    named = set(re.findall(r"HUJAMBO_[A-Z_]*[A-Z]", path.read_text(encoding="utf-8")))
    known = {variable(name) + suffix for name in Settings.model_fields for suffix in ("", "_FILE")}
    assert named - known == set()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_in_a_document_leads_to_a_file(path: Path) -> None:
    links = re.findall(r"\]\(([^)\s#]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    files = [link for link in links if "://" not in link and not link.startswith("mailto:")]
    assert [link for link in files if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_a_document_names_exists(path: Path) -> None:
    rooms = "|".join(FOLDERS)
    named = re.findall(rf"`((?:{rooms})/[\w./]+\.(?:py|yaml|md|html))`", path.read_text(encoding="utf-8"))
    meant = [name for name in named if not re.search(r"/[A-Z]{2,}", name)]  # NAME and ID stand for the reader's own
    assert [name for name in meant if not (ROOT / name).exists()] == []


def test_make_help_lists_what_the_readme_promises() -> None:
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, check=True, text=True).stdout  # noqa: S607  make from the path
    assert {"demo", "test", "test-slow", "lint", "bench", "lock"} <= set(
        re.findall(r"^  make (\S+)", listed, re.MULTILINE)
    )
