"""`orchestrator serve`: starts, says in a sentence why it does not, and ends well."""

import signal
import socket
import subprocess
import sys
from contextlib import closing, suppress
from http.client import HTTPConnection
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from orchestrator.storage.database import Database
from tests.cli.commanding import KEY, Running, ended, environment, started
from tests.e2e.process import free_port

DYING = """
import orchestrator.app
from orchestrator.cli import main

class Dying(orchestrator.app.Supervisor):
    async def run(self):
        raise LookupError("nobody foresaw this")

orchestrator.app.Supervisor = Dying
main(["serve"])
"""


def test_it_serves_until_it_is_told_to_end_and_exits_with_0(tmp_path: Path) -> None:
    with started("serve", folder=tmp_path, port=free_port()) as service:
        service.wait_until_ready()
        with service.client() as client:
            answer = client.get("/v1/jobs")
        service.process.send_signal(signal.SIGTERM)
        code = service.process.wait(15)

    assert answer.json()["data"] == []
    assert code == 0
    assert "Traceback" not in service.log.read_text()


def test_it_comes_back_on_the_same_port_after_it_was_killed(tmp_path: Path) -> None:
    port = free_port()
    with started("serve", folder=tmp_path, port=port) as service:
        service.wait_until_ready()
        with service.client() as client:
            client.get("/v1/jobs")
            service.process.kill()
            service.process.wait()

    with started("serve", folder=tmp_path, port=port) as service:
        service.wait_until_ready()
        with service.client() as client:
            answer = client.get("/v1/jobs")

    assert answer.is_success


def test_a_held_request_is_told_to_come_back_when_the_service_ends(tmp_path: Path) -> None:
    port, headers = free_port(), {"authorization": f"Bearer {KEY}"}
    order = {"operation": "openai/images/generations", "input": {"model": "gpt-image-2", "prompt": "A pond"}}
    with started("serve", folder=tmp_path, port=port, UPSTREAM_URL="http://127.0.0.1:1") as service:
        service.wait_until_ready()
        with service.client() as client, closing(HTTPConnection("127.0.0.1", port, timeout=20)) as held:
            job = client.post("/v1/jobs", json=order).json()
            held.request("GET", f"/v1/jobs/{job['id']}?wait=60", headers=headers)
            # Connections are taken in turn: when this one is answered, the one before it is being held.
            httpx.get(f"{service.url}/healthz", trust_env=False)
            service.process.send_signal(signal.SIGTERM)
            answer = held.getresponse()
            answer.read()
        code = service.process.wait(15)

    assert code == 0
    assert answer.status in {200, 503}
    assert "Traceback" not in service.log.read_text()


def test_links_name_the_port_that_any_free_one_became(tmp_path: Path) -> None:
    with started("serve", folder=tmp_path, port=0) as service:
        url = _ready_url(service)
        order = {"operation": "openai/images/generations", "input": {"model": "gpt-image-2", "prompt": "A pond"}}
        headers = {"authorization": f"Bearer {KEY}"}
        job = httpx.post(f"{url}/v1/jobs", json=order, headers=headers, trust_env=False).json()

    assert job["urls"]["self"] == f"{url}/v1/jobs/{job['id']}"


def test_the_first_start_makes_a_key_and_shows_it_once(tmp_path: Path) -> None:
    for _ in range(2):
        with started("serve", folder=tmp_path, port=free_port(), API_KEYS="") as service:
            service.wait_until_ready()

    said = (tmp_path / "serve.log").read_text()
    assert said.count("API key (shown this once): ok_") == 1


def test_a_port_that_is_taken_is_said_in_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        said = ended("serve", "--port", str(port), folder=tmp_path)

    assert (said.code, said.out) == (1, "")
    assert said.err == f"orchestrator: cannot listen on 127.0.0.1 port {port}: Address already in use.\n"
    assert not (tmp_path / "data").exists()


def test_a_store_that_cannot_be_used_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "occupied").touch()

    said = ended("serve", folder=tmp_path, PORT="0", STORAGE_URL=f"file://{tmp_path}/occupied")

    assert (said.code, said.out) == (1, "")
    assert f"{tmp_path}/occupied cannot be used" in said.err
    assert len(said.err.splitlines()) == 1


def test_a_database_that_cannot_be_opened_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "occupied").touch()

    said = ended("serve", folder=tmp_path, PORT="0", DATABASE_URL=f"sqlite+aiosqlite:///{tmp_path}/occupied/media.db")

    assert (said.code, said.out) == (1, "")
    assert f"the database sqlite+aiosqlite:///{tmp_path}/occupied/media.db cannot be used" in said.err
    assert len(said.err.splitlines()) == 1


async def test_a_shared_database_is_never_migrated_by_the_way(tmp_path: Path, postgres_url: str) -> None:
    host = postgres_url.partition("host=")[2]
    server = Database(postgres_url)
    async with server.reading() as tx:
        await tx.execute(text("CREATE DATABASE unmigrated"))
    await server.close()
    url = f"postgresql+asyncpg://postgres@/unmigrated?host={host}"

    refused = ended("serve", folder=tmp_path, PORT="0", DATABASE_URL=url, LOG_LEVEL="error")
    diagnosis = ended("doctor", folder=tmp_path, DATABASE_URL=url)
    upgraded = ended("db", "upgrade", folder=tmp_path, DATABASE_URL=url)
    checked = ended("db", "check", folder=tmp_path, DATABASE_URL=url)

    assert refused.code == 1
    assert refused.err.endswith("run `orchestrator db upgrade` first.\n")
    assert len(refused.err.splitlines()) == 1
    assert "Run `orchestrator db upgrade`." in diagnosis.out
    assert (upgraded.code, checked.code) == (0, 0)


def test_a_service_whose_workers_died_ends_with_1(tmp_path: Path) -> None:
    settings = {"API_KEYS": KEY, "PORT": str(free_port())}

    done = subprocess.run(
        [sys.executable, "-c", DYING],
        cwd=tmp_path,
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )

    assert done.returncode == 1
    assert "The workers died of LookupError('nobody foresaw this')." in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_workers_alone_end_well_too(tmp_path: Path, number: signal.Signals) -> None:
    with started("work", folder=tmp_path, port=free_port()) as workers:
        _wait_for(workers, "work.ready")
        workers.process.send_signal(number)
        code = workers.process.wait(15)

    assert code == 0
    assert "work.stopping" in workers.log.read_text()


def _ready_url(service: Running) -> str:
    return _wait_for(service, "serve.ready").partition("url=")[2].split()[0]


def _wait_for(running: Running, event: str) -> str:
    """The line of the log that tells of the event."""
    while running.process.poll() is None:
        for line in running.log.read_text().splitlines(keepends=True):
            if event in line and line.endswith("\n"):
                return line
        with suppress(subprocess.TimeoutExpired):
            running.process.wait(0.03)
    pytest.fail(f"It ended without {event}:\n{running.log.read_text()}")
