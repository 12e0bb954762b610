"""Answers in JSON, encoded by msgspec straight from the structs that the OpenAPI document describes."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from orchestrator.lifecycle.present import encode


def json_answer(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`value` as a JSON response."""
    return Response(encode(value), status_code=status, headers=headers, media_type="application/json")
