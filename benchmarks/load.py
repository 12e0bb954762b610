"""The load driver: kept-alive HTTP/1.1 connections that send ready bytes and time the answers.

The driver shares its cores with the system under test, so whatever it costs is missing there. Hence raw protocols and
a C parser: no task, future or dictionary per request, and no request is built while the clock runs unless the caller's
iterable builds it. `Load.cpu_per_request` says what it did cost.

Without a pace each connection sends its next request when the last one was answered. With a pace the requests are due
at fixed instants. One that had to wait because every connection was busy counts from when it was due, so that a server
that stalls cannot hide whom it held up ("coordinated omission"); the driver's own timer, which ticks in
milliseconds, is not held against the server.

A connection that the server closes is not opened again: its request counts as unanswered, and the report shows it.
"""

import asyncio
import math
import time
from array import array
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import cast

import httptools

from benchmarks.wire import HOST

CONNECTIONS = 64
_GRACE_SECONDS = 10.0  # how long answers are waited for after the time is up
_TICK_SECONDS = 0.001  # uvloop runs a shorter timer at once, which would spin


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one drive saw. Instants are `time.monotonic()` seconds, comparable between processes of one machine."""

    seconds: float  # from the first request sent to the last answer
    cpu_seconds: float  # of this process, meanwhile
    statuses: Counter[int]
    latencies: "array[float]"  # seconds, ascending
    sent_at: "array[float]"  # one instant per request, in the order of the requests
    finished_at: float

    @property
    def answered(self) -> int:
        """Requests that were answered, whatever the status."""
        return len(self.latencies)

    @property
    def unanswered(self) -> int:
        """Requests whose connection broke, or whose time ran out."""
        return len(self.sent_at) - self.answered

    @property
    def rate(self) -> float:
        """Answers per second, whatever their status."""
        return self.answered / self.seconds if self.seconds else 0.0

    @property
    def cpu_per_request(self) -> float:
        """Seconds of this process's CPU per answer."""
        return self.cpu_seconds / self.answered if self.answered else 0.0

    def rate_of(self, status: int) -> float:
        """Answers with this status per second."""
        return self.statuses[status] / self.seconds if self.seconds else 0.0


def percentile(ascending: "array[float]", share: float) -> float:
    """The smallest value that `share` of all values do not exceed; NaN if there are none."""
    if not ascending:
        return float("nan")
    return ascending[max(0, math.ceil(share * len(ascending)) - 1)]


async def drive(
    port: int,
    requests: Iterable[bytes],
    *,
    connections: int = CONNECTIONS,
    seconds: float = 60.0,
    pace: float | None = None,
) -> Load:
    """Send the requests, at most for `seconds`, at `pace` per second or as fast as they are answered.

    Raises OSError if the port cannot be connected to.
    """
    loop = asyncio.get_running_loop()
    driver = _Driver(iter(requests), pace)
    try:
        for _ in range(connections):
            await loop.create_connection(lambda: _Connection(driver), HOST, port)
        return await driver.run(seconds)
    finally:
        driver.close()


@dataclass(slots=True)
class _Driver:
    requests: Iterator[bytes]
    pace: float | None
    connections: "list[_Connection]" = field(default_factory=list)
    idle: "deque[_Connection]" = field(default_factory=deque)
    busy: int = 0
    open: bool = True  # more requests may be sent
    timer: asyncio.TimerHandle | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)
    statuses: Counter[int] = field(default_factory=Counter)
    latencies: "array[float]" = field(default_factory=lambda: array("d"))
    sent_at: "array[float]" = field(default_factory=lambda: array("d"))
    started_at: float = 0.0
    finished_at: float = 0.0

    async def run(self, seconds: float) -> Load:
        cpu = time.process_time()
        self.started_at = self.finished_at = time.monotonic()
        self.feed()
        await self._done_within(seconds)
        self._shut()
        await self._done_within(_GRACE_SECONDS)
        return Load(
            seconds=self.finished_at - self.started_at,
            cpu_seconds=time.process_time() - cpu,
            statuses=self.statuses,
            latencies=array("d", sorted(self.latencies)),
            sent_at=self.sent_at,
            finished_at=self.finished_at,
        )

    def feed(self, *, starved: bool = False) -> None:
        """Send what is due over the connections that are free; `starved` if none was free until now."""
        now = time.monotonic()
        while self.open and self.idle:
            due = now if self.pace is None else self.started_at + len(self.sent_at) / self.pace
            if due > now:
                self._wake_in(due - now)
                return
            request = next(self.requests, None)
            if request is None:
                self._shut()
                return
            sent_at = due if starved else now
            self.sent_at.append(sent_at)
            self.busy += 1
            self.idle.popleft().send(request, sent_at)

    def answered(self, connection: "_Connection", status: int, sent_at: float) -> None:
        now = self.finished_at = time.monotonic()
        self.latencies.append(now - sent_at)
        self.statuses[status] += 1
        self.busy -= 1
        starved = not self.idle
        self.idle.append(connection)
        if self.open:
            self.feed(starved=starved)
        elif not self.busy:
            self.done.set()

    def lost(self, connection: "_Connection", *, busy: bool) -> None:
        self.connections.remove(connection)
        self.busy -= busy
        if not busy:
            self.idle.remove(connection)
        if not self.connections or not (self.open or self.busy):
            self._shut()

    def close(self) -> None:
        self._shut()
        for connection in self.connections:
            connection.transport.close()

    def _shut(self) -> None:
        self.open = False
        if self.timer is not None:
            self.timer.cancel()
        if not self.busy:
            self.done.set()

    def _wake_in(self, seconds: float) -> None:
        if self.timer is None:
            self.timer = asyncio.get_running_loop().call_later(max(seconds, _TICK_SECONDS), self._tick)

    def _tick(self) -> None:
        self.timer = None
        self.feed()

    async def _done_within(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.done.wait(), seconds)
        except TimeoutError:
            return


class _Connection(asyncio.Protocol):
    """One connection; httptools calls `on_message_complete` at the end of each answer."""

    __slots__ = ("busy", "driver", "parser", "sent_at", "transport")

    transport: asyncio.Transport

    def __init__(self, driver: _Driver) -> None:
        self.driver = driver
        self.parser = httptools.HttpResponseParser(self)
        self.busy = False
        self.sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self.driver.connections.append(self)
        self.driver.idle.append(self)

    def send(self, request: bytes, sent_at: float) -> None:
        self.sent_at = sent_at
        self.busy = True
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        self.busy = False
        self.driver.answered(self, self.parser.get_status_code(), self.sent_at)

    def connection_lost(self, exc: Exception | None) -> None:
        self.driver.lost(self, busy=self.busy)
