"""What the answer to a submit, or to a question about tasks, lets us conclude."""

from collections.abc import Mapping

import pytest

from orchestrator.domain.outcome import OutcomeState
from orchestrator.providers.replies import (
    Accepted,
    Ambiguous,
    Busy,
    Finished,
    Refused,
    read_answer,
    read_callback,
    read_record,
    read_records,
)

PICTURE = "https://cdn.example.com/p.png"


@pytest.mark.parametrize("status", [200, 201, 202])
@pytest.mark.parametrize(
    "body",
    [
        {"task_id": "t", "trace_id": "r"},
        {"task_id": "t", "trace_id": "r", "success": True},
        {"task_id": "t", "trace_id": "r", "started_at": "2026-05-01T10:00:00Z"},
        {"task_id": "t", "trace_id": "r", "status": "queued"},
        {"task_id": "t", "trace_id": "r", "status": "success", "message": "The task was created."},
        {"task_id": "t", "trace_id": "r", "success": True, "data": {"status": "submitted"}},
        {"task_id": "t", "trace_id": "r", "success": True, "data": []},
        {"task_id": "t", "trace_id": "r", "status_url": "https://api.example.com/tasks/t"},
    ],
)
def test_an_acknowledgement_is_accepted_however_much_it_adds(status: int, body: Mapping[str, object]) -> None:
    assert read_answer(status, body, service="openai") == Accepted(task_id="t", trace_id="r")


def test_a_preview_in_an_answer_is_not_a_result() -> None:
    body = {"task_id": "t", "success": True, "image_url": PICTURE, "progress": 0}

    assert read_answer(200, body, service="midjourney") == Accepted(task_id="t", trace_id=None)


def test_an_answer_with_its_result_is_finished_with_and_without_a_task_id() -> None:
    body = {"created": 1790000000, "data": [{"url": PICTURE}]}

    for answer in (
        read_answer(200, body, service="openai"),
        read_answer(200, {**body, "task_id": "t"}, service="openai"),
    ):
        assert isinstance(answer, Finished)
        assert answer.outcome.state is OutcomeState.SUCCEEDED
        assert answer.outcome.created == 1790000000


@pytest.mark.parametrize("task_id", [None, "t"])
def test_a_failure_in_a_200_is_final(task_id: str | None) -> None:
    body = {"success": False, "task_id": task_id, "error": {"code": "forbidden", "message": "No."}}

    answer = read_answer(200, body, service="openai")

    assert isinstance(answer, Finished)
    assert answer.outcome.state is OutcomeState.FAILED
    assert answer.outcome.task_id == task_id


@pytest.mark.parametrize(
    "body", [None, "", "<html>", [], [{"task_id": "t"}], {}, {"success": True}, {"hello": "you"}, 7]
)
def test_a_success_that_says_nothing_is_ambiguous(body: object) -> None:
    assert isinstance(read_answer(200, body, service="openai"), Ambiguous)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 413, 415, 422])
@pytest.mark.parametrize("body", [None, "<html>", {}, [], {"error": {"code": "c"}}, {"data": [{"url": PICTURE}]}])
def test_a_clear_refusal_is_one_whatever_its_body_is(status: int, body: object) -> None:
    answer = read_answer(status, body, service="openai")

    assert isinstance(answer, Refused)
    assert answer.status == status
    assert answer.error.message


@pytest.mark.parametrize("body", [None, "<html>", {"error": {"code": "too_many_requests"}}])
def test_a_429_is_busy_and_worth_another_try_at_any_rate(body: object) -> None:
    assert isinstance(read_answer(429, body, service="openai"), Busy)


@pytest.mark.parametrize("status", [0, 102, 301, 307, 408, 409, 418, 500, 502, 503, 504, 522, 524])
@pytest.mark.parametrize("body", [None, "<html>", {"error": {"code": "busy"}}, {"data": [{"url": PICTURE}]}])
def test_all_other_statuses_leave_it_open_whether_a_task_was_started(status: int, body: object) -> None:
    assert isinstance(read_answer(status, body, service="openai"), Ambiguous)


