"""Bringing a database to the schema that this version expects.

The embedded database is brought there by `serve` itself; a shared one only by `orchestrator db upgrade`, because
several processes of two versions may be looking at it. On PostgreSQL one migrator at a time holds an advisory lock,
and no statement waits long for a table that is in use: better to fail, and be run again, than to queue the whole
service up behind a lock.
"""

from pathlib import Path
from typing import Any, Final

from alembic.command import upgrade as run_upgrade
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from orchestrator.storage.database import Database

_LOCK: Final = 0x6F72_6368  # "orch"
_LOCK_TIMEOUT: Final = "10s"


def script_location() -> Path:
    """The folder of the migrations: inside the installed package, or at the top of a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "_migrations"
    return installed if installed.exists() else package.parent / "migrations"


def head() -> str:
    """The revision that this version expects."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    assert revision is not None
    return revision


async def current(db: Database) -> str | None:
    """The revision that the database is at, or None when it is empty."""
    async with db.reading() as tx:
        return await tx.run_sync(lambda connection: MigrationContext.configure(connection).get_current_revision())


async def upgrade(db: Database) -> None:
    """Bring the database to `head`, in one transaction."""
    async with db.writing() as tx:
        if db.dialect == "postgresql":
            await tx.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'"))
            await tx.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        await tx.run_sync(_upgrade)


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    run_upgrade(config, "head")


def _config() -> Config:
    config: Any = Config()
    config.set_main_option("script_location", str(script_location()))
    config.set_main_option("path_separator", "os")
    assert isinstance(config, Config)
    return config
