"""Settings that cannot be right are named as the operator knows them."""

import pytest

from tests.cli.commanding import CommandLine


def test_each_wrong_setting_is_named_once_with_what_it_is_for(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_PORT", "eighty")
    monkeypatch.setenv("ORCHESTRATOR_ALLOW_PRIVATE_NETWORKS", "10.0.0.0/33")

    said = command_line("serve")

    assert said.code == 1
    assert said.err.count("ORCHESTRATOR_PORT") == 1
    assert "'eighty'" in said.err
    assert "The port that `serve` listens on." in said.err
    assert said.err.count("ORCHESTRATOR_ALLOW_PRIVATE_NETWORKS") == 1


def test_a_public_url_that_is_none_is_named(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_PUBLIC_URL", "media.example.com")

    said = command_line("db", "check")

    assert said.code == 1
    assert "ORCHESTRATOR_PUBLIC_URL must be an http or https URL, not 'media.example.com'." in said.err


def test_an_option_of_the_command_line_is_judged_like_its_setting(command_line: CommandLine) -> None:
    said = command_line("serve", "--port", "70000")

    assert said.code == 1
    assert "ORCHESTRATOR_PORT: Input should be less than or equal to 65535 (got 70000)." in said.err
