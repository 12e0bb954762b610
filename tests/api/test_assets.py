"""The bytes of an asset: who gets them, which part of them, and what browsers are told."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from orchestrator.api.ranges import Span, wanted_span
from orchestrator.blobs.base import blob_key
from orchestrator.domain.signing import callback_token, sign_link
from orchestrator.lifecycle.services import Services
from orchestrator.web.errors import RangeUnsatisfiable
from tests.clock import Clock
from tests.fakes import World, png

IMAGE: dict[str, Any] = {
    "operation": "openai/images/generations",
    "input": {"model": "gpt-image-2", "prompt": "a red kite"},
}
SIZE = len(png())
Idle = Callable[[], Awaitable[None]]


@pytest.fixture
async def asset(client: httpx.AsyncClient, services: Services, world: World, run_until_idle: Idle) -> dict[str, Any]:
    """A stored picture."""
    job = (await client.post("/v1/jobs", json=IMAGE)).json()
    await run_until_idle()
    task_id = job["tasks"][0]["id"]
    token = callback_token(services.secret_keys[0], task_id)
    await client.post(f"/callbacks/{task_id}/{token}", json=world.result("kite.png"))
    await run_until_idle()
    shown = (await client.get(f"/v1/jobs/{job['id']}")).json()
    stored: dict[str, Any] = shown["assets"][0]
    return stored


async def test_the_consumer_gets_the_bytes(client: httpx.AsyncClient, asset: dict[str, Any]) -> None:
    response = await client.get(asset["url"])

    assert response.status_code == 200
    assert response.content == png()
    assert response.headers["content-type"] == "image/png"
    assert response.headers["content-length"] == str(SIZE)
    assert response.headers["etag"] == f'"{asset["sha256"]}"'
    assert response.headers["cache-control"] == "private, immutable, max-age=31536000"
    assert response.headers["accept-ranges"] == "bytes"
    assert response.headers["content-disposition"] == f'inline; filename="{asset["id"]}.png"'
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in response.headers["content-security-policy"]


async def test_the_head_of_an_asset_has_its_headers_and_no_bytes(
    client: httpx.AsyncClient, asset: dict[str, Any]
) -> None:
    response = await client.head(asset["url"])

    assert response.status_code == 200
    assert response.headers["content-length"] == str(SIZE)
    assert response.content == b""


async def test_who_has_the_bytes_is_answered_304(client: httpx.AsyncClient, asset: dict[str, Any]) -> None:
    response = await client.get(asset["url"], headers={"if-none-match": f'"{asset["sha256"]}"'})

    assert response.status_code == 304
    assert response.headers["etag"] == f'"{asset["sha256"]}"'


@pytest.mark.parametrize(
    ("header", "part", "content_range"),
    [
        ("bytes=0-9", slice(0, 10), f"bytes 0-9/{SIZE}"),
        ("bytes=10-", slice(10, None), f"bytes 10-{SIZE - 1}/{SIZE}"),
        ("bytes=-4", slice(-4, None), f"bytes {SIZE - 4}-{SIZE - 1}/{SIZE}"),
        ("bytes=5-999999", slice(5, None), f"bytes 5-{SIZE - 1}/{SIZE}"),
    ],
)
async def test_a_range_is_answered_with_that_part(
    client: httpx.AsyncClient, asset: dict[str, Any], header: str, part: slice, content_range: str
) -> None:
    response = await client.get(asset["url"], headers={"range": header})

    assert response.status_code == 206
    assert response.content == png()[part]
    assert response.headers["content-range"] == content_range
    assert response.headers["content-length"] == str(len(png()[part]))


async def test_a_range_after_the_end_is_refused_with_the_size(client: httpx.AsyncClient, asset: dict[str, Any]) -> None:
    response = await client.get(asset["url"], headers={"range": "bytes=999999-"})

    assert response.status_code == 416
    assert response.headers["content-range"] == f"bytes */{SIZE}"
    assert response.json()["code"] == "range_unsatisfiable"


async def test_a_range_of_something_else_is_answered_with_the_whole(
    client: httpx.AsyncClient, asset: dict[str, Any]
) -> None:
    same = await client.get(asset["url"], headers={"range": "bytes=0-0", "if-range": f'"{asset["sha256"]}"'})
    other = await client.get(asset["url"], headers={"range": "bytes=0-0", "if-range": '"old"'})

    assert same.status_code == 206
    assert other.status_code == 200


@pytest.mark.parametrize(
    ("header", "span"),
    [
        (None, None),
        ("bytes=0-0", Span(0, 1)),
        ("BYTES=0-0", Span(0, 1)),
        ("bytes=-200", Span(0, 100)),
        ("bytes=0-1,5-6", None),
        ("bytes=5-4", None),
        ("bytes=-", None),
        ("items=0-5", None),
        ("bytes=a-b", None),
    ],
)
def test_ranges_are_read_as_the_standard_says(header: str | None, span: Span | None) -> None:
    assert wanted_span(header, None, etag='"e"', size=100) == span


@pytest.mark.parametrize(("header", "size"), [("bytes=100-", 100), ("bytes=-0", 100), ("bytes=0-", 0)])
def test_ranges_without_a_byte_cannot_be_satisfied(header: str, size: int) -> None:
    with pytest.raises(RangeUnsatisfiable):
        wanted_span(header, None, etag='"e"', size=size)


async def test_somebody_else_does_not_get_the_bytes(stranger: httpx.AsyncClient, asset: dict[str, Any]) -> None:
    with_key = await stranger.get(asset["url"])
    without = await stranger.get(asset["url"], headers={"authorization": ""})

    assert with_key.status_code == 404
    assert without.status_code == 401


def signed(services: Services, asset: dict[str, Any], *, seconds: int = 60, key: str | None = None) -> str:
    expires = int(services.now().timestamp()) + seconds
    signature = sign_link(key or services.secret_keys[0], asset_id=asset["id"], expires=expires)
    return f"{asset['url']}?expires={expires}&signature={signature}"


async def test_a_signed_link_needs_no_key(
    stranger: httpx.AsyncClient, services: Services, asset: dict[str, Any]
) -> None:
    response = await stranger.get(signed(services, asset), headers={"authorization": ""})

    assert response.status_code == 200
    assert response.content == png()
    assert response.headers["cache-control"].startswith("private")


async def test_a_signed_link_ends(
    client: httpx.AsyncClient, services: Services, asset: dict[str, Any], clock: Clock
) -> None:
    link = signed(services, asset, seconds=60)
    clock.advance(seconds=60)

    response = await client.get(link)

    assert response.status_code == 403
    assert response.json()["code"] == "link_expired"


async def test_a_link_signed_with_the_secret_before_is_still_good(
    client: httpx.AsyncClient, services: Services, asset: dict[str, Any]
) -> None:
    services.secret_keys = ["a newer secret", *services.secret_keys]

    response = await client.get(signed(services, asset, key=services.secret_keys[1]), headers={"authorization": ""})

    assert response.status_code == 200


@pytest.mark.parametrize(
    "change", [("expires=", "expires=9"), ("signature=", "signature=A"), ("expires=", "expires=x")]
)
async def test_a_link_that_was_changed_is_invalid(
    client: httpx.AsyncClient, services: Services, asset: dict[str, Any], change: tuple[str, str]
) -> None:
    response = await client.get(signed(services, asset).replace(*change))

    assert response.status_code == 403
    assert response.json()["code"] == "link_invalid"


async def test_bytes_that_are_gone_are_not_served_as_a_file(
    client: httpx.AsyncClient, services: Services, asset: dict[str, Any]
) -> None:
    await services.blobs.delete(blob_key(asset["sha256"]))

    response = await client.get(asset["url"])

    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert "immutable" not in response.headers["cache-control"]


@pytest.mark.parametrize("asset_id", ["019b2f6e-0000-7000-8000-000000000000", "no-id"])
async def test_an_asset_that_does_not_exist_is_not_found(client: httpx.AsyncClient, asset_id: str) -> None:
    assert (await client.get(f"/v1/assets/{asset_id}")).status_code == 404
