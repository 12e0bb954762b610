"""An asset: our record of one media file of a job. Its bytes are a blob, addressed by SHA-256."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from orchestrator.domain.ids import AssetId, CallbackId, JobId
from orchestrator.domain.outcome import AssetKind


class AssetState(StrEnum):
    """`pending` until its bytes are safe with us."""

    PENDING = "pending"
    STORED = "stored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One row of `assets`."""

    id: AssetId
    job_id: JobId
    index: int
    """Its place in the upstream's own order, from 0."""
    kind: AssetKind
    state: AssetState
    source_url: str | None
    """Where the upstream keeps it; None when the bytes came inside the reply."""
    callback_id: CallbackId
    """The reply that named it, and that holds its bytes when they came inline."""
    revised_prompt: str | None
    sha256: str | None
    content_type: str | None
    """What the bytes are, by their own signature; never what somebody claimed."""
    bytes: int | None
    width: int | None
    height: int | None
    stored_at: datetime | None
