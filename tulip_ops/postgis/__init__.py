"""The tables: the only SQL, and the only one who speaks to the database.

`pipeline`, `reports`, `services`, `cli`, and `sources` for its budget import this package. It alone
imports psycopg, SQLAlchemy and Alembic.
"""
