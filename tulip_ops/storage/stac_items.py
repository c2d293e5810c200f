"""STAC 1.1 items of products and scenes, and catalogs. The only module that imports pystac."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import pystac
from shapely.geometry import MultiPolygon, Polygon, box, mapping

from tulip_ops.core.files import SHA256_MULTIHASH
from tulip_ops.core.types import BANDS, JSON, Acquisition, AcquisitionId, SeasonTile
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.projection import WGS84, project
from tulip_ops.storage.products import COG, Product

_EXTENSIONS = [
    f"https://stac-extensions.github.io/{name}/schema.json"
    for name in ("eo/v2.0.0", "file/v2.1.0", "grid/v1.1.0", "projection/v2.0.0", "raster/v2.0.0")
]
COMMON_NAMES = {"rededge1": "rededge071", "rededge2": "rededge075", "rededge3": "rededge078"}
"""Common names of the eo extension that differ from our band names."""


def product_item(
    acquisition: Acquisition,
    grid: Grid,
    bands: Sequence[str],
    *,
    written_at: datetime | None = None,
) -> dict[str, JSON]:
    """The STAC 1.1 item of an acquisition without products.

    grid: of all its rasters. bands: of its reflectance. written_at: UTC, becomes `created`.
    """
    left, bottom, right, top = grid.bounds
    covered = box(left, bottom, right, top).segmentize((right - left) / 4)
    item = _item(
        acquisition.id,
        acquisition.sensed_at,
        project(covered, grid.epsg, WGS84),
        {
            **_grid_fields(grid),
            "tulip:bands": list(bands),
            "tulip:source": acquisition.source,
            **_declared_properties(acquisition),
        },
    )
    if written_at is not None:
        item.common_metadata.created = written_at
    item.add_link(
        pystac.Link("derived_from", acquisition.href, media_type=pystac.MediaType.GEOJSON)
    )
    return _as_dict(item)


def season_item(
    season_tile: SeasonTile, grid: Grid, looks: Mapping[AcquisitionId, datetime]
) -> dict[str, JSON]:
    """The STAC 1.1 item of what a season's looks at one tile say together.

    grid: of its rasters. looks: those that count, with their times of sensing, UTC.
    """
    left, bottom, right, top = grid.bounds
    ground = box(left, bottom, right, top).segmentize((right - left) / 4)
    covered = project(ground, grid.epsg, WGS84)
    item = pystac.Item(
        id=str(season_tile),
        geometry=mapping(covered),
        bbox=list(covered.bounds),
        datetime=None,
        start_datetime=min(looks.values()),
        end_datetime=max(looks.values()),
        stac_extensions=list(_EXTENSIONS),
        properties={
            "platform": "simulated" if season_tile.simulated else "sentinel-2",
            "grid:code": f"MGRS-{season_tile.tile.lstrip('0')}",
            "tulip:season": season_tile.season,
            "tulip:simulated": season_tile.simulated,
            "tulip:looks": sorted(str(look) for look in looks),
            **_grid_fields(grid),
        },
    )
    return _as_dict(item)


def _declared_properties(acquisition: Acquisition) -> dict[str, JSON]:
    """Properties of the scene that the provider may declare."""
    properties = {
        "tulip:baseline": acquisition.baseline,
        "tulip:relative_orbit": acquisition.relative_orbit,
        "tulip:provider_cloud_cover": acquisition.provider_cloud_cover,
    }
    return {name: value for name, value in properties.items() if value is not None}


def scene_item(
    acquisition_id: AcquisitionId,
    sensed_at: datetime,
    footprint: Polygon | MultiPolygon,
    assets: Mapping[str, Mapping[str, JSON]],
    properties: Mapping[str, JSON],
) -> dict[str, JSON]:
    """The item of an archive's scene; footprint in EPSG:4326, assets from `raster_asset`."""
    item = _item(acquisition_id, sensed_at, footprint, properties)
    for key, asset in assets.items():
        item.add_asset(key, pystac.Asset.from_dict(dict(asset)))
    return _as_dict(item)


