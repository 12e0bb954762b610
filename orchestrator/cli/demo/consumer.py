"""A consumer as anybody might write one: takes webhooks, and believes those whose signature is right.

The signature is verified by the `standardwebhooks` library, which knows nothing of this service.
"""

import asyncio
from collections import Counter, defaultdict
from typing import Any, Final, TypeAlias

from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

WEBHOOKS: Final = "/webhooks"
CALLBACKS: Final = "/callbacks"

Body: TypeAlias = dict[str, Any]


class Consumer:
    """What has been told to it, job by job."""

    def __init__(self) -> None:
        self.app = Starlette(
            routes=[
                Route(WEBHOOKS, self.take_webhook, methods=["POST"]),
                Route(CALLBACKS, self.take_callback, methods=["POST"]),
            ]
        )
        self.secrets: dict[str, str] = {}
        """What verifies the requests to each path."""
        self.verified = 0
        self.refused = 0
        self.told: Counter[str] = Counter()
        """How many different webhooks each job has had; one that comes again has the same id, and does not count."""
        self._seen: set[str] = set()
        self._news: defaultdict[tuple[str, str], asyncio.Future[Body]] = defaultdict(asyncio.Future)

    async def webhook(self, job_id: str) -> Body:
        """Wait until a webhook tells how the job ended: its job object."""
        return await self._news[WEBHOOKS, job_id]

    async def callback(self, job_id: str) -> Body:
        """Wait until the job's own `callback_url` was told: the body in the upstream's shape."""
        return await self._news[CALLBACKS, job_id]

    async def take_webhook(self, request: Request) -> Response:
        """An event for the endpoint."""
        event = await self._verified(request)
        if event is None:
            return Response(status_code=401)
        if request.headers["webhook-id"] not in self._seen:
            self._seen.add(request.headers["webhook-id"])
            self.told[event["data"]["id"]] += 1
            self._note(WEBHOOKS, event["data"]["id"], event["data"])
        return Response(status_code=204)

    async def take_callback(self, request: Request) -> Response:
        """What is sent to a job's own `callback_url`."""
        body = await self._verified(request)
        if body is None:
            return Response(status_code=401)
        self._note(CALLBACKS, body["task_id"], body)
        return Response(status_code=204)

    async def _verified(self, request: Request) -> Body | None:
        """The body, or None for one that is not believed."""
        body = await request.body()
        try:
            verified: Body = Webhook(self.secrets[request.url.path]).verify(body, dict(request.headers))
        except (WebhookVerificationError, KeyError, ValueError):
            self.refused += 1
            return None
        self.verified += 1
        return verified

    def _note(self, path: str, job_id: str, body: Body) -> None:
        if not self._news[path, job_id].done():
            self._news[path, job_id].set_result(body)
