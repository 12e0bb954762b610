"""What docs/webhooks.md tells consumers is so: its code verifies what we sign, and its times are ours."""

import json
import re
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import pytest

from orchestrator.domain.backoff import WEBHOOK_SCHEDULE
from orchestrator.domain.event import EventType
from orchestrator.domain.policy import Policy
from orchestrator.domain.signing import new_webhook_secret, sign_webhook
from tests.architecture.checkout import ROOT, blocks

PAGE: Final = ROOT / "docs/webhooks.md"
TEXT: Final = " ".join(PAGE.read_text().split())
SECRET: Final = new_webhook_secret(b"a secret of thirty-two bytes, no")
OTHER: Final = new_webhook_secret(b"another one of thirty-two bytes!")
BODY: Final = '{"type": "job.succeeded", "data": {"input": {"prompt": "Ein Leuchtturm, schön"}}}'.encode()
UNITS: Final = {"s": "seconds", "min": "minutes", "h": "hours"}

Handle = Callable[[str, dict[str, str], bytes], Any]


@pytest.fixture(params=[0, 1], ids=["with the library", "without it"])
def handle(request: pytest.FixtureRequest) -> Handle:
    """The `handle` of each of the page's examples."""
    namespace: dict[str, Any] = {}
    exec(compile(blocks(PAGE, "python")[request.param], str(PAGE), "exec"), namespace)  # noqa: S102 - our own page
    found: Handle = namespace["handle"]
    return found


def _headers(*secrets: str, body: bytes = BODY, age: float = 0) -> dict[str, str]:
    timestamp = int(time.time() - age)
    return {
        "webhook-id": "019a9d5e-7c1b-7f0a-9a54-6f1d0c2b8e11",
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign_webhook(
            secrets, message_id="019a9d5e-7c1b-7f0a-9a54-6f1d0c2b8e11", timestamp=timestamp, body=body
        ),
    }


def test_the_code_of_the_page_takes_what_we_send(handle: Handle) -> None:
    assert handle(SECRET, _headers(SECRET), BODY) == json.loads(BODY)


def test_the_code_of_the_page_takes_either_secret_while_one_is_replaced(handle: Handle) -> None:
    headers = _headers(OTHER, SECRET)

    assert handle(SECRET, headers, BODY) == handle(OTHER, headers, BODY) == json.loads(BODY)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        pytest.param(_headers(OTHER), BODY, id="signed by another"),
        pytest.param(_headers(SECRET), BODY.replace(b"succeeded", b"failed"), id="changed on its way"),
        pytest.param(_headers(SECRET, age=3600), BODY, id="an hour old"),
        pytest.param(_headers(SECRET) | {"webhook-id": "019a9d5e-0000"}, BODY, id="under another id"),
    ],
)
def test_the_code_of_the_page_refuses_what_we_did_not_send(
    handle: Handle, headers: dict[str, str], body: bytes
) -> None:
    with pytest.raises(Exception, match=r".") as refused:
        handle(SECRET, headers, body)

    assert type(refused.value).__name__ in {"ValueError", "WebhookVerificationError"}


def test_the_page_tells_the_waits_between_tries() -> None:
    sentence = re.search(r"tried again: at once, then after (.*?),? each wait", TEXT)

    assert sentence is not None
    told = [timedelta(**{UNITS[unit]: int(count)}) for count, unit in re.findall(r"(\d+) (s|min|h)\b", sentence[1])]
    assert (timedelta(0), *told) == WEBHOOK_SCHEDULE


def test_the_page_tells_the_limits_of_the_policy() -> None:
    policy = Policy()

    assert f"within {policy.webhook_timeout.total_seconds():g} seconds" in TEXT
    assert f"For {policy.secret_overlap / timedelta(hours=1):g} hours both sign" in TEXT
    assert policy.link_ttl == timedelta(weeks=1)
    assert policy.retry_after_cap == timedelta(days=1)


def test_the_page_names_every_event() -> None:
    assert [kind for kind in EventType if f"`{kind}`" not in TEXT] == []
