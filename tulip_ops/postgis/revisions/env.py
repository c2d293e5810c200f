"""What Alembic runs for every command: migrate on the connection that was handed in."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table_schema="tulip",
    transactional_ddl=False,  # the caller's transaction holds it all together
)
context.run_migrations()
