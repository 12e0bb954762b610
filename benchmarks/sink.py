"""The consumer of a benchmark: takes webhooks, notes when each job was first told of, keeps a few to be checked.

Jobs are known by the position of their submit at the upstream, which is in the upstream's `task_id` and comes back in
the webhook. Only that is parsed while the clock runs; signatures and pictures of the kept ones are checked afterwards.
Paths under `/-/` are the driver's:

    /-/until/{count}      answers once so many different jobs were told of
    /-/arrivals/{start}   first arrivals from that one on, as `[position, instant]`, in order
    /-/told               how many different jobs were told of so far
    /-/count              how many webhooks came, repeated ones included
    /-/kept               the kept webhooks, which are then forgotten
"""

import time

import msgspec

from benchmarks.loops import run
from benchmarks.peer import Milestones, Reply, Request, serve
from benchmarks.upstream import position_of
from benchmarks.wire import answer

KEEP_EVERY = 250
KEEP_AT_MOST = 32


class Task(msgspec.Struct):
    """What of a job's task matters here."""

    task_id: str


class Job(msgspec.Struct):
    """What of a webhook's job matters here."""

    tasks: list[Task]


class Webhook(msgspec.Struct):
    """What of a webhook's body matters here."""

    data: Job


class Kept(msgspec.Struct):
    """A webhook as it came."""

    headers: dict[str, str]
    body: bytes


class Sink:
    """The handler of all requests to the consumer."""

    def __init__(self) -> None:
        self._count = 0
        self._arrivals: dict[int, float] = {}
        self._told = Milestones()
        self._kept: list[Kept] = []
        self._decoder = msgspec.json.Decoder(Webhook)

    def __call__(self, request: Request, reply: Reply) -> None:
        """Answer a webhook or a question of the driver."""
        if request.url.startswith(b"/-/"):
            self._control(request.url.decode().split("/")[2:], reply)
            return
        reply(answer(204))
        self._count += 1
        position = position_of(self._decoder.decode(request.body).data.tasks[-1].task_id)
        if position not in self._arrivals:
            self._note(position, request)

    def _note(self, position: int, request: Request) -> None:
        self._arrivals[position] = time.monotonic()
        self._told.advance(answer(200, b"true"))
        if position % KEEP_EVERY == 0 and len(self._kept) < KEEP_AT_MOST:
            headers = {name.decode(): value.decode() for name, value in request.headers.items()}
            self._kept.append(Kept(headers, request.body))

    def _control(self, words: list[str], reply: Reply) -> None:
        match words:
            case ["until", count]:
                self._told.reply_at(int(count), reply, answer(200, b"true"))
            case ["arrivals", start]:
                reply(answer(200, msgspec.json.encode(list(self._arrivals.items())[int(start) :])))
            case ["told"]:
                reply(answer(200, msgspec.json.encode(len(self._arrivals))))
            case ["count"]:
                reply(answer(200, msgspec.json.encode(self._count)))
            case ["kept"]:
                reply(answer(200, msgspec.json.encode(self._kept)))
                self._kept.clear()
            case _:
                reply(answer(404))


if __name__ == "__main__":
    run(serve(Sink()))
