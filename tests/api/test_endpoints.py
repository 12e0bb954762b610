"""Endpoints: made, shown without their secret, changed, tested, deleted."""

from datetime import UTC, datetime
from typing import Any
from unittest.mock import ANY

import httpx
import pytest
from standardwebhooks import Webhook

from orchestrator.lifecycle.services import Services
from tests.clock import Clock
from tests.fakes import World

HOOK = {"url": "https://hooks.example.com/a", "events": ["job.succeeded"], "description": "the shop"}


async def create(client: httpx.AsyncClient, **changes: object) -> dict[str, Any]:
    response = await client.post("/v1/endpoints", json=HOOK | changes)
    assert response.status_code == 201, response.text
    endpoint: dict[str, Any] = response.json()
    return endpoint


async def test_an_endpoint_shows_its_secret_once(client: httpx.AsyncClient) -> None:
    endpoint = await create(client)

    shown = (await client.get(f"/v1/endpoints/{endpoint['id']}")).json()
    listed = (await client.get("/v1/endpoints")).json()["data"]

    assert endpoint == HOOK | {
        "id": ANY,
        "object": "endpoint",
        "enabled": True,
        "disabled_at": None,
        "disabled_reason": None,
        "created_at": "2026-03-01T12:00:00Z",
        "secret": ANY,
    }
    assert endpoint["secret"].startswith("whsec_")
    assert shown == {name: value for name, value in endpoint.items() if name != "secret"}
    assert listed == [shown]


async def test_an_endpoint_hears_of_everything_unless_told(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/endpoints", json={"url": HOOK["url"]})

    assert response.json()["events"] == ["*"]


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"url": "http://127.1/x"}, "url", "another way to write 127.0.0.1"),
        ({"url": "http://192.168.0.1/x"}, "url", "private"),
        ({"url": "http://[::ffff:10.0.0.1]/"}, "url", "10.0.0.1"),
        ({"url": "gopher://example.com"}, "url", "neither http nor https"),
        ({"url": 5}, "url", "must be a string"),
        ({"events": ["job.done"]}, "events[0]", "'job.done' is unknown"),
        ({"events": ["*", "job.started"]}, "events[1]", "is unknown; use *, job.canceled"),
        ({"events": []}, "events", "length >= 1"),
        ({"events": "job.succeeded"}, "events", "must be a list"),
        ({"description": "a\x00b"}, "description", "U+0000"),
        ({"description": "x" * 1001}, "description", "1000"),
        ({"secret": "whsec_mine"}, "secret", "is not a field here"),
    ],
)
async def test_a_wrong_field_is_named(
    client: httpx.AsyncClient, changes: dict[str, Any], field: str, words: str
) -> None:
    made = await client.post("/v1/endpoints", json=HOOK | changes)
    endpoint = await create(client)
    changed = await client.patch(f"/v1/endpoints/{endpoint['id']}", json=changes)

    for response in (made, changed):
        assert response.status_code == 422
        assert response.json()["field"] == field
        assert words in response.json()["detail"]


async def test_only_what_is_named_is_changed(client: httpx.AsyncClient) -> None:
    endpoint = await create(client)

    response = await client.patch(f"/v1/endpoints/{endpoint['id']}", json={"description": "the other shop"})

    del endpoint["secret"]
    assert response.json() == endpoint | {"description": "the other shop"}


async def test_an_endpoint_is_disabled_and_enabled(client: httpx.AsyncClient) -> None:
    endpoint = await create(client)
    path = f"/v1/endpoints/{endpoint['id']}"

    off = (await client.patch(path, json={"enabled": False})).json()
    on = (await client.patch(path, json={"enabled": True})).json()

    assert (off["enabled"], off["disabled_at"], off["disabled_reason"]) == (False, ANY, "Its consumer disabled it.")
    assert (on["enabled"], on["disabled_at"], on["disabled_reason"]) == (True, None, None)


async def test_a_change_of_nothing_is_refused(client: httpx.AsyncClient) -> None:
    endpoint = await create(client)

    response = await client.patch(f"/v1/endpoints/{endpoint['id']}", json={})

    assert response.status_code == 422


async def test_a_deleted_endpoint_is_gone(client: httpx.AsyncClient) -> None:
    endpoint = await create(client)
    path = f"/v1/endpoints/{endpoint['id']}"

    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).status_code == 404
    assert (await client.delete(path)).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/secret/rotate"), ("POST", "/test")],
)
async def test_an_endpoint_of_somebody_else_is_not_found(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient, method: str, path: str
) -> None:
    endpoint = await create(client)

    response = await stranger.request(
        method, f"/v1/endpoints/{endpoint['id']}{path}", json={"enabled": False} if method == "PATCH" else None
    )

    assert response.status_code == 404
    assert (await client.get(f"/v1/endpoints/{endpoint['id']}")).json()["enabled"] is True
    assert (await stranger.get("/v1/endpoints")).json()["data"] == []


async def test_a_list_is_read_page_by_page(client: httpx.AsyncClient) -> None:
    endpoints = [await create(client) for _ in range(3)]

    first = (await client.get("/v1/endpoints?limit=2")).json()
    second = (await client.get("/v1/endpoints", params={"limit": 2, "cursor": first["next_cursor"]})).json()

    assert [each["id"] for each in first["data"] + second["data"]] == [each["id"] for each in reversed(endpoints)]
    assert (first["has_more"], second["has_more"]) == (True, False)


async def test_a_test_event_is_sent_now_and_signed(client: httpx.AsyncClient, world: World) -> None:
    endpoint = await create(client, url=f"{world.url}/hook/shop")

    response = await client.post(f"/v1/endpoints/{endpoint['id']}/test")

    ((headers, body),) = world.webhooks["shop"]
    assert response.json() == {"status": 204, "error": None, "seconds": ANY}
    assert world.told("shop") == [
        {"type": "endpoint.test", "timestamp": "2026-03-01T12:00:00Z", "data": {"endpoint_id": endpoint["id"]}}
    ]
    assert headers["webhook-timestamp"] == "1772366400"
    # Signed anew rather than verified: the library refuses old timestamps, and the clock of the test stands still.
    signature = Webhook(endpoint["secret"]).sign(
        headers["webhook-id"], datetime.fromtimestamp(1772366400, UTC), body.decode()
    )
    assert headers["webhook-signature"] == signature


async def test_a_test_event_that_fails_says_why(client: httpx.AsyncClient, world: World) -> None:
    endpoint = await create(client, url="http://127.0.0.1:1/nobody")

    response = await client.post(f"/v1/endpoints/{endpoint['id']}/test")

    assert response.status_code == 200
    assert response.json() == {"status": None, "error": "refused", "seconds": ANY}


async def test_during_the_overlap_both_secrets_sign(
    client: httpx.AsyncClient, services: Services, world: World, clock: Clock
) -> None:
    endpoint = await create(client, url=f"{world.url}/hook/shop")

    rotated = (await client.post(f"/v1/endpoints/{endpoint['id']}/secret/rotate")).json()
    await client.post(f"/v1/endpoints/{endpoint['id']}/test")
    clock.advance(seconds=services.policy.secret_overlap.total_seconds())
    await client.post(f"/v1/endpoints/{endpoint['id']}/test")

    during, after = (headers["webhook-signature"].split(" ") for headers, _ in world.webhooks["shop"])
    assert set(rotated) == {"secret"}
    assert rotated["secret"] != endpoint["secret"]
    assert (len(during), len(after)) == (2, 1)
