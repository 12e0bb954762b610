"""Every statement about consumers, their API keys, and the secrets of the service itself."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.dialects import postgresql, sqlite

from orchestrator.domain.errors import NotFound
from orchestrator.domain.ids import ConsumerId, KeyId
from orchestrator.storage.database import Tx
from orchestrator.storage.rows import columns, find, value
from orchestrator.storage.schema import api_keys, consumers, secrets


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """One row of `consumers`."""

    id: ConsumerId
    name: str
    webhook_secret: str
    """Signs what goes to a job's own `callback_url`."""
    previous_webhook_secret: str | None
    previous_webhook_secret_expires_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One row of `api_keys`: the hash of a key, never the key."""

    id: KeyId
    consumer_id: ConsumerId
    name: str
    key_hash: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


async def insert_consumer(tx: Tx, row: Mapping[str, Any]) -> None:
    """Insert a consumer; one of the same name is left alone."""
    await tx.execute(_maker(tx)(consumers).values(**row).on_conflict_do_nothing())


async def get_consumer_by_name(tx: Tx, name: str) -> Consumer:
    """Return the consumer, or raise NotFound."""
    row = (await tx.execute(select(*columns(consumers, Consumer)).where(consumers.c.name == name))).first()
    if row is None:
        raise NotFound(f"There is no consumer {name!r}.")
    return value(Consumer, row)


async def find_consumers(tx: Tx, consumer_ids: Collection[ConsumerId]) -> dict[ConsumerId, Consumer]:
    """The consumers that exist among these."""
    return {consumer.id: consumer for consumer in await find(tx, consumers, Consumer, "id", consumer_ids)}


async def insert_key(tx: Tx, row: Mapping[str, Any]) -> None:
    """Insert an API key's hash; one that is known is left alone."""
    await tx.execute(_maker(tx)(api_keys).values(**row).on_conflict_do_nothing())


async def find_key(tx: Tx, key_hash: str) -> Key | None:
    """The API key with this hash, whatever its state."""
    row = (await tx.execute(select(*columns(api_keys, Key)).where(api_keys.c.key_hash == key_hash))).first()
    return None if row is None else value(Key, row)


async def has_keys(tx: Tx) -> bool:
    """Whether any API key was ever made."""
    return bool((await tx.execute(select(exists().where(api_keys.c.id.is_not(None))))).scalar_one())


async def keep_secret(tx: Tx, row: Mapping[str, Any]) -> str:
    """The service's secret of this name: the one that is kept, or else this one from now on."""
    await tx.execute(_maker(tx)(secrets).values(**row).on_conflict_do_nothing())
    return str((await tx.execute(select(secrets.c.value).where(secrets.c.name == row["name"]))).scalar_one())


def _maker(tx: Tx) -> Any:
    return postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
