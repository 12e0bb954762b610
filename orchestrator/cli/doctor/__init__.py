"""`orchestrator doctor`: everything that the settings name is tried, and each finding comes with its remedy.

Nothing is changed by it: no database is made, no task is submitted, what is written to the store is removed again.
"""

import asyncio

import typer
from rich.markup import escape
from rich.table import Table

from orchestrator.cli.doctor.findings import Finding, Verdict
from orchestrator.cli.doctor.places import check_database, check_store
from orchestrator.cli.doctor.upstream import check_public_url, check_upstream
from orchestrator.cli.doctor.variables import check_settings, shown
from orchestrator.cli.failures import complain
from orchestrator.cli.reading import read_settings
from orchestrator.cli.tables import colored, console
from orchestrator.config import Settings


def command() -> None:
    """Exit with 1 when something would not work."""
    settings = read_settings()
    out = console()
    out.print(_settings_table(settings))
    findings = [*check_settings(settings), *asyncio.run(_look_around(settings))]
    out.print(_findings_table(findings))
    failed = [finding.about for finding in findings if finding.verdict is Verdict.FAIL]
    if failed:
        complain(f"this would not work: {', '.join(failed)}.")
        raise typer.Exit(1)


async def _look_around(settings: Settings) -> list[Finding]:
    groups = await asyncio.gather(
        check_database(settings), check_store(settings), check_public_url(settings), check_upstream(settings)
    )
    return [finding for group in groups for finding in group]


def _settings_table(settings: Settings) -> Table:
    table = Table("SETTING", "VALUE", "", box=None, pad_edge=False, header_style="bold")
    for name, value, is_given in shown(settings):
        table.add_row(name, escape(value), "" if is_given else "[dim]by default[/]")
    return table


def _findings_table(findings: list[Finding]) -> Table:
    table = Table("CHECK", "", "FINDING", box=None, pad_edge=False, header_style="bold")
    for finding in findings:
        remedy = f"\n→ {finding.remedy}" if finding.remedy else ""
        table.add_row(finding.about, colored(finding.verdict), escape(finding.text + remedy))
    return table
