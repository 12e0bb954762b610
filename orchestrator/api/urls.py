"""Addresses that consumers give us, judged by the guard as far as that goes without connecting."""

from orchestrator.domain.errors import Rejected
from orchestrator.egress.guard import Forbidden
from orchestrator.lifecycle.services import Services


def check_url(services: Services, url: str, *, field: str) -> str:
    """Return `url`, or raise Rejected with the guard's reason. A name is judged again at every attempt."""
    try:
        services.guard.check_url(url)
    except Forbidden as exc:
        raise Rejected(field, exc.reason) from exc
    return url
