"""`orchestrator endpoints`: where a consumer's webhooks go."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from orchestrator.cli.client import Key, Raw, Url, service, show_raw
from orchestrator.cli.tables import local, show_fields, show_table

command = typer.Typer()

EndpointId = Annotated[str, typer.Argument(metavar="ID", help="The endpoint's id.")]


@command.command("list")
def list_endpoints(*, url: Url = None, key: Key = None, raw: Raw = False) -> None:
    """List endpoints, the newest first."""
    with service(url, key) as api:
        page = api.ask("GET", "/v1/endpoints")
    if raw:
        show_raw(page)
        return
    columns = ("ENDPOINT", "URL", "EVENTS", "STATE", "CREATED", "DESCRIPTION")
    show_table(columns, map(_row, page["data"]), empty="There are no endpoints.")


@command.command("add")
def add_endpoint(
    address: Annotated[str, typer.Argument(metavar="URL", help="Where to send events.")],
    *,
    event: Annotated[list[str] | None, typer.Option(help="Only these events; several times for several.")] = None,
    description: Annotated[str, typer.Option(help="For people.")] = "",
    url: Url = None,
    key: Key = None,
    raw: Raw = False,
) -> None:
    """Add an endpoint, and show its secret, this once."""
    body = {"url": address, "events": event or ["*"], "description": description}
    with service(url, key) as api:
        endpoint = api.ask("POST", "/v1/endpoints", json=body)
    if raw:
        show_raw(endpoint)
        return
    show_fields({"endpoint": endpoint["id"], "url": endpoint["url"], "secret": endpoint["secret"]})
    print("The secret is not shown again.")


@command.command("rotate")
def rotate_secret(endpoint_id: EndpointId, *, url: Url = None, key: Key = None, raw: Raw = False) -> None:
    """Make a new secret. The old one goes on signing beside it for a while."""
    with service(url, key) as api:
        answer = api.ask("POST", f"/v1/endpoints/{endpoint_id}/secret/rotate")
    if raw:
        show_raw(answer)
        return
    show_fields({"endpoint": endpoint_id, "secret": answer["secret"]})


@command.command("delete")
def delete_endpoint(endpoint_id: EndpointId, *, url: Url = None, key: Key = None) -> None:
    """Delete an endpoint with everything that is still owed to it."""
    with service(url, key) as api:
        api.call("DELETE", f"/v1/endpoints/{endpoint_id}")
    print(f"The endpoint {endpoint_id} is gone.")


def _row(endpoint: Mapping[str, Any]) -> tuple[object, ...]:
    state = "enabled" if endpoint["enabled"] else f"disabled: {endpoint['disabled_reason']}"
    return (
        endpoint["id"],
        endpoint["url"],
        ", ".join(endpoint["events"]),
        state,
        local(endpoint["created_at"]),
        endpoint["description"],
    )
