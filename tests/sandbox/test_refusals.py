"""Refusals: every code and every form in which the platform says no."""

from typing import Any

import msgspec
import pytest

from orchestrator.sandbox.refusals import REFUSALS, Form
from tests.sandbox.plumbing import Stage


@pytest.mark.parametrize("code", sorted(REFUSALS))
async def test_every_refusal_can_be_asked_for(stage: Stage, code: str) -> None:
    answer = await stage.submit(told=f"refuse={code}")

    assert answer.status_code == REFUSALS[code].status
    assert (await stage.inspect("stats"))["tasks_created"] == 0


SHAPES: dict[str, Any] = {
    "gateway": {"error": {"code": "busy", "message": "m"}, "trace_id": "t"},
    "guide": {"success": False, "error": {"code": "busy", "message": "m"}, "trace_id": "t"},
    "flagged": {"success": False, "error": {"code": "busy", "message": "m"}},
    "bare": {"error": {"code": "busy", "message": "m"}},
    "code": {"error": {"code": "busy"}},
    "top": {"code": "busy"},
    "detail": {"code": "busy", "detail": "m"},
    "fish": {"status": 500, "message": '[{"msg":"m"}]'},
    "string": {"error": "m"},
}


@pytest.mark.parametrize("form", sorted(SHAPES))
async def test_every_form_can_be_asked_for(stage: Stage, form: str) -> None:
    answer = await stage.submit(told=f"refuse=busy; envelope={form}", trace_id="t")

    shown = answer.text.replace(REFUSALS["busy"].message, "m")
    assert msgspec.json.decode(shown) == SHAPES[form]


async def test_a_payment_is_asked_for_with_a_text_and_offers(stage: Stage) -> None:
    body = (await stage.submit(told="refuse=x402")).json()

    assert isinstance(body["error"], str)
    assert body["accepts"][0]["scheme"] == "exact"


async def test_a_bad_gateway_is_not_json(stage: Stage) -> None:
    answer = await stage.submit(told="refuse=html502")

    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html; charset=utf-8")
    assert answer.text.startswith("<html>")


def test_every_form_is_tried_here() -> None:
    assert set(SHAPES) | {"x402", "html"} == set(Form)


async def test_a_status_may_be_asked_for_too(stage: Stage) -> None:
    answer = await stage.submit(told="refuse=token_mismatched; status=401")

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "token_mismatched")


async def test_a_limit_says_when_to_come_back(stage: Stage) -> None:
    answer = await stage.submit(told="refuse=too_many_requests; retry_after=7")

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")


async def test_only_the_first_submits_of_a_prompt_are_refused(stage: Stage) -> None:
    prompt = "a bell [sandbox refuse=too_many_requests refuse_times=2]"

    statuses = [(await stage.submit(prompt=prompt)).status_code for _ in range(4)]
    other = await stage.submit(prompt="a gong [sandbox refuse=too_many_requests refuse_times=2]")

    assert statuses == [429, 429, 200, 200]
    assert other.status_code == 429


async def test_a_refused_submit_may_run_all_the_same(stage: Stage) -> None:
    answer = await stage.submit(
        told="refuse=timeout; anyway=1", callback_url="http://receiver.example.com/", trace_id="t1"
    )

    assert answer.status_code == 504
    assert (await stage.receiver.next())["trace_id"] == "t1"


async def test_a_code_may_come_in_capitals(stage: Stage) -> None:
    answer = await stage.submit(told="refuse=forbidden; upper_code=1")

    assert answer.json()["error"]["code"] == "FORBIDDEN"
