"""Errors as answers: the right status, a stable code, and nothing that is not the caller's business."""

import logging
from typing import Any

import httpx
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from orchestrator.domain import errors as domain_errors
from orchestrator.domain.errors import (
    Conflict,
    KeyReused,
    NotFound,
    OrchestratorError,
    Rejected,
    TooLarge,
    Unauthorized,
    Unavailable,
)
from orchestrator.web import errors as web_errors
from orchestrator.web.errors import LinkExpired, MalformedForm, MalformedJson, RangeUnsatisfiable
from orchestrator.web.middleware import Shell, middleware
from orchestrator.web.problems import STATUS, exception_handlers


def client_of(error: BaseException) -> httpx.AsyncClient:
    """A client of an application whose only route fails like this."""

    async def fail(_: Request) -> Response:
        raise error

    app = Starlette(
        routes=[Route("/", fail, methods=["GET", "POST"])],
        middleware=middleware,
        exception_handlers=exception_handlers,
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://web.test")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (MalformedJson("The body is not JSON."), 400, "malformed_json"),
        (MalformedForm("The form cannot be read."), 400, "malformed_form"),
        (Unauthorized("Send a key."), 401, "unauthorized"),
        (LinkExpired("The link has expired."), 403, "link_expired"),
        (NotFound("There is no job 1."), 404, "not_found"),
        (Conflict("The job has ended."), 409, "conflict"),
        (TooLarge("The body is over 5 bytes."), 413, "too_large"),
        (RangeUnsatisfiable(10), 416, "range_unsatisfiable"),
        (Rejected("input.n", "must be 1."), 422, "invalid_request"),
        (KeyReused("Idempotency-Key", "was used."), 422, "idempotency_key_reuse"),
        (Unavailable("Too much waits."), 503, "unavailable"),
        (OrchestratorError("Something of ours."), 500, "error"),
    ],
)
async def test_an_error_is_a_problem_with_its_status_and_code(error: OrchestratorError, status: int, code: str) -> None:
    response = await client_of(error).get("/", headers={"x-request-id": "r-1"})

    problem = response.json()
    assert response.status_code == problem["status"] == status
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["type"] == "about:blank"
    assert problem["title"]
    assert problem["detail"] == str(error)
    assert problem["code"] == code
    assert problem["request_id"] == "r-1"


def test_every_error_that_can_be_told_has_a_status() -> None:
    kinds = [
        kind
        for module in (domain_errors, web_errors)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, OrchestratorError) and kind is not OrchestratorError
    ]

    assert [kind for kind in kinds if not any(base in STATUS for base in kind.__mro__)] == []


async def test_a_rejection_names_its_field() -> None:
    problem = (await client_of(Rejected("input.n", "must be 1.")).get("/")).json()

    assert problem["field"] == "input.n"
    assert problem["errors"] == [{"field": "input.n", "message": "must be 1."}]
    assert "field" not in (await client_of(NotFound("Nothing.")).get("/")).json()


@pytest.mark.parametrize(
    ("error", "header", "value"),
    [
        (Unavailable("Later.", retry_after=7), "retry-after", "7"),
        (Unauthorized("Who?"), "www-authenticate", "Bearer"),
        (RangeUnsatisfiable(10), "content-range", "bytes */10"),
        (NotFound("Nothing."), "cache-control", "no-store"),
    ],
)
async def test_an_error_has_the_headers_that_go_with_it(error: OrchestratorError, header: str, value: str) -> None:
    response = await client_of(error).get("/")

    assert response.headers[header] == value


async def test_what_nobody_foresaw_is_logged_and_not_told(caplog: pytest.LogCaptureFixture) -> None:
    response = await client_of(KeyError("the password is swordfish")).get("/", headers={"x-request-id": "r-1"})

    assert response.status_code == 500
    assert response.json()["code"] == "internal_error"
    assert response.json()["request_id"] == "r-1"
    assert "swordfish" not in response.text
    (record,) = caplog.records
    assert "swordfish" in str(record.exc_info)


async def test_a_database_that_is_away_is_told_as_a_reason_to_come_back() -> None:
    response = await client_of(ConnectionRefusedError("10.0.0.5:5432")).get("/")

    assert response.status_code == 503
    assert response.headers["retry-after"]
    assert "10.0.0.5" not in response.text


async def test_a_client_that_went_away_is_no_accident(caplog: pytest.LogCaptureFixture) -> None:
    await client_of(ClientDisconnect()).post("/")

    assert caplog.records == []


async def test_a_path_that_does_not_exist_is_a_problem() -> None:
    response = await client_of(NotFound("")).get("/nowhere")

    assert response.status_code == 404
    assert response.json()["code"] == "not_found"
    assert response.json()["detail"] == "There is nothing at /nowhere."


async def test_a_method_that_does_not_exist_is_a_problem() -> None:
    response = await client_of(NotFound("")).delete("/")

    assert response.status_code == 405
    assert response.json()["code"] == "method_not_allowed"
    assert set(response.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}


@pytest.mark.parametrize(("length", "closes"), [(100, False), (100_000, True)])
async def test_a_big_body_that_was_not_read_closes_the_connection(length: int, closes: bool) -> None:
    response = await client_of(Unauthorized("Who?")).post("/", content=bytes(length))

    assert ("connection" in response.headers) is closes


async def test_an_error_after_the_answer_has_begun_breaks_the_connection_off() -> None:
    async def half(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise KeyError

    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    with pytest.raises(KeyError):
        await Shell(half)(scope, receive, send)

    assert [message["type"] for message in sent] == ["http.response.start"]


@pytest.mark.parametrize("given", ["abc-123", "1/2:3=", "x" * 128])
async def test_the_callers_own_request_id_comes_back(given: str) -> None:
    response = await client_of(NotFound("")).get("/", headers={"x-request-id": given})

    assert response.headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "two words", "x" * 129, "\u00e9"])
async def test_a_request_id_that_cannot_stand_in_a_log_is_replaced(given: str) -> None:
    response = await client_of(NotFound("")).get("/", headers={b"x-request-id": given.encode("latin-1")})

    assert len(response.headers["x-request-id"]) == 24
    assert msgspec.json.decode(response.content)["request_id"] == response.headers["x-request-id"]


async def test_every_answer_tells_browsers_not_to_guess() -> None:
    response = await client_of(NotFound("")).get("/")

    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"


async def test_the_log_never_has_the_token_of_a_callback(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(_: Request) -> Response:
        raise KeyError("oops")

    app = Starlette(routes=[Route("/{rest:path}", fail)], middleware=middleware, exception_handlers=exception_handlers)
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://web.test")

    await client.get("/callbacks/task-1/the-token%1b/more")
    await client.get("/other%1bforged line")

    said = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert said == ["request.failed GET /callbacks/task-1/…", r"request.failed GET /other\x1bforged line"]
