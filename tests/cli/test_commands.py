"""The commands: there, explained, and not in each other's way."""

import subprocess
import sys
from dataclasses import fields

import pytest

import orchestrator
from orchestrator.cli import COMMANDS
from orchestrator.sandbox.options import SandboxOptions
from tests.cli.commanding import ROOT, CommandLine, environment

SHOW_HELP = """
import sys
from orchestrator.cli import main
try:
    main(["--help"])
finally:
    heavy = {"sqlalchemy", "alembic", "starlette", "aiohttp", "httpx", "pydantic"} & set(sys.modules)
    assert not heavy, heavy
"""


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(command_line: CommandLine, name: str) -> None:
    said = command_line(name, "--help")

    assert said.code == 0
    assert COMMANDS[name] in said.out


def test_the_help_names_every_command(command_line: CommandLine) -> None:
    said = command_line("--help")

    assert said.code == 0
    assert all(f" {name} " in said.out and sentence in said.out for name, sentence in COMMANDS.items())


def test_the_help_is_quick_because_it_imports_nothing_of_the_service() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SHOW_HELP], env=environment({}), cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


def test_the_version_is_the_packages(command_line: CommandLine) -> None:
    said = command_line("--version")

    assert (said.code, said.out.strip()) == (0, orchestrator.__version__)


def test_a_command_that_does_not_exist_is_refused_by_name(command_line: CommandLine) -> None:
    said = command_line("serv")

    assert said.code == 2
    assert "serv" in said.err


def test_the_sandbox_has_a_flag_for_each_of_its_options(command_line: CommandLine) -> None:
    said = command_line("sandbox", "--help")

    missing = [field.name for field in fields(SandboxOptions) if f"--{field.name.replace('_', '-')}" not in said.out]
    assert missing == []


def test_an_option_that_the_sandbox_cannot_have_is_refused_in_a_sentence(command_line: CommandLine) -> None:
    said = command_line("sandbox", "--lost-rate", "2", "--port", "0")

    assert (said.code, said.err) == (1, "orchestrator: lost_rate is a probability: it lies between 0 and 1.\n")