def raster_asset(
    href: str,
    *,
    title: str,
    role: str,
    bands: Sequence[str],
    epsg: int | None,
    transform: Iterable[float],
    shape: Sequence[int],
    dtype: str,
    scales: Sequence[float],
    offsets: Sequence[float],
    nodata: float | None,
    size: int,
    sha256: str,
) -> dict[str, JSON]:
    """The asset of a COG; href relative to the item, bands in the raster's order."""
    return {
        "href": href,
        "title": title,
        "type": COG,
        "roles": [role],
        "proj:code": None if epsg is None else f"EPSG:{epsg}",
        "proj:transform": list(transform)[:6],
        "proj:shape": list(shape),
        "file:size": size,
        "file:checksum": SHA256_MULTIHASH + sha256,
        **raster_fields(bands, dtype=dtype, scales=scales, offsets=offsets, nodata=nodata),
    }


def product_fields(product: Product, bands: Sequence[str] = ()) -> dict[str, JSON]:
    """Bands and encoding of a product's asset; empty for a table.

    bands: in order, of a product whose bands depend on the acquisition.
    """
    stored = product.encoding
    if stored is None:
        return {}
    return encoding_fields(
        product.bands or bands,
        dtype=stored.dtype,
        scale=stored.scale,
        offset=stored.offset,
        nodata=stored.nodata,
    )


def encoding_fields(
    bands: Sequence[str],
    *,
    dtype: str,
    scale: float = 1.0,
    offset: float = 0.0,
    nodata: float | None = None,
) -> dict[str, JSON]:
    """STAC fields of a pixel encoding: value = stored * scale + offset."""
    fields: dict[str, JSON] = {
        "bands": [_band_fields(name) for name in bands],
        "data_type": dtype,
        "raster:scale": scale,
        "raster:offset": offset,
    }
    if nodata is not None:
        fields["nodata"] = "nan" if math.isnan(nodata) else nodata
    return fields


def raster_fields(
    bands: Sequence[str],
    *,
    dtype: str,
    scales: Sequence[float],
    offsets: Sequence[float],
    nodata: float | None,
) -> dict[str, JSON]:
    """As `encoding_fields`, where each band may have a scale and an offset of its own."""
    fields = encoding_fields(bands, dtype=dtype, scale=scales[0], offset=offsets[0], nodata=nodata)
    if len({*zip(scales, offsets, strict=True)}) > 1:
        for band, scale, offset in zip(fields["bands"], scales, offsets, strict=True):
            band |= {"raster:scale": scale, "raster:offset": offset}
    return fields


def _band_fields(name: str) -> dict[str, JSON]:
    if name not in BANDS:
        return {"name": name}
    return {"name": name, "eo:common_name": COMMON_NAMES.get(name, name)}


def new_catalog() -> dict[str, JSON]:
    """An archive's catalog without items."""
    catalog = pystac.Catalog(
        "tulip-archive", "Sentinel-2 scenes for tulip_ops, as Cloud Optimized GeoTIFFs."
    )
    document: dict[str, JSON] = catalog.to_dict(include_self_link=False)
    document["links"] = [{"rel": "root", "href": "./catalog.json", "type": "application/json"}]
    return document


def _item(
    acquisition_id: AcquisitionId,
    sensed_at: datetime,
    footprint: Polygon | MultiPolygon,
    properties: Mapping[str, JSON],
) -> pystac.Item:
    satellite = (
        {"platform": "simulated"}
        if acquisition_id.simulated
        else {
            "platform": f"sentinel-2{acquisition_id.platform[-1].lower()}",
            "constellation": "sentinel-2",
            "instruments": ["msi"],
        }
    )
    return pystac.Item(
        id=str(acquisition_id),
        geometry=mapping(footprint),
        bbox=list(footprint.bounds),
        datetime=sensed_at,
        stac_extensions=list(_EXTENSIONS),
        properties={
            **satellite,
            "grid:code": f"MGRS-{acquisition_id.tile.lstrip('0')}",
            "tulip:level": acquisition_id.level,
            "tulip:sequence": acquisition_id.sequence,
            "tulip:simulated": acquisition_id.simulated,
            **properties,
        },
    )


def _grid_fields(grid: Grid) -> dict[str, JSON]:
    return {
        "gsd": grid.resolution,
        "proj:code": f"EPSG:{grid.epsg}",
        "proj:shape": list(grid.shape),
        "proj:transform": list(grid.transform)[:6],
    }


def _as_dict(item: pystac.Item) -> dict[str, JSON]:
    document: dict[str, JSON] = item.to_dict(include_self_link=False, transform_hrefs=False)
    return document
