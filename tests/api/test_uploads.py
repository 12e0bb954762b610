"""Jobs with files: forms taken apart, kept, shown and passed on."""

import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from orchestrator.domain.ids import ConsumerId
from orchestrator.lifecycle.services import Services
from orchestrator.storage.jobs import Page, list_jobs
from tests.fakes import World, png

EDIT: dict[str, Any] = {"operation": "openai/images/edits", "input": {"model": "gpt-image-2", "prompt": "add a hat"}}
PART = {"job": json.dumps(EDIT)}
Files = list[tuple[str, tuple[str, bytes, str]]]


def image(name: str = "image", content: bytes | None = None, *, filename: str = "cat.png") -> Any:
    return (name, (filename, png() if content is None else content, "image/png"))


async def assert_nothing_kept(services: Services, consumer: ConsumerId) -> None:
    async with services.db.reading() as tx:
        assert await list_jobs(tx, consumer, Page(limit=1)) == []
    kept = [path for path in services.blobs.scratch.parent.rglob("*") if path.is_file()]
    assert kept == []


async def test_a_file_is_shown_in_the_jobs_input(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/jobs", data=PART, files=[image()])

    assert response.status_code == 202
    assert response.json()["input"] == EDIT["input"] | {
        "image": {
            "filename": "cat.png",
            "content_type": "image/png",
            "bytes": len(png()),
            "sha256": hashlib.sha256(png()).hexdigest(),
        }
    }


@pytest.mark.parametrize("name", ["image", "image[]"])
async def test_the_platform_gets_the_files_as_they_came(
    client: httpx.AsyncClient, world: World, run_until_idle: Callable[[], Awaitable[None]], name: str
) -> None:
    files = [image(name, png("red")), image(name, png("blue")), image("mask", png("white"))]

    response = await client.post("/v1/jobs", data=PART, files=files)
    await run_until_idle()

    (submit,) = world.submits
    assert response.status_code == 202
    assert submit[name] == [png("red"), png("blue")]
    assert submit["mask"] == [png("white")]
    assert submit["prompt"] == ["add a hat"]
    assert [each["filename"] for each in response.json()["input"]["image"]] == ["cat.png", "cat.png"]


async def test_a_file_that_says_nothing_of_its_type_is_looked_at(client: httpx.AsyncClient) -> None:
    files = {"image": ("upload", png(), "application/octet-stream")}

    response = await client.post("/v1/jobs", data=PART, files=files)

    assert response.json()["input"]["image"]["content_type"] == "image/png"


async def test_a_filename_cannot_lead_anywhere(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/jobs", data=PART, files=[image(filename="../../etc/passwd")])

    assert response.json()["input"]["image"]["filename"] == ".._.._etc_passwd"


async def test_a_big_file_goes_through_a_scratch_file_and_leaves_none(
    client: httpx.AsyncClient, services: Services
) -> None:
    content = png() + bytes(3 << 20)

    response = await client.post("/v1/jobs", data=PART, files=[image(content=content)])

    assert response.json()["input"]["image"]["sha256"] == hashlib.sha256(content).hexdigest()
    assert list(services.blobs.scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("part", "files", "field"),
    [
        ({}, [image()], "job"),
        ({"job": json.dumps(EDIT), "prompt": "a"}, [image()], "prompt"),
        (PART, [image("photo")], "photo"),
        (PART, [image()] * 17, "image"),
        (PART, [image(), image("mask"), image("mask")], "mask"),
        (PART, [image("mask")], "mask"),
        (PART, [image(content=b"")], "image"),
        ({"job": json.dumps(EDIT | {"operation": "openai/images/generations"})}, [image()], "image"),
        ({"job": json.dumps(EDIT | {"input": EDIT["input"] | {"image": "https://a.b/c"}})}, [image()], "input.image"),
        ({"job": json.dumps(EDIT | {"input": {"prompt": ""}})}, [image()], "input.prompt"),
        (PART, [image("mask", b"x")], "mask"),
    ],
)
async def test_a_wrong_part_is_named_and_nothing_is_kept(
    client: httpx.AsyncClient,
    services: Services,
    consumer: ConsumerId,
    part: dict[str, str],
    files: Files,
    field: str,
) -> None:
    response = await client.post("/v1/jobs", data=part, files=files)

    assert response.status_code == 422
    assert response.json()["field"] == field
    await assert_nothing_kept(services, consumer)


async def test_a_part_over_its_limit_is_refused_while_it_arrives(
    client: httpx.AsyncClient, services: Services, consumer: ConsumerId
) -> None:
    response = await client.post("/v1/jobs", data=PART, files=[image(), image("mask", bytes((4 << 20) + 1))])

    assert response.status_code == 413
    assert "mask" in response.json()["detail"]
    await assert_nothing_kept(services, consumer)


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"not a form", "multipart/form-data; boundary=x"),
        (b"", "multipart/form-data; boundary=x"),
        (b"--x\r\n", "multipart/form-data"),
        (b'--x\r\nContent-Disposition: form-data; name="job"\r\n\r\n{}', "multipart/form-data; boundary=x"),
        (b"--x\r\n\xff\xff: \r\n\r\n{}\r\n--x--", "multipart/form-data; boundary=x"),
        (b"--x\r\n", "multipart/form-data; boundary=" + "x" * 300),
    ],
)
async def test_a_form_that_is_none_is_refused(
    client: httpx.AsyncClient,
    services: Services,
    consumer: ConsumerId,
    content: bytes,
    content_type: str,
) -> None:
    response = await client.post("/v1/jobs", content=content, headers={"content-type": content_type})

    assert response.status_code in {400, 422}
    assert response.json()["code"] in {"malformed_form", "malformed_json", "invalid_request"}
    await assert_nothing_kept(services, consumer)


async def test_the_job_part_of_a_form_may_be_malformed_too(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/jobs", data={"job": "{"}, files=[image()])

    assert response.status_code == 400
    assert response.json()["code"] == "malformed_json"


async def test_the_same_files_again_are_the_same_request_whatever_the_boundary(
    client: httpx.AsyncClient, services: Services
) -> None:
    key = {"idempotency-key": "hat"}

    first = await client.post("/v1/jobs", data=PART, files=[image()], headers=key)
    second = await client.post("/v1/jobs", data=PART, files=[image()], headers=key)
    other = await client.post("/v1/jobs", data=PART, files=[image(content=png("red"))], headers=key)

    assert first.json() == second.json()
    assert second.headers["idempotency-replayed"] == "true"
    assert other.status_code == 422
    uploads = services.blobs.scratch.parent / "uploads"
    assert len(list(uploads.iterdir())) == 1


@pytest.mark.parametrize("tail", [b"", b"\r\n", b"\r\n--x", b"\r\n--x\r\n"])
async def test_a_form_without_its_closing_boundary_is_refused(
    client: httpx.AsyncClient, services: Services, consumer: ConsumerId, tail: bytes
) -> None:
    job = b'--x\r\nContent-Disposition: form-data; name="job"\r\n\r\n' + json.dumps(EDIT).encode()
    file = b'\r\n--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n' + png()
    headers = {"content-type": "multipart/form-data; boundary=x"}

    cut_off = await client.post("/v1/jobs", content=job + file + tail, headers=headers)
    await assert_nothing_kept(services, consumer)
    whole = await client.post("/v1/jobs", content=job + file + b"\r\n--x--", headers=headers)

    assert (cut_off.status_code, cut_off.json()["code"]) == (400, "malformed_form")
    assert whole.status_code == 202
