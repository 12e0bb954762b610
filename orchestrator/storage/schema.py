"""The tables. CHECKs repeat the invariants of the domain, and partial indexes cover only rows that are due.

`migrations/` builds exactly this, on both databases; a test compares them. Columns named `due_at` and `attempt` are a
lease (`leases.py`).
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TextClause,
    text,
)  # fmt: skip

from orchestrator.domain import delivery, job, task
from orchestrator.domain.asset import AssetState
from orchestrator.domain.callback import InboxState, Source
from orchestrator.domain.outcome import AssetKind
from orchestrator.storage.types import Id, JsonText, UtcDateTime, Word

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _quoted(values: Iterable[StrEnum]) -> str:
    return ", ".join(f"'{value.value}'" for value in sorted(values))


def _known(column: str, states: type[StrEnum]) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({_quoted(states)})", name=f"{column}_known")


def _finished(states: Iterable[StrEnum]) -> CheckConstraint:
    """`finished_at` is set in final states, and only there."""
    return CheckConstraint(f"(finished_at IS NOT NULL) = (state IN ({_quoted(states)}))", name="finished_when_final")


def _id() -> Column[str]:
    return Column("id", Id, primary_key=True)


def _at(name: str, *, nullable: bool = True) -> Column[Any]:
    return Column(name, UtcDateTime, nullable=nullable)


def _owner(table: str, name: str, *, nullable: bool = False) -> Column[str]:
    return Column(name, Id, ForeignKey(f"{table}.id", ondelete="CASCADE"), nullable=nullable)


def _partial(name: str, *columns: str, where: TextClause, unique: bool = False) -> Index:
    return Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


# What is due in each table: the predicate of a partial index, and of the lease that reads by it. Both are this very
# text, because SQLite plans a statement before it sees its parameters.
TO_SUBMIT: Final = text("state = 'queued'")
TO_RECONCILE: Final = text(f"state IN ({_quoted(task.SENT)})")
TO_SETTLE: Final = text("state = 'received'")
TO_COLLECT: Final = text("state = 'storing'")
TO_DELIVER: Final = text("state = 'pending'")

consumers = Table(
    "consumers",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    Column("webhook_secret", Text, nullable=False),
    Column("previous_webhook_secret", Text),
    _at("previous_webhook_secret_expires_at"),
    _at("created_at", nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    _id(),
    _owner("consumers", "consumer_id"),
    Column("name", Text, nullable=False),
    Column("key_hash", Text, nullable=False, unique=True),
    Column("scopes", JsonText, nullable=False),
    _at("created_at", nullable=False),
    _at("expires_at"),
    _at("last_used_at"),
    _at("revoked_at"),
)

secrets = Table(
    "secrets",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    Column("value", Text, nullable=False),
    _at("created_at", nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    _id(),
    _owner("consumers", "consumer_id"),
    Column("operation", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("state", Word(job.JobState), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("attempt_before", Integer, nullable=False),
    _at("due_at"),
    Column("input", JsonText, nullable=False),
    Column("input_blob", Text),
    Column("uploads", JsonText),
    Column("metadata", JsonText, nullable=False),
    Column("callback_url", Text),
    Column("trace_id", Text, nullable=False),
    Column("progress", Integer),
    Column("partial", Boolean, nullable=False),
    Column("error", JsonText),
    Column("upstream_created", BigInteger),
    Column("idempotency_key", Text),
    Column("request_digest", Text),
    _at("deadline_at", nullable=False),
    _at("created_at", nullable=False),
    _at("submitted_at"),
    _at("finished_at"),
    _known("state", job.JobState),
    _finished(job.FINAL),
    CheckConstraint("revision > 0", name="revision_positive"),
    CheckConstraint("state <> 'succeeded' OR error IS NULL", name="no_error_on_success"),
    CheckConstraint("(state = 'storing') = (due_at IS NOT NULL)", name="due_while_storing"),
    Index("ix_jobs_consumer_id_id", "consumer_id", "id"),
    _partial("ix_jobs_due", "due_at", where=TO_COLLECT),
    _partial(
        "uq_jobs_idempotency_key",
        "consumer_id",
        "idempotency_key",
        where=text("idempotency_key IS NOT NULL"),
        unique=True,
    ),
    _partial("ix_jobs_finished_at", "finished_at", where=text("finished_at IS NOT NULL")),
)

_OPEN_TASK = f"state IN ({_quoted(task.OPEN)})"

tasks = Table(
    "tasks",
    metadata,
    _id(),
    _owner("jobs", "job_id"),
    Column("operation", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("state", Word(task.TaskState), nullable=False),
    Column("attempt", Integer, nullable=False),
    _at("due_at"),
    Column("sends", Integer, nullable=False),
    Column("asks", Integer, nullable=False),
    Column("absences", Integer, nullable=False),
    Column("upstream_task_id", Text),
    Column("recovered_by", Word(task.RecoveredBy)),
    Column("last_error", Text),
    _at("sent_at"),
    _at("deadline_at", nullable=False),
    _at("created_at", nullable=False),
    _at("finished_at"),
    _known("state", task.TaskState),
    _finished(set(task.TaskState) - task.OPEN),
    CheckConstraint(f"(due_at IS NOT NULL) = ({_OPEN_TASK})", name="due_while_open"),
    CheckConstraint("state <> 'sending' OR sent_at IS NOT NULL", name="sent_at_when_sending"),
    Index("ix_tasks_job_id", "job_id"),
    _partial("ix_tasks_to_submit", "due_at", where=TO_SUBMIT),
    _partial("ix_tasks_to_reconcile", "due_at", where=TO_RECONCILE),
)

callbacks = Table(
    "callbacks",
    metadata,
    _id(),
    _owner("tasks", "task_id"),
    Column("source", Word(Source), nullable=False),
    Column("status", Integer),
    Column("state", Word(InboxState), nullable=False),
    Column("body", Text),
    Column("body_key", Text),
    Column("digest", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    _at("due_at"),
    _at("received_at", nullable=False),
    _at("settled_at"),
    _known("source", Source),
    _known("state", InboxState),
    CheckConstraint("(body IS NULL) <> (body_key IS NULL)", name="one_body"),
    CheckConstraint("(state = 'received') = (due_at IS NOT NULL)", name="due_while_received"),
    CheckConstraint("(state = 'received') = (settled_at IS NULL)", name="settled_once"),
    Index("uq_callbacks_task_id_digest", "task_id", "digest", unique=True),
    _partial("ix_callbacks_due", "due_at", where=TO_SETTLE),
    _partial("ix_callbacks_settled_at", "settled_at", where=text("settled_at IS NOT NULL")),
)

blobs = Table(
    "blobs",
    metadata,
    _id(),
    Column("sha256", Text, nullable=False, unique=True),
    Column("key", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("content_type", Text, nullable=False),
    _at("created_at", nullable=False),
)

assets = Table(
    "assets",
    metadata,
    _id(),
    _owner("jobs", "job_id"),
    Column("index", Integer, nullable=False),
    Column("kind", Word(AssetKind), nullable=False),
    Column("state", Word(AssetState), nullable=False),
    Column("source_url", Text),
    Column("callback_id", Id, nullable=False),
    Column("revised_prompt", Text),
    Column("sha256", Text),
    Column("content_type", Text),
    Column("bytes", BigInteger),
    Column("width", Integer),
    Column("height", Integer),
    _at("stored_at"),
    _known("kind", AssetKind),
    _known("state", AssetState),
    CheckConstraint(
        "(state = 'stored') = (sha256 IS NOT NULL AND content_type IS NOT NULL AND bytes IS NOT NULL)",
        name="bytes_when_stored",
    ),
    Index("uq_assets_job_id_index", "job_id", "index", unique=True),
    Index("ix_assets_sha256", "sha256"),
)

events = Table(
    "events",
    metadata,
    _id(),
    _owner("consumers", "consumer_id"),
    _owner("jobs", "job_id"),
    Column("type", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("payload", Text, nullable=False),
    Column("callback_payload", Text),
    _at("created_at", nullable=False),
    Index("uq_events_job_id_revision", "job_id", "revision", unique=True),
    Index("ix_events_consumer_id_id", "consumer_id", "id"),
)

endpoints = Table(
    "endpoints",
    metadata,
    _id(),
    _owner("consumers", "consumer_id"),
    Column("url", Text, nullable=False),
    Column("events", JsonText, nullable=False),
    Column("description", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("previous_secret", Text),
    _at("previous_secret_expires_at"),
    _at("disabled_at"),
    Column("disabled_reason", Text),
    _at("created_at", nullable=False),
    CheckConstraint("(disabled_at IS NULL) = (disabled_reason IS NULL)", name="disabled_with_reason"),
    Index("ix_endpoints_consumer_id_id", "consumer_id", "id"),
)

deliveries = Table(
    "deliveries",
    metadata,
    _id(),
    _owner("events", "event_id"),
    Column("event_type", Text, nullable=False),
    _owner("consumers", "consumer_id"),
    _owner("jobs", "job_id"),
    Column("revision", Integer, nullable=False),
    _owner("endpoints", "endpoint_id", nullable=True),
    Column("url", Text, nullable=False),
    Column("state", Word(delivery.DeliveryState), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    _at("due_at"),
    _at("created_at", nullable=False),
    _at("finished_at"),
    Column("last_error", Text),
    _known("state", delivery.DeliveryState),
    _finished(set(delivery.DeliveryState) - {delivery.DeliveryState.PENDING}),
    CheckConstraint("(due_at IS NOT NULL) = (state = 'pending')", name="due_while_pending"),
    _partial("ix_deliveries_due", "due_at", where=TO_DELIVER),
    Index("ix_deliveries_consumer_id_id", "consumer_id", "id"),
    Index("ix_deliveries_job_id", "job_id"),
    Index("ix_deliveries_event_id", "event_id"),
    Index("ix_deliveries_endpoint_id", "endpoint_id"),
)

attempts = Table(
    "attempts",
    metadata,
    _id(),
    _owner("deliveries", "delivery_id"),
    Column("number", Integer, nullable=False),
    Column("status", Integer),
    Column("error", Text),
    Column("excerpt", Text, nullable=False),
    Column("seconds", Float, nullable=False),
    _at("started_at", nullable=False),
    Index("ix_attempts_delivery_id_number", "delivery_id", "number"),
    Index("ix_attempts_started_at", "started_at"),
)
