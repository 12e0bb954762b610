"""What lies outside: the provider, and the way back from it to us."""

import uuid
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

import httpx

from orchestrator.cli.doctor.findings import PATIENCE_SECONDS, Finding, fail, ok, warn
from orchestrator.config import Settings
from orchestrator.domain.policy import Reach

CLOCK_SKEW: Final = timedelta(minutes=1)
"""Webhooks carry the time, and receivers refuse those that are five minutes off."""
_TOKEN_TROUBLE: Final = frozenset({"no_token", "token_mismatched", "invalid_token", "token_expired"})


async def check_public_url(settings: Settings) -> list[Finding]:
    """Whether results can be called back there."""
    url = settings.public_url
    if settings.to_policy().reach is Reach.POLL:
        text = f"{url} cannot be reached from {settings.upstream_url}: results are asked for instead of called back."
        remedy = "Fine on a laptop. Elsewhere set ORCHESTRATOR_PUBLIC_URL to the address of your proxy or tunnel."
        return [warn("public URL", text, remedy)]
    findings = [await _check_answer(url)]
    # A provider on this machine or network is a sandbox: nobody listens on the way.
    if urlsplit(url).scheme == "http" and settings.provider_name != "sandbox":
        text = f"{url} is not encrypted: who listens on the way can read results and use signed links."
        findings.append(warn("public URL", text, "Put TLS in front, and say https in ORCHESTRATOR_PUBLIC_URL."))
    return findings


async def check_upstream(settings: Settings) -> list[Finding]:
    """Whether the provider answers and knows the token, by looking up a task that does not exist: that is free."""
    if not settings.upstream_token:
        return [fail("upstream", "There is no token for it.", "Set ORCHESTRATOR_UPSTREAM_TOKEN.")]
    url = f"{settings.upstream_url.rstrip('/')}/openai/tasks"
    headers = {"authorization": f"Bearer {settings.upstream_token}", "accept": "application/json"}
    question = {"action": "retrieve", "id": str(uuid.uuid4())}
    try:
        async with httpx.AsyncClient(timeout=PATIENCE_SECONDS, trust_env=False) as client:
            response = await client.post(url, json=question, headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        text = f"{settings.upstream_url} does not answer: {str(error) or type(error).__name__}."
        return [fail("upstream", text, "Check ORCHESTRATOR_UPSTREAM_URL and this machine's way out.")]
    return [_check_reply(settings.upstream_url, response), *_check_clock(response)]


async def _check_answer(url: str) -> Finding:
    try:
        async with httpx.AsyncClient(timeout=PATIENCE_SECONDS, trust_env=False) as client:
            response = await client.get(f"{url.rstrip('/')}/healthz")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        text = f"Nothing answers at {url} from here: {str(error) or type(error).__name__}."
        return warn("public URL", text, "Fine while the service is not running; else check the proxy in front of it.")
    if response.status_code != httpx.codes.OK:
        text = f"{url}/healthz answers {response.status_code}."
        return warn("public URL", text, "Something else seems to answer there; check the proxy in front.")
    return ok("public URL", f"{url} leads to the service, as seen from here.")


def _check_reply(url: str, response: httpx.Response) -> Finding:
    code = _code_of(response)
    if response.status_code in {httpx.codes.OK, httpx.codes.NOT_FOUND}:
        return ok("upstream", f"{url} answers and takes the token.")
    if response.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN} or code in _TOKEN_TROUBLE:
        text = f"{url} refuses the token ({response.status_code}{f', {code}' if code else ''})."
        return fail("upstream", text, "Check ORCHESTRATOR_UPSTREAM_TOKEN.")
    text = f"{url} answers {response.status_code}{f', {code}' if code else ''} to a look-up."
    return warn("upstream", text, "It may be in trouble, or ORCHESTRATOR_UPSTREAM_URL may be another service.")


def _check_clock(response: httpx.Response) -> list[Finding]:
    try:
        there = parsedate_to_datetime(response.headers.get("date", ""))
    except ValueError:
        return []
    skew = abs(datetime.now(UTC) - there.astimezone(UTC))
    if skew < CLOCK_SKEW:
        return [ok("clock", "It agrees with the provider's.")]
    text = f"It differs from the provider's by {skew.total_seconds():.0f} s; receivers refuse old webhooks."
    return [warn("clock", text, "Let this machine keep its time by NTP.")]


def _code_of(response: httpx.Response) -> str:
    try:
        body = response.json()
    except ValueError:
        return ""
    error = body.get("error") if isinstance(body, dict) else None
    return str(error.get("code", "")) if isinstance(error, dict) else ""
