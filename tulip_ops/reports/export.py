"""What `tulip export` writes: layers of the database as one file for GIS."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tulip_ops.core.errors import BadInput, StoreUnavailable
from tulip_ops.core.files import move_durably, regular_target
from tulip_ops.core.storage_settings import DatabaseSettings
from tulip_ops.postgis import connection, layers
from tulip_ops.postgis.layer_names import LAYERS, Layer
from tulip_ops.postgis.layers import Selection
from tulip_ops.reports import qgis_styles
from tulip_ops.storage import layer_writer


def export(
    settings: DatabaseSettings, out: Path, layer_names: Sequence[Layer], selection: Selection
) -> dict[Layer, int]:
    """Write the layers into `out`, in the format of its extension; returns rows by layer.

    A GeoPackage takes several layers (none named: all) and brings styles for QGIS; other formats
    take one. The file is complete or absent, and replaces an older one. Every layer shows
    the same moment. `BadInput`, `AreaNotFound`, `StoreUnavailable`.
    """
    names = _layers(out, layer_names)
    rows: dict[Layer, int] = {}
    try:
        out = regular_target(out)
        with TemporaryDirectory(dir=out.parent, prefix=f".{out.stem}-") as folder:
            draft = Path(folder) / out.name
            with (
                connection.connect(settings.reader_url(), "tulip export") as database,
                layers.snapshot(database),
            ):
                for name in names:
                    with layers.read_layer(database, name, selection) as found:
                        rows[name] = layer_writer.write_layer(
                            draft, name, found.columns, found.batches
                        )
            if layer_writer.driver(out) == "GPKG":
                layer_writer.write_styles(draft, qgis_styles.styles(names))
            move_durably(draft, out, sync_folder=False)
    except OSError as error:
        raise StoreUnavailable(
            f"{out} cannot be written ({error}); check the folder and its rights"
        ) from error
    return rows


def _layers(out: Path, layer_names: Sequence[Layer]) -> tuple[Layer, ...]:
    several = layer_writer.driver(out) == "GPKG"
    names = tuple(dict.fromkeys(layer_names)) or (LAYERS if several else ())
    if not several and len(names) != 1:
        raise BadInput(
            f"{out.name} holds one layer: name it with --layer ({', '.join(LAYERS)}),"
            " or write a .gpkg, which holds all of them"
        )
    return names
