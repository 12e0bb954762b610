"""Inputs of every size: kept whole, shown in outline."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import msgspec
import pytest

from orchestrator.lifecycle.inputs import LONG
from orchestrator.lifecycle.services import Services
from tests.fakes import World

INPUT: dict[str, Any] = {"model": "gpt-image-2", "prompt": "a red kite"}


async def make(client: httpx.AsyncClient, **more: Any) -> httpx.Response:
    order = {"operation": "openai/images/generations", "input": INPUT | more}
    return await client.post("/v1/jobs", json=order)


async def test_a_long_string_is_shown_by_its_beginning_and_passed_on_whole(
    client: httpx.AsyncClient, world: World, run_until_idle: Callable[[], Awaitable[None]]
) -> None:
    picture = "data:image/png;base64," + "A" * 400_000

    response = await make(client, note=picture)
    await run_until_idle()

    shown = response.json()["input"]["note"]
    assert shown.startswith("data:image/png;base64,AAA")
    assert shown.endswith(f"… ({len(picture)} characters)")
    assert world.submits[0]["note"] == picture


async def test_of_very_many_values_their_number_is_shown(client: httpx.AsyncClient) -> None:
    response = await make(client, numbers=[0] * 100_000, named={str(n): n for n in range(20_000)})

    assert response.status_code == 202
    assert response.json()["input"] == INPUT | {"numbers": "… (100000 items)", "named": "… (20000 items)"}


async def test_of_very_many_fields_the_first_are_shown(client: httpx.AsyncClient) -> None:
    response = await make(client, **{f"{n:0200d}": "b" * 190 for n in range(5000)})

    shown = response.json()["input"]
    assert shown["prompt"] == "a red kite"
    assert shown["…"] == "(4952 more fields)"
    assert len(msgspec.json.encode(shown)) < LONG


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/jobs/batch"])
async def test_a_body_of_very_many_values_is_refused_with_a_remedy(
    client: httpx.AsyncClient, services: Services, path: str
) -> None:
    order = b'{"operation": "openai/images/generations", "input": {"x": [' + b"[]," * 400_000 + b"0]}}"

    response = await client.post(path, content=order if path == "/v1/jobs" else b'{"jobs": [%b]}' % order)

    assert response.status_code == 422
    assert response.json()["field"] == "body"
    assert "send pictures as URLs" in response.json()["detail"]
    assert list(services.blobs.scratch.iterdir()) == []
