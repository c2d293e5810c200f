"""Scenes and areas of the demo."""

from __future__ import annotations

import hashlib
import logging
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tulip_ops.core.errors import ArchiveNotFound, BadScene, ServiceFailed
from tulip_ops.core.settings import Settings, inherited_environment
from tulip_ops.core.storage_settings import StorageSettings
from tulip_ops.services import env_file

log = logging.getLogger(__name__)

AREA = "archive"
"""Name of the area that an archive's scenes cover together."""
CATALOG = "catalog.json"
AREAS = "areas.geojson"

Say = Callable[[str], None]


def provide(
    settings: Settings, writer_url: str, archive: str | None, areas: Path | None, say: Say
) -> Settings:
    """Bring scenes and areas together; the settings by which everything finds them.

    archive: folder or s3:// prefix with a STAC catalog, or a folder of GeoTIFFs, which become
    an archive in the state folder; None: the archive of the settings, simulated first where the
    default one is empty.
    areas: None: those beside the catalog, else, for the given archive, the ground that its scenes
    cover.
    """
    if archive:
        place = archive_of(archive, settings.storage, settings.sources.true_color_stretch, say)
        variables = env_file.read(settings.storage.state)
        env_file.write(settings.storage.state, {**variables, "TULIP_ARCHIVE": place})
        storage = settings.storage.model_copy(update={"archive": place})
        settings = settings.model_copy(update={"storage": storage})
    else:
        place = _settled(settings.storage, say)
    beside = Path(place) / AREAS
    if areas is None and not place.startswith("s3://") and beside.exists():
        areas = beside
    if areas is not None:
        tulip(["aoi", "add", str(areas.absolute())], settings.storage, say)
    elif archive:
        _add_footprint(settings.storage, place, writer_url, say)
    return settings


def tulip(arguments: list[str], settings: StorageSettings, say: Say) -> None:
    """Run `tulip`, as a person would, and print its last line."""
    words = " ".join(["tulip", *arguments])
    say(f"$ {words if len(words) < 160 else words[:150] + ' ...'}")
    environment = {**inherited_environment(), "TULIP_STATE": str(settings.state.absolute())}
    done = subprocess.run(
        [Path(sys.executable).parent / "tulip", *arguments],
        env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise ServiceFailed(f"`{words}` failed:\n{done.stderr.strip()[-3000:]}")
    say((done.stdout.strip().splitlines() or ["done"])[-1])


def _settled(settings: StorageSettings, say: Say) -> str:
    """The archive of the settings; where the default one is missing, a simulated one."""
    place = settings.archive_place
    if place.startswith("s3://"):
        return place
    folder = Path(place).absolute()
    if not (folder / CATALOG).exists():
        if settings.archive is not None:
            raise ArchiveNotFound(
                f"{folder} holds no {CATALOG}: see TULIP_ARCHIVE in `tulip settings`, or hand"
                " GeoTIFFs in with `make demo ARCHIVE=<folder>`"
            )
        tulip(["simulate", "--out", str(folder)], settings, say)
    return str(folder)


def archive_of(archive: str, settings: StorageSettings, stretch: float, say: Say) -> str:
    """The place of the archive that is given, or that is made of the files in a folder."""
    if archive.startswith("s3://"):
        return archive
    folder = Path(archive).expanduser().absolute()
    if (folder / CATALOG).exists():
        return str(folder)
    files = _files(folder)
    key = hashlib.sha256(str(folder).encode()).hexdigest()[:8]
    place = settings.state.absolute() / "archives" / f"{folder.name}-{key}"
    say(f"{folder} holds {len(files)} files and no {CATALOG}; they become the archive {place}")
    _add_files(files, place, settings.s3_endpoint, stretch, say)
    return str(place)


def _files(folder: Path) -> list[Path]:
    """What may be scenes in a folder."""
    from tulip_ops.sources.archive.scene_files import find_files  # noqa: PLC0415 - likewise

    try:
        if folder.is_dir():
            return find_files([folder])
    except BadScene:
        pass
    raise ArchiveNotFound(
        f"{folder} holds neither a STAC catalog ({CATALOG}) nor GeoTIFFs (*.tif); ARCHIVE"
        " takes a folder of either, or s3://bucket/prefix of a catalog"
    )


def _add_files(
    files: Sequence[Path], place: Path, s3_endpoint: str | None, stretch: float, say: Say
) -> None:
    """Make an archive of the files that are scenes; folders often hold masks as well."""
    from tulip_ops.sources.archive.source import Archive  # noqa: PLC0415 - costs a second

    additions = (
        Archive(place, s3_endpoint)
        .adder()
        .add(
            files,
            existing="keep",
            refuse=lambda _, error: say(f"left out: {error}"),
            stretch=stretch,
        )
    )
    added = sum(one.error is None for one in additions)
    if not added:
        raise ArchiveNotFound(f"none of the {len(files)} files is a scene; see above why")
    say(f"{added} scenes, as `tulip archive add` makes them")


def _add_footprint(settings: StorageSettings, place: str, writer_url: str, say: Say) -> None:
    """The ground that the archive's scenes cover together becomes one area."""
    import shapely  # noqa: PLC0415 - these cost a second, which a plain demo need not pay

    from tulip_ops.core.types import Area  # noqa: PLC0415
    from tulip_ops.postgis import areas, connection  # noqa: PLC0415
    from tulip_ops.sources.archive.source import Archive  # noqa: PLC0415

    scenes = list(Archive(place, settings.s3_endpoint).scenes())
    if not scenes:
        raise ArchiveNotFound(f"{place} holds no scene that can be used; see `tulip archive list`")
    union = shapely.normalize(shapely.union_all([scene.footprint for scene in scenes]))
    ground = shapely.MultiPolygon(shapely.get_parts(union).tolist())
    with connection.connect(writer_url, "tulip demo") as database:
        areas.add_area(database, Area(AREA, ground))
    say(f"no AREAS: all ground of the {len(scenes)} scenes is the area of interest `{AREA}`")
