"""What is refused before a job exists, and how it is said."""

from typing import Any

import httpx
import pytest

from orchestrator.domain.ids import ConsumerId
from orchestrator.lifecycle.services import Services
from orchestrator.storage.jobs import Page, list_jobs

INPUT = {"model": "gpt-image-2", "prompt": "a red kite"}
IMAGE: dict[str, Any] = {"operation": "openai/images/generations", "input": INPUT}
EDIT: dict[str, Any] = {"operation": "openai/images/edits", "input": INPUT | {"image": "https://cdn.example.com/a.png"}}
BANANA: dict[str, Any] = {"operation": "nano-banana/images", "input": {"action": "generate", "prompt": "a banana"}}


async def assert_nothing_kept(services: Services, consumer: ConsumerId) -> None:
    async with services.db.reading() as tx:
        assert await list_jobs(tx, consumer, Page(limit=1)) == []


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"prompt": "a kite"}, "prompt", "put it into `input`"),
        ({"metdata": {}}, "metdata", "did you mean 'metadata'"),
        ({"colour": "red"}, "colour", "The fields are operation, input, provider"),
        ({"operation": 7}, "operation", "must be a string, not a whole number"),
        ({"operation": "openai/poems"}, "operation", "is unknown; use one of"),
        ({"operation": "openai\x00"}, "operation", "is unknown"),
        ({"input": None}, "input", "must be an object, not null"),
        ({"input": ["a"]}, "input", "must be an object, not a list"),
        ({"provider": "nobody"}, "provider", "is not configured"),
        ({"metadata": {str(i): i for i in range(51)}}, "metadata", "50"),
        ({"metadata": {"a": "x" * 17_000}}, "metadata", "16384 bytes"),
        ({"metadata": {"a": ["\x00"]}}, "metadata", "U+0000"),
        ({"metadata": []}, "metadata", "must be an object"),
        ({"deadline": 0}, "deadline", ">= 1"),
        ({"deadline": 604_801}, "deadline", "<= 604800"),
        ({"deadline": 1.5}, "deadline", "must be a whole number or null, not a number"),
        ({"deadline": True}, "deadline", "not true or false"),
        ({"callback_url": "ftp://example.com/x"}, "callback_url", "neither http nor https"),
        ({"callback_url": "http://10.0.0.1/x"}, "callback_url", "10.0.0.1 is private"),
        ({"callback_url": "http://169.254.169.254/"}, "callback_url", "link-local"),
        ({"callback_url": "https://user:pass@example.com/"}, "callback_url", "user name"),
        ({"callback_url": "https://example.com/\x00"}, "callback_url", "control character"),
        ({"callback_url": "somewhere"}, "callback_url", "scheme"),
    ],
)
async def test_a_wrong_field_is_named_with_the_remedy(
    client: httpx.AsyncClient, changes: dict[str, Any], field: str, words: str
) -> None:
    response = await client.post("/v1/jobs", json=IMAGE | changes)

    problem = response.json()
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["code"] == "invalid_request"
    assert problem["field"] == field
    assert problem["errors"] == [{"field": field, "message": problem["errors"][0]["message"]}]
    assert words in problem["detail"]


@pytest.mark.parametrize(
    ("order", "changes", "field"),
    [
        (IMAGE, {"prompt": ""}, "input.prompt"),
        (IMAGE, {"prompt": "x" * 32_001}, "input.prompt"),
        (IMAGE, {"prompt": None}, "input.prompt"),
        (IMAGE, {"prompt": ["a"]}, "input.prompt"),
        (IMAGE, {"model": 2}, "input.model"),
        (IMAGE, {"n": 0}, "input.n"),
        (IMAGE, {"n": 11}, "input.n"),
        (IMAGE, {"n": "2"}, "input.n"),
        (IMAGE, {"n": True}, "input.n"),
        (IMAGE, {"size": "large"}, "input.size"),
        (IMAGE, {"size": "1024×1024"}, "input.size"),  # noqa: RUF001 - the wrong sign is the point
        (IMAGE, {"response_format": "png"}, "input.response_format"),
        (IMAGE, {"output_compression": 101}, "input.output_compression"),
        (IMAGE, {"partial_images": 4}, "input.partial_images"),
        (IMAGE, {"callback_url": "https://example.com"}, "input.callback_url"),
        (IMAGE, {"async": True}, "input.async"),
        (IMAGE, {"trace_id": "mine"}, "input.trace_id"),
        (IMAGE, {"stream": True}, "input.stream"),
        (EDIT, {"image": []}, "input.image"),
        (EDIT, {"image": ["https://cdn.example.com/a.png"] * 17}, "input.image"),
        (EDIT, {"image": ["https://cdn.example.com/a.png", 3]}, "input.image[1]"),
        (EDIT, {"image": 3}, "input.image"),
        (BANANA, {"count": 5}, "input.count"),
        (BANANA, {"action": "erase"}, "input.action"),
        (BANANA, {"image_urls": "https://cdn.example.com/a.png"}, "input.image_urls"),
    ],
)
async def test_a_wrong_field_of_the_input_is_named_with_its_path(
    client: httpx.AsyncClient, order: dict[str, Any], changes: dict[str, Any], field: str
) -> None:
    response = await client.post("/v1/jobs", json=order | {"input": order["input"] | changes})

    assert response.status_code == 422
    assert response.json()["field"] == field


