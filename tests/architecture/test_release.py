"""What is released: one version in all places, and a wheel that can do what the checkout can."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from orchestrator import __version__
from tests.architecture.checkout import ROOT, kept_files

# Run with the unpacked wheel alone on the path: build an empty database with the migrations that travel in it.
BUILD_A_DATABASE = """
import asyncio
from pathlib import Path
from orchestrator.storage.database import Database
from orchestrator.storage.migrations import current, head, script_location, upgrade

async def main():
    assert script_location().is_relative_to(Path("unpacked").resolve()), script_location()
    db = Database("sqlite+aiosqlite:///fresh.db")
    await upgrade(db)
    assert await current(db) == head()
    await db.close()

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_the_top_of_the_changelog_is_the_version() -> None:
    released = re.findall(r"^## \[(\d[^\]]*)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert released[0] == __version__


def test_the_wheel_has_the_package_the_migrations_and_the_command(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    with archive:
        names = set(archive.namelist())
        entry_points = archive.read(f"orchestrator-{__version__}.dist-info/entry_points.txt").decode()

    kept = {path.relative_to(ROOT).as_posix() for path in kept_files()}
    package = {name for name in kept if name.startswith("orchestrator/")}
    migrations = {name.replace("migrations", "orchestrator/_migrations", 1) for name in kept if name.startswith("migr")}
    assert migrations
    assert package | migrations == {name for name in names if ".dist-info/" not in name}
    assert "orchestrator = orchestrator.cli:main" in entry_points


def test_the_wheel_builds_its_own_database(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "unpacked")

    done = subprocess.run(
        [sys.executable, "-c", BUILD_A_DATABASE],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "unpacked"), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
    )

    assert done.stderr == ""
    assert done.returncode == 0
