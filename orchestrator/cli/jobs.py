"""`orchestrator jobs`: the jobs of a running service."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from orchestrator.cli.client import Key, Raw, Url, service, show_raw
from orchestrator.cli.tables import local, seconds_of, show_fields, show_table, size_of

command = typer.Typer()

JobId = Annotated[str, typer.Argument(metavar="ID", help="The job's id.")]


@command.command("list")
def list_jobs(
    *,
    status: Annotated[str | None, typer.Option(help="Only those in this state; several with commas.")] = None,
    operation: Annotated[str | None, typer.Option(help="Only this operation.")] = None,
    limit: Annotated[int, typer.Option(help="How many, the newest first.")] = 20,
    url: Url = None,
    key: Key = None,
    raw: Raw = False,
) -> None:
    """List jobs, the newest first."""
    wanted = {"status": status, "operation": operation, "limit": limit}
    with service(url, key) as api:
        page = api.ask("GET", "/v1/jobs", params={name: value for name, value in wanted.items() if value is not None})
    if raw:
        show_raw(page)
        return
    columns = ("JOB", "STATE", "OPERATION", "CREATED", "SECONDS", "FILES", "ERROR")
    show_table(columns, map(_row, page["data"]), empty="There are no such jobs.")


@command.command("show")
def show_job(job_id: JobId, *, url: Url = None, key: Key = None, raw: Raw = False) -> None:
    """Show one job with its files and tasks."""
    with service(url, key) as api:
        job = api.ask("GET", f"/v1/jobs/{job_id}")
    _show(job, raw=raw)


@command.command("cancel")
def cancel_job(job_id: JobId, *, url: Url = None, key: Key = None, raw: Raw = False) -> None:
    """Cancel a job that has not ended. What the provider already works on is still paid for."""
    with service(url, key) as api:
        job = api.ask("POST", f"/v1/jobs/{job_id}/cancel")
    _show(job, raw=raw)


@command.command("retry")
def retry_job(job_id: JobId, *, url: Url = None, key: Key = None, raw: Raw = False) -> None:
    """Submit a job again that failed, expired or was canceled. It is paid for again."""
    with service(url, key) as api:
        job = api.ask("POST", f"/v1/jobs/{job_id}/retry")
    _show(job, raw=raw)


def print_job(job: Mapping[str, Any]) -> None:
    """The job for people."""
    error, tasks = job["error"], job["tasks"]
    recovered = next((task["recovered_by"] for task in tasks if task["recovered_by"]), None)
    show_fields(
        {
            "job": job["id"],
            "state": job["status"],
            "operation": job["operation"],
            "provider": job["provider"],
            "task": next((task["task_id"] for task in reversed(tasks)), None),
            "created": local(job["created_at"]),
            "seconds": seconds_of(job) or None,
            "recovered by": recovered,
            "error": None if error is None else f"{error['code']}: {error['message']}",
        }
    )
    if job["assets"]:
        show_table(("TYPE", "SIZE", "PIXELS", "LINK"), map(_asset_row, job["assets"]), empty="")


def _show(job: Mapping[str, Any], *, raw: bool) -> None:
    if raw:
        show_raw(job)
    else:
        print_job(job)


def _row(job: Mapping[str, Any]) -> tuple[object, ...]:
    error = job["error"]["code"] if job["error"] else None
    return (
        job["id"],
        job["status"],
        job["operation"],
        local(job["created_at"]),
        seconds_of(job),
        len(job["assets"]) or None,
        error,
    )


def _asset_row(asset: Mapping[str, Any]) -> tuple[object, ...]:
    pixels = f"{asset['width']}x{asset['height']}" if asset["width"] else ""
    return asset["content_type"], size_of(asset["bytes"]), pixels, asset["url"]
