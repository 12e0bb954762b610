"""Where replies contradict themselves or each other. Each case was seen; docs/upstream-replies.md gives the reasons."""

from collections.abc import Mapping

import pytest

from orchestrator.domain.outcome import Outcome, OutcomeState
from orchestrator.providers.replies import Finished, read_answer, read_callback, read_record

RUNNING, SUCCEEDED, FAILED = OutcomeState.RUNNING, OutcomeState.SUCCEEDED, OutcomeState.FAILED
VIDEO = "https://cdn.example.com/v.mp4"
SONG = "https://cdn.example.com/s.mp3"
PICTURE = "https://cdn.example.com/p.png"


def record_of(response: object, *, finished: bool = False, service: str = "veo") -> Outcome:
    record = {"id": "task-1", "response": response, "finished_at": 1790000000.5 if finished else None}
    return read_record(record, service=service)


def test_images_without_any_state_word_are_a_success() -> None:
    outcome = record_of({"success": True, "data": [{"image_url": PICTURE}]}, service="flux")

    assert outcome.state is SUCCEEDED


def test_an_old_record_without_finished_at_is_done_once_it_has_its_result() -> None:
    outcome = record_of({"success": True, "data": [{"video_url": VIDEO, "state": "succeeded"}]})

    assert outcome.state is SUCCEEDED


@pytest.mark.parametrize(
    ("service", "body"),
    [
        ("producer", {"task_id": "t", "data": [{"audio_url": SONG, "state": "succeeded"}]}),
        ("fish", {"task_id": "t", "audio_url": SONG}),
        ("nano-banana", {"task_id": "t", "data": [{"image_url": PICTURE}]}),
    ],
)
def test_a_missing_success_flag_does_not_spoil_a_success(service: str, body: Mapping[str, object]) -> None:
    assert read_callback(body, service=service).state is SUCCEEDED
    assert record_of(body, service=service).state is SUCCEEDED


def test_a_structured_error_is_final_without_finished_at() -> None:
    outcome = record_of({"success": False, "error": {"code": "api_error", "message": "No channel."}}, service="hailuo")

    assert outcome.state is FAILED
    assert outcome.error is not None
    assert outcome.error.code == "api_error"


def test_a_bare_error_string_is_final_only_once_the_record_is_finished() -> None:
    response = {"success": False, "error": "temporary"}

    assert record_of(response).state is RUNNING
    assert record_of(response, finished=True).state is FAILED


def test_a_bare_error_string_in_a_callback_is_final() -> None:
    outcome = read_callback({"success": False, "task_id": "t", "error": "it broke"}, service="veo")

    assert outcome.state is FAILED
    assert outcome.error is not None
    assert (outcome.error.code, outcome.error.message) == ("upstream_error", "it broke")


@pytest.mark.parametrize(
    "response",
    [
        {"success": True, "error": {"message": "It was marked as failed."}},
        {"success": True, "error": {"message": "It was marked as failed."}, "video_url": VIDEO},
        {"success": True, "state": "failed", "video_url": VIDEO},
        {"success": True, "data": [{"state": "cancelled"}]},
        {"success": True, "data": {"status": "rejected", "video_url": VIDEO}},
    ],
)
def test_a_success_flag_is_outweighed_by_an_error_or_a_failed_state(response: Mapping[str, object]) -> None:
    assert record_of(response).state is FAILED
    assert read_callback(response, service="veo").state is FAILED


@pytest.mark.parametrize("flag", [True, False, None])
def test_one_good_result_beside_an_error_is_a_success_in_part(flag: bool | None) -> None:
    songs = [{"id": "a", "audio_url": SONG}, {"id": "b", "state": "failed", "image_url": PICTURE}]

    outcome = record_of({"success": flag, "error": {"message": "One was lost."}, "data": songs}, service="suno")

    assert (outcome.state, outcome.partial) == (SUCCEEDED, True)
    assert [artifact.url for artifact in outcome.artifacts] == [SONG]
    assert outcome.error is not None
    assert outcome.error.message == "One was lost."


