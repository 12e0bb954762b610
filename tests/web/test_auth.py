"""Whose request it is."""

from typing import Any

import httpx
import pytest
from sqlalchemy import update

from orchestrator.domain.signing import hash_key
from orchestrator.lifecycle.services import Services
from orchestrator.storage.schema import api_keys
from orchestrator.web import auth
from orchestrator.web.auth import REMEMBERED_FOR
from tests.clock import Clock


async def change_key(services: Services, **changes: Any) -> None:
    async with services.db.writing() as tx:
        statement = update(api_keys).where(api_keys.c.key_hash == hash_key("key-of-consumer"))
        await tx.execute(statement.values(**changes))


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Basic key-of-consumer", "key-of-consumer", "Bearer key-of-nobody", "Bearer \u00ff"],
)
async def test_without_a_valid_key_there_is_no_answer(client: httpx.AsyncClient, header: str) -> None:
    response = await client.get("/v1/me", headers={b"authorization": header.encode("latin-1")})

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ["Bearer key-of-consumer", "bearer  key-of-consumer "])
async def test_the_scheme_may_be_written_in_any_case(client: httpx.AsyncClient, header: str) -> None:
    response = await client.get("/v1/me", headers={"authorization": header})

    assert response.status_code == 200


async def test_a_key_that_was_found_is_remembered(client: httpx.AsyncClient, services: Services) -> None:
    counts = [services.db.statements]
    for _ in range(2):
        await client.get("/v1/deliveries")
        counts.append(services.db.statements)

    with_look_up, without = counts[1] - counts[0], counts[2] - counts[1]
    assert without < with_look_up


async def test_a_revoked_key_is_refused_as_soon_as_it_is_forgotten(
    client: httpx.AsyncClient, services: Services, clock: Clock
) -> None:
    await client.get("/v1/me")
    await change_key(services, revoked_at=clock())
    clock.advance(seconds=REMEMBERED_FOR.total_seconds())

    response = await client.get("/v1/me")

    assert response.status_code == 401


async def test_an_expired_key_is_refused_at_once_although_it_is_remembered(
    client: httpx.AsyncClient, services: Services, clock: Clock
) -> None:
    await change_key(services, expires_at=clock() + REMEMBERED_FOR / 2)
    first = await client.get("/v1/me")
    clock.advance(seconds=REMEMBERED_FOR.total_seconds() / 2)

    second = await client.get("/v1/me")

    assert (first.status_code, second.status_code) == (200, 401)


async def test_guesses_do_not_fill_the_memory(client: httpx.AsyncClient, services: Services) -> None:
    await client.get("/v1/me")

    for guess in range(20):
        await client.get("/v1/me", headers={"authorization": f"Bearer guess-{guess}"})

    assert list(auth._memories[services.db]._keys) == [hash_key("key-of-consumer")]


async def test_the_memory_is_bounded(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "_MOST_REMEMBERED", 1)

    await client.get("/v1/me")
    await stranger.get("/v1/me")

    assert list(auth._memories[services.db]._keys) == [hash_key("key-of-stranger")]
