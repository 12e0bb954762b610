"""A job followed by server-sent events, over a real connection: the test transport hands over no half answers."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest

from orchestrator.api import events
from orchestrator.app import edges
from orchestrator.lifecycle.services import Services
from tests.serving import serving

IMAGE: dict[str, Any] = {
    "operation": "openai/images/generations",
    "input": {"model": "gpt-image-2", "prompt": "a red kite"},
}


@pytest.fixture
async def online(services: Services, consumer: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the edges on a port of their own."""
    app = edges()

    async def with_services(scope: Any, receive: Any, send: Any) -> None:
        await app(scope | {"state": {"services": services}}, receive, send)

    async with serving(with_services) as url:
        headers = {"authorization": "Bearer key-of-consumer"}
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=10) as client:
            yield client


async def read(lines: AsyncIterator[str]) -> dict[str, str]:
    """The next event, or the next comment under the name of "comment"."""
    found: dict[str, str] = {}
    async for line in lines:
        if not line:
            return found
        name, _, value = line.partition(": ")
        found[name or "comment"] = value
    return found


async def test_a_stream_begins_with_a_snapshot_and_ends_with_the_final_event(online: httpx.AsyncClient) -> None:
    job = (await online.post("/v1/jobs", json=IMAGE)).json()

    async with online.stream("GET", f"/v1/jobs/{job['id']}/events") as response:
        lines = response.aiter_lines()
        snapshot = await read(lines)
        await online.post(f"/v1/jobs/{job['id']}/cancel")
        last = await read(lines)
        rest = [line async for line in lines]

    assert response.headers["content-type"].startswith("text/event-stream")
    assert (snapshot["id"], snapshot["event"]) == ("1", "job")
    assert msgspec.json.decode(snapshot["data"]) == job
    assert (last["id"], msgspec.json.decode(last["data"])["status"]) == ("2", "canceled")
    assert rest == []


async def test_a_client_that_comes_back_is_told_only_what_is_new(online: httpx.AsyncClient) -> None:
    job = (await online.post("/v1/jobs", json=IMAGE)).json()
    known = {"last-event-id": "1"}

    async with online.stream("GET", f"/v1/jobs/{job['id']}/events", headers=known) as response:
        reading = asyncio.create_task(read(response.aiter_lines()))
        await online.post(f"/v1/jobs/{job['id']}/cancel")
        first = await reading

    assert first["id"] == "2"


async def test_a_client_that_knows_the_end_is_told_not_to_come_back(online: httpx.AsyncClient) -> None:
    job = (await online.post("/v1/jobs", json=IMAGE)).json()
    await online.post(f"/v1/jobs/{job['id']}/cancel")

    fresh = await online.get(f"/v1/jobs/{job['id']}/events", headers={"last-event-id": "one"})
    knowing = await online.get(f"/v1/jobs/{job['id']}/events", headers={"last-event-id": "2"})

    assert fresh.text.startswith("id: 2\nevent: job\ndata: {")
    assert knowing.status_code == 204


async def test_a_silent_stream_is_kept_alive(online: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "PING_SECONDS", 0.01)
    job = (await online.post("/v1/jobs", json=IMAGE)).json()

    async with online.stream("GET", f"/v1/jobs/{job['id']}/events") as response:
        lines = response.aiter_lines()
        await read(lines)
        ping = await read(lines)

    assert ping == {"comment": "ping"}


async def test_a_client_that_goes_away_is_not_waited_for(online: httpx.AsyncClient, services: Services) -> None:
    job = (await online.post("/v1/jobs", json=IMAGE)).json()

    async with online.stream("GET", f"/v1/jobs/{job['id']}/events") as response:
        await read(response.aiter_lines())

    async with asyncio.timeout(5):
        while services.watch._waiting:
            await online.get("/healthz")


async def test_asking_for_the_head_of_a_stream_does_not_hold_the_client(online: httpx.AsyncClient) -> None:
    job = (await online.post("/v1/jobs", json=IMAGE)).json()

    response = await online.head(f"/v1/jobs/{job['id']}/events")

    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/event-stream")
