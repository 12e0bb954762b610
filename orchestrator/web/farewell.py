"""The answer to a request whose body was not read to its end, and the end of its connection.

Closing a connection with unread bytes on it makes the system send a reset, and the reset can overtake the answer: a
client that is still sending then sees a broken connection instead of the 413 that would tell it why. So the answer is
sent at once, whole, and what is still coming is thrown away for a moment before the connection is closed. Servers call
it a lingering close. It is bounded in bytes, in time and in silence.
"""

import asyncio
from contextlib import suppress
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

MOST_BYTES: Final = 128 * 1024 * 1024
MOST_SECONDS: Final = 5.0
MOST_SILENCE_SECONDS: Final = 0.5


class Farewell(Response):
    """A response that ends its connection gently. It needs a `connection: close` among its headers."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, throw away what still comes, and end."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        with suppress(TimeoutError):
            async with asyncio.timeout(MOST_SECONDS):
                await _throw_away(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _throw_away(receive: Receive) -> None:
    seen, more = 0, True
    while more and seen < MOST_BYTES:
        async with asyncio.timeout(MOST_SILENCE_SECONDS):
            message = await receive()
        # A client that has gone away says so in a message without a body.
        more = message.get("more_body", False)
        seen += len(message.get("body", b""))
