"""What is handed from one verb to the next."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from orchestrator.domain.asset import Asset
from orchestrator.domain.callback import Callback
from orchestrator.domain.delivery import Delivery
from orchestrator.domain.job import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A reply that is in the inbox, on its way to be settled."""

    callback: Callback
    body: object
    """The decoded body; None when it is to be read back from where it is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """A job whose assets are to be stored."""

    job: Job
    assets: Sequence[Asset]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A delivery with all that sending it needs."""

    delivery: Delivery
    body: bytes
    secrets: Sequence[str] = field(repr=False)
