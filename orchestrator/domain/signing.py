"""Signatures: what proves that a callback, a link or a webhook is what it says.

* A callback's URL carries HMAC-SHA256(secret, task id), cut to 128 bits: verified without a database read, and of no
  use for any other task.
* A link to an asset carries the same kind of proof of the asset's id and of the time at which it ends. Its message
  begins with `link:`, which no task id does, so that neither proof can be passed off as the other.
* A webhook is signed as Standard Webhooks say (https://www.standardwebhooks.com, scheme `v1`).

The service's own secrets come as a sequence: the first signs, all verify, so that one can be replaced in peace.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

WEBHOOK_SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - the published prefix of every such secret, not a secret
_PROOF_BYTES: Final = 16
_SHA256: Final = "sha256"


def callback_token(secret: str, task_id: str) -> str:
    """The last segment of a task's callback URL: 128 bits, base64url without padding, 22 characters."""
    return _proof(secret, task_id)


def verify_callback_token(secrets: Sequence[str], task_id: str, token: str) -> bool:
    """Whether one of `secrets` made this token for this task. Whatever a stranger sends is False, never an error."""
    return _is_proof(secrets, task_id, token)


def sign_link(secret: str, *, asset_id: str, expires: int) -> str:
    """The signature of a link to an asset that is good until `expires`, in seconds since 1970."""
    return _proof(secret, _link(asset_id, expires))


def verify_link(secrets: Sequence[str], *, asset_id: str, expires: int, signature: str) -> bool:
    """Whether we signed a link to this asset with this end. That the end is not past yet is for the caller to see."""
    return _is_proof(secrets, _link(asset_id, expires), signature)


def sign_webhook(secrets: Sequence[str], *, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`: one `v1,…` per secret, so that an endpoint can change over to a new one.

    `timestamp` is the time of this attempt in seconds since 1970. Raises ValueError for a secret that is not
    `whsec_` and base64, and for an id with a dot, which would make the signed text ambiguous.
    """
    if "." in message_id:
        raise ValueError(f"The message id {message_id} holds a dot, which Standard Webhooks forbid.")
    signed = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
    return " ".join("v1," + _base64(hmac.digest(_webhook_key(secret), signed, _SHA256)) for secret in secrets)


def new_webhook_secret(random: bytes) -> str:
    """A `whsec_` secret of 24 to 64 random bytes, as the standard asks; 32 are the usual."""
    if not 24 <= len(random) <= 64:
        raise ValueError(f"A webhook secret is made of 24 to 64 random bytes, not of {len(random)}.")
    return WEBHOOK_SECRET_PREFIX + _base64(random)


def hash_key(api_key: str) -> str:
    """What is kept of an API key: its SHA-256 as hex. Keys are random, so nothing slower is needed."""
    return hashlib.sha256(api_key.encode(errors="surrogatepass")).hexdigest()


def _link(asset_id: str, expires: int) -> str:
    return f"link:{asset_id}:{expires}"


def _proof(secret: str, message: str) -> str:
    digest = hmac.digest(secret.encode(), message.encode(errors="surrogatepass"), _SHA256)
    return base64.urlsafe_b64encode(digest[:_PROOF_BYTES]).decode().rstrip("=")


def _is_proof(secrets: Sequence[str], message: str, claimed: str) -> bool:
    # compare_digest takes text only if it is ASCII, so bytes are compared. No secret is left out after a match: the
    # time taken does not tell which one it was.
    given = claimed.encode(errors="surrogatepass")
    genuine = False
    for secret in secrets:
        genuine |= hmac.compare_digest(_proof(secret, message).encode(), given)
    return genuine


# An endpoint's secret signs each of its deliveries; decoding it anew would be a tenth of the time that signing takes.
@lru_cache(maxsize=4096)
def _webhook_key(secret: str) -> bytes:
    if not secret.startswith(WEBHOOK_SECRET_PREFIX):
        raise ValueError("A webhook secret begins with whsec_.")
    text = secret.removeprefix(WEBHOOK_SECRET_PREFIX)
    try:
        # Some makers leave the padding out.
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError as exc:
        raise ValueError("A webhook secret is whsec_ and base64.") from exc
    if not key:
        raise ValueError("A webhook secret cannot be empty.")
    return key


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
