"""How long a provider asks to be left alone: read from either form of the header, and never a reason to fail."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from orchestrator.providers.provider import Provider, Submission
from orchestrator.providers.replies import Busy
from tests.serving import serving


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"20", 20.0),
        (b" 20 ", 20.0),
        (b"9" * 400, 999_999_999.0),
        (b"\xb2", None),
        (b"soon", None),
        (b"Mon, 01 Jan 2024 00:00:00 GMT", 0.0),
        (b"Mon, 01 Jan 0001 00:00:00 GMT", 0.0),
        (b"Fri, 31 Dec 9999 23:59:59 -2300", 999_999_999.0),
        (b"Mon, 01 Jan 2024 00:00:00 +99999999999999999999", None),
    ],
)
async def test_retry_after_is_seconds_or_a_date_or_nothing(value: bytes, seconds: float | None) -> None:
    async def refuse(_: Request) -> Response:
        answer = JSONResponse({"error": {"code": "too_many_requests", "message": "Slow down."}}, 429)
        answer.raw_headers.append((b"retry-after", value))
        return answer

    async with serving(Starlette(routes=[Route("/{rest:path}", refuse, methods=["POST"])])) as url:
        provider = Provider("fake", base_url=url, token="token")
        reply = await provider.submit(Submission(operation="openai/images/generations", body={}), timeout=5)
        await provider.close()

    assert isinstance(reply.answer, Busy)
    assert reply.retry_after == seconds
