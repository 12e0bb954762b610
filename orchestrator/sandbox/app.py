"""The sandbox as an ASGI application.

Any path that is not the sandbox's own may be one of the platform's, under one of its aliases, so that one route takes
them all and a table says which it is.
"""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orchestrator.sandbox import inspection
from orchestrator.sandbox.answers import json_response
from orchestrator.sandbox.calls import build_transport
from orchestrator.sandbox.downloads import download
from orchestrator.sandbox.lookups import look_up
from orchestrator.sandbox.operations import OPERATIONS, SERVICES, canonical
from orchestrator.sandbox.options import SandboxOptions
from orchestrator.sandbox.refusals import Refused, present, refusal
from orchestrator.sandbox.state import Sandbox, sandbox_of
from orchestrator.sandbox.submits import submit

EVERY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def create_sandbox(
    options: SandboxOptions | None = None,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    clock: Callable[[], float] = time.time,
    rng: Random | None = None,
) -> Starlette:
    """Build a sandbox; it runs while its lifespan does.

    `transport` sends the callbacks; one that was passed in is not closed. `clock` gives seconds since 1970. `rng`
    makes ids and chance; by default it is seeded with the options' seed.

    Raises:
        UnreadableBehaviour: when the behaviour in the options cannot be read.
    """
    options = options or SandboxOptions()
    sender = transport or build_transport(options)
    sandbox = Sandbox(options, sender, clock=clock, rng=rng or Random(options.seed))  # noqa: S311 - a toy's chance

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await sandbox.timers.close()
            if transport is None:
                await sender.aclose()

    routes = [
        Route("/healthz", show_health),
        *inspection.ROUTES,
        Route("/media/{name}", download),
        Route("/{path:path}", serve_api, methods=EVERY_METHOD),
    ]
    app = Starlette(routes=routes, lifespan=lifespan)
    app.state.sandbox = sandbox
    return app


async def show_health(_: Request) -> Response:
    return json_response({"status": "ok"})


async def serve_api(request: Request) -> Response:
    """Any path of the platform: a submit, a lookup of tasks, or nothing that exists."""
    path = canonical(request.path_params["path"])
    if request.method == "POST":
        if operation := OPERATIONS.get(path):
            return await submit(request, operation)
        service, _, resource = path.partition("/")
        if resource == "tasks" and service in SERVICES:
            return await look_up(request, service)
    return present(Refused(refusal("no_api")), sandbox_of(request).new_id())
