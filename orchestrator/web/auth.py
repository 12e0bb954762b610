"""Who asks: a Bearer key, known by its hash alone.

Every request needs this, so a key that was found is remembered for a few seconds; a key that is revoked stops to work
within that time, and an expired one at once. Keys that do not exist are not remembered: a stranger's guesses must not
push the real ones out.
"""

import hmac
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from weakref import WeakKeyDictionary

from orchestrator.domain.errors import Unauthorized
from orchestrator.domain.ids import ConsumerId, KeyId
from orchestrator.domain.signing import hash_key
from orchestrator.lifecycle.services import Services
from orchestrator.storage.consumers import Key, find_key
from orchestrator.storage.database import Database
from orchestrator.web.state import Request

REMEMBERED_FOR: Final = timedelta(seconds=10)
_MOST_REMEMBERED: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whose key a request came with."""

    consumer_id: ConsumerId
    key_id: KeyId
    scopes: tuple[str, ...]


class _Memory:
    """Keys that were found, by their hash, the longest known first."""

    def __init__(self) -> None:
        self._keys: OrderedDict[str, tuple[Key, datetime]] = OrderedDict()

    def recall(self, key_hash: str, *, now: datetime) -> Key | None:
        key, until = self._keys.get(key_hash, (None, now))
        return key if now < until else None

    def keep(self, key: Key, *, now: datetime) -> None:
        self._keys[key.key_hash] = (key, now + REMEMBERED_FOR)
        self._keys.move_to_end(key.key_hash)
        if len(self._keys) > _MOST_REMEMBERED:
            self._keys.popitem(last=False)


# What was found belongs to the database that it was found in.
_memories: Final[WeakKeyDictionary[Database, _Memory]] = WeakKeyDictionary()


async def authenticate(request: Request) -> Caller:
    """The caller, or Unauthorized."""
    scheme, _, api_key = request.headers.get("authorization", "").partition(" ")
    api_key = api_key.strip()
    if scheme.lower() != "bearer" or not api_key:
        raise Unauthorized("Send your API key: `Authorization: Bearer KEY`.")
    key_hash = hash_key(api_key)
    services = request.state["services"]
    now = services.now()
    key = await _find(services, key_hash, now=now)
    if key is None or not hmac.compare_digest(key.key_hash, key_hash) or not _is_valid(key, now=now):
        raise Unauthorized("The API key is unknown, expired or revoked.")
    return Caller(consumer_id=key.consumer_id, key_id=key.id, scopes=tuple(key.scopes))


async def _find(services: Services, key_hash: str, *, now: datetime) -> Key | None:
    memory = _memories.setdefault(services.db, _Memory())
    key = memory.recall(key_hash, now=now)
    if key is None:
        async with services.db.reading() as tx:
            key = await find_key(tx, key_hash)
        if key is not None:
            memory.keep(key, now=now)
    return key


def _is_valid(key: Key, *, now: datetime) -> bool:
    return key.revoked_at is None and (key.expires_at is None or now < key.expires_at)
