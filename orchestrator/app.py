"""The composition root: settings become services, services become an ASGI application with its workers.

Nothing else knows how the parts are put together, and nothing below reads the environment.
"""

import asyncio
import logging
import os
import random
import secrets as randomness
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import uuid_utils
from starlette.applications import Starlette
from starlette.types import Lifespan

from orchestrator.api import routes as api_routes
from orchestrator.blobs.registry import open_store
from orchestrator.config import Settings
from orchestrator.domain.errors import OrchestratorError
from orchestrator.domain.ids import ConsumerId
from orchestrator.domain.policy import Reach
from orchestrator.domain.signing import hash_key, new_webhook_secret
from orchestrator.egress.client import open_session
from orchestrator.egress.guard import Guard
from orchestrator.lifecycle.services import Services
from orchestrator.providers.provider import Provider
from orchestrator.providers.registry import Providers
from orchestrator.receiver import routes as receiver_routes
from orchestrator.storage.consumers import (
    find_key,
    get_consumer_by_name,
    has_keys,
    insert_consumer,
    insert_key,
    keep_secret,
)
from orchestrator.storage.database import Database, Tx
from orchestrator.storage.migrations import current, head, upgrade
from orchestrator.web.middleware import middleware
from orchestrator.web.problems import exception_handlers
from orchestrator.web.state import State
from orchestrator.workers.chores import WATCH
from orchestrator.workers.supervisor import Supervisor

logger = logging.getLogger(__name__)

DRAIN_SECONDS = 8.0
WEBHOOK_CONNECTIONS = 4096
"""Bounds what hung endpoints can hold: each has 96 hands at most, for at most the time of one attempt."""
SCOPES = ["submit", "read", "manage"]


class NotMigrated(OrchestratorError):
    """A shared database is not at the schema that this version expects."""

    code = "not_migrated"


class WorkersDied(OrchestratorError):
    """A loop ended by an error that nobody foresaw; the process ends with it, and says so by its exit code."""

    code = "workers_died"


@dataclass(frozen=True, slots=True)
class Started:
    """Services that are ready, and what the operator has to be told once."""

    services: Services
    new_api_key: str | None


