"""The database: reading and writing transactions, and SQLite made to behave.

SQLite runs in WAL mode with `synchronous=FULL`, so that a commit that returned is on the disk. It has one writer, and
a transaction that reads first and writes later fails at once when another wrote in between, whatever the busy
timeout; so writers say `BEGIN IMMEDIATE`, which waits for its turn instead. Within a process writers queue on a lock,
because waiting there costs nothing while SQLite's own waiting polls. Readers have connections of their own, and never
wait.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

from sqlalchemy import event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from orchestrator.domain.errors import OrchestratorError

Tx = AsyncConnection
"""A transaction. Whoever opens it commits it, by leaving its block without an error."""

BUSY_TIMEOUT_MS: Final = 15_000


class BadDatabaseUrl(OrchestratorError):
    """The database URL names a database or a driver that is not supported."""

    code = "bad_database_url"


class Database:
    """Connections to one database, SQLite or PostgreSQL."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = _checked(url)
        self.dialect = self.url.get_backend_name()
        self.statements = 0
        """How many statements were sent since the start: a cost that is watched."""
        if self.is_embedded:
            self._writer, self._reader = _sqlite_engines(self.url)
            self._turn: asyncio.Lock | nullcontext[None] = asyncio.Lock()
        else:
            self._writer = create_async_engine(self.url, pool_size=pool_size, max_overflow=0, hide_parameters=True)
            self._reader = self._writer.execution_options(isolation_level="AUTOCOMMIT")
            self._turn = nullcontext()
        # On PostgreSQL the reader is the writer's engine with an option, and hears of the same events.
        for engine in (self._writer, self._reader) if self.is_embedded else (self._writer,):
            event.listen(engine.sync_engine, "before_cursor_execute", self._count)

    @property
    def is_embedded(self) -> bool:
        """Whether the database is a file of ours, which `serve` may migrate by itself."""
        return self.dialect == "sqlite"

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Tx]:
        """A transaction that commits when its block ends, and rolls back when it raises."""
        async with self._turn, self._writer.begin() as tx:
            yield tx

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Tx]:
        """A connection for reading only; on PostgreSQL each statement sees its own moment."""
        async with self._reader.connect() as tx:
            yield tx

    async def probe(self) -> None:
        """Raise unless the database answers."""
        async with self.reading() as tx:
            await tx.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close every connection."""
        await self._reader.dispose()
        await self._writer.dispose()

    def _count(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        self.statements += not statement.startswith("BEGIN")


def is_passing(error: BaseException) -> bool:
    """Whether the same transaction may well succeed at once: it lost against another one."""
    return _sqlstate(error) in {"40001", "40P01"}


def _sqlstate(error: BaseException) -> str:
    return str(getattr(error.orig, "sqlstate", "") or "") if isinstance(error, DBAPIError) else ""


def is_full(error: BaseException) -> bool:
    """Whether the database has no room left on its disk."""
    return _sqlstate(error) == "53100" or "database or disk is full" in str(error)


def is_outage(error: BaseException) -> bool:
    """Whether the database itself failed us, rather than refused one of the rows."""
    if isinstance(error, PoolTimeout | OSError):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    # Classes 08, 53 and 57P: the connection, the server's resources, the server itself.
    if _sqlstate(error).startswith(("08", "53", "57P")):
        return True
    return isinstance(error, OperationalError | InterfaceError)


def _checked(url: str) -> URL:
    try:
        parsed = make_url(url)
    except SQLAlchemyError as error:
        raise BadDatabaseUrl(f"DATABASE_URL {url!r} is not a database URL.") from error
    if parsed.drivername not in {"sqlite+aiosqlite", "postgresql+asyncpg"}:
        raise BadDatabaseUrl(
            f"DATABASE_URL has the scheme {parsed.drivername!r}; use sqlite+aiosqlite:///path or postgresql+asyncpg://…"
        )
    return parsed


def _sqlite_engines(url: URL) -> tuple[AsyncEngine, AsyncEngine]:
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    writer = create_async_engine(url, pool_size=1, max_overflow=0, hide_parameters=True)
    reader = create_async_engine(url, pool_size=4, max_overflow=0, hide_parameters=True)
    for engine, begin in ((writer, "BEGIN IMMEDIATE"), (reader, "BEGIN")):
        event.listen(engine.sync_engine, "connect", _configure)
        event.listen(engine.sync_engine, "begin", _beginner(begin))
    return writer, reader


def _configure(connection: Any, _record: Any) -> None:
    # The driver's own idea of transactions is switched off: it would begin them too late, and not as IMMEDIATE.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "temp_store=MEMORY",
        "cache_size=-65536",
        "mmap_size=268435456",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _beginner(statement: str) -> Any:
    def begin(connection: Any) -> None:
        connection.exec_driver_sql(statement)

    return begin
