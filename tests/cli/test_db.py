"""`orchestrator db`: the schema, brought up to date or only looked at."""

import pytest

from tests.cli.commanding import CommandLine


def test_a_database_that_is_empty_fails_the_check_and_passes_it_after_the_upgrade(command_line: CommandLine) -> None:
    before = command_line("db", "check")
    upgraded = command_line("db", "upgrade")
    after = command_line("db", "check")

    assert before.code == 1
    assert "the database is empty" in before.err
    assert "run `orchestrator db upgrade`" in before.err
    assert (upgraded.code, after.code) == (0, 0)


def test_an_upgrade_that_has_nothing_to_do_says_so(command_line: CommandLine) -> None:
    command_line("db", "upgrade")

    said = command_line("db", "upgrade")

    assert said.code == 0
    assert "already" in said.out


def test_a_database_that_is_away_is_named_without_its_password(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_DATABASE_URL", "postgresql+asyncpg://media:hush-hush@127.0.0.1:1/media")

    said = command_line("db", "check")

    assert said.code == 1
    assert "the database postgresql+asyncpg://media:…@127.0.0.1:1/media cannot be used" in said.err
    assert "hush-hush" not in said.err


def test_a_database_of_an_unknown_kind_is_refused_with_the_kinds_there_are(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_DATABASE_URL", "mysql://media.example.com/media")

    said = command_line("db", "upgrade")

    assert said.code == 1
    assert "sqlite+aiosqlite:///path or postgresql+asyncpg://" in said.err
