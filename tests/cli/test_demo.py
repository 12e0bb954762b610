"""`orchestrator demo`: the whole of it, in a folder of its own."""

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from PIL import Image

from tests.cli.commanding import CommandLine, ended, environment

PICTURES = {
    "1-a-lighthouse-at-dusk.png": (1024, 1536),
    "2-a-paper-boat.png": (1536, 1024),
    "3-three-foxes.png": (1344, 768),
    "4-the-same-at-night.png": (1024, 1536),
    "5-two-cups-of-tea-1.jpg": (1024, 1024),
    "5-two-cups-of-tea-2.jpg": (1024, 1024),
    "7-a-lost-letter.png": (1024, 1024),
    "8-an-echo.png": (1024, 1024),
    "9-a-broken-line.png": (1024, 1024),
}


def _left_running(folder: Path) -> list[psutil.Process]:
    """Processes that were started in this folder."""
    return [process for process in psutil.process_iter(["cwd"]) if process.info["cwd"] == str(folder)]


def test_it_ends_well_with_every_picture_and_leaves_nothing_running(tmp_path: Path) -> None:
    said = ended("demo", folder=tmp_path)

    assert said.code == 0, said.out + said.err
    sizes = {}
    for picture in (tmp_path / "demo/images").iterdir():
        with Image.open(picture) as image:
            sizes[picture.name] = image.size
    assert sizes == PICTURES
    assert said.out.count("A lost letter: submitted\n") == 1
    assert "10 webhooks" in said.out
    assert "9 jobs made 9 submits; a provider would have charged 8." in said.out
    assert _left_running(tmp_path / "demo") == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_it_leaves_nothing_running_when_it_is_interrupted(tmp_path: Path, number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "orchestrator", "demo"],
        cwd=tmp_path,
        env=environment({}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        while "submitted" not in demo.stdout.readline():
            assert demo.poll() is None
        running = _left_running(tmp_path / "demo")
        demo.send_signal(number)
        _, said = demo.communicate(timeout=20)

    assert len(running) == 2
    assert (demo.returncode, said) == (130, "orchestrator: stopped; nothing is left running.\n")
    assert _left_running(tmp_path / "demo") == []


def test_a_folder_that_no_demo_has_made_is_left_alone(command_line: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images/holiday.jpg").touch()

    said = command_line("demo", "--folder", str(tmp_path))

    assert said.code == 1
    assert "no demo made it" in said.err
    assert (tmp_path / "images/holiday.jpg").exists()
