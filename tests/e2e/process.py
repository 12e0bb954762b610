"""`orchestrator serve` as a process of its own, to be started, asked and killed."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx

KEY = "an-api-key-for-end-to-end-tests"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class Service:
    """One service on one port; it can be started again after it was killed."""

    def __init__(self, folder: Path, *, database_url: str, upstream_url: str, **settings: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        values: Mapping[str, str] = {
            "DATABASE_URL": database_url,
            "STORAGE_URL": f"file://{folder}/assets",
            "PUBLIC_URL": self.url,
            "UPSTREAM_URL": upstream_url,
            "UPSTREAM_TOKEN": "token",
            "API_KEYS": KEY,
            "SECRET_KEY": "a-secret-key-for-end-to-end-tests",
            "ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8",
            "PORT": str(self.port),
            **settings,
        }
        self._env = os.environ | {f"ORCHESTRATOR_{name}": value for name, value in values.items()}

    async def start(self) -> None:
        """Start, and wait until it is ready."""
        with (self._folder / "serve.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "orchestrator", "serve", env=self._env, cwd=self._folder, stderr=log, stdout=log
            )
        async with asyncio.timeout(30), httpx.AsyncClient() as client:
            while not await self._is_ready(client):
                assert self._process.returncode is None, self.log()
                await pause(0.05)

    async def kill(self) -> None:
        """SIGKILL: no goodbye."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        await self._process.wait()

    async def stop(self) -> int:
        """SIGTERM, and the exit code."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.terminate()
        async with asyncio.timeout(20):
            return await self._process.wait()

    def log(self) -> str:
        """What it said."""
        return (self._folder / "serve.log").read_text()

    def client(self) -> httpx.AsyncClient:
        """A client with the key."""
        return httpx.AsyncClient(base_url=self.url, headers={"authorization": f"Bearer {KEY}"}, timeout=10)

    async def _is_ready(self, client: httpx.AsyncClient) -> bool:
        try:
            return (await client.get(f"{self.url}/readyz")).is_success
        except httpx.TransportError:
            return False


async def pause(seconds: float) -> None:
    """Between two looks at another process there is no signal to wait for."""
    try:
        async with asyncio.timeout(seconds):
            await asyncio.Event().wait()
    except TimeoutError:
        return
