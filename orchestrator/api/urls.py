"""Addresses that consumers give us, judged by the guard as far as that goes without connecting."""

from typing import Final

from orchestrator.domain.errors import Rejected
from orchestrator.egress.guard import Forbidden
from orchestrator.lifecycle.services import Services

MAX_URL: Final = 2048
"""Characters. Each delivery keeps a copy of the address."""


def check_url(services: Services, url: str, *, field: str) -> str:
    """Return `url`, or raise Rejected with the guard's reason. A name is judged again at every attempt."""
    if len(url) > MAX_URL:
        raise Rejected(field, f"is over {MAX_URL} characters.")
    try:
        services.guard.check_url(url)
    except Forbidden as exc:
        raise Rejected(field, exc.reason) from exc
    return url
