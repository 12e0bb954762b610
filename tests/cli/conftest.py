"""The command line, in a folder and with an environment of its own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.commanding import TOKEN, CommandLine, Running, started
from tests.e2e.process import free_port


@pytest.fixture
def command_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CommandLine:
    """Runs commands in this process, in an empty folder, with no settings but those that the test makes."""
    for name in [name for name in os.environ if name.startswith("ORCHESTRATOR_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    return CommandLine(capsys)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A sandbox that takes one token and works fast."""
    port, folder = free_port(), tmp_path_factory.mktemp("sandbox")
    flags = ("--port", str(port), "--token", TOKEN, "--delay", "0.1")
    with started("sandbox", *flags, folder=folder, port=port) as process:
        process.wait_until_ready()
        yield process


@pytest.fixture(scope="module")
def service(sandbox: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The service, with the sandbox as its provider."""
    port, folder = free_port(), tmp_path_factory.mktemp("service")
    settings = {
        "UPSTREAM_URL": sandbox.url,
        "UPSTREAM_TOKEN": TOKEN,
        "ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8",
    }
    with started("serve", folder=folder, port=port, **settings) as process:
        process.wait_until_ready()
        yield process
