"""The numbers that verbs obey, in one value, so that a test can set any of them.

Settings become a policy in `app.py`; nothing below reads the environment.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from orchestrator.domain.backoff import WEBHOOK_SCHEDULE

RECORDING: Final = timedelta(seconds=2)
"""What a lease must still last beyond a webhook's own time-out for an attempt to be begun."""


class Resubmit(StrEnum):
    """What to do with a submit that the provider, asked twice, does not know."""

    WHEN_ABSENT = "when_absent"
    NEVER = "never"


class Reach(StrEnum):
    """How results come back."""

    CALLBACK = "callback"
    POLL = "poll"
    """`PUBLIC_URL` cannot be reached from the provider: submit with `async: true` and ask for results."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Times are durations, sizes are bytes."""

    public_url: str = "http://127.0.0.1:8080"
    reach: Reach = Reach.CALLBACK
    resubmit: Resubmit = Resubmit.WHEN_ABSENT

    rest: timedelta = timedelta(milliseconds=500)
    """Between two tries to reach a database that is away."""
    max_submits: int = 3
    """How often a job is submitted at most without a word of its fate: each may have been paid."""

    lease: timedelta = timedelta(seconds=60)
    """A dead worker's row comes due again after this long."""
    submit_timeout: timedelta = timedelta(seconds=30)
    submit_backoff: timedelta = timedelta(seconds=1)
    submit_backoff_cap: timedelta = timedelta(minutes=1)

    reconcile_after: timedelta | None = None
    """Overrides every operation's own time until a callback is overdue."""
    poll_every: timedelta = timedelta(seconds=5)
    """The first wait between two questions; it grows by half each time."""
    poll_cap: timedelta = timedelta(minutes=10)
    doubt_after: timedelta = timedelta(seconds=5)
    """How long after an ambiguous submit the provider is first asked."""
    absent_after: timedelta = timedelta(seconds=30)
    """An "I do not know it" counts for good only when it was said again this long after the send."""

    collect_tries: int = 12
    """How often a download is tried that may work another time: for about 25 minutes."""
    store_tries: int = 288
    """How often it is tried while our own store is the trouble: for about a day, because the result was paid for."""
    collect_backoff: timedelta = timedelta(seconds=2)
    collect_backoff_cap: timedelta = timedelta(minutes=5)
    download_timeout: timedelta = timedelta(minutes=2)
    max_asset_bytes: int = 512 * 1024 * 1024
    max_pixels: int = 100_000_000

    webhook_timeout: timedelta = timedelta(seconds=15)
    webhook_schedule: tuple[timedelta, ...] = WEBHOOK_SCHEDULE
    retry_after_cap: timedelta = timedelta(hours=24)
    secret_overlap: timedelta = timedelta(hours=24)
    link_ttl: timedelta = timedelta(days=7)

    max_callback_bytes: int = 64 * 1024 * 1024
    inline_body_bytes: int = 256 * 1024
    """A callback over this size is spooled to the blob store."""
    max_request_bytes: int = 64 * 1024 * 1024
    max_wait: timedelta = timedelta(seconds=60)

    idempotency_ttl: timedelta = timedelta(hours=24)
    retain_jobs: timedelta | None = None
    """How long finished jobs, with their assets, are kept; None keeps them."""
    retain_callbacks: timedelta = timedelta(days=7)
    retain_attempts: timedelta = timedelta(days=30)

    background_patience: timedelta = timedelta(milliseconds=500)
    """How long work behind the callbacks stands back while callbacks are being acknowledged."""

    @property
    def delivery_lease(self) -> timedelta:
        """A delivery's own lease: long enough to make an attempt and to record it."""
        return max(self.lease, self.webhook_timeout + 2 * RECORDING)
