"""Operations: every one of them answers in its own shape, with links that lead to files of the right kind."""

from collections.abc import Iterator
from typing import Any

import pytest

from orchestrator.sandbox.operations import OPERATIONS, canonical
from tests.sandbox.plumbing import CALLBACK_URL, Stage

INPUTS: dict[str, Any] = {
    "text": "a kite",
    "image": "http://files.example.com/in.png",
    "image_url": "http://files.example.com/in.png",
    "video_url": "http://files.example.com/in.mp4",
    "audio_url": "http://files.example.com/in.wav",
    "audio_id": "sound",
    "video_id": "film",
    "url": "http://pages.example.com/",
    "content": [{"type": "text", "text": "a kite"}],
}
BEGINNINGS = {"png": b"\x89PNG", "mp4": b"\0\0\0 ftyp", "wav": b"RIFF", "mid": b"MThd"}


def links(value: Any) -> Iterator[str]:
    if isinstance(value, str) and "/media/" in value:
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from links(item)


@pytest.mark.parametrize("path", sorted(OPERATIONS))
async def test_every_operation_calls_back_with_files_that_are_there(stage: Stage, path: str) -> None:
    answer = await stage.submit(f"/{path}", **INPUTS, callback_url=CALLBACK_URL)
    body = await stage.receiver.next()

    assert body["task_id"] == answer.json()["task_id"]
    assert ("trace_id" in body, "success" in body) == (OPERATIONS[path].traced, OPERATIONS[path].flagged)
    for url in links(body):
        file = await stage.client.get(url)
        assert file.content.startswith(BEGINNINGS[url.rpartition(".")[2]])


@pytest.mark.parametrize("path", sorted(OPERATIONS))
async def test_every_operation_makes_media_unless_it_reads_pages(stage: Stage, path: str) -> None:
    await stage.submit(f"/{path}", **INPUTS, callback_url=CALLBACK_URL)

    found = list(links(await stage.receiver.next()))

    assert bool(found) is (OPERATIONS[path].kind != "pages")
    assert len(found) == len(set(found))


@pytest.mark.parametrize(
    ("path", "where", "word"),
    [
        ("veo/videos", ("data", 0, "state"), "succeeded"),
        ("kling/videos", ("state",), "succeed"),
        ("luma/videos", ("state",), "completed"),
        ("dreamina/videos", ("data", "status"), "done"),
        ("suno/audios", ("data", 1, "state"), "succeeded"),
        ("seedance/videos", ("data", 0, "status"), "succeeded"),
        ("suno/vox", ("data", "status"), "complete"),
        ("midjourney/imagine", ("progress",), 100),
        ("producer/audios", ("data", 0, "progress"), "100%"),
    ],
)
async def test_every_service_has_its_own_word_for_done(
    stage: Stage, path: str, where: tuple[Any, ...], word: Any
) -> None:
    body = (await stage.submit(f"/{path}", **INPUTS)).json()

    for step in where:
        body = body[step]
    assert body == word


async def test_fish_answers_with_a_sound_and_little_else(stage: Stage) -> None:
    acknowledged = (await stage.submit("/fish/tts", text="hello", callback_url=CALLBACK_URL)).json()

    assert set(acknowledged) == {"task_id", "started_at"}
    assert set(await stage.receiver.next()) == {"task_id", "audio_url"}


async def test_a_raw_twin_is_twice_as_large(stage: Stage) -> None:
    body = (await stage.submit("/midjourney/imagine", size=None)).json()

    assert (body["image_width"], body["raw_image_width"]) == (1024, 2048)


@pytest.mark.parametrize("path", [path for path, operation in OPERATIONS.items() if operation.needs])
async def test_what_an_operation_needs_it_asks_for(stage: Stage, path: str) -> None:
    answer = await stage.client.post(f"/{path}", json={"model": "any"})

    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == f"{OPERATIONS[path].needs[0]} is required"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("v1/images/edits", "openai/images/edits"),
        ("images/edits", "openai/images/edits"),
        ("v1/openai/images/edits", "openai/images/edits"),
        ("/v1/veo/videos/", "veo/videos"),
    ],
)
def test_aliases_lead_to_one_path(path: str, expected: str) -> None:
    assert canonical(path) == expected
