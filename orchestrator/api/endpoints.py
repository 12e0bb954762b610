"""Endpoints: where a consumer's webhooks go. The secret is shown when it is made, and never again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from orchestrator.api.urls import check_url
from orchestrator.domain.endpoint import EVERYTHING, Endpoint
from orchestrator.domain.errors import Rejected
from orchestrator.domain.event import EventType
from orchestrator.domain.ids import EndpointId
from orchestrator.domain.signing import new_webhook_secret, sign_webhook
from orchestrator.egress.webhook import Reply, send_webhook
from orchestrator.lifecycle.announce import endpoint_secrets
from orchestrator.lifecycle.present import encode
from orchestrator.lifecycle.services import Services
from orchestrator.storage.endpoints import (
    delete_endpoint,
    get_endpoint,
    insert_endpoint,
    list_endpoints,
    update_endpoint,
)
from orchestrator.web.answers import json_answer
from orchestrator.web.auth import authenticate
from orchestrator.web.decoding import Reader, check_text, shortened
from orchestrator.web.limits import read_body
from orchestrator.web.paging import PARAMETERS, cut, read_paging
from orchestrator.web.queries import Query, path_id
from orchestrator.web.state import Request

_NO_STORE: Final = {"cache-control": "no-store"}
_Events = Annotated[list[str], Meta(min_length=1, max_length=32)]
_Description = Annotated[str, Meta(max_length=1000)]


class EndpointRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new endpoint."""

    url: str
    events: _Events = msgspec.field(default_factory=lambda: [EVERYTHING])
    """Event types, or `*` for all."""
    description: _Description = ""


class EndpointChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be changed; what is left out stays."""

    url: str | UnsetType = UNSET
    events: _Events | UnsetType = UNSET
    description: _Description | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class EndpointObject(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint as its consumer sees it."""

    id: str
    object: Literal["endpoint"] = "endpoint"
    url: str
    events: Sequence[str]
    description: str
    enabled: bool
    disabled_at: datetime | None
    disabled_reason: str | None
    created_at: datetime
    secret: str | UnsetType = UNSET
    """Only in the answer to its creation."""


class EndpointList(msgspec.Struct, frozen=True, kw_only=True):
    """A page of endpoints, newest first."""

    object: Literal["list"] = "list"
    data: list[EndpointObject]
    has_more: bool
    next_cursor: str | None


class SecretObject(msgspec.Struct, frozen=True, kw_only=True):
    """A new secret. The one before signs beside it for a while."""

    secret: str


