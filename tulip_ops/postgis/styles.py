"""QGIS styles in the table `layer_styles` of the schema public, from which QGIS reads them."""

from __future__ import annotations

from collections.abc import Mapping

from psycopg import errors

from tulip_ops.core.errors import DatabaseUnavailable
from tulip_ops.postgis.connection import connect, query, transaction
from tulip_ops.postgis.layer_names import Layer

TABLES: Mapping[Layer, str] = {
    "fields": "field",
    "bloom_history": "bloom_layer",
    "detections": "detection_layer",
    "observations": "observation_layer",
}
"""Table or view in the schema tulip, by layer."""


def write_styles(owner_url: str, styles: Mapping[Layer, str]) -> list[str]:
    """Save QML styles of layers, replacing older ones; returns the tables of the layers.

    A default style of another author stays the default. `DatabaseUnavailable` if the user may not
    create the table, or may not write to it.
    """
    with connect(owner_url, "tulip database styles") as connection:
        try:
            with transaction(connection):
                connection.execute(query("create_layer_styles"))
                connection.execute(query("grant_layer_styles"))
                for layer, style in styles.items():
                    values = {"table": TABLES[layer], "style": style}
                    connection.execute(query("write_layer_style"), values)
        except errors.InsufficientPrivilege as error:
            user, database = connection.info.user, connection.info.dbname
            raise DatabaseUnavailable(
                f"{user} may not keep styles in the schema public of {database}; let an"
                f' administrator run `GRANT CREATE ON SCHEMA public TO "{user}"` (where'
                f' public.layer_styles is there: `GRANT ALL ON public.layer_styles TO "{user}"`),'
                " then repeat"
            ) from error
    return [TABLES[layer] for layer in styles]
