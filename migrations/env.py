"""Alembic's environment: it runs on the connection that `orchestrator.storage.migrations` hands over.

There is no URL and no engine here. The caller holds the transaction, the lock and the time-outs, so that a migration
either happened or did not.
"""

from alembic import context

from orchestrator.storage.schema import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=connection.dialect.name == "sqlite")

with context.begin_transaction():
    context.run_migrations()
