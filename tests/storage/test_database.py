"""Transactions: SQLite made to behave, and what an outage looks like."""

import asyncio
import shutil
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from orchestrator.storage.database import BadDatabaseUrl, Database, is_outage
from tests.clock import Clock
from tests.storage.seeding import seed_consumer


async def test_what_raises_is_rolled_back(db: Database, clock: Clock) -> None:
    consumer_id = await seed_consumer(db, clock())

    async def fail() -> None:
        async with db.writing() as tx:
            await tx.execute(text("UPDATE consumers SET name = 'changed'"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()

    async with db.reading() as tx:
        assert (await tx.execute(text("SELECT name FROM consumers"))).scalar_one() == consumer_id


async def test_processes_that_read_and_then_write_take_turns(sqlite_template: Path, tmp_path: Path) -> None:
    """Eight connections each add one to a number that they read first: without BEGIN IMMEDIATE most of them fail."""
    path = tmp_path / "shared.db"
    shutil.copy(sqlite_template, path)
    databases = [Database(f"sqlite+aiosqlite:///{path}") for _ in range(8)]
    async with databases[0].writing() as tx:
        await tx.execute(text("CREATE TABLE counter (n INTEGER)"))
        await tx.execute(text("INSERT INTO counter VALUES (0)"))

    async def add_one(database: Database) -> None:
        for _ in range(5):
            async with database.writing() as tx:
                n = (await tx.execute(text("SELECT n FROM counter"))).scalar_one()
                await tx.execute(text("UPDATE counter SET n = :n"), {"n": n + 1})

    await asyncio.gather(*(add_one(database) for database in databases))

    async with databases[0].reading() as tx:
        assert (await tx.execute(text("SELECT n FROM counter"))).scalar_one() == 40
    for database in databases:
        await database.close()


async def test_sqlite_commits_are_durable_and_readers_do_not_wait(sqlite_template: Path, tmp_path: Path) -> None:
    path = tmp_path / "one.db"
    shutil.copy(sqlite_template, path)
    database = Database(f"sqlite+aiosqlite:///{path}")

    async with database.writing() as tx:
        journal = (await tx.execute(text("PRAGMA journal_mode"))).scalar_one()
        synchronous = (await tx.execute(text("PRAGMA synchronous"))).scalar_one()
        foreign_keys = (await tx.execute(text("PRAGMA foreign_keys"))).scalar_one()
        async with asyncio.timeout(5), database.reading() as reader:
            await reader.execute(text("SELECT count(*) FROM jobs"))

    await database.close()
    assert (journal, synchronous, foreign_keys) == ("wal", 2, 1)


@pytest.mark.parametrize("url", ["mysql+aiomysql://x", "sqlite:///sync.db", "postgresql://x", "no url at all"])
def test_a_database_that_is_not_supported_is_named_with_the_remedy(url: str) -> None:
    with pytest.raises(BadDatabaseUrl, match="DATABASE_URL"):
        Database(url)


async def test_a_database_that_is_away_is_an_outage_and_a_bad_row_is_not(
    db: Database, clock: Clock, tmp_path: Path
) -> None:
    await seed_consumer(db, clock())
    away = Database(f"postgresql+asyncpg://nobody@/nothing?host={tmp_path}")

    with pytest.raises(Exception) as outage:  # noqa: PT011 - any driver's own class; what counts is how it is judged
        await away.probe()
    with pytest.raises(IntegrityError) as refusal:
        async with db.writing() as tx:
            await tx.execute(text("INSERT INTO api_keys (id) VALUES (NULL)"))

    await away.close()
    assert is_outage(outage.value)
    assert not is_outage(refusal.value)
