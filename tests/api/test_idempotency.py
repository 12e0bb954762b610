"""The same Idempotency-Key: the same job for the same request, and nothing for another one."""

from typing import Any

import httpx
import pytest

from orchestrator.lifecycle.services import Services

IMAGE: dict[str, Any] = {
    "operation": "openai/images/generations",
    "input": {"model": "gpt-image-2", "prompt": "a red kite"},
}
KEY = {"idempotency-key": "order 7"}


async def test_the_same_request_again_is_answered_with_the_same_job(client: httpx.AsyncClient) -> None:
    first = await client.post("/v1/jobs", json=IMAGE, headers=KEY)
    second = await client.post("/v1/jobs", json=IMAGE, headers=KEY)

    assert first.status_code == second.status_code == 202
    assert first.json() == second.json()
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"


async def test_the_order_of_fields_and_spelled_out_defaults_make_no_other_request(client: httpx.AsyncClient) -> None:
    other = {"metadata": {}, "deadline": None, "input": dict(reversed(IMAGE["input"].items()))} | IMAGE

    first = await client.post("/v1/jobs", json=IMAGE, headers=KEY)
    second = await client.post("/v1/jobs", json=other, headers=KEY)

    assert second.status_code == 202
    assert first.json()["id"] == second.json()["id"]


async def test_another_request_under_the_same_key_is_refused(client: httpx.AsyncClient) -> None:
    await client.post("/v1/jobs", json=IMAGE, headers=KEY)

    response = await client.post("/v1/jobs", json=IMAGE | {"metadata": {"a": 1}}, headers=KEY)

    assert response.status_code == 422
    assert response.json()["code"] == "idempotency_key_reuse"


async def test_keys_of_different_consumers_are_different_keys(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    first = await client.post("/v1/jobs", json=IMAGE, headers=KEY)
    second = await stranger.post("/v1/jobs", json=IMAGE, headers=KEY)

    assert second.status_code == 202
    assert first.json()["id"] != second.json()["id"]


async def test_two_requests_without_a_key_are_two_jobs(client: httpx.AsyncClient) -> None:
    first = await client.post("/v1/jobs", json=IMAGE)
    second = await client.post("/v1/jobs", json=IMAGE)

    assert first.json()["id"] != second.json()["id"]


@pytest.mark.parametrize("key", ["", "x" * 256, "caf\u00e9"])
async def test_a_key_that_cannot_be_one_is_refused(client: httpx.AsyncClient, key: str) -> None:
    response = await client.post("/v1/jobs", json=IMAGE, headers=[(b"idempotency-key", key.encode("latin-1"))])

    assert response.status_code == 422
    assert response.json()["field"] == "Idempotency-Key"


async def test_a_repeated_big_request_leaves_no_second_copy_of_its_input(
    client: httpx.AsyncClient, services: Services, tmp_path_factory: pytest.TempPathFactory
) -> None:
    big = IMAGE | {"input": IMAGE["input"] | {"reference": "A" * 100_000}}

    await client.post("/v1/jobs", json=big, headers=KEY)
    replayed = await client.post("/v1/jobs", json=big, headers=KEY)
    refused = await client.post("/v1/jobs", json=big | {"metadata": {"a": 1}}, headers=KEY)

    assert (replayed.status_code, refused.status_code) == (202, 422)
    kept = services.blobs.scratch.parent / "inputs"
    assert len(list(kept.iterdir())) == 1


async def test_a_repeated_batch_is_the_same_batch(client: httpx.AsyncClient) -> None:
    batch = {"jobs": [IMAGE, IMAGE]}

    first = await client.post("/v1/jobs/batch", json=batch, headers=KEY)
    second = await client.post("/v1/jobs/batch", json=batch, headers=KEY)

    ids = [item["job"]["id"] for item in first.json()["data"]]
    assert len(set(ids)) == 2
    assert [item["job"]["id"] for item in second.json()["data"]] == ids
