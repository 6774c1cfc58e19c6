"""Alembic's entry: always run by :mod:`kg.organizations.store.schema`, on a connection that it hands over."""

from alembic import context

from kg.organizations.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, compare_type=True)
context.run_migrations()
