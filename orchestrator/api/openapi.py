"""The OpenAPI document, made of the very types that parse the requests and make the answers.

`python -m orchestrator.api > docs/openapi.json` writes the copy that is kept with the sources.
"""

from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import Any, Final

import msgspec
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from orchestrator import __version__
from orchestrator.api.described import OPERATIONS
from orchestrator.api.description import Answer, Operation, Parameter
from orchestrator.api.inputs import FORBIDDEN, SHAPES
from orchestrator.web.problems import MEDIA_TYPE, Problem
from orchestrator.web.state import Request

_REF: Final = "#/components/schemas/{name}"
_ABOUT: Final = (
    "Jobs for media APIs that answer by callback: accepted durably, submitted once, their results stored, their "
    "consumers told."
)


async def show_openapi(_request: Request) -> Response:
    """The document."""
    return Response(encoded(), media_type="application/json", headers={"cache-control": "no-cache"})


@cache
def encoded() -> bytes:
    """The document as it is served and kept: indented, so that a change of it can be reviewed."""
    return msgspec.json.format(msgspec.json.encode(document()), indent=2) + b"\n"


def document() -> dict[str, Any]:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Orchestrator", "version": __version__, "description": _ABOUT},
        "security": [{"key": []}],
        "paths": _paths(),
        "components": {
            "schemas": _schemas(),
            "responses": {"Problem": _content("Why the request was not served.", MEDIA_TYPE, _ref(Problem))},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "An API key."}},
        },
    }


def _paths() -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for (method, path), operation in OPERATIONS.items():
        paths.setdefault(path, {})[method.lower()] = _operation(operation)
    return paths


def _operation(operation: Operation) -> dict[str, Any]:
    problems = [*operation.problems, *([] if operation.is_open else [HTTPStatus.UNAUTHORIZED])]
    answers = {str(status): _answer(answer) for status, answer in operation.answers.items()}
    answers |= {str(int(status)): {"$ref": "#/components/responses/Problem"} for status in sorted(problems)}
    described: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "responses": answers,
    }
    if operation.parameters:
        described["parameters"] = [_parameter(parameter) for parameter in operation.parameters]
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": _body(operation)}
    if operation.is_open:
        described["security"] = []
    return described


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.where,
        "required": parameter.where == "path",
        "schema": parameter.schema,
        "description": parameter.text,
    }


def _answer(answer: Answer) -> dict[str, Any]:
    if answer.kind is not None:
        return _content(answer.text, "application/json", _ref(answer.kind))
    return {"description": answer.text} if answer.media is None else _content(answer.text, answer.media, {})


def _body(operation: Operation) -> dict[str, Any]:
    content: dict[str, Any] = {"application/json": {"schema": _ref(operation.body)}}
    if operation.takes_form:
        content["multipart/form-data"] = {"schema": _form(operation.body)}
    return content


def _form(job: type[Any] | None) -> dict[str, Any]:
    file = {"type": "string", "contentMediaType": "application/octet-stream"}
    files = {"type": "array", "items": file, "maxItems": 16}
    parts = {
        "job": {"type": "string", "contentMediaType": "application/json", "contentSchema": _ref(job)},
        "image": files,
        "image[]": files,
        "mask": file,
    }
    return {"type": "object", "required": ["job"], "properties": parts, "additionalProperties": False}


def _content(text: str, media: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": text, "content": {media: {"schema": schema}}}


def _ref(kind: type[Any] | None) -> dict[str, str]:
    assert kind is not None
    return {"$ref": _REF.format(name=kind.__name__)}


def _schemas() -> dict[str, Any]:
    answered = [answer.kind for operation in OPERATIONS.values() for answer in operation.answers.values()]
    taken = [operation.body for operation in OPERATIONS.values()]
    kinds = {kind for kind in (*answered, *taken, *SHAPES.values(), Problem) if kind is not None}
    _, schemas = msgspec.json.schema_components(sorted(kinds, key=lambda kind: kind.__name__), ref_template=_REF)
    # What the types cannot say: which input belongs to which operation, and what may not stand in it.
    for shape in SHAPES.values():
        schemas[shape.__name__]["properties"] |= {name: {"not": {}} for name in FORBIDDEN}
    schemas["JobRequest"]["oneOf"] = [
        {"properties": {"operation": {"const": name}, "input": _ref(shape)}} for name, shape in SHAPES.items()
    ]
    schemas["BatchRequest"]["properties"]["jobs"]["items"] = {"$ref": _REF.format(name="JobRequest")}
    return dict(sorted(schemas.items()))


routes: Final[list[BaseRoute]] = [Route("/openapi.json", show_openapi)]
