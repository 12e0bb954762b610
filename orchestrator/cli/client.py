"""What the commands that talk to a running service share: where it is, whose key, and its problems as sentences."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import httpx
import typer

from orchestrator.cli.failures import Failure

USUAL_URL: Final = "http://127.0.0.1:8080"
PATIENCE: Final = httpx.Timeout(30.0, read=90.0)
"""Reading takes longer than the service's longest wait, which is a minute."""
_FILENAME: Final = re.compile(r'filename="[^"]*(\.[A-Za-z0-9]{1,8})"')

Url = Annotated[
    str | None, typer.Option("--url", help=f"The service; ORCHESTRATOR_PUBLIC_URL or {USUAL_URL} unless told.")
]
Key = Annotated[
    str | None,
    typer.Option("--key", help="An API key; ORCHESTRATOR_API_KEY or the first of ORCHESTRATOR_API_KEYS unless told."),
]
Raw = Annotated[bool, typer.Option("--json", help="Print the service's answer as it is.")]


class Service:
    """A running service. Every method raises Failure, with the service's own words where it had any."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def call(self, method: str, path: str, **request: Any) -> httpx.Response:
        """One request; an answer that is no success is a Failure."""
        try:
            response = self._client.request(method, path, **request)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._out_of_reach(error) from error
        if response.status_code >= httpx.codes.BAD_REQUEST:
            raise Failure(_complaint(response))
        return response

    def ask(self, method: str, path: str, **request: Any) -> Any:
        """The JSON of one answer; None where there is none."""
        response = self.call(method, path, **request)
        try:
            return response.json() if response.content else None
        except ValueError as error:
            raise Failure(f"{self._client.base_url} answered something that is not JSON; is it the service?") from error

    def follow(self, job: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The job as it is, and again whenever it changes, until it is final."""
        while True:
            yield job
            if job["finished_at"] is not None:
                return
            known = {"if-none-match": f'"{job["revision"]}"'}
            response = self.call("GET", f"/v1/jobs/{job['id']}?wait=30", headers=known)
            if response.status_code != httpx.codes.NOT_MODIFIED:
                job = response.json()

    def download(self, asset: dict[str, Any], folder: Path, stem: str) -> Path:
        """Store one asset in `folder`, whole or not at all, and return where."""
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with self._client.stream("GET", f"/v1/assets/{asset['id']}") as response:
                response.raise_for_status()
                target = folder / f"{stem}{suffix_of(response)}"
                part = target.with_name(f".{target.name}.part")
                with part.open("wb") as file:
                    for piece in response.iter_bytes():
                        file.write(piece)
        except httpx.HTTPError as error:
            raise Failure(f"the asset {asset['id']} could not be downloaded: {error}.") from error
        return part.rename(target)

    def _out_of_reach(self, error: Exception) -> Failure:
        return Failure(f"nothing answers at {self._client.base_url} ({error}). Is `orchestrator serve` running there?")


@contextmanager
def service(url: str | None, key: str | None) -> Iterator[Service]:
    """The service at `url`, asked with `key`; the environment says what the command line leaves out."""
    base = url or os.environ.get("ORCHESTRATOR_PUBLIC_URL") or USUAL_URL
    with httpx.Client(base_url=base, headers=_headers(key), timeout=PATIENCE, trust_env=False) as client:
        yield Service(client)


def suffix_of(response: httpx.Response) -> str:
    """What the file should end with: the service names it by what its bytes are."""
    found = _FILENAME.search(response.headers.get("content-disposition", ""))
    return found[1] if found else ""


def show_raw(answer: object) -> None:
    """Print an answer for programs."""
    print(json.dumps(answer, indent=2, ensure_ascii=False))


def _headers(key: str | None) -> dict[str, str]:
    keys = os.environ.get("ORCHESTRATOR_API_KEY") or os.environ.get("ORCHESTRATOR_API_KEYS", "").partition(",")[0]
    chosen = key or keys.strip()
    if not chosen:
        raise Failure("no API key: give --key, or set ORCHESTRATOR_API_KEY.")
    if not chosen.isascii() or not chosen.isprintable():
        raise Failure("the API key holds characters that a header cannot carry.")
    return {"authorization": f"Bearer {chosen}"}


def _complaint(response: httpx.Response) -> str:
    try:
        problem = response.json()
        return str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        return f"{response.url} answered {response.status_code} {response.reason_phrase}; is it the service?"
