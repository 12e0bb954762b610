"""A provider: a configured upstream platform, spoken to over HTTP.

What a submit's failure means is decided here, because it is worth money. Only a failure that happened before a byte
was sent is `NotSent`; everything without a clear answer is `Ambiguous`. httpx's own classes do not tell the two apart:
on the aiohttp transport a refused connection and a connection cut after the request are both `ConnectTimeout`, and
only the cause behind it knows. The idle time of connections is short, because one that the provider closed in the
same moment looks ambiguous too.

The egress guard is not for this client: its address is the operator's own choice.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from time import time
from typing import Any, Final

import aiohttp
import httpx
import msgspec
from httpx_aiohttp import AiohttpTransport

from orchestrator.domain.outcome import Outcome, OutcomeState
from orchestrator.providers.replies import (
    Ambiguous,
    Answer,
    Finished,
    Refused,
    read_answer,
    read_record,
    read_records,
)

MAX_ANSWER: Final = 96 * 1024 * 1024
"""Bytes. An inline result may hold images in base64."""
IDLE: Final = 4.0
"""Seconds that an unused connection is kept."""
CONNECT: Final = 10.0
"""Seconds until a connection that does not come about counts as refused."""
BATCH: Final = 50
"""How many tasks the platform lets one question be about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file of a multipart request."""

    field: str
    filename: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What is sent for one task."""

    operation: str
    body: Mapping[str, Any]
    uploads: Sequence[Upload] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent:
    """The request never left, so it can be sent again."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderReply:
    """A provider's answer to a submit, with what it means."""

    answer: Answer | NotSent
    status: int = 0
    body: object = None
    """The decoded JSON, or the text where it was none."""
    retry_after: float | None = None
    """Seconds, where the provider said so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A task to ask about: by the upstream's id where we know it, else by the trace id that we gave."""

    upstream_task_id: str | None
    trace_id: str

    @property
    def key(self) -> str:
        """What it is asked for by."""
        return self.upstream_task_id or self.trace_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the provider says about one task; `outcome` is None when it could not be asked."""

    outcome: Outcome | None = None
    record: object = None


class Provider:
    """One platform: a base URL and a token."""

    def __init__(self, name: str, *, base_url: str, token: str, max_connections: int = 256) -> None:
        self.name = name
        self._base_url = base_url.rstrip("/")
        self._headers = {"accept": "application/json", "authorization": f"Bearer {token}"}
        self._max_connections = max_connections
        self._made: httpx.AsyncClient | None = None

    async def submit(self, submission: Submission, *, timeout: float) -> ProviderReply:  # noqa: ASYNC109
        """POST the submission once. Never raises for what the provider or the network may do; `timeout` is seconds."""
        request = self._request(submission)
        try:
            async with asyncio.timeout(timeout):
                status, headers, content = await self._send(request)
        except (httpx.HTTPError, aiohttp.ClientError, OSError, TimeoutError) as error:
            return ProviderReply(answer=_failure(error))
        body = _decoded(content)
        service = submission.operation.partition("/")[0]
        return ProviderReply(
            answer=read_answer(status, body, service=service),
            status=status,
            body=body,
            retry_after=_retry_after(headers.get("retry-after")),
        )

    async def ask(self, service: str, questions: Sequence[Question], *, limit: float = 30.0) -> list[Found]:
        """What the provider says about each task, in order, within `limit` seconds: what it did not say by then is
        `Found()`. Several are asked about in batches."""
        found = [Found()] * len(questions)
        with suppress(TimeoutError):
            async with asyncio.timeout(limit):
                if len(questions) == 1:
                    found[0] = await self._ask_one(service, questions[0])
                for start in range(0, len(questions) if len(questions) > 1 else 0, BATCH):
                    await self._ask_batch(service, questions[start : start + BATCH], found, start)
        return found

    async def close(self) -> None:
        """Close the connections."""
        if self._made is not None:
            await self._made.aclose()

    async def _ask_batch(self, service: str, questions: Sequence[Question], found: list[Found], start: int) -> None:
        """One question by ids and one by trace ids; what an answer does not prove is asked for alone."""
        by_id = [place for place, question in enumerate(questions) if question.upstream_task_id is not None]
        by_trace = [place for place, question in enumerate(questions) if question.upstream_task_id is None]
        for name, places in (("ids", by_id), ("trace_ids", by_trace)):
            keys = [questions[place].key for place in places]
            if not keys:
                continue
            answer = await self._tasks(
                service, {"action": "retrieve_batch", name: keys, "offset": 0, "limit": len(keys)}
            )
            if answer is None:  # not answered at all: asking one by one would only take longer
                continue
            records = read_records(answer, service=service)
            for place, key in zip(places, keys, strict=True):
                if key in records.outcomes:
                    found[start + place] = Found(outcome=records.outcomes[key], record=records.records[key])
                else:
                    found[start + place] = await self._ask_one(service, questions[place])

    async def _ask_one(self, service: str, question: Question) -> Found:
        name = "trace_id" if question.upstream_task_id is None else "id"
        record = await self._tasks(service, {"action": "retrieve", name: question.key})
        return Found() if record is None else Found(outcome=read_record(record, service=service), record=record)

    async def _tasks(self, service: str, body: Mapping[str, object]) -> object:
        """The decoded answer, or None when there was none to be trusted."""
        request = self._client.build_request("POST", f"{self._base_url}/{service}/tasks", json=body)
        try:
            status, _, content = await self._send(request)
        except (httpx.HTTPError, aiohttp.ClientError, OSError):
            return None
        answer = _decoded(content)
        if status == httpx.codes.NOT_FOUND and read_record(answer, service=service).state is OutcomeState.UNKNOWN_TASK:
            return answer
        return answer if httpx.codes.is_success(status) and isinstance(answer, dict | list) else None

    async def _send(self, request: httpx.Request) -> tuple[int, httpx.Headers, bytes]:
        response = await self._client.send(request, stream=True)
        try:
            content = bytearray()
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > MAX_ANSWER:
                    raise httpx.ReadError(f"The answer is over {MAX_ANSWER} bytes.")
            return response.status_code, response.headers, bytes(content)
        finally:
            await response.aclose()

    def _request(self, submission: Submission) -> httpx.Request:
        url = f"{self._base_url}/{submission.operation}"
        if not submission.uploads:
            content = msgspec.json.encode(submission.body)
            headers = {"content-type": "application/json"}
            return self._client.build_request("POST", url, content=content, headers=headers)
        files = [(each.field, (each.filename, each.content, each.content_type)) for each in submission.uploads]
        return self._client.build_request("POST", url, data=_form(submission.body), files=files)

    @property
    def _client(self) -> httpx.AsyncClient:
        if self._made is None:
            connector = aiohttp.TCPConnector(limit=self._max_connections, keepalive_timeout=IDLE)
            session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)
            self._made = httpx.AsyncClient(
                transport=AiohttpTransport(client=session, trust_env=False),
                headers=self._headers,
                timeout=httpx.Timeout(None, connect=CONNECT, pool=CONNECT),
                trust_env=False,
            )
        return self._made


def outcome_of_answer(status: int, body: object, *, service: str) -> Outcome:
    """An answer that decides its task, as an outcome: an inline result, or a refusal."""
    match read_answer(status, body, service=service):
        case Finished(outcome=outcome):
            return outcome
        case Refused(error=error):
            return Outcome(state=OutcomeState.FAILED, error=error)
        case _:
            return Outcome(state=OutcomeState.RUNNING)


def _failure(error: Exception) -> NotSent | Ambiguous:
    cause = error.__cause__ if isinstance(error, httpx.HTTPError) else error
    reason = f"{type(cause or error).__name__}: {cause or error}"
    if isinstance(cause, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return NotSent(reason=reason)
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL):
        return NotSent(reason=reason)
    return Ambiguous(reason=reason)


def _decoded(content: bytes) -> object:
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return content[:2048].decode(errors="replace")


def _form(body: Mapping[str, Any]) -> dict[str, str | list[str]]:
    """The fields of a form: text as it is, everything else as JSON writes it."""
    return {key: _field(value) for key, value in body.items() if value is not None}


def _field(value: Any) -> str | list[str]:
    if isinstance(value, list):
        return [str(_field(each)) for each in value]
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _retry_after(value: str | None) -> float | None:
    """Seconds, from either form of the header; None when it says nothing."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        # More digits than any honest answer has would overflow the arithmetic of dates.
        return float(text[:9])
    try:
        return min(max(parsedate_to_datetime(text).timestamp() - time(), 0.0), 999_999_999.0)
    except (ValueError, OverflowError, OSError):
        return None
