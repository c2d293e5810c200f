"""Generates docs/reference/tables.md from the comments in the database.

`python -m tulip_ops.postgis.schema_docs URL > docs/reference/tables.md` updates it.
"""

from __future__ import annotations

import sys

from tulip_ops.postgis.connection import Connection, connect, query

_HEAD = """\
# The tables

All objects are in the schema `tulip`. Geometries are EPSG:4326, longitude first; areas are
square metres on the WGS84 ellipsoid (geodesic), valid at every latitude. Query the views; the
tables below them hold their rows.

| role | may |
|---|---|
| `tulip_owner` | change the schema: migrations |
| `tulip_writer` | read and write rows: the steps |
| `tulip_reader` | read: everybody who queries |

This page is generated from the comments in the database
(`python -m tulip_ops.postgis.schema_docs URL`); a test fails when they differ.
"""


def tables(connection: Connection) -> str:
    """Markdown of each view, table and function with its comments."""
    parts = [_HEAD]
    for name, is_view, comment, columns, constraints in connection.execute(query("reference")):
        kind = "view" if is_view else "table"
        parts.append(f"\n## {name}\n\n{kind.capitalize()}. {comment}\n")
        parts.append("\n| column | type | meaning |\n|---|---|---|\n")
        for column in columns:
            optional = "" if is_view or column["required"] else ", may be null"
            parts.append(f"| `{column['name']}` | {column['type']}{optional} |"
                         f" {column['comment']} |\n")  # fmt: skip
        if constraints:
            parts.append("\n" + "".join(f"- `{_plain(rule)}`\n" for rule in constraints))
    for name, arguments, result, comment in connection.execute(query("functions")):
        parts.append(f"\n## {name}\n\nFunction `({arguments})`, returns {result}. {comment}\n")
    return "".join(parts)


def _plain(rule: str) -> str:
    """A constraint without the casts that PostgreSQL adds."""
    return " ".join(rule.replace("::text", "").replace("::double precision", "").split())


if __name__ == "__main__":
    with connect(sys.argv[1], "tulip reference") as database:
        sys.stdout.write(tables(database))
