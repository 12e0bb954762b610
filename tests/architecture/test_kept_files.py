"""Nothing that git keeps tells where or how it was made."""

import re
from pathlib import Path
from typing import Final

import pytest

from tests.architecture.checkout import kept_files, name_of

# Hosts of package registries, put together here so that this file does not name them.
REGISTRIES: Final = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("python" + "hosted", "org"),
        ("npm" + "js", "org"),
        ("npm" + "js", "com"),
        ("yarn" + "pkg", "com"),
        ("crates", "io"),
        ("rubygems", "org"),
        ("anaconda", "org"),
        ("proxy", "golang", "org"),
        ("repo", "maven", "apache", "org"),
    )
]
DOWNLOAD: Final = re.compile(r"https?://[^\s\"'`]+\.(?:whl|tar\.gz|tgz|zip|deb|rpm)\b|(?:extra-)?" + "index" + "-url")
# Where people and machines keep their own things: a path of that kind means nothing anywhere else.
SOMEBODYS_PATH: Final = re.compile(r"(?<![\w.~-])/(?:work|root|home|Users|opt/wheels)/\w")


@pytest.fixture(scope="module")
def texts() -> dict[Path, str]:
    return {path: path.read_bytes().decode(errors="replace") for path in kept_files()}


def _guilty(texts: dict[Path, str], pattern: re.Pattern[str]) -> list[str]:
    return [f"{name_of(path)}: {found.group()}" for path, text in texts.items() if (found := pattern.search(text))]


@pytest.mark.parametrize("host", REGISTRIES)
def test_no_file_names_a_package_registry(texts: dict[Path, str], host: str) -> None:
    assert _guilty(texts, re.compile(re.escape(host))) == []


def test_no_file_holds_the_address_of_a_download(texts: dict[Path, str]) -> None:
    assert _guilty(texts, DOWNLOAD) == []


def test_no_file_holds_a_path_of_somebodys_machine(texts: dict[Path, str]) -> None:
    assert _guilty(texts, SOMEBODYS_PATH) == []


def test_what_is_made_on_the_way_is_not_kept(texts: dict[Path, str]) -> None:
    made = re.compile(r"^(\.venv|data|demo|dist|build)/|(^|/)__pycache__/|\.(pyc|db|db-wal|db-shm)$")

    assert [name_of(path) for path in texts if made.search(name_of(path))] == []


def test_the_requirements_are_exact_versions_and_nothing_else(texts: dict[Path, str]) -> None:
    lines = next(text for path, text in texts.items() if name_of(path) == "requirements.txt").splitlines()
    pins = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]

    assert pins
    assert [line for line in pins if not re.fullmatch(r"[a-z0-9._-]+==[\w.!+]+(?: ; .+)?", line)] == []
