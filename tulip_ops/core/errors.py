"""The errors of the project, each named for the fact.

Every message states what is wrong, where, and what to do. The base class decides what happens next:

- `BadInput`: a person must change something first. Exit code 2, never retried.
- `BadData`: a source delivered unusable data, and would deliver the same again. Exit code 3,
  never retried; the ledger quarantines the acquisition.
- every other `TulipError`: a repeat may help. Exit code 1, retried.
"""


class TulipError(Exception):
    """Base of every error this project raises on purpose."""


class BadInput(TulipError):
    """The input of the caller cannot be used; a retry would not help."""


class BadData(TulipError):
    """The data of an acquisition cannot be used; a new request would return the same."""


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


class BadScene(BadInput, BadData):
    """A file or STAC item describes no scene: its date, tile, bands, CRS or encoding is missing."""


class ArchiveNotFound(BadInput):
    """The archive holds no STAC catalog."""


class ModelNotFound(BadInput):
    """No shipped or trained model fits the bands of the acquisition."""


class OptionRefused(BadInput):
    """An option of a Beam runner may run programs, and is not allowed here."""


class ExportMissing(BadInput):
    """The requested export of a network does not exist, or was not accepted."""


class BadWeights(BadInput):
    """A file of initial weights does not contain those of the network."""


class BadTrainingData(BadInput):
    """Training data are missing, inconsistent or too few."""


class CredentialMissing(BadInput):
    """A source needs a credential, and the setting that holds it is empty."""


class CredentialRefused(BadInput):
    """A source refuses the credential (401, 403)."""


class BudgetExceeded(BadInput):
    """The request would cost more processing units than the run or the month has left."""


class UnreadableRaster(BadData):
    """A raster is missing, truncated, empty or not a raster."""


class ChecksumMismatch(BadData):
    """A file's bytes or size differ from what its STAC item declares."""


class BandMissing(BadData):
    """A scene lacks a required band."""


class DeadBand(BadData):
    """A band has one value everywhere while others vary."""


class WrongGrid(BadData):
    """A raster's CRS, size or place contradicts its metadata or its tile."""


class NothingValid(BadData):
    """A scene holds no valid pixel over the areas of interest."""


class OffsetContradiction(BadData):
    """The pixels contradict the radiometric offset that their metadata declare."""


class AcquisitionBusy(TulipError):
    """Another process works on the acquisition, and this one was not to wait."""


class ProductMissing(TulipError):
    """A step needs the product of an earlier step, and it does not exist."""


class ProductDamaged(TulipError):
    """A product's bytes do not match the checksum in its STAC item."""


class ModelDamaged(TulipError):
    """A model's weights do not match the checksum in its model.json."""


class ExportDamaged(TulipError):
    """An export of a network does not match its checksums."""


class ExportRefused(TulipError):
    """No precision of an export is as accurate as Keras."""


class SourceUnavailable(TulipError):
    """A source does not answer: no connection, a lost connection, a timeout, 5xx."""


class TooManyRequests(SourceUnavailable):
    """A source still answers 429 after the retries."""


class StoreUnavailable(TulipError):
    """The store of products cannot be written or read: no connection, no rights, no space."""


class DatabaseUnavailable(TulipError):
    """PostGIS cannot be reached, or refuses the connection."""


class ClusterUnavailable(TulipError):
    """The cluster that pods run in cannot be reached, or does not allow what they need."""


class SchemaOutdated(TulipError):
    """The database lacks migrations that this version needs."""


class NoProgress(TulipError):
    """A step waited longer than TULIP_NO_PROGRESS_SECONDS for anything to happen."""


class PipelineFailed(TulipError):
    """A Beam runner gave up, or lost a worker, before all acquisitions were processed."""


class ServiceFailed(TulipError):
    """A service of the local stack did not start, or ended."""


QUARANTINED = frozenset(kind.__name__ for kind in BadData.__subclasses__())
"""Names of the errors that quarantine an acquisition, as stored in the ledger."""
