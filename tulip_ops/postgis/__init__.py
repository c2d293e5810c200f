"""The database: tables, migrations and all SQL.

`pipeline`, `reports`, `services`, `cli`, and `sources` for its budget import this package. It alone
imports psycopg, SQLAlchemy and Alembic.
"""
