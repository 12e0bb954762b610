"""What an endpoint wants to hear, and who signs for it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.domain.endpoint import Endpoint, signing_secrets
from orchestrator.domain.ids import ConsumerId, EndpointId

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def listening_to(*events: str) -> Endpoint:
    return Endpoint(
        id=EndpointId("e"),
        consumer_id=ConsumerId("c"),
        url="https://hooks.example.com",
        events=events,
        description="",
        secret="new",
        previous_secret=None,
        previous_secret_expires_at=None,
        disabled_at=None,
        disabled_reason=None,
        created_at=NOW,
    )


@pytest.mark.parametrize(
    ("events", "wanted"),
    [
        (["*"], True),
        (["job.failed"], True),
        (["job.succeeded", "job.failed"], True),
        (["job.succeeded"], False),
        (["job.*"], False),
        (["job"], False),
        ([], False),
    ],
)
def test_an_endpoint_hears_what_it_listens_to(events: Sequence[str], wanted: bool) -> None:
    assert listening_to(*events).wants("job.failed") is wanted


def test_a_disabled_endpoint_wants_nothing() -> None:
    assert not replace(listening_to("*"), disabled_at=NOW, disabled_reason="Gone.").wants("job.failed")


@pytest.mark.parametrize(
    ("previous", "expires_at", "signing"),
    [
        (None, None, ("new",)),
        ("old", NOW + timedelta(seconds=1), ("new", "old")),
        ("old", NOW, ("new",)),
        ("old", NOW - timedelta(days=1), ("new",)),
        ("old", None, ("new",)),
    ],
)
def test_the_old_secret_signs_beside_the_new_one_until_it_expires(
    previous: str | None, expires_at: datetime | None, signing: tuple[str, ...]
) -> None:
    assert signing_secrets("new", previous, expires_at, now=NOW) == signing
