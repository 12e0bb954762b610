"""`orchestrator doctor`: every finding comes from really trying, and nothing is changed by it."""

from pathlib import Path

import pytest

from tests.cli.commanding import TOKEN, CommandLine, Running


@pytest.fixture
def sound(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch, sandbox: Running) -> CommandLine:
    """Settings under which everything works."""
    monkeypatch.setenv("ORCHESTRATOR_UPSTREAM_URL", sandbox.url)
    monkeypatch.setenv("ORCHESTRATOR_UPSTREAM_TOKEN", TOKEN)
    monkeypatch.setenv("ORCHESTRATOR_API_KEYS", "a-key-that-is-long-enough")
    monkeypatch.setenv("ORCHESTRATOR_SECRET_KEY", "a-secret-that-is-long-enough")
    return command_line


def _finding(out: str, about: str) -> str:
    return next(line for line in out.splitlines() if line.startswith(f"{about} "))


def test_a_sound_installation_passes_and_is_left_as_it_was(sound: CommandLine, tmp_path: Path) -> None:
    said = sound("doctor")

    assert (said.code, said.err) == (0, "")
    assert " ok " in _finding(said.out, "upstream")
    assert " ok " in _finding(said.out, "blob store")
    assert not (tmp_path / "data/orchestrator.db").exists()
    assert [path for path in (tmp_path / "data/assets").rglob("*") if path.is_file()] == []


def test_secrets_are_not_shown(sound: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_DATABASE_URL", "postgresql+asyncpg://media:hush-hush@127.0.0.1:1/media")

    said = sound("doctor")

    hidden = ("hush-hush", TOKEN, "a-key-that-is-long-enough", "a-secret-that-is-long-enough")
    assert not any(secret in said.out + said.err for secret in hidden)


def test_a_token_that_the_provider_refuses_is_found_out(sound: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_UPSTREAM_TOKEN", "another-token")

    said = sound("doctor")

    assert said.code == 1
    assert "refuses the token (401, invalid_token)" in _finding(said.out, "upstream")
    assert "Check ORCHESTRATOR_UPSTREAM_TOKEN." in said.out


def test_a_missing_token_is_found_without_asking_anybody(sound: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORCHESTRATOR_UPSTREAM_TOKEN")

    said = sound("doctor")

    assert said.code == 1
    assert "There is no token for it." in _finding(said.out, "upstream")


def test_a_provider_that_does_not_answer_is_found_out(sound: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_UPSTREAM_URL", "http://127.0.0.1:1")

    said = sound("doctor")

    assert said.code == 1
    assert "http://127.0.0.1:1 does not answer" in _finding(said.out, "upstream")


def test_a_store_that_cannot_be_written_is_found_out(
    sound: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "occupied").touch()
    monkeypatch.setenv("ORCHESTRATOR_STORAGE_URL", f"file://{tmp_path}/occupied")

    said = sound("doctor")

    assert said.code == 1
    assert " fail " in _finding(said.out, "blob store")


def test_an_embedded_database_that_cannot_be_made_is_found_out(
    sound: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "occupied").touch()
    monkeypatch.setenv("ORCHESTRATOR_DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/occupied/media.db")

    said = sound("doctor")

    assert said.code == 1
    assert "cannot be made" in _finding(said.out, "database")


def test_a_database_at_the_right_schema_is_well(sound: CommandLine) -> None:
    sound("db", "upgrade")

    said = sound("doctor")

    assert "as this version expects" in _finding(said.out, "database")


def test_a_misspelt_setting_is_pointed_out_with_the_right_name(
    sound: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_DATABSE_URL", "sqlite+aiosqlite:///media.db")

    said = sound("doctor")

    assert said.code == 0
    assert "Did you mean ORCHESTRATOR_DATABASE_URL?" in said.out


def test_a_service_behind_nat_hears_that_its_results_are_asked_for(
    sound: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_UPSTREAM_URL", "https://media.invalid")

    said = sound("doctor")

    assert "results are asked for instead of called back" in _finding(said.out, "public URL")
