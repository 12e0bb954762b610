"""The service under test: `orchestrator serve` in a process of its own, set up by its environment alone."""

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.children import client_of, cpu_seconds, memory_bytes
from benchmarks.databases import POSTGRESQL, Database
from benchmarks.wire import HOST

_LONGEST_START_SECONDS = 30.0
_LONGEST_STOP_SECONDS = 20.0
_READY_EVERY_SECONDS = 0.01
_ROOT = Path(__file__).resolve().parent.parent


class NotReady(Exception):  # a state of the service, not of this program
    """The service could not be started; the message has the end of its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The running service."""

    port: int
    pid: int
    key: str
    client: httpx.AsyncClient
    log: Path
    ready_seconds: float  # from the start of the process to the first 200 of /readyz

    def cpu_seconds(self) -> float:
        """CPU time of the service so far."""
        return cpu_seconds(self.pid)

    def memory_bytes(self) -> int:
        """Resident memory of the service now."""
        return memory_bytes(self.pid)

    async def statements(self) -> int | None:
        """SQL statements so far by the service's own count; None if it does not count them."""
        lines = (await self.client.get("/metrics")).text.splitlines()
        counts = [line.rsplit(" ", 1)[1] for line in lines if line.startswith("orchestrator_statements_total")]
        return int(sum(map(float, counts))) if counts else None


@asynccontextmanager
async def service(command: Sequence[str], folder: Path, database: Database, upstream: int) -> AsyncIterator[Service]:
    """Run the service with its files in `folder` and its upstream at that port, until the block ends.

    Raises NotReady if it does not come up.
    """
    port, key = _free_port(), secrets.token_urlsafe(24)
    settings = _settings(folder, database, port, upstream, key)
    log = folder / "service.log"
    if database.name == POSTGRESQL:
        await _upgrade(command, folder, settings, log)
    started_at = time.monotonic()
    process = await _start([*command, "serve"], folder, settings, log)
    try:
        async with client_of(port, seconds=10.0, bearer=key) as client:
            await _ready(client, process, log)
            ready_seconds = time.monotonic() - started_at
            pid = process.pid
            yield Service(port=port, pid=pid, key=key, client=client, log=log, ready_seconds=ready_seconds)
    finally:
        await _stop(process)


def _settings(folder: Path, database: Database, port: int, upstream: int, key: str) -> dict[str, str]:
    settings = {
        "DATABASE_URL": database.url,
        "STORAGE_URL": f"file://{folder}/assets",
        "PUBLIC_URL": f"http://{HOST}:{port}",
        "UPSTREAM_URL": f"http://{HOST}:{upstream}",
        "UPSTREAM_TOKEN": secrets.token_urlsafe(24),
        "SECRET_KEY": secrets.token_urlsafe(32),
        "API_KEYS": key,
        "ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8",
        "HOST": HOST,
        "PORT": str(port),
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ORCHESTRATOR_")}
    path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
    return {**inherited, "PYTHONPATH": path, **{f"ORCHESTRATOR_{name}": value for name, value in settings.items()}}


async def _start(
    command: Sequence[str], folder: Path, settings: dict[str, str], log: Path
) -> asyncio.subprocess.Process:
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            env=settings,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


async def _upgrade(command: Sequence[str], folder: Path, settings: dict[str, str], log: Path) -> None:
    process = await _start([*command, "db", "upgrade"], folder, settings, log)
    if await process.wait():
        raise NotReady(f"`db upgrade` failed:\n{tail(log)}")


async def _ready(client: httpx.AsyncClient, process: asyncio.subprocess.Process, log: Path) -> None:
    """Ask until it is ready, resting between the questions on the one thing that would end the wait: its death."""
    give_up_at = time.monotonic() + _LONGEST_START_SECONDS
    while time.monotonic() < give_up_at:
        with contextlib.suppress(httpx.TransportError):
            if (await client.get("/readyz")).status_code == httpx.codes.OK:
                return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _READY_EVERY_SECONDS)
            break
    raise NotReady(f"The service did not become ready:\n{tail(log)}")


async def _stop(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), _LONGEST_STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        return int(listener.getsockname()[1])


def tail(log: Path) -> str:
    """The last lines of a log."""
    return log.read_text(errors="replace")[-4000:]
