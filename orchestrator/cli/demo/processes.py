"""The demo's processes: started with nothing of the surrounding settings, and stopped whatever happens.

They have a session of their own, so that Ctrl-C reaches only the demo, which stops them in good order.
"""

import asyncio
import os
import secrets
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from orchestrator.cli.failures import Failure

HOST: Final = "127.0.0.1"
START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 15.0
_ASK_EVERY_SECONDS: Final = 0.03
_TAIL: Final = 2000


def service_settings(*, port: int, upstream_port: int, api_key: str) -> dict[str, str]:
    """The settings of the demo's service. Its files lie in the folder that it is started in."""
    return {
        "DATABASE_URL": "sqlite+aiosqlite:///service/orchestrator.db",
        "STORAGE_URL": "file://service/assets",
        "PUBLIC_URL": f"http://{HOST}:{port}",
        "UPSTREAM_URL": f"http://{HOST}:{upstream_port}",
        "UPSTREAM_TOKEN": secrets.token_urlsafe(24),
        "SECRET_KEY": secrets.token_urlsafe(32),
        "API_KEYS": api_key,
        "ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8",
        "RECONCILE_AFTER": "4",
        "HOST": HOST,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A running process of the demo."""

    process: asyncio.subprocess.Process
    url: str
    log: Path

    async def ready(self) -> None:
        """Ask until it answers, resting between the questions on the one thing that would end the wait: its death."""
        give_up_at = time.monotonic() + START_SECONDS
        async with httpx.AsyncClient(trust_env=False) as client:
            while time.monotonic() < give_up_at:
                if await _answers(client, self.url):
                    return
                try:
                    await asyncio.wait_for(self.process.wait(), _ASK_EVERY_SECONDS)
                except TimeoutError:
                    continue
                break
        raise Failure(f"`orchestrator {self.log.stem}` did not start.")


@asynccontextmanager
async def running(
    command: str, *arguments: str, port: int, folder: Path, settings: Mapping[str, str]
) -> AsyncIterator[Child]:
    """Run `orchestrator COMMAND` in `folder`, on that port and with these settings, while the block runs."""
    log = folder / "logs" / f"{command}.log"
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "orchestrator",
            command,
            "--port",
            str(port),
            *arguments,
            cwd=folder,
            env=_environment(settings),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield Child(process=process, url=f"http://{HOST}:{port}", log=log)
    finally:
        await _stop(process, command)


def tail(log: Path) -> str:
    """The end of a log, or nothing where there is none."""
    return log.read_text(errors="replace")[-_TAIL:].strip() if log.exists() else ""


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ORCHESTRATOR_")}
    # The package may be a checkout that is found by the working directory alone, and that is another one there.
    package = str(Path(__file__).resolve().parents[3])
    path = os.pathsep.join(filter(None, [package, inherited.get("PYTHONPATH")]))
    return {**inherited, "PYTHONPATH": path, **{f"ORCHESTRATOR_{name}": value for name, value in settings.items()}}


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        response = await client.get(f"{url}/healthz")
    except httpx.TransportError:
        return False
    return response.is_success


async def _stop(process: asyncio.subprocess.Process, command: str) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_SECONDS)
    except (TimeoutError, asyncio.CancelledError) as error:
        # Too slow, or somebody is impatient: it must not be left behind in either case.
        process.kill()
        await process.wait()
        if isinstance(error, TimeoutError):
            raise Failure(f"`orchestrator {command}` did not end within {STOP_SECONDS:g} s, and was killed.") from error
        raise
