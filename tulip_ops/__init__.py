"""From new Sentinel-2 acquisitions to a bloom history of tulip fields in PostGIS.

The Python API: three functions, described with examples in docs/reference/python-api.md. Importing
this package imports neither NumPy nor anything else that is slow; the functions do when they are
called. What they raise is in `tulip_ops.core.errors`. Every other name of the package may change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from geopandas import GeoDataFrame
    from numpy.typing import ArrayLike, NDArray

    from tulip_ops.core.settings import Settings
    from tulip_ops.storage.acquisition_products import AcquisitionProducts

__all__ = ["__version__", "open_acquisition", "read_history", "run_network"]

__version__ = "0.1.0"


def open_acquisition(acquisition_id: str, settings: Settings | None = None) -> AcquisitionProducts:
    """The products of one acquisition: paths, arrays, detections and the STAC item.

    acquisition_id: such as S2B_31UFU_20260420_0_L2A. settings: which store; by default those of
    the environment. `BadAcquisitionId`, `BadSetting`, `StoreUnavailable`; `ProductMissing` if the
    store does not know the acquisition.
    """
    from tulip_ops.core.settings import Settings
    from tulip_ops.core.types import AcquisitionId
    from tulip_ops.storage.acquisition_products import AcquisitionProducts
    from tulip_ops.storage.product_store import open_store

    store = open_store((settings or Settings.load()).storage)
    products = AcquisitionProducts(AcquisitionId.parse(acquisition_id), store)
    products.item()  # of an unknown acquisition, say so now
    return products


def run_network(
    reflectance: ArrayLike,
    bands: Sequence[str],
    model: str = "unet",
    settings: Settings | None = None,
) -> NDArray[np.float32]:
    """Calibrated probabilities of a reflectance array in memory.

    reflectance: (bands, height, width), floating point, 1.0 is 100 %, NaN where not measured.
    bands: STAC common names in the order of the array, such as ("blue", "green", "red", "nir").
    model: "cloud-filter" or "unet" for the model that the settings name, or a model's name, or
    name/version. settings: where models are and what runs them; by default those of the
    environment.

    Returns float32 in [0, 1], NaN where a band that the network reads was not measured: of cloud
    (1, height, width) from a cloud filter; of tulips, and of tulips in flower, (2, height, width)
    from a U-Net. `BadInput` for an array of another kind; `ModelNotFound`, `ModelDamaged`.
    """
    from tulip_ops.core.settings import Settings
    from tulip_ops.ml.inference import in_memory

    chosen = settings or Settings.load()
    return in_memory.probability(
        reflectance, bands, model, chosen.networks, chosen.execution.threads
    )


def read_history(
    settings: Settings | None = None,
    *,
    area: str | None = None,
    seasons: Sequence[int] | None = None,
    simulated: bool | None = None,
) -> GeoDataFrame:
    """The history of fields in EPSG:4326: one row per field and season, ordered by both.

    Columns are those of the layer bloom_history, which docs/tables.md describes; integers and
    booleans are nullable, dates are `datetime.date`. area: name of an area of interest; seasons:
    calendar years; simulated: False for satellite acquisitions alone, True for simulated ones
    alone. None: all. settings: which database; by default those of the environment.
    `BadSetting`, `AreaNotFound`, `DatabaseUnavailable`, `SchemaOutdated`.
    """
    from tulip_ops.core.settings import Settings
    from tulip_ops.postgis import connection, layers
    from tulip_ops.storage import layer_frame

    url = (settings or Settings.load()).database.reader_url()
    chosen = layers.Selection(
        area=area, seasons=None if seasons is None else tuple(seasons), simulated=simulated
    )
    with (
        connection.connect(url, "tulip_ops.read_history") as database,
        layers.snapshot(database),
        layers.read_layer(database, "bloom_history", chosen) as rows,
    ):
        return layer_frame.frame(rows.columns, rows.batches)
