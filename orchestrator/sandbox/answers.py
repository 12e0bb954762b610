"""JSON answers, encoded the quick way."""

import msgspec
from starlette.responses import Response


def json_response(content: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(content), status, headers, "application/json")