def create_app(settings: Settings, *, with_workers: bool = True) -> Starlette:
    """The whole service as one ASGI application."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[State]:
        async with running(settings, with_workers=with_workers) as services:
            yield {"services": services}

    return edges(lifespan)


@asynccontextmanager
async def running(settings: Settings, *, with_workers: bool = True) -> AsyncIterator[Services]:
    """Open services, their workers beside them, for as long as the block runs; then drained and closed."""
    started = await start(settings)
    try:
        _say(settings, started)
        async with _working(started.services, with_workers):
            yield started.services
    finally:
        await started.services.close()


def edges(lifespan: Lifespan[Starlette] | None = None) -> Starlette:
    """The HTTP edges alone; `lifespan` provides the services in the state."""
    app = Starlette(
        routes=[*receiver_routes, *api_routes],
        middleware=middleware,
        exception_handlers=exception_handlers,
        lifespan=lifespan,
    )
    # A redirect would name the Host header's address, and a client would send its key there once more.
    app.router.redirect_slashes = False
    return app


async def start(settings: Settings) -> Started:
    """Open everything that the settings name. Raises when any of it cannot be used."""
    blobs = open_store(settings.storage_url)
    db = Database(settings.database_url, pool_size=settings.database_pool)
    try:
        await _migrate(db)
        keys = settings.secret_key or [await _kept_secret(db)]
        new_api_key = await _bootstrap_keys(db, settings.api_keys)
    except BaseException:
        await db.close()
        raise
    guard = Guard(settings.allow_private_networks)
    provider = Provider(settings.provider_name, base_url=settings.upstream_url, token=settings.upstream_token)
    services = Services(
        db=db,
        blobs=blobs,
        guard=guard,
        session=open_session(guard, limit=WEBHOOK_CONNECTIONS),
        media=open_session(guard),
        providers=Providers([provider]),
        policy=settings.to_policy(),
        secret_keys=keys,
        now=lambda: datetime.now(UTC),
        new_id=lambda: str(uuid_utils.uuid7()),
        chance=random.random,
        random_bytes=randomness.token_bytes,
    )
    return Started(services, new_api_key)


@asynccontextmanager
async def _working(services: Services, with_workers: bool) -> AsyncIterator[None]:
    """Run the workers beside the application; they are given `DRAIN_SECONDS` to finish what is in hand.

    Without workers there is still one thing to do: to look for the changes that those who wait here wait for.
    """
    supervisor = Supervisor(services) if with_workers else Supervisor(services, stations=(), chores=(WATCH,))
    loops = asyncio.create_task(supervisor.run(), name="workers")
    loops.add_done_callback(_stop_the_process)
    try:
        yield
    finally:
        loops.remove_done_callback(_stop_the_process)
        supervisor.stop()
        await asyncio.wait([loops], timeout=DRAIN_SECONDS)
        if not loops.done():
            logger.warning("workers.cut_off: what is in hand comes due again when its leases run out")
            loops.cancel()
            await asyncio.wait([loops])
    if not loops.cancelled() and (death := loops.exception()) is not None:
        raise WorkersDied(f"The workers died of {death!r}.") from death


def _stop_the_process(loops: "asyncio.Task[None]") -> None:
    """Workers never end by themselves: a process without them must not look alive."""
    logger.critical("workers.died", exc_info=loops.exception() if not loops.cancelled() else None)
    os.kill(os.getpid(), signal.SIGTERM)


async def _migrate(db: Database) -> None:
    if db.is_embedded:
        await upgrade(db)
    elif await current(db) != head():
        raise NotMigrated("The database is not at the schema of this version; run `orchestrator db upgrade` first.")


async def _kept_secret(db: Database) -> str:
    async with db.writing() as tx:
        return await keep_secret(
            tx,
            {
                "id": str(uuid_utils.uuid7()),
                "name": "secret_key",
                "value": randomness.token_urlsafe(32),
                "created_at": datetime.now(UTC),
            },
        )


async def _bootstrap_keys(db: Database, api_keys: Sequence[str]) -> str | None:
    """Make the configured keys known, each with a consumer of its own; without any and at the first start, make one."""
    async with db.writing() as tx:
        if api_keys:
            for key in api_keys:
                if await find_key(tx, hash_key(key)) is None:
                    await _add_consumer(tx, key)
            return None
        if await has_keys(tx):
            return None
        key = f"ok_{randomness.token_urlsafe(24)}"
        await _add_consumer(tx, key)
        return key


async def _add_consumer(tx: Tx, key: str) -> None:
    digest, now = hash_key(key), datetime.now(UTC)
    name = f"consumer-{digest[:8]}"
    await insert_consumer(
        tx,
        {
            "id": str(uuid_utils.uuid7()),
            "name": name,
            "webhook_secret": new_webhook_secret(randomness.token_bytes(32)),
            "created_at": now,
        },
    )
    consumer = await get_consumer_by_name(tx, name)
    await insert_key(
        tx,
        {
            "id": str(uuid_utils.uuid7()),
            "consumer_id": ConsumerId(consumer.id),
            "name": "bootstrap",
            "key_hash": digest,
            "scopes": SCOPES,
            "created_at": now,
        },
    )


def _say(settings: Settings, started: Started) -> None:
    if started.new_api_key is not None:
        # Printed and not logged: logs are kept, and this is the only time that the key is shown.
        print(f"API key (shown this once): {started.new_api_key}", flush=True)  # noqa: T201
    for name, values in (("SECRET_KEY", settings.secret_key), ("API_KEYS", settings.api_keys)):
        if any(len(value) < 16 for value in values):
            logger.warning("settings.short name=%s: at least 16 random characters are advisable", name)
    if started.services.policy.reach is Reach.POLL:
        logger.warning(
            "results.by_poll: %s cannot be reached from %s, so results are asked for instead of called back",
            settings.public_url,
            settings.upstream_url,
        )
