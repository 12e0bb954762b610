"""GET /media/{name}: the files behind the links, and everything that can be wrong with a link."""

from collections.abc import AsyncIterator
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse

from orchestrator.sandbox.clips import PAGE
from orchestrator.sandbox.connection import CutShort
from orchestrator.sandbox.media import TYPES, Media
from orchestrator.sandbox.state import Sandbox, sandbox_of

PIECES_PER_SECOND: Final = 10
DEAD: Final = "<Error><Code>AuthenticationFailed</Code><Message>This link has expired.</Message></Error>"


async def download(request: Request) -> Response:
    sandbox = sandbox_of(request)
    sandbox.journal.counts["media_requests"] += 1
    media = sandbox.shelf.find(request.path_params["name"])
    if media is None:
        return PlainTextResponse("There is no such file.", 404)
    media.opened += 1
    return _trouble(sandbox, request, media) or await _file(sandbox, media)


def _trouble(sandbox: Sandbox, request: Request, media: Media) -> Response | None:
    behaviour = media.behaviour
    if media.opened <= behaviour.flaky:
        return PlainTextResponse("The store is busy.", 503)
    if behaviour.expired or sandbox.clock() >= media.expires_at:
        return Response(DEAD, 403, media_type="application/xml")
    if behaviour.redirect_to is not None:
        return RedirectResponse(behaviour.redirect_to, 302)
    hop = request.query_params.get("hop", "0")
    if hop.isdecimal() and int(hop) < behaviour.redirect:
        return RedirectResponse(f"{request.url.path}?hop={int(hop) + 1}", 302)
    if behaviour.type == "html":
        return Response(PAGE, media_type="text/html")
    return None


async def _file(sandbox: Sandbox, media: Media) -> Response:
    data, kind = await sandbox.shelf.read(media), TYPES[media.extension]
    if media.behaviour.truncate == "loud":
        return CutShort(data, media_type=kind)
    if media.behaviour.truncate == "quiet":
        data = data[: len(data) // 2]
    if media.behaviour.slow:
        length = {"content-length": str(len(data))}
        return StreamingResponse(_trickle(sandbox, data, media.behaviour.slow), headers=length, media_type=kind)
    return Response(data, media_type=kind)


async def _trickle(sandbox: Sandbox, data: bytes, rate: int) -> AsyncIterator[bytes]:
    """The data in pieces, at about `rate` bytes a second."""
    size = max(1, rate // PIECES_PER_SECOND)
    for start in range(0, len(data), size):
        yield data[start : start + size]
        await sandbox.timers.pause(size / rate)
