"""Assets: the bytes, to whoever has the consumer's key or a signed link.

They never change, so they are served as immutable, and as `private` in both cases: a shared cache must not keep what
belongs to one key, and would go on handing out what a signed link shows after the link has expired.

The bytes were made by somebody else and are served under our name: the type is what they are by their own signature,
browsers are told not to guess another one, and a sandbox without any source keeps what they may contain from acting.
"""

from collections.abc import AsyncIterator
from typing import Final

from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from orchestrator.api.ranges import Span, wanted_span
from orchestrator.domain.asset import Asset
from orchestrator.domain.ids import AssetId, ConsumerId
from orchestrator.domain.signing import verify_link
from orchestrator.lifecycle.services import Services
from orchestrator.storage.assets import get_stored
from orchestrator.web.auth import authenticate
from orchestrator.web.conditions import has_current
from orchestrator.web.errors import LinkExpired, LinkInvalid
from orchestrator.web.queries import path_id
from orchestrator.web.state import Request

_HEADERS: Final = {
    "cache-control": "private, immutable, max-age=31536000",
    "accept-ranges": "bytes",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
}
_EXTENSIONS: Final = {
    "audio/aac": "aac",
    "audio/aiff": "aiff",
    "audio/flac": "flac",
    "audio/midi": "mid",
    "audio/mp4": "m4a",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg",
    "audio/wav": "wav",
    "image/avif": "avif",
    "image/bmp": "bmp",
    "image/gif": "gif",
    "image/heic": "heic",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/tiff": "tiff",
    "image/webp": "webp",
    "video/mp4": "mp4",
    "video/mpeg": "mpg",
    "video/ogg": "ogv",
    "video/quicktime": "mov",
    "video/webm": "webm",
    "video/x-matroska": "mkv",
    "video/x-msvideo": "avi",
}


async def show_asset(request: Request) -> Response:
    """The bytes of an asset, or a part of them."""
    services = request.state["services"]
    asset_id = AssetId(path_id(request, "asset"))
    consumer_id = await _admit(request, asset_id)
    async with services.db.reading() as tx:
        asset, key = await get_stored(tx, asset_id, consumer_id=consumer_id)
    etag, headers = f'"{asset.sha256}"', _headers_of(asset)
    if has_current(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    size = asset.bytes or 0
    span = wanted_span(request.headers.get("range"), request.headers.get("if-range"), etag=etag, size=size)
    if span is not None:
        headers["content-range"] = f"bytes {span.start}-{span.end - 1}/{size}"
    return await _serve(request, services, key, span or Span(0, size), headers, status=206 if span else 200)


async def _admit(request: Request, asset_id: AssetId) -> ConsumerId | None:
    """Whose asset it has to be; None when a signed link says that anybody may see it."""
    query = request.query_params
    if "signature" not in query:
        return (await authenticate(request)).consumer_id
    services, expires = request.state["services"], query.get("expires", "")
    if not (expires.isascii() and expires.isdigit() and len(expires) < 15):
        raise LinkInvalid("The link has no time at which it ends.")
    if not verify_link(services.secret_keys, asset_id=asset_id, expires=int(expires), signature=query["signature"]):
        raise LinkInvalid("The link was not signed by this service, or was changed.")
    if services.now().timestamp() >= int(expires):
        raise LinkExpired("The link has expired; ask for the job again to get a new one.")
    return None


def _headers_of(asset: Asset) -> dict[str, str]:
    assert asset.content_type is not None
    extension = _EXTENSIONS.get(asset.content_type, "bin")
    return {
        **_HEADERS,
        "etag": f'"{asset.sha256}"',
        "content-type": asset.content_type,
        "content-disposition": f'inline; filename="{asset.id}.{extension}"',
    }


async def _serve(
    request: Request, services: Services, key: str, span: Span, headers: dict[str, str], *, status: int
) -> Response:
    headers["content-length"] = str(span.end - span.start)
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    pieces = services.blobs.stream(key, start=span.start, end=span.end)
    # The first piece is fetched before the answer begins: bytes that cannot be read must not look like a file.
    first = await anext(pieces, b"")
    return StreamingResponse(_chained(first, pieces), status_code=status, headers=headers)


async def _chained(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


routes: Final[list[BaseRoute]] = [Route("/v1/assets/{id}", show_asset)]
