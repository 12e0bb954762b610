"""Every way in which the platform says no at once: status, code, sentence and the form of the body.

The platform's services do not agree on a form. Each of those that were seen has a name here (`Form`), so that a
request may ask for any code in any form: `refuse=api_error; envelope=top`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import msgspec
from starlette.responses import Response


class Form(StrEnum):
    """How an error body looks, named after what it holds."""

    GATEWAY = "gateway"  # {"error": {"code", "message"}, "trace_id"}
    GUIDE = "guide"  # the same and "success": false
    FLAGGED = "flagged"  # "success": false, but no trace_id
    BARE = "bare"  # {"error": {"code", "message"}} and no more
    CODE = "code"  # {"error": {"code"}}: no message
    TOP = "top"  # {"code"}
    DETAIL = "detail"  # {"code", "detail"}
    FISH = "fish"  # {"status", "message"}, the message being JSON in a string
    STRING = "string"  # {"error": "text"}
    X402 = "x402"  # {"error": "text", "accepts": […]}
    HTML = "html"  # a page of the edge, not JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    status: int
    code: str
    message: str
    form: Form = Form.GATEWAY


class Refused(Exception):
    """The request is answered with `refusal` instead of being served; `retry_after` is in seconds."""

    def __init__(self, refusal: Refusal, *, retry_after: float | None = None) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal
        self.retry_after = retry_after


def _table(*rows: tuple[int, str, str]) -> dict[str, Refusal]:
    return {code: Refusal(status=status, code=code, message=message) for status, code, message in rows}


REFUSALS: Final[Mapping[str, Refusal]] = {
    **_table(
        (400, "bad_request", "The request could not be understood."),
        (400, "no_token", "The request carries no bearer token."),
        (400, "token_mismatched", "This token belongs to another service."),
        (400, "api_not_implemented", "This path exists, but nothing is behind it."),
        (400, "disabled", "The application has been switched off after unusual use."),
        (401, "invalid_token", "The token is not known here."),
        (401, "token_expired", "The token has expired."),
        (401, "authentication_failed", "The credentials were not accepted."),
        (403, "used_up", "The balance does not cover this request."),
        (403, "forbidden", "The content was refused by moderation."),
        (403, "not_applied", "The service has not been activated for this account."),
        (404, "no_api", "There is no API at this address."),
        (404, "not_found", "There is no such task."),
        (413, "request_too_large", "The body of the request is too large."),
        (413, "content_too_large", "The content of the request is too large."),
        (422, "antibot_blocked", "The page defended itself against being read."),
        (429, "too_many_requests", "Too many requests at once, slow down."),
        (500, "api_error", "Something broke on the way to the model."),
        (500, "busy", "The model is busy, come back later."),
        (500, "duplication", "This request was seen a moment ago."),
        (500, "canceled", "The work was called off."),
        (500, "unknown", "Nobody knows what happened."),
        (504, "timeout", "The model did not answer in time."),
    ),
    "authorization_missing": Refusal(status=401, code="authorization_missing", message="", form=Form.CODE),
    "rate_limited": Refusal(
        status=429, code="rate_limited", message="Too many tasks of this token are in flight.", form=Form.FLAGGED
    ),
    "x402": Refusal(status=402, code="payment_required", message="This call has to be paid for.", form=Form.X402),
    "html502": Refusal(status=502, code="bad_gateway", message="Bad gateway", form=Form.HTML),
    "flat": Refusal(status=400, code="bad_request", message="One of the links is required.", form=Form.DETAIL),
    "fish": Refusal(status=400, code="bad_request", message="The text is not usable.", form=Form.FISH),
}


PRICE: Final = {
    "scheme": "exact",
    "network": "base",
    "asset": "0x0000000000000000000000000000000000000001",
    "maxAmountRequired": "20000",
    "payTo": "0x0000000000000000000000000000000000000002",
    "extra": {"eip712": {}},
}


def refusal(code: str, message: str | None = None) -> Refusal:
    """The refusal of that code; a code that is not in the table is answered as a 500, as a fault would be."""
    known = REFUSALS.get(code) or Refusal(status=500, code=code, message="The task failed.")
    return known if message is None else replace(known, message=message)


def bad_request(message: str) -> Refused:
    return Refused(refusal("bad_request", message))


def present(refused: Refused, trace_id: str) -> Response:
    answer = refused.refusal
    headers = {} if refused.retry_after is None else {"retry-after": f"{refused.retry_after:g}"}
    if answer.form is Form.HTML:
        page = f"<html><head><title>{answer.status}</title></head><body><h1>{answer.message}</h1></body></html>"
        return Response(page, answer.status, headers, "text/html")
    return Response(msgspec.json.encode(_body(answer, trace_id)), answer.status, headers, "application/json")


def _body(answer: Refusal, trace_id: str) -> dict[str, object]:
    error = {"code": answer.code, "message": answer.message}
    bodies: dict[Form, dict[str, object]] = {
        Form.GATEWAY: {"error": error, "trace_id": trace_id},
        Form.GUIDE: {"success": False, "error": error, "trace_id": trace_id},
        Form.FLAGGED: {"success": False, "error": error},
        Form.BARE: {"error": error},
        Form.CODE: {"error": {"code": answer.code}},
        Form.TOP: {"code": answer.code},
        Form.DETAIL: {"code": answer.code, "detail": answer.message},
        Form.FISH: {"status": answer.status, "message": msgspec.json.encode([{"msg": answer.message}]).decode()},
        Form.STRING: {"error": answer.message},
        Form.X402: {"error": answer.message, "accepts": [PRICE]},
    }
    return bodies[answer.form]
