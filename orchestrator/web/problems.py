"""Errors as problems (RFC 9457). The only module that knows which status an error has.

A problem's `code` is stable and for programs; its `detail` is a sentence for people. What nobody foresaw becomes
`internal_error`: the log has all of it, the answer has nothing of it but the request's id.
"""

import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import Response
from starlette.types import ExceptionHandler

from orchestrator.domain.errors import (
    Conflict,
    NotFound,
    OrchestratorError,
    Rejected,
    TooLarge,
    Unauthorized,
    Unavailable,
)
from orchestrator.storage.database import is_outage
from orchestrator.web.decoding import shortened
from orchestrator.web.errors import Denied, Malformed, RangeUnsatisfiable
from orchestrator.web.farewell import Farewell
from orchestrator.web.limits import leaves_body

logger = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
_CALLBACK: Final = re.compile(r"(/callbacks/[^/]*/).*", re.DOTALL)

STATUS: Final[Mapping[type[BaseException], HTTPStatus]] = {
    Malformed: HTTPStatus.BAD_REQUEST,
    Unauthorized: HTTPStatus.UNAUTHORIZED,
    Denied: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    RangeUnsatisfiable: HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    Rejected: HTTPStatus.UNPROCESSABLE_ENTITY,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""An error has the status of the nearest of its classes."""


class FieldError(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with one field; `field` is its dotted path, or the name of a header."""

    field: str
    message: str


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request was not served (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    """Stable, for programs."""
    field: str | msgspec.UnsetType = msgspec.UNSET
    errors: list[FieldError] | msgspec.UnsetType = msgspec.UNSET
    request_id: str | None = None


def problem_of(error: BaseException, request: HTTPConnection[Any]) -> Problem:
    """The problem that an error is. What was not foreseen is logged with its traceback."""
    known = _known(error)
    status = _status(known)
    told = isinstance(known, OrchestratorError)
    if known is not error:
        logger.warning("request.outage %s %s error=%r", request.scope["method"], _loggable_path(request), error)
    field: str | msgspec.UnsetType = msgspec.UNSET
    errors: list[FieldError] | msgspec.UnsetType = msgspec.UNSET
    if isinstance(known, Rejected):
        field, errors = known.field, [FieldError(field=known.field, message=known.message)]
    if not told:
        logger.error("request.failed %s %s", request.scope["method"], _loggable_path(request), exc_info=error)
    return Problem(
        title=status.phrase,
        status=status,
        detail=str(known) if told else "Something went wrong here; the log of the service has it under request_id.",
        code=known.code if isinstance(known, OrchestratorError) else "internal_error",
        field=field,
        errors=errors,
        request_id=request.scope.get("request_id"),
    )


def respond(error: BaseException, request: HTTPConnection[Any]) -> Response:
    """The answer to a request that failed."""
    problem = problem_of(error, request)
    return _response(problem, request, _headers(_known(error)))


async def _show_error(request: Any, error: Exception) -> Response:
    return respond(error, request)


async def _show_unrouted(request: Any, error: Exception) -> Response:
    """What Starlette itself says: no such path, or not with this method."""
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    details = {
        HTTPStatus.NOT_FOUND: f"There is nothing at {shortened(request.scope['path'])}.",
        HTTPStatus.METHOD_NOT_ALLOWED: f"{request.scope['method']} is not a method of this path.",
    }
    problem = Problem(
        title=status.phrase,
        status=status,
        detail=details.get(status, error.detail),
        code=status.name.lower(),
        request_id=request.scope.get("request_id"),
    )
    return _response(problem, request, error.headers or {})


async def _show_nothing(_request: Any, _error: Exception) -> Response:
    """The client has gone away; nobody will read this."""
    return Response(status_code=HTTPStatus.BAD_REQUEST)


exception_handlers: Final[Mapping[Any, ExceptionHandler]] = {
    OrchestratorError: _show_error,
    HTTPException: _show_unrouted,
    ClientDisconnect: _show_nothing,
}
"""For the application. What has no handler here ends in `web.middleware`."""


def _loggable_path(request: HTTPConnection[Any]) -> str:
    """The path without the token of a callback, which is all that a forger needs, and without line breaks."""
    path = _CALLBACK.sub(r"\1…", request.scope["path"])
    return shortened(path).encode("unicode_escape").decode() if not path.isprintable() else shortened(path)


def _known(error: BaseException) -> BaseException:
    """The error itself, or what it amounts to for the caller."""
    if isinstance(error, OrchestratorError) or not is_outage(error):
        return error
    return Unavailable("The service cannot do this now; try again.", retry_after=2)


def _status(error: BaseException) -> HTTPStatus:
    found = (STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    return next(found, HTTPStatus.INTERNAL_SERVER_ERROR)


def _headers(error: BaseException) -> dict[str, str]:
    match error:
        case Unavailable(retry_after=seconds):
            return {"retry-after": str(seconds)}
        case Unauthorized():
            return {"www-authenticate": "Bearer"}
        case RangeUnsatisfiable(size=size):
            return {"content-range": f"bytes */{size}"}
        case _:
            return {}


def _response(problem: Problem, request: HTTPConnection[Any], headers: Mapping[str, str]) -> Response:
    is_last = leaves_body(request)
    closing = {"connection": "close"} if is_last else {}
    return (Farewell if is_last else Response)(
        msgspec.json.encode(problem),
        status_code=problem.status,
        headers={"cache-control": "no-store", **headers, **closing},
        media_type=MEDIA_TYPE,
    )
