"""Errors in every envelope that was seen, read into one `UpstreamError`.

    {"error": {"code", "message"}, "trace_id"}      the gateway
    {"success": false, "error": {…}, …}             callbacks, records, many guides
    {"error": "a sentence", …}                      payment required; some providers
    {"code", "detail"}   {"code"}                   kling
    {"status": 400, "message": "…"}                 fish

An error that is an object is the upstream's last word. A bare string is not: while a task runs, records show strings
such as "temporary" that go away again.
"""

from dataclasses import dataclass
from typing import Final

from orchestrator.domain.outcome import UpstreamError
from orchestrator.providers.shape import JsonObject, identifier, items, layers, text
from orchestrator.providers.words import is_done

NO_CODE: Final = "upstream_error"

_RETRYABLE: Final = frozenset({"too_many_requests", "rate_limited", "busy", "api_error", "timeout", "server_error"})
_REASONS: Final = ("message", "detail", "msg", "reason", "failure_reason", "fail_reason", "error_message")
_ENVELOPE: Final = frozenset({"success", "task_id", "trace_id", "code", "status", "type", *_REASONS})
"""The keys of an error without `error`. One more and the body is something else that happens to have a `code`."""
_HTTP_ERRORS: Final = range(400, 600)


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """An error as a reply states it."""

    error: UpstreamError
    is_structured: bool
    """False for a bare string, which only counts where the upstream has finished speaking."""


def upstream_error(code: str | None, message: str | None) -> UpstreamError:
    """An error with what is missing filled in: `upstream_error`, and a sentence that names the code."""
    code = code or NO_CODE
    return UpstreamError(
        code=code,
        message=message or f"The upstream gave the code {code} and no reason.",
        retryable=code.lower() in _RETRYABLE,
    )


def find_complaint(node: JsonObject) -> Complaint | None:
    """The error that this very object states or is, or None. Empty errors (`null`, `""`, `{}`, code 0) are none."""
    return _stated(node) or _from_envelope(node)


def complaint_of(reply: JsonObject) -> Complaint | None:
    """The error of a reply as a whole. Under `data` a mere `code` may be a result: only an `error` counts there."""
    return find_complaint(reply) or next(filter(None, map(_stated, layers(reply))), None)


def unexplained(reply: JsonObject) -> UpstreamError:
    """The error of a reply that says `failed` and has no error in any known place."""
    reasons = (_reason(node) for node in (*layers(reply), *items(reply)))
    return upstream_error(None, next(filter(None, reasons), "The upstream says that it failed and gives no reason."))


def error_of_status(status: int, body: object) -> UpstreamError:
    """The error behind an HTTP status that is one, whatever the body is; a page of the edge says nothing useful."""
    if isinstance(body, dict):
        if (complaint := complaint_of(body)) is not None:
            return complaint.error
        if (code := identifier(body.get("code"))) is not None or _reason(body) is not None:
            return upstream_error(code, _reason(body))
    return upstream_error(None, f"The upstream answered {status} without saying why.")


def _stated(node: JsonObject) -> Complaint | None:
    stated = node.get("error")
    if isinstance(stated, list) and stated:
        stated = stated[0]
    if isinstance(stated, dict):
        return _from_object(stated)
    if (sentence := text(stated)) is not None:
        return Complaint(error=upstream_error(text(node.get("code"), limit=200), sentence), is_structured=False)
    return None


def _from_object(stated: JsonObject) -> Complaint | None:
    code, message = identifier(stated.get("code")) or identifier(stated.get("type")), _reason(stated)
    says_fine = code is None or code == "0" or is_done(code)
    if says_fine and message is None:
        return None
    return Complaint(error=upstream_error(code, message), is_structured=True)


def _from_envelope(node: JsonObject) -> Complaint | None:
    if node.get("success") is True or node.keys() - _ENVELOPE:
        return None
    code, status = node.get("code"), node.get("status")
    if isinstance(status, int) and status in _HTTP_ERRORS:
        return Complaint(error=upstream_error(text(code, limit=200), _reason(node)), is_structured=True)
    if isinstance(code, str) and not code.isdigit():
        return _from_object(node)
    return None


def _reason(node: JsonObject) -> str | None:
    return next((reason for name in _REASONS if (reason := _sentence(node.get(name))) is not None), None)


def _sentence(value: object) -> str | None:
    """A sentence, also out of a list of validation errors `[{"loc", "msg"}]`."""
    if isinstance(value, list):
        told = [text(each.get("msg")) or text(each.get("message")) for each in value[:5] if isinstance(each, dict)]
        return text("; ".join(filter(None, told)))
    return text(value)
