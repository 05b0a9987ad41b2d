"""The world the tests of alerts begin in."""

import pytest

from store.database import Database
from tests.cases.world import World


@pytest.fixture
async def world(database: Database) -> World:
    return await World(database).build()
