"""Proof that what was timed was done: signatures of delivered webhooks, and the stored pictures byte for byte."""

import hashlib
from dataclasses import dataclass

import httpx
import msgspec
from standardwebhooks import Webhook, WebhookVerificationError

from benchmarks.rig import Rig
from benchmarks.sink import Kept, Task


class Asset(msgspec.Struct):
    """What of a webhook's asset is checked."""

    url: str
    sha256: str


class Job(msgspec.Struct):
    """What of a webhook's job is checked."""

    status: str
    assets: list[Asset]
    tasks: list[Task]


class Body(msgspec.Struct):
    """What of a webhook's body is checked."""

    type: str
    data: Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """How many of the kept webhooks were right in every respect."""

    right: int
    kept: int
    repeated: int  # webhooks that came more than once, which is allowed
    picture_bytes: int  # of the largest one
    asked: int  # questions to the upstream's tasks API, which costs time where it happens


async def check(rig: Rig) -> Checked:
    """Verify the webhooks that the sink has kept since the last check, and fetch their pictures."""
    kept = await rig.sink.ask("/-/kept", list[Kept])
    sizes = [await _stored_bytes(rig, each) for each in kept]
    return Checked(
        right=sum(size is not None for size in sizes),
        kept=len(kept),
        repeated=await rig.sink.ask("/-/count", int) - await rig.delivered(),
        picture_bytes=max((size or 0 for size in sizes), default=0),
        asked=await rig.upstream.ask("/-/asked", int),
    )


async def _stored_bytes(rig: Rig, kept: Kept) -> int | None:
    """The size of the picture that a webhook tells of; None if anything about it is wrong."""
    try:
        Webhook(rig.secret).verify(kept.body, kept.headers)
    except WebhookVerificationError:
        return None
    body = msgspec.json.decode(kept.body, type=Body)
    if (body.type, body.data.status, len(body.data.assets)) != ("job.succeeded", "succeeded", 1):
        return None
    (asset,) = body.data.assets
    picture = await rig.upstream.client.get(f"/media/{body.data.tasks[-1].task_id}.jpg")
    async with httpx.AsyncClient(trust_env=False) as anyone:  # the link in a webhook needs no key
        stored = await anyone.get(asset.url)
    digest = hashlib.sha256(picture.content).hexdigest()
    return len(picture.content) if stored.content == picture.content and asset.sha256 == digest else None