def test_a_failed_whole_keeps_only_the_results_that_say_that_they_are_done() -> None:
    listed = [{"state": "succeeded", "video_url": VIDEO}, {"video_url": f"{VIDEO}?unsure"}]

    outcome = record_of({"state": "failed", "data": listed})

    assert (outcome.state, outcome.partial) == (SUCCEEDED, True)
    assert [artifact.url for artifact in outcome.artifacts] == [VIDEO]


def test_the_cover_of_a_lost_song_is_not_a_success_in_part() -> None:
    response = {"success": False, "error": {"message": "Both were lost."}, "data": [{"image_url": PICTURE}]}

    assert record_of(response, service="suno").state is FAILED


def test_finished_at_beside_a_word_for_running_means_running() -> None:
    response = {"success": True, "data": [{"status": "processing", "video_url": VIDEO}]}

    assert record_of(response, finished=True).state is RUNNING


@pytest.mark.parametrize("finished", [False, True])
def test_success_with_an_empty_list_is_not_finished(finished: bool) -> None:
    assert record_of({"success": True, "data": []}, finished=finished).state is RUNNING
    assert read_callback({"success": True, "task_id": "t", "data": []}, service="veo").state is RUNNING


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        ({"message": "No."}, "upstream_error", "No."),
        ({"code": "CONTENT_REJECTED", "message": "No."}, "CONTENT_REJECTED", "No."),
        ({"code": "api_error"}, "api_error", "The upstream gave the code api_error and no reason."),
        ({"code": 1102, "message": "No."}, "1102", "No."),
        ([{"code": "a", "message": "No."}], "a", "No."),
        ("No.", "upstream_error", "No."),
    ],
)
def test_an_error_gets_what_it_lacks_and_keeps_what_it_has(error: object, code: str, message: str) -> None:
    outcome = read_callback({"success": False, "error": error}, service="veo")

    assert outcome.error is not None
    assert (outcome.error.code, outcome.error.message) == (code, message)


@pytest.mark.parametrize("error", [None, "", {}, [], False, {"code": 0, "message": ""}])
def test_an_empty_error_is_none(error: object) -> None:
    outcome = read_callback({"success": True, "error": error, "video_url": VIDEO}, service="luma")

    assert (outcome.state, outcome.error) == (SUCCEEDED, None)


@pytest.mark.parametrize(
    "body",
    [{"status": 400, "message": "[…]"}, {"code": "bad_request", "detail": "no video"}, {"code": "bad_request"}],
)
def test_an_error_without_an_envelope_is_one(body: Mapping[str, object]) -> None:
    assert read_callback(body, service="kling").state is FAILED
    assert record_of(body, service="kling").state is FAILED
    assert isinstance(read_answer(200, body, service="kling"), Finished)


def test_a_code_among_results_is_no_error() -> None:
    outcome = read_callback({"success": True, "data": {"code": "X7F2"}}, service="captcha")

    assert (outcome.state, outcome.artifacts) == (RUNNING, ())


def test_the_records_own_trace_id_counts_before_that_of_its_response() -> None:
    record = {"id": "task-1", "trace_id": "ours", "response": {"success": True, "trace_id": "theirs"}}

    assert read_record(record, service="veo").trace_id == "ours"


@pytest.mark.parametrize("finished_at", [1790000000.123, "2026-05-01T10:00:00Z", {"$date": 1790000000123}])
def test_finished_at_may_be_seconds_or_what_a_database_makes_of_them(finished_at: object) -> None:
    record = {"id": "t", "finished_at": finished_at, "response": {"success": False, "error": "gone"}}

    assert read_record(record, service="veo").state is FAILED


@pytest.mark.parametrize("response", [None, "pending", [], {}])
def test_a_record_without_a_response_is_running(response: object) -> None:
    assert record_of(response, finished=True).state is RUNNING


def test_a_song_that_may_still_be_a_stream_waits_for_the_end_of_its_record() -> None:
    response = {"success": True, "data": [{"audio_url": SONG}]}

    assert record_of(response, service="suno").state is RUNNING
    assert record_of(response, service="suno", finished=True).state is SUCCEEDED
    assert read_callback(response, service="suno").state is SUCCEEDED
