"""Services built by the one composition root, on both databases, with a clock moved by hand."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import structlog
from aiohttp.test_utils import TestClient, TestServer

from hujambo.service import Service, build_service
from hujambo.settings import Settings, read_settings
from tests.conftest import KEYS, HandClock

Build = Callable[..., Awaitable[Service]]
Visit = Callable[[Service], Awaitable[TestClient[Any, Any]]]


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """Commands that run in process set up the logs; the next test must find them as they were."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield
    root.setLevel(level)
    root.handlers[:] = handlers
    structlog.reset_defaults()


@pytest.fixture
def settings(database_url: str) -> Settings:
    return read_settings(
        {
            "HUJAMBO_DATABASE_URL": database_url,
            "HUJAMBO_KEYS": KEYS,
            "HUJAMBO_PUBLIC_URL": "https://checkins.example.org",
            "HUJAMBO_NLU": "none",
        }
    )


@pytest.fixture
async def build(settings: Settings, clock: HandClock) -> AsyncIterator[Build]:
    """Build services like `hujambo serve` does; those that the test has not stopped are stopped after it."""
    built: list[Service] = []

    async def make(**changes: Any) -> Service:
        service = await build_service(settings, **({"clock": clock} | changes))
        built.append(service)
        return service

    yield make
    for service in built:
        await service.stop()


@pytest.fixture
async def visit() -> AsyncIterator[Visit]:
    """A client of a service's pages. The service itself need not have been started."""
    clients: list[TestClient[Any, Any]] = []

    async def make(service: Service) -> TestClient[Any, Any]:
        clients.append(TestClient(TestServer(service.app)))
        await clients[-1].start_server()
        return clients[-1]

    yield make
    for client in clients:
        await client.close()