async def test_an_edit_needs_an_image(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/jobs", json=EDIT | {"input": INPUT})

    assert response.status_code == 422
    assert response.json()["detail"] == "input.image: is required."


@pytest.mark.parametrize(
    "extra",
    [
        {"model": "a-model-of-next-year"},
        {"seed": 5, "watermark": {"text": "\x00"}},
        {"size": "auto"},
        {"n": None},
        {"stream": False},
    ],
)
async def test_what_is_not_known_to_be_wrong_is_passed_on(client: httpx.AsyncClient, extra: dict[str, Any]) -> None:
    response = await client.post("/v1/jobs", json=IMAGE | {"input": INPUT | extra})

    assert response.status_code == 202
    assert response.json()["input"] == INPUT | extra


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"prompt=a+kite",
        b"\xff\xfe",
        b'{"operation": "openai/images/generations", "input": {"prompt": "\xff"}}',
        b'{"operation": "openai/images/generations", "input": {"prompt": "\\ud800"}}',
        b'{"operation": "openai/images/generations", "input": {}} trailing',
    ],
)
async def test_a_body_that_is_not_json_is_malformed(
    client: httpx.AsyncClient, services: Services, consumer: ConsumerId, body: bytes
) -> None:
    response = await client.post("/v1/jobs", content=body)

    assert response.status_code == 400
    assert response.json()["code"] == "malformed_json"
    await assert_nothing_kept(services, consumer)


@pytest.mark.parametrize("levels", [65, 100_000])
async def test_nesting_without_end_is_refused(client: httpx.AsyncClient, levels: int) -> None:
    nested = "[" * levels + "]" * levels
    body = f'{{"operation": "openai/images/generations", "input": {{"prompt": "a", "x": {nested}}}}}'

    response = await client.post("/v1/jobs", content=body)

    assert response.status_code == 422
    assert "nested" in response.json()["detail"]


async def test_many_brackets_that_are_not_nested_are_fine(client: httpx.AsyncClient) -> None:
    given = INPUT | {"prompt": "[[{{" * 100, "regions": [[1, 2]] * 100}

    response = await client.post("/v1/jobs", json=IMAGE | {"input": given})

    assert response.status_code == 202


async def test_a_body_over_the_limit_is_refused_whether_its_length_is_declared_or_not(
    client: httpx.AsyncClient, services: Services, consumer: ConsumerId
) -> None:
    big = b" " * (services.policy.max_request_bytes + 1)

    async def chunks() -> Any:
        for start in range(0, len(big), 1 << 20):
            yield big[start : start + (1 << 20)]

    declared = await client.post("/v1/jobs", content=big)
    chunked = await client.post("/v1/jobs", content=chunks())

    assert declared.status_code == chunked.status_code == 413
    assert declared.json()["code"] == "too_large"
    assert declared.headers["connection"] == "close"
    await assert_nothing_kept(services, consumer)
    assert list(services.blobs.scratch.iterdir()) == []


async def test_a_big_input_is_kept_whole_in_the_blob_store_and_shown_short(
    client: httpx.AsyncClient, services: Services
) -> None:
    picture = "data:image/png;base64," + "A" * 2_000_000

    response = await client.post("/v1/jobs", json=EDIT | {"input": INPUT | {"image": picture}})

    assert response.status_code == 202
    assert len(response.content) < 10_000
    assert response.json()["input"]["image"].startswith("data:image/png;base64,AAAA")
    assert list(services.blobs.scratch.iterdir()) == []


async def test_without_a_key_nothing_is_looked_at(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/jobs", content=b"{", headers={"authorization": ""})

    assert response.status_code == 401
    assert response.json()["code"] == "unauthorized"
    assert response.headers["www-authenticate"] == "Bearer"


async def test_a_deadline_counts_from_acceptance(
    client: httpx.AsyncClient, services: Services, consumer: ConsumerId
) -> None:
    await client.post("/v1/jobs", json=IMAGE | {"deadline": 90})

    async with services.db.reading() as tx:
        (job,) = await list_jobs(tx, consumer, Page(limit=1))
    assert (job.deadline_at - job.created_at).total_seconds() == 90


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"operation": "a\x00"}, "operation"),
        ({"operation": "a" * 501}, "operation"),
        ({"status": "a" * 200}, "status"),
        ({"b" * 1000: "1"}, "b" * 100 + "…"),
    ],
)
async def test_what_stands_in_the_address_is_bounded_and_so_is_its_echo(
    client: httpx.AsyncClient, query: dict[str, str], field: str
) -> None:
    response = await client.get("/v1/jobs", params=query)

    assert response.status_code == 422
    assert response.json()["field"] == field
    assert len(response.text) < 1000


@pytest.mark.parametrize("path", ["/v1/jobs/" + "a" * 3000, "/" + "a" * 3000])
async def test_what_is_not_found_is_not_repeated_in_full(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path)

    assert response.status_code == 404
    assert len(response.text) < 400


async def test_addresses_that_are_too_long_are_refused(client: httpx.AsyncClient) -> None:
    url = "https://consumer.example.com/" + "a" * 2048

    job = await client.post("/v1/jobs", json=IMAGE | {"callback_url": url})
    endpoint = await client.post("/v1/endpoints", json={"url": url})

    assert [(each.status_code, each.json()["field"]) for each in (job, endpoint)] == [
        (422, "callback_url"),
        (422, "url"),
    ]


async def test_a_path_with_a_slash_too_many_is_not_found(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/jobs/")

    assert response.status_code == 404
    assert response.json()["code"] == "not_found"
