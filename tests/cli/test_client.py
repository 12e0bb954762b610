"""The commands that talk to a running service: submit, jobs, endpoints."""

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.commanding import KEY, CommandLine, Running

GENERATION = ("openai/images/generations", "-i", "model=gpt-image-2")


@pytest.fixture
def client(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch, service: Running) -> CommandLine:
    """The command line of a consumer."""
    monkeypatch.setenv("ORCHESTRATOR_PUBLIC_URL", service.url)
    monkeypatch.setenv("ORCHESTRATOR_API_KEYS", f"{KEY},another-key")
    return command_line


def _field(out: str, name: str) -> str:
    return next(line for line in out.splitlines() if line.startswith(name)).removeprefix(name).strip()


def test_a_job_is_submitted_waited_for_and_its_pictures_downloaded(client: CommandLine, tmp_path: Path) -> None:
    said = client("submit", *GENERATION, "-i", "prompt=A pond", "-i", "n=2", "--output", str(tmp_path / "pictures"))

    assert said.code == 0, said.err
    pictures = sorted((tmp_path / "pictures").iterdir())
    job_id = _field(said.out, "job")
    assert [picture.name for picture in pictures] == [f"{job_id}-1.png", f"{job_id}-2.png"]
    for picture in pictures:
        with Image.open(picture) as image:
            assert image.size == (1024, 1024)


def test_a_file_is_sent_as_a_data_url(client: CommandLine, tmp_path: Path) -> None:
    Image.new("RGB", (32, 32), "teal").save(tmp_path / "square.png")
    edit = ("openai/images/edits", "-i", "model=gpt-image-2", "-i", "prompt=Bluer", "-i", "image=@square.png")

    said = client("submit", *edit, "--wait")

    assert said.code == 0, said.err
    assert _field(said.out, "state") == "succeeded"


def test_waiting_for_a_job_that_fails_fails(client: CommandLine) -> None:
    said = client("submit", *GENERATION, "-i", "prompt=A pond [sandbox fail=forbidden]", "--wait")

    assert said.code == 1
    assert _field(said.out, "state") == "failed"
    assert _field(said.out, "error").startswith("forbidden")


def test_the_whole_input_may_come_from_a_file(client: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "input.json").write_text(json.dumps({"model": "gpt-image-2", "prompt": "A pond"}))

    said = client("submit", "openai/images/generations", "--json", "input.json", "-i", "size=1536x1024")

    shown = json.loads(client("jobs", "show", _field(said.out, "job"), "--json").out)
    assert shown["input"] == {"model": "gpt-image-2", "prompt": "A pond", "size": "1536x1024"}


def test_values_are_json_where_they_read_as_json_and_text_elsewhere(client: CommandLine) -> None:
    given = ("-i", 'prompt="42"', "-i", "n=1", "-i", "user=a=b", "-i", "flag=true")

    said = client("submit", *GENERATION, *given)

    shown = json.loads(client("jobs", "show", _field(said.out, "job"), "--json").out)
    assert shown["input"] == {"model": "gpt-image-2", "prompt": "42", "n": 1, "user": "a=b", "flag": True}


def test_what_the_service_refuses_is_told_in_its_own_words(client: CommandLine) -> None:
    said = client("submit", "openai/images/imaginations", "-i", "prompt=A pond")

    assert (said.code, said.out) == (1, "")
    assert "'openai/images/imaginations' is unknown" in said.err


def test_jobs_are_listed_and_filtered(client: CommandLine) -> None:
    job_id = _field(client("submit", *GENERATION, "-i", "prompt=A pond", "--wait").out, "job")

    every = client("jobs", "list")
    canceled = client("jobs", "list", "--status", "canceled")

    assert job_id in every.out
    assert job_id not in canceled.out


def test_a_job_is_canceled_and_tried_again(client: CommandLine) -> None:
    job_id = _field(client("submit", *GENERATION, "-i", "prompt=A pond [sandbox delay=60]").out, "job")

    canceled = client("jobs", "cancel", job_id)
    retried = client("jobs", "retry", job_id)

    assert _field(canceled.out, "state") == "canceled"
    assert (retried.code, _field(retried.out, "job")) == (0, job_id)
    assert _field(retried.out, "state") in {"queued", "submitted"}


def test_a_job_that_does_not_exist_is_a_sentence(client: CommandLine) -> None:
    said = client("jobs", "show", "01890000-0000-7000-8000-000000000000")

    assert said.code == 1
    assert said.err.startswith("orchestrator: There is no job")


def test_an_endpoint_is_added_listed_given_a_new_secret_and_deleted(client: CommandLine) -> None:
    added = json.loads(client("endpoints", "add", "https://consumer.example.com/hooks", "--json").out)
    rotated = client("endpoints", "rotate", added["id"])
    listed = client("endpoints", "list")
    deleted = client("endpoints", "delete", added["id"])

    assert _field(rotated.out, "secret").startswith("whsec_")
    assert _field(rotated.out, "secret") != added["secret"]
    assert added["id"] in listed.out
    assert added["secret"] not in listed.out
    assert deleted.code == 0
    assert added["id"] not in client("endpoints", "list").out


def test_a_wrong_key_is_a_sentence(client: CommandLine) -> None:
    said = client("jobs", "list", "--key", "not-a-key")

    assert (said.code, said.err) == (1, "orchestrator: The API key is unknown, expired or revoked.\n")


def test_a_missing_key_is_a_sentence(command_line: CommandLine) -> None:
    said = command_line("jobs", "list")

    assert (said.code, said.err) == (1, "orchestrator: no API key: give --key, or set ORCHESTRATOR_API_KEY.\n")


def test_a_service_that_is_not_there_is_a_sentence(command_line: CommandLine) -> None:
    said = command_line("jobs", "list", "--url", "http://127.0.0.1:1", "--key", "a-key")

    assert said.code == 1
    assert said.err.startswith("orchestrator: nothing answers at http://127.0.0.1:1")
    assert len(said.err.splitlines()) == 1
