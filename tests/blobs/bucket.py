"""As much of S3 as a blob store uses, in this process."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.serving import serving


@dataclass
class Bucket:
    """The objects of one bucket, by key."""

    broken: bool = False
    objects: dict[str, bytes] = field(default_factory=dict)
    parts: dict[tuple[str, int], bytes] = field(default_factory=dict)

    async def answer(self, request: Request) -> Response:
        if self.broken:
            return Response(status_code=503)
        key: str = request.path_params.get("key", "")
        if request.method == "PUT":
            return await self._put(key, request)
        if request.method == "POST":
            return await self._post(key, request)
        if key not in self.objects:
            return Response("<Error><Code>NoSuchKey</Code></Error>", 404)
        return self._get(self.objects[key], request)

    async def _put(self, key: str, request: Request) -> Response:
        body = await request.body()
        if "partNumber" in request.query_params:
            self.parts[key, int(request.query_params["partNumber"])] = body
        else:
            self.objects[key] = body
        return Response(headers={"etag": '"tag"'})

    async def _post(self, key: str, request: Request) -> Response:
        body = (await request.body()).decode()
        if "delete" in request.query_params:
            keys = re.findall("<Key>(.*?)</Key>", body)
            for key in keys:
                self.objects.pop(key, None)
            deleted = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
            return Response(f"<DeleteResult>{deleted}</DeleteResult>", media_type="application/xml")
        if "uploads" in request.query_params:
            found = (
                f"<InitiateMultipartUploadResult><Key>{key}</Key><UploadId>u</UploadId></InitiateMultipartUploadResult>"
            )
            return Response(found, media_type="application/xml")
        self.objects[key] = b"".join(self.parts.pop(part) for part in sorted(self.parts) if part[0] == key)
        done = '<CompleteMultipartUploadResult><ETag>"tag"</ETag></CompleteMultipartUploadResult>'
        return Response(done, media_type="application/xml")

    def _get(self, content: bytes, request: Request) -> Response:
        headers = {"etag": '"tag"', "last-modified": "Sun, 01 Mar 2026 12:00:00 GMT"}
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("range", ""))
        if asked is None:
            return Response(content, headers=headers)
        start, last = int(asked[1]), min(int(asked[2]), len(content) - 1)
        headers["content-range"] = f"bytes {start}-{last}/{len(content)}"
        return Response(content[start : last + 1], 206, headers=headers)


@asynccontextmanager
async def s3(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Serve a bucket called `media`, where the environment says that S3 is."""
    methods = ["GET", "HEAD", "PUT", "POST"]
    routes = [
        Route("/media", bucket.answer, methods=methods),
        Route("/media/{key:path}", bucket.answer, methods=methods),
    ]
    async with serving(Starlette(routes=routes)) as url:
        monkeypatch.setenv("AWS_ENDPOINT", url)
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key-of-a-test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-a-test")
        yield
