"""`orchestrator submit`: one job to a running service, waited for if so wished.

A value that reads as JSON is JSON (`-i n=2`), one that begins with @ is a file, sent as a data URL
(`-i image=@cat.png`), and any other is text. Text that happens to be JSON is put in JSON's own quotes.
"""

import base64
import json
import mimetypes
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.status import Status

from orchestrator.cli.client import Key, Service, Url, service
from orchestrator.cli.failures import Failure
from orchestrator.cli.jobs import print_job
from orchestrator.cli.tables import colored, console

INTERRUPTED = 130


def command(
    operation: Annotated[str, typer.Argument(help="Such as openai/images/generations.")],
    *,
    field: Annotated[
        list[str] | None,
        typer.Option("--input", "-i", metavar="KEY=VALUE", help="One field of the input: text, JSON, or @FILE."),
    ] = None,
    document: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="The input as a JSON file; - for standard input.")
    ] = None,
    callback_url: Annotated[str | None, typer.Option(help="Is told the result in the upstream's own shape.")] = None,
    deadline: Annotated[int | None, typer.Option(help="Seconds until the job expires.")] = None,
    idempotency_key: Annotated[str | None, typer.Option(help="The same key again makes no second job.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Stay until the job has ended.")] = False,
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Wait, and download the files into this folder.")
    ] = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """With --wait, the exit code is 0 only for a job that succeeded."""
    body: dict[str, Any] = {"operation": operation, "input": _read_document(document) | _read_fields(field or ())}
    if callback_url is not None:
        body["callback_url"] = callback_url
    if deadline is not None:
        body["deadline"] = deadline
    headers = {} if idempotency_key is None else {"idempotency-key": idempotency_key}
    with service(url, key) as api:
        job = api.ask("POST", "/v1/jobs", json=body, headers=headers)
        if wait or output is not None:
            job = _follow(api, job)
        print_job(job)
        for asset in job["assets"] if output is not None else ():
            print(api.download(asset, output or Path(), f"{job['id']}-{asset['index'] + 1}"))
    if job["finished_at"] is not None and job["status"] != "succeeded":
        raise typer.Exit(1)


def _read_document(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        document = json.loads(sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Failure(f"{path} cannot be read: {error}.") from error
    if not isinstance(document, dict):
        raise Failure(f"{path} does not hold a JSON object.")
    return document


def _read_fields(fields: Sequence[str]) -> dict[str, Any]:
    pairs = [field.partition("=") for field in fields]
    for name, equals, _ in pairs:
        if not name or not equals:
            raise Failure(f"-i {name} is not KEY=VALUE.")
    return {name: _read_value(value) for name, _, value in pairs}


def _read_value(text: str) -> Any:
    if text.startswith("@"):
        return _data_url(Path(text[1:]))
    try:
        return json.loads(text)
    except ValueError:
        return text


def _data_url(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Failure(f"{path} cannot be read: {error.strerror}.") from error
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _follow(api: Service, accepted: dict[str, Any]) -> dict[str, Any]:
    """The job when it has ended, its states shown on the way: one line that changes, or one line for each."""
    out, job = console(), accepted
    try:
        with Status("", console=out) as status:
            for job in api.follow(accepted):
                progress = "" if job["progress"] is None else f" {job['progress']} %"
                text = f"{job['id']} {colored(job['status'])}{progress}"
                status.update(text)
                if not out.is_terminal:
                    out.print(text)
    except KeyboardInterrupt:
        print(f"The job goes on; `orchestrator jobs show {job['id']}` tells what became of it.", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    return job
