"""What was told to whom, as the consumer sees it."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from starlette.responses import Response

from tests.fakes import World

IMAGE: dict[str, Any] = {
    "operation": "openai/images/generations",
    "input": {"model": "gpt-image-2", "prompt": "a red kite"},
}
Idle = Callable[[], Awaitable[None]]


@pytest.fixture
async def told(client: httpx.AsyncClient, world: World, run_until_idle: Idle) -> dict[str, Any]:
    """A canceled job whose news one endpoint took and the other did not."""
    world.hooks["shut"] = [Response("closed for today", status_code=503)]
    endpoints = {}
    for name in ("open", "shut"):
        response = await client.post("/v1/endpoints", json={"url": f"{world.url}/hook/{name}"})
        endpoints[name] = response.json()["id"]
    job = (await client.post("/v1/jobs", json=IMAGE)).json()
    await client.post(f"/v1/jobs/{job['id']}/cancel")
    await run_until_idle()
    return endpoints | {"job": job["id"]}


async def test_deliveries_say_how_each_went(client: httpx.AsyncClient, told: dict[str, Any]) -> None:
    deliveries = (await client.get("/v1/deliveries")).json()["data"]

    states = {each["endpoint_id"]: (each["state"], each["tries"], each["finished_at"] is None) for each in deliveries}
    assert states == {told["open"]: ("succeeded", 1, False), told["shut"]: ("pending", 1, True)}
    assert {each["event_type"] for each in deliveries} == {"job.canceled"}
    assert {each["event_id"] for each in deliveries} == {deliveries[0]["event_id"]}
    assert "attempts" not in deliveries[0]


async def test_a_delivery_has_its_attempts(client: httpx.AsyncClient, told: dict[str, Any]) -> None:
    (failing,) = (await client.get("/v1/deliveries", params={"endpoint_id": told["shut"]})).json()["data"]

    delivery = (await client.get(f"/v1/deliveries/{failing['id']}")).json()

    (attempt,) = delivery["attempts"]
    assert (attempt["number"], attempt["status"], attempt["excerpt"]) == (1, 503, "closed for today")
    assert delivery["next_attempt_at"] == "2026-03-01T12:00:05Z"


@pytest.mark.parametrize(
    ("state", "number"), [("pending", 1), ("succeeded", 1), ("pending,succeeded", 2), ("failed", 0)]
)
async def test_deliveries_are_filtered_by_state(
    client: httpx.AsyncClient, told: dict[str, Any], state: str, number: int
) -> None:
    deliveries = (await client.get("/v1/deliveries", params={"state": state})).json()["data"]

    assert len(deliveries) == number


async def test_the_deliveries_of_a_job_are_found_from_both_sides(
    client: httpx.AsyncClient, told: dict[str, Any]
) -> None:
    by_filter = (await client.get("/v1/deliveries", params={"job_id": told["job"]})).json()
    by_path = (await client.get(f"/v1/jobs/{told['job']}/deliveries")).json()

    assert by_filter == by_path
    assert len(by_path["data"]) == 2


async def test_deliveries_are_read_page_by_page(client: httpx.AsyncClient, told: dict[str, Any]) -> None:
    first = (await client.get("/v1/deliveries?limit=1")).json()
    second = (await client.get("/v1/deliveries", params={"limit": 1, "cursor": first["next_cursor"]})).json()

    assert {each["endpoint_id"] for each in first["data"] + second["data"]} == {told["open"], told["shut"]}
    assert second["next_cursor"] is None


async def test_deliveries_of_somebody_else_are_not_shown(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient, told: dict[str, Any]
) -> None:
    (delivery, *_) = (await client.get("/v1/deliveries")).json()["data"]

    assert (await stranger.get("/v1/deliveries")).json()["data"] == []
    assert (await stranger.get(f"/v1/deliveries/{delivery['id']}")).status_code == 404
    assert (await stranger.get(f"/v1/jobs/{told['job']}/deliveries")).status_code == 404


@pytest.mark.parametrize("query", ["job_id=7", "endpoint_id=x", "state=done", "page=2"])
async def test_a_filter_that_means_nothing_is_refused_by_name(client: httpx.AsyncClient, query: str) -> None:
    response = await client.get(f"/v1/deliveries?{query}")

    assert response.status_code == 422
    assert response.json()["field"] == query.partition("=")[0]
