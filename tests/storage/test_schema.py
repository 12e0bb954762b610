"""The migrations build exactly the schema, and the schema refuses what cannot be."""

from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import IntegrityError

from orchestrator.storage.database import Database
from orchestrator.storage.migrations import current, head, upgrade
from orchestrator.storage.schema import metadata
from tests.clock import Clock
from tests.storage.seeding import seed_job


async def test_the_migrations_build_exactly_the_schema(db: Database) -> None:
    def differences(connection: Connection) -> list[Any]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    def checks(connection: Connection) -> set[str]:
        inspector = inspect(connection)
        return {str(check["name"]) for table in metadata.tables for check in inspector.get_check_constraints(table)}

    expected = {
        str(constraint.name)
        for table in metadata.tables.values()
        for constraint in table.constraints
        if str(constraint.name).startswith("ck_")
    }
    async with db.reading() as tx:
        assert await tx.run_sync(differences) == []
        assert await tx.run_sync(checks) == expected


async def test_migrating_again_changes_nothing(db: Database) -> None:
    await upgrade(db)

    assert await current(db) == head()


@pytest.mark.parametrize(
    "change",
    [
        "state = 'dreaming'",
        "finished_at = created_at",
        "state = 'succeeded'",
        "state = 'storing'",
        "revision = 0",
    ],
)
async def test_a_job_that_cannot_be_is_refused_by_the_database(db: Database, clock: Clock, change: str) -> None:
    await seed_job(db, clock())

    with pytest.raises(IntegrityError):
        async with db.writing() as tx:
            await tx.execute(text(f"UPDATE jobs SET {change}"))


async def test_leases_read_by_their_partial_indexes(db: Database) -> None:
    due = {
        "tasks": ("ix_tasks_to_submit", "state = 'queued'"),
        "callbacks": ("ix_callbacks_due", "state = 'received'"),
        "jobs": ("ix_jobs_due", "state = 'storing'"),
        "deliveries": ("ix_deliveries_due", "state = 'pending'"),
    }
    explain = "EXPLAIN QUERY PLAN" if db.is_embedded else "EXPLAIN"
    async with db.writing() as tx:
        if not db.is_embedded:
            # An empty table is cheapest to read whole; what counts is that the index serves at all.
            await tx.execute(text("SET LOCAL enable_seqscan = off"))
        for table, (index, condition) in due.items():
            query = (
                f"{explain} SELECT id FROM {table} WHERE {condition} AND due_at <= '2026-01-01' ORDER BY due_at LIMIT 9"
            )
            plan = " ".join(str(row) for row in await tx.execute(text(query)))
            assert index in plan, plan
