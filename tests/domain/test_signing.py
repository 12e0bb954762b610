"""The published vectors, another library's verdict, and what strangers may send."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from orchestrator.domain.signing import (
    callback_token,
    hash_key,
    new_webhook_secret,
    sign_link,
    sign_webhook,
    verify_callback_token,
    verify_link,
)

TASK = "01990e7c-52d1-7a3e-9f51-0a6f2b8c4d10"
ASSET = "01990e7c-9b20-7f04-8c66-5d1e7a9b3c22"


def test_a_callback_token_is_the_first_128_bits_of_the_hmac_of_the_task_id() -> None:
    digest = hmac.new(b"first", TASK.encode(), hashlib.sha256).digest()

    token = callback_token("first", TASK)

    assert base64.urlsafe_b64decode(token + "==") == digest[:16]
    assert len(token) == 22


def test_the_first_secret_signs_and_every_secret_verifies() -> None:
    old, new = callback_token("old", TASK), callback_token("new", TASK)

    assert verify_callback_token(["new", "old"], TASK, new)
    assert verify_callback_token(["new", "old"], TASK, old)
    assert not verify_callback_token(["new"], TASK, old)
    assert not verify_callback_token([], TASK, new)


def test_a_token_is_good_for_its_own_task_only() -> None:
    token = callback_token("secret", TASK)

    assert not verify_callback_token(["secret"], TASK[:-1] + "1", token)


@given(st.text())
def test_whatever_a_stranger_sends_as_a_token_is_false_and_no_error(token: str) -> None:
    assert not verify_callback_token(["secret"], TASK, token)
    assert not verify_link(["secret"], asset_id=ASSET, expires=1, signature=token)


@pytest.mark.parametrize("token", ["", "é" * 22, "\ud800", "a" * 100_000, callback_token("secret", TASK) + "="])
def test_a_malformed_token_is_false(token: str) -> None:
    assert not verify_callback_token(["secret"], TASK, token)


def test_a_task_id_that_is_no_text_is_false() -> None:
    assert not verify_callback_token(["secret"], "\ud800", callback_token("secret", TASK))


def test_a_link_is_good_for_its_asset_and_its_end_only() -> None:
    signature = sign_link("secret", asset_id=ASSET, expires=1_900_000_000)

    assert verify_link(["other", "secret"], asset_id=ASSET, expires=1_900_000_000, signature=signature)
    assert not verify_link(["secret"], asset_id=ASSET, expires=1_900_000_001, signature=signature)
    assert not verify_link(["secret"], asset_id=TASK, expires=1_900_000_000, signature=signature)
    assert not verify_link(["other"], asset_id=ASSET, expires=1_900_000_000, signature=signature)


def test_a_links_signature_is_no_callback_token() -> None:
    signature = sign_link("secret", asset_id=ASSET, expires=5)

    assert not verify_callback_token(["secret"], ASSET, signature)
    assert not verify_callback_token(["secret"], f"{ASSET}:5", signature)


# The test vectors that the Standard Webhooks libraries share; their keys are published, not secret.
VECTORS = [
    (
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ),
    (
        "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
        "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
        1649367553,
        b'{"email":"test@example.com","username":"test_user"}',
        "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
    ),
]


@pytest.mark.parametrize(("secret", "message_id", "timestamp", "body", "signature"), VECTORS)
def test_the_published_vectors_match(secret: str, message_id: str, timestamp: int, body: bytes, signature: str) -> None:
    assert sign_webhook([secret], message_id=message_id, timestamp=timestamp, body=body) == signature


def test_the_standard_library_of_webhooks_accepts_either_secret_during_rotation() -> None:
    old, new = new_webhook_secret(b"o" * 32), new_webhook_secret(b"n" * 24)
    body = json.dumps({"type": "job.succeeded", "data": {"prompt": "über"}}).encode()
    now = int(datetime.now(UTC).timestamp())

    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(now),
        "webhook-signature": sign_webhook([new, old], message_id="evt_1", timestamp=now, body=body),
    }

    assert Webhook(old).verify(body, headers) == json.loads(body)
    assert Webhook(new).verify(body, headers) == json.loads(body)
    with pytest.raises(WebhookVerificationError):
        Webhook(new).verify(body + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_webhook_secret(b"x" * 32)).verify(body, headers)


def test_a_secret_without_padding_signs_like_one_with_it() -> None:
    secret = new_webhook_secret(b"k" * 25)

    assert secret.endswith("=")
    assert sign_webhook([secret.rstrip("=")], message_id="m", timestamp=1, body=b"{}") == sign_webhook(
        [secret], message_id="m", timestamp=1, body=b"{}"
    )


@pytest.mark.parametrize(
    "secret", ["", "plain", "whsec_", "whsec_!!!!", "whsec_é", "whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
)
def test_what_is_not_a_webhook_secret_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="webhook secret"):
        sign_webhook([secret], message_id="m", timestamp=1, body=b"{}")


def test_a_message_id_with_a_dot_is_refused() -> None:
    with pytest.raises(ValueError, match="dot"):
        sign_webhook([VECTORS[0][0]], message_id="msg.1", timestamp=1, body=b"{}")


@pytest.mark.parametrize("length", [0, 23, 65])
def test_a_webhook_secret_of_the_wrong_length_is_not_made(length: int) -> None:
    with pytest.raises(ValueError, match="24 to 64"):
        new_webhook_secret(b"r" * length)


def test_an_api_key_is_kept_as_its_sha256() -> None:
    assert hash_key("abc") == hashlib.sha256(b"abc").hexdigest()
    assert hash_key("\ud800") != hash_key("")
