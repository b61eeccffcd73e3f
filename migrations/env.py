"""Alembic's way in. There is no ini file: `orchestrator/store/schema.py` hands over the open connection, in whose
transaction everything happens, so that a migration is done whole or not at all."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
