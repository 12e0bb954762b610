"""`orchestrator sandbox`: an upstream to develop against. Its flags are the fields of `SandboxOptions`."""

from typing import Annotated, Final

import typer

from orchestrator.cli.failures import Failure
from orchestrator.cli.listening import bind, serve_until
from orchestrator.cli.running import run
from orchestrator.observability import configure_logging
from orchestrator.sandbox.app import create_sandbox
from orchestrator.sandbox.options import SandboxOptions

USUAL: Final = SandboxOptions()


def _option(sentence: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(help=sentence)
    return option


def command(
    context: typer.Context,
    *,
    host: Annotated[str, _option("Listen on this address.")] = "127.0.0.1",
    port: Annotated[int, _option("Listen on this port; 0 for any that is free.")] = 9000,
    public_url: Annotated[str | None, _option("Base of the media links; by default what the Host header says.")] = None,
    token: Annotated[str | None, _option("The one token that is accepted; by default any.")] = None,
    seed: Annotated[int | None, _option("Make ids and chance repeat themselves.")] = None,
    delay: Annotated[float, _option("Seconds from a submit to its result.")] = USUAL.delay,
    delay_jitter: Annotated[float, _option("Up to so many seconds more.")] = USUAL.delay_jitter,
    failure_rate: Annotated[float, _option("Share of the tasks that fail.")] = USUAL.failure_rate,
    duplicate_rate: Annotated[float, _option("Share of the callbacks that come twice.")] = USUAL.duplicate_rate,
    lost_rate: Annotated[float, _option("Share of the callbacks that never come.")] = USUAL.lost_rate,
    early_rate: Annotated[float, _option("Share that comes before the submit is answered.")] = USUAL.early_rate,
    link_ttl: Annotated[float, _option("Seconds that a media link lives.")] = USUAL.link_ttl,
    rate_limit: Annotated[int | None, _option("Unfinished tasks that are allowed; one more is answered 429.")] = None,
    nested: Annotated[bool, _option("OpenAI callbacks carry data.data, as the guides print it.")] = USUAL.nested,
    behaviour: Annotated[str, _option('What every request does, such as "ack=full; progress=1".')] = USUAL.behaviour,
    callback_timeout: Annotated[float, _option("Seconds that a receiver may take.")] = USUAL.callback_timeout,
    callback_retries: Annotated[int, _option("Further tries at a refused callback.")] = USUAL.callback_retries,
    callback_pause: Annotated[
        float, _option("Seconds before the first of them, then twice as long.")
    ] = USUAL.callback_pause,
    callback_connections: Annotated[int, _option("Callbacks under way at once.")] = USUAL.callback_connections,
    keep: Annotated[int, _option("Requests, tasks and callbacks that are remembered.")] = USUAL.keep,
    cache_bytes: Annotated[int, _option("Bytes of drawn pictures that are kept.")] = USUAL.cache_bytes,
    max_body: Annotated[int, _option("Bytes of the largest submit.")] = USUAL.max_body,
) -> None:
    """It draws real pictures and misbehaves exactly as it is told; docs/sandbox.md is its manual."""
    given = {name: value for name, value in context.params.items() if name not in {"host", "port"}}
    try:
        app = create_sandbox(SandboxOptions(**given))
    except ValueError as error:
        raise Failure(str(error)) from error
    configure_logging(log_format="console", level="info")
    with bind(host, port) as listener:
        run(lambda stop: serve_until(stop, app, listener, name="sandbox"))
