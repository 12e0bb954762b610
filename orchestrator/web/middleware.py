"""The shell around every request: an id that comes back and stands in the log, headers that tell browsers not to guess,
and the last place where an error that nobody foresaw becomes an answer.

Plain ASGI, because every request passes through it. Starlette's own handler for unforeseen errors raises them again
after it has answered, so that servers log them a second time; here they are logged once, with the request they belong
to.
"""

import re
import secrets
from typing import Final

from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.web.problems import respond

_SANE_ID: Final = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")
_HEADERS: Final = [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer")]


class Shell:
    """Wraps the application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; anything but HTTP passes untouched."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _given_id(scope) or secrets.token_hex(12).encode()
        scope["request_id"] = request_id.decode()
        started = False

        async def send_on(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id), *_HEADERS]
            await send(message)

        try:
            await self._app(scope, receive, send_on)
        except Exception as exc:
            if started:
                # Half an answer cannot be taken back. The server logs this one, and breaks the connection off.
                raise
            await respond(exc, HTTPConnection(scope))(scope, receive, send_on)


def _given_id(scope: Scope) -> bytes | None:
    """The caller's own id, if it is one that can stand in a log."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            return value if _SANE_ID.fullmatch(value) else None
    return None


middleware: Final = [Middleware(Shell)]
"""For the application."""
