"""The tables. CHECKs repeat the invariants of the domain, and partial indexes cover only rows that are due.

`migrations/` builds exactly this, on both databases; a test compares them. Columns named `due_at` and `attempt` are a
lease (`leases.py`).
"""

from typing import Final

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Float, Index, Integer, Table, Text, text

from orchestrator.domain import delivery, job, task
from orchestrator.domain.asset import AssetState
from orchestrator.domain.callback import InboxState, Source
from orchestrator.domain.outcome import AssetKind
from orchestrator.storage.columns import at, finished, identifier, known, metadata, owner, partial, quoted
from orchestrator.storage.types import Id, JsonText, Word

__all__ = ["metadata"]


# What is due in each table: the predicate of a partial index, and of the lease that reads by it. Both are this very
# text, because SQLite plans a statement before it sees its parameters.
TO_SUBMIT: Final = text("state = 'queued'")
TO_RECONCILE: Final = text(f"state IN ({quoted(task.SENT)})")
TO_SETTLE: Final = text("state = 'received'")
TO_COLLECT: Final = text("state = 'storing'")
TO_DELIVER: Final = text("state = 'pending'")

consumers = Table(
    "consumers",
    metadata,
    identifier(),
    Column("name", Text, nullable=False, unique=True),
    Column("webhook_secret", Text, nullable=False),
    Column("previous_webhook_secret", Text),
    at("previous_webhook_secret_expires_at"),
    at("created_at", nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    identifier(),
    owner("consumers", "consumer_id"),
    Column("name", Text, nullable=False),
    Column("key_hash", Text, nullable=False, unique=True),
    Column("scopes", JsonText, nullable=False),
    at("created_at", nullable=False),
    at("expires_at"),
    at("last_used_at"),
    at("revoked_at"),
)

secrets = Table(
    "secrets",
    metadata,
    identifier(),
    Column("name", Text, nullable=False, unique=True),
    Column("value", Text, nullable=False),
    at("created_at", nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    identifier(),
    owner("consumers", "consumer_id"),
    Column("operation", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("state", Word(job.JobState), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("attempt_before", Integer, nullable=False),
    at("due_at"),
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
    at("deadline_at", nullable=False),
    at("created_at", nullable=False),
    at("submitted_at"),
    at("finished_at"),
    known("state", job.JobState),
    finished(job.FINAL),
    CheckConstraint("revision > 0", name="revision_positive"),
    CheckConstraint("state <> 'succeeded' OR error IS NULL", name="no_error_on_success"),
    CheckConstraint("(state = 'storing') = (due_at IS NOT NULL)", name="due_while_storing"),
    Index("ix_jobs_consumer_id_id", "consumer_id", "id"),
    partial("ix_jobs_due", "due_at", where=TO_COLLECT),
    partial(
        "uq_jobs_idempotency_key",
        "consumer_id",
        "idempotency_key",
        where=text("idempotency_key IS NOT NULL"),
        unique=True,
    ),
    partial("ix_jobs_finished_at", "finished_at", where=text("finished_at IS NOT NULL")),
)

_OPEN_TASK = f"state IN ({quoted(task.OPEN)})"

tasks = Table(
    "tasks",
    metadata,
    identifier(),
    owner("jobs", "job_id"),
    Column("operation", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("state", Word(task.TaskState), nullable=False),
    Column("attempt", Integer, nullable=False),
    at("due_at"),
    Column("sends", Integer, nullable=False),
    Column("asks", Integer, nullable=False),
    Column("absences", Integer, nullable=False),
    Column("upstream_task_id", Text),
    Column("recovered_by", Word(task.RecoveredBy)),
    Column("last_error", Text),
    at("sent_at"),
    at("deadline_at", nullable=False),
    at("created_at", nullable=False),
    at("finished_at"),
    known("state", task.TaskState),
    finished(set(task.TaskState) - task.OPEN),
    CheckConstraint(f"(due_at IS NOT NULL) = ({_OPEN_TASK})", name="due_while_open"),
    CheckConstraint("state <> 'sending' OR sent_at IS NOT NULL", name="sent_at_when_sending"),
    Index("ix_tasks_job_id", "job_id"),
    partial("ix_tasks_to_submit", "due_at", where=TO_SUBMIT),
    partial("ix_tasks_to_reconcile", "due_at", where=TO_RECONCILE),
)

callbacks = Table(
    "callbacks",
    metadata,
    identifier(),
    owner("tasks", "task_id"),
    Column("source", Word(Source), nullable=False),
    Column("status", Integer),
    Column("state", Word(InboxState), nullable=False),
    Column("body", Text),
    Column("body_key", Text),
    Column("digest", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    at("due_at"),
    at("received_at", nullable=False),
    at("settled_at"),
    known("source", Source),
    known("state", InboxState),
    CheckConstraint("(body IS NULL) <> (body_key IS NULL)", name="one_body"),
    CheckConstraint("(state = 'received') = (due_at IS NOT NULL)", name="due_while_received"),
    CheckConstraint("(state = 'received') = (settled_at IS NULL)", name="settled_once"),
    Index("uq_callbacks_task_id_digest", "task_id", "digest", unique=True),
    partial("ix_callbacks_due", "due_at", where=TO_SETTLE),
    partial("ix_callbacks_settled_at", "settled_at", where=text("settled_at IS NOT NULL")),
)

blobs = Table(
    "blobs",
    metadata,
    identifier(),
    Column("sha256", Text, nullable=False, unique=True),
    Column("key", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("content_type", Text, nullable=False),
    at("created_at", nullable=False),
)

assets = Table(
    "assets",
    metadata,
    identifier(),
    owner("jobs", "job_id"),
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
    at("stored_at"),
    known("kind", AssetKind),
    known("state", AssetState),
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
    identifier(),
    owner("consumers", "consumer_id"),
    owner("jobs", "job_id"),
    Column("type", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("payload", Text, nullable=False),
    Column("callback_payload", Text),
    at("created_at", nullable=False),
    Index("uq_events_job_id_revision", "job_id", "revision", unique=True),
    Index("ix_events_consumer_id_id", "consumer_id", "id"),
)

endpoints = Table(
    "endpoints",
    metadata,
    identifier(),
    owner("consumers", "consumer_id"),
    Column("url", Text, nullable=False),
    Column("events", JsonText, nullable=False),
    Column("description", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("previous_secret", Text),
    at("previous_secret_expires_at"),
    at("disabled_at"),
    Column("disabled_reason", Text),
    at("created_at", nullable=False),
    CheckConstraint("(disabled_at IS NULL) = (disabled_reason IS NULL)", name="disabled_with_reason"),
    Index("ix_endpoints_consumer_id_id", "consumer_id", "id"),
)

deliveries = Table(
    "deliveries",
    metadata,
    identifier(),
    owner("events", "event_id"),
    Column("event_type", Text, nullable=False),
    owner("consumers", "consumer_id"),
    owner("jobs", "job_id"),
    Column("revision", Integer, nullable=False),
    owner("endpoints", "endpoint_id", nullable=True),
    Column("url", Text, nullable=False),
    Column("state", Word(delivery.DeliveryState), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    at("due_at"),
    at("created_at", nullable=False),
    at("finished_at"),
    Column("last_error", Text),
    known("state", delivery.DeliveryState),
    finished(set(delivery.DeliveryState) - {delivery.DeliveryState.PENDING}),
    CheckConstraint("(due_at IS NOT NULL) = (state = 'pending')", name="due_while_pending"),
    partial("ix_deliveries_due", "due_at", where=TO_DELIVER),
    Index("ix_deliveries_consumer_id_id", "consumer_id", "id"),
    Index("ix_deliveries_job_id", "job_id"),
    Index("ix_deliveries_event_id", "event_id"),
    Index("ix_deliveries_endpoint_id", "endpoint_id"),
)

attempts = Table(
    "attempts",
    metadata,
    identifier(),
    owner("deliveries", "delivery_id"),
    Column("number", Integer, nullable=False),
    Column("status", Integer),
    Column("error", Text),
    Column("excerpt", Text, nullable=False),
    Column("seconds", Float, nullable=False),
    at("started_at", nullable=False),
    Index("ix_attempts_delivery_id_number", "delivery_id", "number"),
    Index("ix_attempts_started_at", "started_at"),
)
