"""Checks the form of a STAC item, before anything is read from it. No I/O."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from shapely.errors import ShapelyError

from tulip_ops.core.errors import BadScene
from tulip_ops.core.types import JSON

_NUMBERS = ("gsd", "scale", "offset", "raster:scale", "raster:offset")
_BANDS = ("bands", "eo:bands", "raster:bands")


@contextmanager
def refuse_bad_items(address: str) -> Iterator[None]:
    """Turn whatever an unforeseen value causes in the block into `BadScene`."""
    try:
        yield
    except (
        LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError,
        ShapelyError,
    ) as error:  # fmt: skip
        raise BadScene(
            f"{address} is no STAC item with id, geometry, datetime and assets ({error!r:.300})"
        ) from error


def require_form(document: JSON, address: str) -> None:
    """`BadScene` that names the field where a value has the wrong form.

    A null is a wrong form too, where the field may be left out: nobody knows what it means.
    """
    where = f"{address} is no STAC item"
    item = _object(document, "it", where)
    _texts(item, ("id",), where)
    properties = _object(item.get("properties"), "properties", where)
    named = "start_datetime" if properties.get("datetime") is None else "datetime"
    _texts(properties, (named,), where)
    _object(item.get("geometry"), "geometry", where)
    _list(item.get("links", []), "links", where)
    for key, value in _object(item.get("assets"), "assets", where).items():
        _require_asset(_object(value, f"asset {key}", where), f"asset {key} of {address}")


def _require_asset(asset: Mapping[str, JSON], where: str) -> None:
    _texts(asset, ("href", "type"), where)
    for role in _list(asset.get("roles", []), "roles", where):
        if not isinstance(role, str):
            raise _wrong("roles", role, "a list of texts", where)
    _require_numbers(asset, where)
    for kind in _BANDS:
        bands = _list(asset.get(kind, []), kind, where)
        for number, band in enumerate(bands, start=1):
            name = f"{kind}, band {number},"
            _require_numbers(_object(band, name, where), f"{name} in {where}")


def _require_numbers(fields: Mapping[str, JSON], where: str) -> None:
    for name in _NUMBERS:
        if name in fields and not _finite(fields[name]):
            raise _wrong(name, fields[name], "a number", where)
    nodata = fields.get("nodata")
    if nodata is not None and _number(nodata) is None:
        raise _wrong("nodata", nodata, "a number", where)


def _texts(fields: Mapping[str, JSON], names: tuple[str, ...], where: str) -> None:
    for name in names:
        if name in fields and not isinstance(fields[name], str):
            raise _wrong(name, fields[name], "a text", where)


def _object(value: JSON, name: str, where: str) -> Mapping[str, JSON]:
    if not isinstance(value, Mapping):
        raise _wrong(name, value, "an object", where)
    return value


def _list(value: JSON, name: str, where: str) -> list[JSON]:
    if not isinstance(value, list | tuple):
        raise _wrong(name, value, "a list", where)
    return list(value)


def _finite(value: JSON) -> bool:
    number = _number(value)
    return number is not None and math.isfinite(number)


def _number(value: JSON) -> float | None:
    """STAC writes NaN and infinity as texts."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _wrong(name: str, value: JSON, wanted: str, where: str) -> BadScene:
    found = "missing or null" if value is None else f"{value!r:.60}"
    return BadScene(f"{where}: {name} is {found}, not {wanted}; correct the item")
