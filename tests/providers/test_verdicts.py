"""How the signs in one reply are weighed against each other, where no list of oddities has a line for it."""

from collections.abc import Mapping

import pytest

from orchestrator.domain.outcome import Outcome, OutcomeState
from orchestrator.providers.replies import read_callback, read_record

RUNNING, SUCCEEDED, FAILED = OutcomeState.RUNNING, OutcomeState.SUCCEEDED, OutcomeState.FAILED
VIDEO = "https://cdn.example.com/v.mp4"
SONG = "https://cdn.example.com/s.mp3"
PICTURE = "https://cdn.example.com/p.png"


def record_of(response: object, *, finished: bool = False, service: str = "veo") -> Outcome:
    record = {"id": "task-1", "response": response, "finished_at": 1790000000.5 if finished else None}
    return read_record(record, service=service)


def test_a_progress_below_100_means_running_whatever_else_is_said() -> None:
    body = {"success": True, "task_id": "t", "image_url": PICTURE, "progress": 99}

    assert read_callback(body, service="midjourney").state is RUNNING
    assert read_callback({**body, "progress": 0}, service="midjourney").state is RUNNING
    assert read_callback({**body, "progress": 100}, service="midjourney").state is SUCCEEDED


@pytest.mark.parametrize(
    ("told", "percent"),
    [(40, 40), (" 40", 40), ("40%", 40), (" 40.9 % ", 40), (0.4, 40), (1, 1), (1.0, 100), (250, 100), (-3, 0)],
)
def test_progress_is_read_from_numbers_strings_and_fractions(told: object, percent: int) -> None:
    assert read_callback({"state": "running", "progress": told}, service="producer").progress == percent


@pytest.mark.parametrize("told", [None, "", "half", "-nan", "1e999", True, [], float("nan"), float("inf"), 2**60])
def test_what_is_no_progress_is_ignored(told: object) -> None:
    assert read_callback({"state": "running", "progress": told}, service="producer").progress is None


def test_the_slowest_song_tells_the_progress() -> None:
    songs = [{"progress": "80%", "state": "running"}, {"progress": "30%", "state": "running"}]

    assert read_callback({"data": songs}, service="producer").progress == 30


def test_an_unheard_of_word_waits_for_the_end_of_its_record() -> None:
    response = {"success": True, "state": "reviewing", "video_url": VIDEO}

    assert record_of(response).state is RUNNING
    assert read_callback(response, service="luma").state is RUNNING
    assert record_of(response, finished=True).state is SUCCEEDED


def test_one_song_done_and_one_running_is_running() -> None:
    songs = [{"state": "succeeded", "audio_url": SONG}, {"state": "queued"}]

    assert record_of({"success": True, "data": songs}, service="suno").state is RUNNING


def test_text_is_a_result_only_where_no_medium_is_missing() -> None:
    lyrics = {"success": True, "data": {"text": "la la", "status": "complete"}}
    broken_song = {"success": True, "data": {"text": "la la", "status": "complete", "audio_url": ""}}

    assert read_callback(lyrics, service="suno").state is SUCCEEDED
    assert read_callback(broken_song, service="suno").state is RUNNING
    assert read_callback(lyrics, service="veo").state is RUNNING


def test_a_callback_with_a_bare_refusal_is_failed_and_says_so() -> None:
    outcome = read_callback({"success": False, "task_id": "t", "message": "Not today."}, service="veo")

    assert outcome.state is FAILED
    assert outcome.error is not None
    assert outcome.error.message == "Not today."


def test_a_false_flag_beside_a_word_for_running_and_no_error_is_a_hiccup() -> None:
    body = {"success": False, "state": "processing"}

    assert read_callback(body, service="veo").state is RUNNING
    assert record_of(body, finished=True).state is RUNNING


@pytest.mark.parametrize("hiccup", [{"success": False}, {"error": "temporary"}])
def test_a_hiccup_in_an_open_record_is_no_ending_even_beside_a_result(hiccup: Mapping[str, object]) -> None:
    response = {**hiccup, "data": [{"image_url": PICTURE}]}

    assert record_of(response, service="flux").state is RUNNING
    assert record_of(response, service="flux", finished=True).partial


def test_a_false_flag_spoils_the_only_result() -> None:
    assert read_callback({"success": False, "video_url": VIDEO}, service="luma").state is FAILED


def test_a_word_for_done_counts_more_than_a_progress_of_99() -> None:
    assert read_callback({"state": "succeed", "progress": 99, "video_url": VIDEO}, service="kling").state is SUCCEEDED


def test_a_failed_result_beside_a_silent_one_waits_while_the_record_is_open() -> None:
    body = {"success": True, "data": [{"state": "failed"}, {"id": "silent"}]}

    assert record_of(body).state is RUNNING
    assert record_of(body, finished=True).state is FAILED
    assert read_callback(body, service="veo").state is FAILED


def test_of_listed_results_only_those_without_a_fault_are_kept() -> None:
    listed = [
        {"video_url": f"{VIDEO}?1", "error": {"message": "No."}},
        {"video_url": f"{VIDEO}?2", "state": "running"},
        {"video_url": f"{VIDEO}?3"},
    ]

    outcome = read_callback({"success": False, "error": {"code": "api_error"}, "data": listed}, service="veo")

    assert outcome.partial
    assert [artifact.url for artifact in outcome.artifacts] == [f"{VIDEO}?3"]


@pytest.mark.parametrize(
    ("around", "message"),
    [
        ({"error": {"code": "api_error", "message": "It died."}}, "It died."),
        ({"status": "dead", "message": "It died."}, "It died."),
        ({"success": False, "message": "It died.", "finished_at": 1790000000}, "It died."),
    ],
)
def test_a_failure_that_stands_on_the_record_needs_no_response(around: Mapping[str, object], message: str) -> None:
    outcome = read_record({"id": "t", "response": None, **around}, service="maestro")

    assert outcome.state is FAILED
    assert outcome.error is not None
    assert outcome.error.message == message


def test_a_progress_that_stands_on_the_record_is_told() -> None:
    record = {"id": "t", "status": "producing", "progress": 30, "response": None}

    assert read_record(record, service="maestro").progress == 30


def test_an_error_inside_data_is_one() -> None:
    outcome = read_callback({"success": True, "data": {"error": {"code": "bad_face"}}}, service="dreamina")

    assert outcome.state is FAILED
    assert outcome.error is not None
    assert outcome.error.code == "bad_face"


@pytest.mark.parametrize(
    "body",
    [
        {"code": "200", "message": "fine", "task_id": "t"},
        {"code": "created", "success": True, "task_id": "t"},
        {"code": "xyz", "task_id": "t", "queue": 3},
    ],
)
def test_a_code_alone_makes_no_error(body: Mapping[str, object]) -> None:
    assert read_callback(body, service="kling").state is RUNNING


def test_text_without_any_word_of_success_is_no_result() -> None:
    assert read_callback({"task_id": "t", "data": {"text": "la la"}}, service="suno").state is RUNNING


def test_a_response_lends_its_ids_to_a_record_that_has_none() -> None:
    outcome = read_record({"response": {"task_id": "t", "trace_id": "r", "video_url": VIDEO}}, service="luma")

    assert (outcome.task_id, outcome.trace_id) == ("t", "r")


@pytest.mark.parametrize(("told", "kept"), [(0, 0), (1790000000.9, 1790000000), (-1, None), ("1", None), (True, None)])
def test_created_is_kept_where_it_is_a_time(told: object, kept: int | None) -> None:
    assert read_callback({"created": told, "data": []}, service="openai").created == kept
