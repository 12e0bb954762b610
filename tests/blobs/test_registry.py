"""Which store a URL means."""

from pathlib import Path

import pytest

from orchestrator.blobs.cloud import CloudStore
from orchestrator.blobs.local import LocalStore
from orchestrator.blobs.registry import open_store
from orchestrator.domain.errors import Rejected


@pytest.mark.parametrize("url", ["file://./data/assets", "file://data/assets", "./data/assets", "data/assets"])
def test_a_relative_folder_is_under_the_working_directory(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    store = open_store(url)

    assert isinstance(store, LocalStore)
    assert store.scratch == tmp_path / "data/assets/.scratch"
    assert store.scratch.is_dir()


@pytest.mark.parametrize("prefix", ["file://", ""])
def test_an_absolute_folder_is_where_it_says(prefix: str, tmp_path: Path) -> None:
    assert open_store(f"{prefix}{tmp_path}/assets").scratch == tmp_path / "assets/.scratch"


@pytest.mark.parametrize("url", ["s3://bucket/prefix", "gs://bucket/prefix", "az://container/prefix", "memory://"])
def test_a_cloud_keeps_its_scratch_files_where_it_is_told(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")

    store = open_store(url, scratch=tmp_path / "scratch")

    assert isinstance(store, CloudStore)
    assert store.scratch == tmp_path / "scratch"
    assert store.scratch.is_dir()


@pytest.mark.parametrize("url", ["", "file://", "http://cdn.example.com/assets", "s3://", "s3://key:secret@bucket/"])
def test_a_url_that_means_no_store_is_refused_by_the_settings_name(url: str, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="STORAGE_URL") as refusal:
        open_store(url, scratch=tmp_path)

    assert "secret@" not in str(refusal.value)
