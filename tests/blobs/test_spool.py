"""Bytes as they come: few in memory, many in a file, none left behind."""

import hashlib
import resource
from pathlib import Path

import pytest

from orchestrator.blobs.errors import StoreFull, StoreUnavailable
from orchestrator.blobs.spool import Spool


def test_few_bytes_stay_in_memory(tmp_path: Path) -> None:
    with Spool(tmp_path, max_memory=10) as spool:
        spool.write(b"01234")
        spool.write(b"56789")

        assert spool.finish() == b"0123456789"
        assert list(tmp_path.iterdir()) == []


def test_one_chunk_is_handed_on_without_a_copy(tmp_path: Path) -> None:
    chunk = b"x" * 1000
    with Spool(tmp_path) as spool:
        spool.write(chunk)

        assert spool.finish() is chunk


def test_nothing_at_all_is_no_bytes(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        assert spool.finish() == b""
        assert spool.size == 0


@pytest.mark.parametrize("chunk", [1, 7, 10, 11, 100, 5000])
def test_many_bytes_go_to_a_file_and_are_hashed_on_the_way(tmp_path: Path, chunk: int) -> None:
    content = bytes(range(256)) * 20
    with Spool(tmp_path, max_memory=10) as spool:
        for at in range(0, len(content), chunk):
            spool.write(content[at : at + chunk])
        path = spool.finish()

        assert isinstance(path, Path)
        assert path.parent == tmp_path
        assert path.read_bytes() == content
        assert spool.size == len(content)
        assert spool.sha256 == hashlib.sha256(content).hexdigest()


def test_the_file_is_removed_with_the_block(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), Spool(tmp_path, max_memory=1) as spool:
        spool.write(b"more than one")
        assert list(tmp_path.iterdir()) != []
        raise ZeroDivisionError

    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_moved_away_is_left_alone(tmp_path: Path) -> None:
    with Spool(tmp_path, max_memory=1) as spool:
        spool.write(b"more than one")
        path = spool.finish()
        assert isinstance(path, Path)
        path.rename(tmp_path / "kept")

    assert (tmp_path / "kept").read_bytes() == b"more than one"


def test_a_disk_without_room_is_said_to_be_full_and_nothing_stays(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(StoreFull), Spool(tmp_path, max_memory=1) as spool:
            for _ in range(10):
                spool.write(b"x" * 50_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert list(tmp_path.iterdir()) == []


def test_a_scratch_folder_that_is_gone_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable), Spool(tmp_path / "gone", max_memory=1) as spool:
        spool.write(b"more than one")
