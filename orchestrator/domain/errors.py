"""What can go wrong in a way that somebody outside should hear about.

    OrchestratorError
     ├─ NotFound            there is no such thing, or not for you
     ├─ Unauthorized        no key, or not a valid one
     ├─ Rejected            the request is wrong: names the field and the remedy
     │   └─ KeyReused       the same Idempotency-Key with another body
     ├─ Conflict            the request is right but the thing's state forbids it
     ├─ TooLarge            a body over its limit
     └─ Unavailable         we cannot now; nothing was kept; try again

Each carries a stable `code` for programs and a full sentence for people. Which HTTP status an error has is known to
`web.problems` alone.
"""

from typing import ClassVar


class OrchestratorError(Exception):
    """Something that the caller can be told about."""

    code: ClassVar[str] = "error"


class NotFound(OrchestratorError):
    """There is no such thing, or it belongs to somebody else: the answer is the same on purpose."""

    code = "not_found"


class Unauthorized(OrchestratorError):
    """The API key is missing, unknown, expired or revoked."""

    code = "unauthorized"


class Rejected(OrchestratorError):
    """The request cannot be right; `field` is the dotted path of what is wrong."""

    code = "invalid_request"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class KeyReused(Rejected):
    """The Idempotency-Key was used before with another body."""

    code = "idempotency_key_reuse"


class Conflict(OrchestratorError):
    """The thing exists, but its state does not allow this."""

    code = "conflict"


class TooLarge(OrchestratorError):
    """The body is over its limit, whatever its declared length."""

    code = "too_large"


class Unavailable(OrchestratorError):
    """We cannot take this now, nothing of it was kept, and it is safe to send it again."""

    code = "unavailable"

    def __init__(self, message: str, *, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Whole seconds after which trying again is sensible."""