def test_an_ambiguous_answer_keeps_the_task_that_it_names() -> None:
    answer = read_answer(504, {"task_id": "t", "error": {"code": "timeout", "message": "Slow."}}, service="veo")

    assert isinstance(answer, Ambiguous)
    assert answer.task_id == "t"
    assert answer.reason == "The upstream answered 504: Slow."
    assert answer.error is not None
    assert answer.error.retryable


@pytest.mark.parametrize(
    ("code", "retryable"),
    [("timeout", True), ("busy", True), ("API_ERROR", True), ("bad_request", False), ("used_up", False)],
)
def test_the_code_tells_whether_another_time_may_be_better(code: str, retryable: bool) -> None:
    outcome = read_callback({"success": False, "error": {"code": code, "message": "No."}}, service="veo")

    assert outcome.error is not None
    assert outcome.error.retryable is retryable


@pytest.mark.parametrize("body", [{}, {"error": {"code": "not_found"}}, {"success": False, "code": "NOT_FOUND"}])
def test_the_provider_says_that_it_does_not_know_the_task(body: Mapping[str, object]) -> None:
    assert read_record(body, service="openai").state is OutcomeState.UNKNOWN_TASK


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "",
        "<html>",
        {"detail": "Not found."},
        {"error": {"code": "no_api"}},
        {"error": "broken"},
        {"success": False},
    ],
)
def test_an_answer_that_is_about_our_question_says_nothing_about_the_task(body: object) -> None:
    assert read_record(body, service="openai").state is OutcomeState.RUNNING


def test_a_task_that_failed_with_not_found_is_known() -> None:
    error = {"code": "not_found", "message": "No such clip."}

    assert read_record({"id": "t", "response": {"error": error}}, service="suno").state is OutcomeState.FAILED
    assert read_record({"id": "t", "error": error}, service="suno").state is OutcomeState.FAILED


def test_records_are_found_by_task_id_by_trace_id_and_by_the_trace_id_of_the_request() -> None:
    body = {
        "items": [
            {"id": "t1", "trace_id": "r1", "response": None},
            {
                "id": "t2",
                "request": {"trace_id": "r2"},
                "response": {"success": True, "video_url": "https://cdn.example.com/v"},
            },
        ],
        "count": 2,
    }

    records = read_records(body, service="luma")

    assert records.find("r1") is records.find("t1")
    assert records.find(None, "r2") is records.find("t2")
    assert records.find("unheard-of", "t2") is records.find("t2")
    assert records.outcomes["t2"].trace_id == "r2"


def test_of_two_records_with_one_trace_id_the_better_one_is_kept() -> None:
    failed = {"id": "t1", "trace_id": "r", "response": {"success": False, "error": {"code": "api_error"}}}
    running = {"id": "t2", "trace_id": "r", "response": None}

    for items in ([failed, running], [running, failed]):
        outcome = read_records({"items": items}, service="veo").find("r")

        assert outcome is not None
        assert outcome.task_id == "t2"


def test_absence_from_a_full_batch_means_that_the_task_is_not_known() -> None:
    outcome = read_records({"items": [], "count": 0}, service="veo").find("t")

    assert outcome is not None
    assert outcome.state is OutcomeState.UNKNOWN_TASK
    assert read_records({"items": [], "count": 0}, service="veo").find(None) is None


@pytest.mark.parametrize(
    "body",
    [
        None,
        "<html>",
        {},
        {"items": None},
        {"items": [], "count": 1},
        {"items": ["?"]},
        {"items": [{}]},
        {"error": {"code": "busy"}},
    ],
)
def test_absence_from_a_batch_that_is_cut_off_or_unreadable_means_nothing(body: object) -> None:
    assert read_records(body, service="veo").find("t") is None
