"""HTTP/1.1 as ready bytes, and the one address that everything in a benchmark listens on."""

from typing import Final

HOST: Final = "127.0.0.1"
_REASONS: Final = {200: "OK", 204: "No Content", 404: "Not Found"}


def post(port: int, path: str, body: bytes, *, bearer: str | None = None) -> bytes:
    """A POST of a JSON body."""
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: {HOST}:{port}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    if bearer is not None:
        lines.append(f"Authorization: Bearer {bearer}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def answer(status: int, body: bytes = b"", content_type: str = "application/json") -> bytes:
    """An answer on a connection that stays open."""
    head = f"HTTP/1.1 {status} {_REASONS[status]}\r\n"
    if status != 204:
        head += f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
    return (head + "\r\n").encode() + body
