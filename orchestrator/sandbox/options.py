"""What the sandbox is told once, at its start: each field is a flag of `orchestrator sandbox`.

What a single request may ask for is a `Behaviour`; the field `behaviour` here is one that all requests start from.
"""

from dataclasses import dataclass
from typing import Final

MEBIBYTE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """Settings of one sandbox. Durations are seconds, sizes bytes, rates probabilities from 0 to 1.

    public_url          base of the media links; by default what the submit's own Host header says
    token               the one Bearer token that is accepted; by default any that is not empty
    seed                makes ids and chance repeat themselves; by default every run differs
    delay               from a submit to its result
    delay_jitter        up to this much is added to each delay
    failure_rate        share of the tasks that fail with `api_error`
    duplicate_rate      share of the callbacks that are sent twice
    lost_rate           share of the callbacks that are never sent
    early_rate          share of the callbacks that are sent before the submit is answered
    link_ttl            for how long a media link lives
    rate_limit          tasks that may be unfinished at once; one more is answered 429
    nested              OpenAI image callbacks carry `data: {created, data: […]}`, as the guides print it
    behaviour           what every request does unless it says otherwise, such as "ack=full; progress=1"
    callback_timeout    for how long a receiver of callbacks may think
    callback_retries    how often a callback that was not answered 2xx is sent again; the platform promises none
    callback_pause      before the first such repetition; each further one waits twice as long
    callback_connections  callbacks that may be on their way at once
    keep                how many requests, tasks and callbacks are remembered, each
    cache_bytes         drawn pictures that are kept
    max_body            a submit that is larger is answered 413
    """

    public_url: str | None = None
    token: str | None = None
    seed: int | None = None
    delay: float = 2.0
    delay_jitter: float = 0.0
    failure_rate: float = 0.0
    duplicate_rate: float = 0.0
    lost_rate: float = 0.0
    early_rate: float = 0.0
    link_ttl: float = 3600.0
    rate_limit: int | None = None
    nested: bool = True
    behaviour: str = ""
    callback_timeout: float = 10.0
    callback_retries: int = 0
    callback_pause: float = 1.0
    callback_connections: int = 200
    keep: int = 10_000
    cache_bytes: int = 64 * MEBIBYTE
    max_body: int = 64 * MEBIBYTE

    def __post_init__(self) -> None:
        for name in ("failure_rate", "duplicate_rate", "lost_rate", "early_rate"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} is a probability: it lies between 0 and 1.")
        for name in ("delay", "delay_jitter", "link_ttl", "callback_retries", "callback_pause", "cache_bytes"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative.")
        if self.keep < 1 or self.callback_connections < 1:
            raise ValueError("keep and callback_connections must be at least 1.")
