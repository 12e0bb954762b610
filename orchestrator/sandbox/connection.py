"""Hang up on the client without an answer, as networks do.

ASGI has no word for this. uvicorn's `receive` is a method of the object that holds the connection's transport, and
closing that one is a hang-up in every detail: the client sees a reset, and uvicorn logs no error because it takes the
client for the one who went. Under a server that shows no transport, half an answer is sent and then abandoned.
"""

import asyncio
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

UNFINISHED: Final = [(b"content-type", b"application/json"), (b"content-length", b"1000")]


class HungUpError(ConnectionError):
    """The sandbox has broken off an answer on purpose."""


class HungUp(Response):
    """The answer that is none: the connection is reset before a byte is sent."""

    def __init__(self) -> None:
        super().__init__(status_code=444)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport = transport_of(receive)
        if transport is None:
            await send({"type": "http.response.start", "status": 200, "headers": UNFINISHED})
            raise HungUpError("The sandbox was told to drop this connection.")
        transport.abort()
        await until_gone(receive)


class CutShort(Response):
    """An answer that promises its whole length and ends in the middle."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        transport = transport_of(receive)
        if transport is None:
            raise HungUpError("The sandbox was told to cut this answer short.")
        transport.close()
        await until_gone(receive)


def transport_of(receive: Receive) -> asyncio.Transport | None:
    """The connection's transport, where the server lets it be found."""
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    return transport if callable(getattr(transport, "abort", None)) else None


async def until_gone(receive: Receive) -> None:
    """Wait until the server has noticed that the connection is closed; it then asks for no answer."""
    while (await receive())["type"] != "http.disconnect":
        continue
