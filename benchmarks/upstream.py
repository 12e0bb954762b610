"""The upstream of a benchmark: takes submits, remembers where to call back, serves the pictures.

It never calls back by itself; the driver does, when it wants to. Paths under `/-/` are the driver's:

    /-/until/{count}     answers once so many submits have come
    /-/submits/{start}   the submits from that position on, as `[task_id, trace_id, callback_url]`
    /-/count             how many submits have come
    /-/asked             how often the tasks API was asked (0 unless callbacks were overdue)

The pictures are one JPEG of about 20 kB with a comment that differs by name: every one has its own SHA-256 and
is decoded, stored and fsynced as such, while making one costs the upstream a concatenation.
"""

import io

import msgspec
from PIL import Image

from benchmarks.loops import run
from benchmarks.peer import Milestones, Reply, Request, serve
from benchmarks.wire import answer

_JPEG_START = b"\xff\xd8"
_COMMENT = b"\xff\xfe"


class Submit(msgspec.Struct):
    """What of a submit's body matters here."""

    callback_url: str
    trace_id: str


class Upstream:
    """The handler of all requests to the upstream."""

    def __init__(self) -> None:
        self._submits: list[tuple[str, str, str]] = []
        self._seen = Milestones()
        self._asked = 0
        self._decoder = msgspec.json.Decoder(Submit)
        self._picture = picture()

    def __call__(self, request: Request, reply: Reply) -> None:
        """Answer a picture, a submit, a question of the tasks API or a question of the driver."""
        path = request.url.decode()
        if path.startswith("/media/"):
            reply(answer(200, with_comment(self._picture, path.encode()), "image/jpeg"))
        elif path.startswith("/-/"):
            self._control(path.split("/")[2:], reply)
        elif path.endswith("/tasks"):
            self._asked += 1
            reply(answer(200, b"{}"))
        else:
            self._submit(self._decoder.decode(request.body), reply)

    def _submit(self, submit: Submit, reply: Reply) -> None:
        task_id = task_id_of(len(self._submits))
        self._submits.append((task_id, submit.trace_id, submit.callback_url))
        body = {"success": True, "task_id": task_id, "trace_id": submit.trace_id}
        reply(answer(200, msgspec.json.encode(body)))
        self._seen.advance(answer(200, b"true"))

    def _control(self, words: list[str], reply: Reply) -> None:
        match words:
            case ["until", count]:
                self._seen.reply_at(int(count), reply, answer(200, b"true"))
            case ["submits", start]:
                reply(answer(200, msgspec.json.encode(self._submits[int(start) :])))
            case ["count"]:
                reply(answer(200, msgspec.json.encode(len(self._submits))))
            case ["asked"]:
                reply(answer(200, msgspec.json.encode(self._asked)))
            case _:
                reply(answer(404))


def task_id_of(position: int) -> str:
    """The upstream's id of the submit that came at this position."""
    return f"be9c40a1-0000-4000-8000-{position:012x}"


def position_of(task_id: str) -> int:
    """The position of the submit that was answered with this id."""
    return int(task_id[-12:], 16)


def picture() -> bytes:
    """A JPEG of 256 x 256 pixels and about 20 kB; grain, so that it does not compress away."""
    buffer = io.BytesIO()
    Image.effect_noise((256, 256), 20).convert("RGB").save(buffer, "JPEG", quality=75)
    return buffer.getvalue()


def with_comment(jpeg: bytes, comment: bytes) -> bytes:
    """The same picture in other bytes."""
    segment = _COMMENT + (len(comment) + 2).to_bytes(2, "big") + comment
    return _JPEG_START + segment + jpeg[len(_JPEG_START) :]


if __name__ == "__main__":
    run(serve(Upstream()))
