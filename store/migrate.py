"""Bringing a database to the newest shape, and telling whether it has it (Alembic, from the package itself)."""

import asyncio
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.ext.asyncio import AsyncEngine

from store.database import create_engine
from store.secrets import KeyRing


def _config(connection: sa.Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def newest() -> str | None:
    return ScriptDirectory.from_config(_config()).get_current_head()


async def current(engine: AsyncEngine) -> str | None:
    async with engine.connect() as connection:
        return await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())


async def upgrade(address: str, keys: KeyRing) -> None:
    """Create or upgrade the database at `address`. Safe to run again, and beside a running service of this version."""
    engine = create_engine(address, keys, pool_size=1)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(lambda sync: command.upgrade(_config(sync), "head"))
            await connection.commit()
    finally:
        await engine.dispose()


def upgrade_now(address: str, keys: KeyRing) -> None:
    asyncio.run(upgrade(address, keys))
