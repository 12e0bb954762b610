"""What the command line's tests stand on: commands in this process, and some in processes of their own."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import pytest

from orchestrator.cli import main

ROOT: Final = Path(__file__).resolve().parents[2]
KEY: Final = "an-api-key-for-the-command-line"
TOKEN: Final = "a-token-for-the-sandbox"
PATIENCE: Final = 30.0
"""Seconds after which a test gives up; nothing here takes that long."""


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


class CommandLine:
    """Runs commands in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Said:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        printed = self._capsys.readouterr()
        return Said(int(ended.value.code or 0), printed.out, printed.err)


@dataclass(frozen=True, slots=True)
class Running:
    """`orchestrator` in a process of its own."""

    process: "subprocess.Popen[bytes]"
    url: str
    log: Path

    def client(self) -> httpx.Client:
        """A client with the key."""
        headers = {"authorization": f"Bearer {KEY}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE, trust_env=False)

    def wait_until_ready(self) -> None:
        """Ask until it answers; fail with its log when it ends."""
        give_up_at = time.monotonic() + PATIENCE
        with self.client() as client:
            while time.monotonic() < give_up_at:
                with suppress(httpx.TransportError):
                    if client.get("/healthz").is_success:
                        return
                with suppress(subprocess.TimeoutExpired):
                    self.process.wait(0.03)
                    break
        pytest.fail(f"It did not start:\n{self.log.read_text()}")


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with these settings and no others."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ORCHESTRATOR_")}
    path = os.pathsep.join(filter(None, [str(ROOT), inherited.get("PYTHONPATH")]))
    return {**inherited, "PYTHONPATH": path, **{f"ORCHESTRATOR_{name}": value for name, value in settings.items()}}


@contextmanager
def started(*arguments: str, folder: Path, port: int, **settings: str) -> Iterator[Running]:
    """A process, not necessarily ready yet; it is killed if it still runs at the end of the block."""
    log = folder / f"{arguments[0]}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "orchestrator", *arguments],
            cwd=folder,
            env=environment({"API_KEYS": KEY, "PORT": str(port), **settings}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield Running(process, f"http://127.0.0.1:{port}", log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def ended(*arguments: str, folder: Path, **settings: str) -> Said:
    """A command in a process of its own that is expected to end by itself."""
    done = subprocess.run(
        [sys.executable, "-m", "orchestrator", *arguments],
        cwd=folder,
        env=environment(settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return Said(done.returncode, done.stdout, done.stderr)
