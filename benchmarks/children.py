"""The driver's side of the processes that it starts: their ports, their CPU time, their end."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import httpx
import msgspec
import psutil

from benchmarks.wire import HOST

T = TypeVar("T")
_LONGEST_ANSWER_SECONDS = 600.0  # `ask` sets the limit that counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A running process of the benchmark and a client of the paths that are meant for the driver."""

    port: int
    pid: int
    client: httpx.AsyncClient

    async def ask(self, path: str, kind: type[T], *, seconds: float = 30.0) -> T:
        """What the child answers at this path.

        Raises TimeoutError if it does not answer in time.
        """
        async with asyncio.timeout(seconds):
            answer = await self.client.get(path)
        return msgspec.json.decode(answer.raise_for_status().content, type=kind)

    def cpu_seconds(self) -> float:
        """CPU time of the child so far."""
        return cpu_seconds(self.pid)


@asynccontextmanager
async def child(module: str) -> AsyncIterator[Child]:
    """Run a module of this package as a process that no Ctrl-C of the terminal reaches, until the block ends."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, stdin=pipe, stdout=pipe, start_new_session=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        port = int(await process.stdout.readline())
        async with client_of(port, seconds=_LONGEST_ANSWER_SECONDS) as client:
            yield Child(port=port, pid=process.pid, client=client)
    finally:
        process.stdin.close()
        await process.wait()


def client_of(port: int, *, seconds: float, bearer: str | None = None) -> httpx.AsyncClient:
    """A client for what is asked outside the measurements."""
    headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
    return httpx.AsyncClient(base_url=f"http://{HOST}:{port}", timeout=seconds, headers=headers, trust_env=False)


def cpu_seconds(pid: int) -> float:
    """User and system time so far of a process and its descendants, also ended ones; it ticks in hundredths."""
    return _over_tree(pid, _own_cpu_seconds)


def memory_bytes(pid: int) -> int:
    """Resident memory of a process and its descendants; pages that they share count for each."""
    return int(_over_tree(pid, lambda process: float(process.memory_info().rss)))


def _over_tree(pid: int, read: Callable[[psutil.Process], float]) -> float:
    process = psutil.Process(pid)
    total = read(process)
    for each in process.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # ended since it was listed
            total += read(each)
    return total


def _own_cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)
