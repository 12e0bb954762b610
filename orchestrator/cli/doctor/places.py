"""Where things are kept: the database and the blob store."""

import asyncio
import os
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from orchestrator.blobs.registry import open_store
from orchestrator.cli.doctor.findings import PATIENCE_SECONDS, Finding, fail, ok, warn
from orchestrator.cli.failures import explain
from orchestrator.cli.reading import using_database
from orchestrator.config import Settings
from orchestrator.domain.errors import OrchestratorError
from orchestrator.storage.database import Database
from orchestrator.storage.migrations import current, head

_EMBEDDED: Final = "sqlite+aiosqlite"


async def check_database(settings: Settings) -> list[Finding]:
    """Whether it answers, and whether its schema is the one that this version expects."""
    file = _embedded_file(settings.database_url)
    if file is not None and not file.exists():
        return [_check_future_file(file)]
    try:
        with using_database(settings.database_url):
            db = Database(settings.database_url)
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    found = await current(db)
            finally:
                await db.close()
    except OrchestratorError as error:
        return [fail("database", str(error), "Check ORCHESTRATOR_DATABASE_URL, and whether the database is running.")]
    return [_check_revision(found, is_embedded=file is not None)]


async def check_store(settings: Settings) -> list[Finding]:
    """Whether bytes can be written, read and removed."""
    try:
        store = open_store(settings.storage_url)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await store.probe()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
        return [fail("blob store", explain(error), "Correct ORCHESTRATOR_STORAGE_URL, or the rights of this user.")]
    return [ok("blob store", f"{store.name} takes and gives back what is written.")]


def _check_revision(found: str | None, *, is_embedded: bool) -> Finding:
    if found == head():
        return ok("database", f"It answers and is at {found}, as this version expects.")
    text = f"It answers and is {'empty' if found is None else f'at {found}'}; this version expects {head()}."
    if is_embedded:
        return warn("database", text, "`orchestrator serve` brings it there by itself.")
    return fail("database", text, "Run `orchestrator db upgrade`.")


def _embedded_file(url: str) -> Path | None:
    """The file of an embedded database. Opening it would make it, which is not for a doctor to do."""
    parts = urlsplit(url)
    return Path(parts.path.removeprefix("/")) if parts.scheme == _EMBEDDED and len(parts.path) > 1 else None


def _check_future_file(file: Path) -> Finding:
    above = next(folder for folder in file.absolute().parents if folder.exists())
    if above.is_dir() and os.access(above, os.W_OK | os.X_OK):
        return ok("database", f"{file} does not exist yet; `orchestrator serve` makes it.")
    return fail("database", f"{file} does not exist and cannot be made in {above}.", "Let this user write there.")
