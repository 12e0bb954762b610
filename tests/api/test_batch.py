"""Several jobs in one request."""

from typing import Any

import httpx
import pytest

IMAGE: dict[str, Any] = {
    "operation": "openai/images/generations",
    "input": {"model": "gpt-image-2", "prompt": "a red kite"},
}


async def test_each_place_of_a_batch_is_judged_on_its_own(client: httpx.AsyncClient) -> None:
    wrong = IMAGE | {"input": {"prompt": "a", "n": 99}}

    response = await client.post(
        "/v1/jobs/batch", json={"jobs": [IMAGE, wrong, "what?", IMAGE | {"metadata": {"i": 3}}]}
    )

    assert response.status_code == 200
    items = response.json()["data"]
    assert [item["status"] for item in items] == [202, 422, 422, 202]
    assert items[0]["job"]["status"] == "queued"
    assert "problem" not in items[0]
    assert items[1]["problem"]["field"] == "input.n"
    assert "job" not in items[1]
    assert items[3]["job"]["metadata"] == {"i": 3}
    assert (await client.get(f"/v1/jobs/{items[3]['job']['id']}")).status_code == 200


async def test_a_batch_of_a_hundred_is_accepted_in_its_order(client: httpx.AsyncClient) -> None:
    jobs = [IMAGE | {"metadata": {"place": place}} for place in range(100)]

    response = await client.post("/v1/jobs/batch", json={"jobs": jobs})

    assert [item["job"]["metadata"]["place"] for item in response.json()["data"]] == list(range(100))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"jobs": []}, "jobs"),
        ({"jobs": [IMAGE] * 101}, "jobs"),
        ({}, "jobs"),
        ({"jobs": [IMAGE], "x": 1}, "x"),
        ([], "body"),
    ],
)
async def test_a_batch_that_is_none_is_refused_as_a_whole(client: httpx.AsyncClient, body: object, field: str) -> None:
    response = await client.post("/v1/jobs/batch", json=body)

    assert response.status_code == 422
    assert response.json()["field"] == field


async def test_a_batch_that_is_not_json_is_malformed(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/jobs/batch", content=b'{"jobs": [')

    assert response.status_code == 400


async def test_the_key_of_a_batch_is_no_key_of_a_single_request(client: httpx.AsyncClient) -> None:
    batch = await client.post("/v1/jobs/batch", json={"jobs": [IMAGE]}, headers={"idempotency-key": "a"})
    again = await client.post("/v1/jobs/batch", json={"jobs": [IMAGE]}, headers={"idempotency-key": "a"})
    single = await client.post("/v1/jobs", json=IMAGE, headers={"idempotency-key": "a#0"})

    ids = [each.json()["data"][0]["job"]["id"] for each in (batch, again)]
    assert ids[0] == ids[1] != single.json()["id"]
