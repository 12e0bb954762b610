"""Whatever the JSON is: no exception, and outcomes that keep their promises."""

import json
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from orchestrator.domain.outcome import Outcome, OutcomeState
from orchestrator.providers.replies import Finished, read_answer, read_callback, read_record, read_records

SERVICES = st.sampled_from(["openai", "midjourney", "suno", "veo", "dreamina", "webextrator", "unheard-of", ""])
STRUCTURE = "success data error state status progress task_id trace_id id response finished_at request items count code"
MEDIA = "url image_url video_url audio_url video_urls b64_json raw_image_url file_url last_frame revised_prompt"
TEXTS = "message detail content descriptions variants created text"
NAMES = st.sampled_from(f"{STRUCTURE} {MEDIA} {TEXTS}".split())
LINKS = st.sampled_from(
    [
        "https://cdn.example.com/a.png",
        "https://cdn.example.com/b.mp3",
        "data:image/png;base64,QUJD",
        "https://[",
        "data:,x",
    ]
)
WORDS = st.sampled_from(["succeeded", "failed", "running", "done", "odd", "not_found", "100%", "40%", ""])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | LINKS | WORDS | st.text(max_size=20)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=8), inner, max_size=6),
    max_leaves=40,
)
REPLIES = JSON | st.dictionaries(NAMES, JSON, max_size=8)

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""How long an example takes says more about the machine than about us."""


def check(outcome: Outcome) -> None:
    assert (outcome.error is not None) == (outcome.state is OutcomeState.FAILED or outcome.partial)
    assert bool(outcome.artifacts) <= (outcome.state is OutcomeState.SUCCEEDED)
    assert outcome.partial <= bool(outcome.artifacts)
    assert outcome.progress is None or 0 <= outcome.progress <= 100
    for artifact in outcome.artifacts:
        assert (artifact.url is None) != (artifact.data is None)
        assert artifact.data or (artifact.url or "").startswith(("https://", "http://"))
    error = [outcome.error.code, outcome.error.message] if outcome.error else []
    for text in filter(None, [outcome.task_id, outcome.trace_id, *error]):
        assert "\x00" not in text
        text.encode()


@unhurried
@given(body=REPLIES, service=SERVICES)
def test_any_json_can_be_a_callback(body: Any, service: str) -> None:
    check(read_callback(body, service=service))


@unhurried
@given(record=REPLIES, service=SERVICES)
def test_any_json_can_be_a_record(record: Any, service: str) -> None:
    check(read_record(record, service=service))


@unhurried
@given(response=REPLIES, finished=st.booleans(), service=SERVICES)
def test_any_json_can_be_the_response_of_a_record(response: Any, finished: bool, service: str) -> None:
    check(read_record({"id": "t", "finished_at": finished or None, "response": response}, service=service))


@unhurried
@given(body=REPLIES | st.fixed_dictionaries({"items": st.lists(REPLIES, max_size=4), "count": JSON}), service=SERVICES)
@example(body={"items": [{"trace_id": "r", "error": {"code": "not_found"}}]}, service="veo")
def test_any_json_can_be_a_batch(body: Any, service: str) -> None:
    for outcome in read_records(body, service=service).outcomes.values():
        check(outcome)


@unhurried
@given(status=st.integers(min_value=-1, max_value=1000), body=REPLIES, service=SERVICES)
def test_any_json_can_be_an_answer(status: int, body: Any, service: str) -> None:
    answer = read_answer(status, body, service=service)

    if isinstance(answer, Finished):
        check(answer.outcome)
        assert answer.outcome.is_final


def test_json_that_is_as_deep_as_a_parser_allows_does_no_harm() -> None:
    for opening, closing in (
        ('{"data":', "}"),
        ("[", "]"),
        ('{"data":[', "]}"),
        ('{"error":', "}"),
        ('{"error":[', "]}"),
    ):
        body = json.loads(opening * 400 + "1" + closing * 400)

        check(read_callback(body, service="openai"))
        check(read_record({"id": "t", "response": body}, service="openai"))
