"""Which store a URL means."""

from pathlib import Path
from typing import Final

from orchestrator.blobs.base import BlobStore
from orchestrator.blobs.cloud import CloudStore
from orchestrator.blobs.local import LocalStore
from orchestrator.domain.errors import Rejected

CLOUD_SCRATCH: Final = Path("data/scratch")
_CLOUDS: Final = frozenset({"s3", "gs", "az", "memory"})


def open_store(url: str, *, scratch: Path = CLOUD_SCRATCH) -> BlobStore:
    """Open the store that `url` names, making its folder if need be.

    `file://./data/assets` and a plain path are relative to the working directory, `file:///srv/assets` is absolute;
    `s3://bucket/prefix`, `gs://…` and `az://…` are clouds; `memory://` forgets everything. `scratch` is where a cloud's
    store keeps temporary files; a folder's store has its own. Raises Rejected for a URL that means nothing, and
    StoreUnavailable when the folder cannot be made.
    """
    scheme, separator, rest = url.partition("://")
    if "@" in rest.partition("/")[0]:
        raise Rejected("STORAGE_URL", "credentials do not belong in it; use the cloud's own environment variables.")
    if scheme in _CLOUDS and separator:
        return CloudStore(url, scratch)
    path = rest if separator else url
    if (separator and scheme != "file") or not path:
        raise Rejected("STORAGE_URL", f"{url!r} is neither a folder nor file://, s3://, gs://, az:// or memory://.")
    return LocalStore(Path(path))
