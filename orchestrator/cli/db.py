"""`orchestrator db`: the database's schema, brought up to date or only looked at."""

import asyncio

import typer

from orchestrator.cli.failures import Failure
from orchestrator.cli.reading import read_settings, using_database
from orchestrator.storage.database import Database
from orchestrator.storage.migrations import current, head, upgrade

command = typer.Typer()


@command.command("upgrade")
def upgrade_database() -> None:
    """Bring the database to the schema of this version. Safe to run again, and from several places at once."""
    before, after = asyncio.run(_upgrade(read_settings().database_url))
    if before == after:
        print(f"The database was at {after} already.")
    else:
        print(f"The database is at {after} now; it was {'empty' if before is None else f'at {before}'}.")


@command.command("check")
def check_database() -> None:
    """Exit with 1 unless the database is at the schema of this version."""
    found = asyncio.run(_look(read_settings().database_url))
    if found != head():
        state = "empty" if found is None else f"at {found}"
        raise Failure(f"the database is {state}, this version expects {head()}; run `orchestrator db upgrade`.")
    print(f"The database is at {found}, as this version expects.")


async def _upgrade(url: str) -> tuple[str | None, str]:
    with using_database(url):
        db = Database(url)
        try:
            before = await current(db)
            await upgrade(db)
        finally:
            await db.close()
        return before, head()


async def _look(url: str) -> str | None:
    with using_database(url):
        db = Database(url)
        try:
            return await current(db)
        finally:
            await db.close()
