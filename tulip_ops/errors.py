"""What can go wrong, named for the fact.

Every message says what was wrong, where, and what to do. `BadInput` ends the command
line with 2 (repeating it cannot help); every other `TulipError` ends it with 1.
"""


class TulipError(Exception):
    """Base of every error this project raises on purpose."""


class BadInput(TulipError):
    """What the caller handed in cannot be used; a retry would not help."""


class BadAcquisitionId(BadInput):
    """The text is not an acquisition id."""


class AcquisitionNotFound(BadInput):
    """Neither the ledger nor any source knows the acquisition."""


class AreaNotFound(BadInput):
    """No area of interest has that name."""


class BadArea(BadInput):
    """An area of interest cannot be read, or is not a polygon on the Earth."""


class BadSetting(BadInput):
    """A TULIP_ setting is missing or cannot be used."""


class BadScene(BadInput):
    """A file cannot become a scene of an archive: its date, tile, bands or CRS are missing."""


class ArchiveNotFound(BadInput):
    """The archive holds no STAC catalog."""


class ModelNotFound(BadInput):
    """No shipped or trained model fits the bands of the acquisition."""


class UnreadableRaster(TulipError):
    """A raster is missing, truncated, empty or not a raster."""


class BandMissing(TulipError):
    """A scene lacks a band that the work needs."""


class NothingValid(TulipError):
    """A scene holds no valid pixel over the areas of interest."""


class OffsetContradiction(TulipError):
    """The pixels contradict the radiometric offset that their metadata declare."""


class ProductMissing(TulipError):
    """A step needs the product of an earlier step, and it is not there."""


class ProductDamaged(TulipError):
    """A product's bytes do not match the checksum in its STAC item."""


class ModelDamaged(TulipError):
    """A model's weights do not match the checksum in its model.json."""


class SourceUnavailable(TulipError):
    """A source of acquisitions does not answer."""


class DatabaseUnavailable(TulipError):
    """PostGIS cannot be reached, or refuses us."""


class SchemaOutdated(TulipError):
    """The database lacks migrations that this version needs."""


class ServiceFailed(TulipError):
    """A service of the local stack did not start, or ended."""
