"""An endpoint: a consumer's webhook URL with its secrets and its filter."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from orchestrator.domain.ids import ConsumerId, EndpointId

EVERYTHING: Final = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One row of `endpoints`."""

    id: EndpointId
    consumer_id: ConsumerId
    url: str
    events: Sequence[str]
    """Event types, or `*` for all."""
    description: str
    secret: str
    previous_secret: str | None
    """Signs beside the new one until `previous_secret_expires_at`, so that consumers can change over in peace."""
    previous_secret_expires_at: datetime | None
    disabled_at: datetime | None
    disabled_reason: str | None
    created_at: datetime

    def wants(self, event_type: str) -> bool:
        """Whether events of this type are owed to this endpoint."""
        return self.disabled_at is None and (EVERYTHING in self.events or event_type in self.events)


def signing_secrets(
    secret: str, previous: str | None, previous_expires_at: datetime | None, *, now: datetime
) -> tuple[str, ...]:
    """The secrets that sign at `now`, the newest first."""
    if previous is not None and previous_expires_at is not None and now < previous_expires_at:
        return (secret, previous)
    return (secret,)