class EndpointTested(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a test: the endpoint's status, or a word for why there is none."""

    status: int | None
    error: str | None
    seconds: float


_new: Final = Reader(EndpointRequest)
_changes: Final = Reader(EndpointChanges)


async def create_endpoint(request: Request) -> Response:
    """Make an endpoint, and show its secret this once."""
    caller = await authenticate(request)
    services = request.state["services"]
    asked = _new.read(await read_body(request))
    row = {
        "id": services.new_id(),
        "consumer_id": caller.consumer_id,
        "secret": new_webhook_secret(services.random_bytes(32)),
        "created_at": services.now(),
        **_checked(services, msgspec.structs.asdict(asked)),
    }
    async with services.db.writing() as tx:
        endpoint = await insert_endpoint(tx, row)
    shown = msgspec.structs.replace(_shown(endpoint), secret=endpoint.secret)
    return json_answer(shown, status=201, headers={"location": f"/v1/endpoints/{endpoint.id}", **_NO_STORE})


async def list_all(request: Request) -> Response:
    """A page of the consumer's endpoints."""
    caller = await authenticate(request)
    paging = read_paging(Query(request, known=PARAMETERS))
    before = None if paging.before is None else EndpointId(paging.before)
    async with request.state["services"].db.reading() as tx:
        page = cut(await list_endpoints(tx, [caller.consumer_id], before=before, limit=paging.fetch), paging)
    shown = [_shown(endpoint) for endpoint in page.rows]
    listed = EndpointList(data=shown, has_more=page.next_cursor is not None, next_cursor=page.next_cursor)
    return json_answer(listed, headers=_NO_STORE)


async def show_one(request: Request) -> Response:
    """An endpoint, without its secret."""
    return json_answer(_shown(await _own(request)), headers=_NO_STORE)


async def change_endpoint(request: Request) -> Response:
    """Change what the body names."""
    caller = await authenticate(request)
    services, endpoint_id = request.state["services"], EndpointId(path_id(request, "endpoint"))
    asked = _changes.read(await read_body(request))
    given = {name: value for name, value in msgspec.structs.asdict(asked).items() if value is not UNSET}
    if not given:
        raise Rejected("body", "changes nothing; give url, events, description or enabled.")
    changes = _checked(services, given)
    async with services.db.writing() as tx:
        endpoint = await update_endpoint(tx, endpoint_id, consumer_id=caller.consumer_id, changes=changes)
    return json_answer(_shown(endpoint), headers=_NO_STORE)


async def remove_endpoint(request: Request) -> Response:
    """Delete an endpoint with what is still owed to it."""
    caller = await authenticate(request)
    endpoint_id = EndpointId(path_id(request, "endpoint"))
    async with request.state["services"].db.writing() as tx:
        await delete_endpoint(tx, endpoint_id, consumer_id=caller.consumer_id)
    return Response(status_code=204)


async def rotate_secret(request: Request) -> Response:
    """Make a new secret; the old one goes on signing beside it until the overlap is over."""
    caller = await authenticate(request)
    services, endpoint_id = request.state["services"], EndpointId(path_id(request, "endpoint"))
    secret = new_webhook_secret(services.random_bytes(32))
    async with services.db.writing() as tx:
        endpoint = await get_endpoint(tx, endpoint_id, consumer_id=caller.consumer_id)
        changes = {
            "secret": secret,
            "previous_secret": endpoint.secret,
            "previous_secret_expires_at": services.now() + services.policy.secret_overlap,
        }
        await update_endpoint(tx, endpoint_id, consumer_id=caller.consumer_id, changes=changes)
    return json_answer(SecretObject(secret=secret), headers=_NO_STORE)


async def send_test(request: Request) -> Response:
    """Send a signed `endpoint.test` event now, also to an endpoint that is disabled, and say what came of it."""
    endpoint = await _own(request)
    reply = await _send_test(request.state["services"], endpoint)
    result = EndpointTested(status=reply.status, error=reply.error, seconds=round(reply.seconds, 3))
    return json_answer(result, headers=_NO_STORE)


async def _own(request: Request) -> Endpoint:
    caller = await authenticate(request)
    endpoint_id = EndpointId(path_id(request, "endpoint"))
    async with request.state["services"].db.reading() as tx:
        return await get_endpoint(tx, endpoint_id, consumer_id=caller.consumer_id)


async def _send_test(services: Services, endpoint: Endpoint) -> Reply:
    now, event_id = services.now(), services.new_id()
    timestamp = int(now.timestamp())
    body = encode({"type": "endpoint.test", "timestamp": now, "data": {"endpoint_id": endpoint.id}})
    signature = sign_webhook(endpoint_secrets(endpoint, now=now), message_id=event_id, timestamp=timestamp, body=body)
    headers = {
        "content-type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature,
    }
    timeout = services.policy.webhook_timeout.total_seconds()
    return await send_webhook(services.session, url=endpoint.url, headers=headers, body=body, now=now, timeout=timeout)


def _checked(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    """What was given, as columns. Raises Rejected."""
    columns = {name: value for name, value in given.items() if name != "enabled"}
    if "url" in columns:
        check_url(services, columns["url"], field="url")
    if "description" in columns:
        check_text(columns["description"], "description")
    if "events" in columns:
        columns["events"] = _known_events(columns["events"])
    if "enabled" in given:
        enabled = given["enabled"]
        columns["disabled_at"] = None if enabled else services.now()
        columns["disabled_reason"] = None if enabled else "Its consumer disabled it."
    return columns


def _known_events(events: Sequence[str]) -> list[str]:
    known = {EVERYTHING, *(kind.value for kind in EventType)}
    for place, event in enumerate(events):
        if event not in known:
            raise Rejected(f"events[{place}]", f"{shortened(event)!r} is unknown; use {', '.join(sorted(known))}.")
    return list(dict.fromkeys(events))


def _shown(endpoint: Endpoint) -> EndpointObject:
    return EndpointObject(
        id=endpoint.id,
        url=endpoint.url,
        events=endpoint.events,
        description=endpoint.description,
        enabled=endpoint.disabled_at is None,
        disabled_at=endpoint.disabled_at,
        disabled_reason=endpoint.disabled_reason,
        created_at=endpoint.created_at,
    )


routes: Final[list[BaseRoute]] = [
    Route("/v1/endpoints", create_endpoint, methods=["POST"]),
    Route("/v1/endpoints", list_all),
    Route("/v1/endpoints/{id}", show_one),
    Route("/v1/endpoints/{id}", change_endpoint, methods=["PATCH"]),
    Route("/v1/endpoints/{id}", remove_endpoint, methods=["DELETE"]),
    Route("/v1/endpoints/{id}/secret/rotate", rotate_secret, methods=["POST"]),
    Route("/v1/endpoints/{id}/test", send_test, methods=["POST"]),
]
