"""The recipes of all products of one acquisition, held to values that no rename may change.

A store whose item lists these recipes is carried by `tulip`: where code makes another recipe of the
same inputs, every product of every user would be made again.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
import shapely

from tests.conftest import NewDatabase

TULIP = Path(sys.executable).parent / "tulip"
ID = "S2B_31UFU_20260420_0_L2A"

RECIPES = {
    "reflectance.tif": "4cbecaaaa205968cdbbb51207eda689e9a4df662098d5cbb0321c847059a3c1e",
    "cloud.tif": "2431d4e6f3caf5452e57ac25f710d78eb4e7d5dd60caa469d94a6ed3817ddcb4",
    "tulip.tif": "898f6a3d0a77a0f38c025cb6c951eb61971d405f67a9692fddab4e51f63ada48",
    "detections.parquet": "aaef393a043a0235bc432d10aba4d1265ef8db205918497cdf15ba9f0129ee35",
    "detections_sha256": "6f6773571975bddd055b9deb587da604739a48934267f443d918ae39dc877bb5",
}
"""By product, and what the table of acquisitions keeps of those that are recorded."""


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def recipe(step: str, inputs: dict[str, Any]) -> str:
    text = {"step": step, "inputs": inputs}
    return sha256(json.dumps(text, sort_keys=True, separators=(",", ":")).encode())


GROUND = shapely.MultiPolygon([shapely.box(5.7, 52.7, 5.71, 52.71)])
FOOTPRINT = shapely.box(5.5, 52.5, 5.9, 52.9)
BANDS = ("blue", "green", "red")
SCENE = {
    "type": "Feature",
    "stac_version": "1.1.0",
    "id": ID,
    "geometry": shapely.geometry.mapping(FOOTPRINT),
    "bbox": list(FOOTPRINT.bounds),
    "properties": {"datetime": "2026-04-20T10:50:00Z", "platform": "sentinel-2b"},
    "links": [],
    "assets": {
        "reflectance": {
            "href": "./reflectance.tif",
            "bands": [{"name": name, "eo:common_name": name} for name in BANDS],
            "data_type": "uint16",
            "raster:scale": 0.0001,
            "raster:offset": -0.1,
            "nodata": 0,
        }
    },
}
"""An item of an archive, whose pixels are missing: they are not to be read again."""
FILES = {
    "reflectance.tif": b"reflectance",
    "cloud.tif": b"clouds",
    "tulip.tif": b"tulips",
    "detections.parquet": base64.b64decode(
        "UEFSMRUEGZw1ABgGc2NoZW1hFRAAFQIlAhgHb3JkaW5hbAAVDCUCGAhnZW9tZXRyeQAVCiUCGAdhcmVhX20yABUK"
        "JQIYEXR1bGlwX3Byb2JhYmlsaXR5ABUKJQIYFXR1bGlwX3Byb2JhYmlsaXR5X3N0ZAAVCiUCGA5ibG9vbV9mcmFj"
        "dGlvbgAVCiUCGA5jbGVhcl9mcmFjdGlvbgAVCiUCGBVib3JkZXJfY2xlYXJfZnJhY3Rpb24AFgAZDCggcGFycXVl"
        "dC1jcHAtYXJyb3cgdmVyc2lvbiAyNS4wLjEZjBwAABwAABwAABwAABwAABwAABwAABwAAAD3AAAAUEFSMQ=="
    ),
}
"""What is in the store: rasters that nobody decodes, and a table without rows."""
CHECKSUMS = {name: sha256(content) for name, content in FILES.items()}
MODELS = {
    "cloud-filter-rgb": {"name": "cloud-filter-rgb", "version": "1", "sha256": "b" * 64},
    "unet-rgb": {"name": "unet-rgb", "version": "1", "sha256": "a" * 64},
}
INPUTS: dict[str, tuple[str, dict[str, Any]]] = {
    "reflectance.tif": (
        "acquire",
        {
            "format": 1,
            "source": sha256(json.dumps(SCENE, sort_keys=True).encode()),
            "grid": {
                "epsg": 32631, "left": 681750.0, "top": 5844100.0,
                "width": 200, "height": 243, "resolution": 10.0,
            },
        },
    ),
    "cloud.tif": (
        "screen",
        {
            "format": 3,
            "reflectance": CHECKSUMS["reflectance.tif"],
            "model": MODELS["cloud-filter-rgb"],
            "engine": {"precision": "fp32"},
            "areas": [GROUND.wkb_hex],
        },
    ),
    "tulip.tif": (
        "segment",
        {
            "format": 3,
            "reflectance": CHECKSUMS["reflectance.tif"],
            "cloud": CHECKSUMS["cloud.tif"],
            "model": MODELS["unet-rgb"],
            "engine": {"precision": "fp32"},
        },
    ),
    "detections.parquet": (
        "vectorize",
        {
            "format": 4,
            "tulip": CHECKSUMS["tulip.tif"],
            "threshold": 0.5,
            "in_flower": 0.4,
            "minimum_area": 3000.0,
            "outlines": "regular",
            "areas": [GROUND.wkb_hex],
        },
    ),
    "detections_sha256": (
        "record",
        {
            "tulip": CHECKSUMS["tulip.tif"],
            "detections": CHECKSUMS["detections.parquet"],
        },
    ),
}  # fmt: skip
"""What each recipe is made of."""


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_a_digest_of_a_step_and_its_inputs(name: str) -> None:
    assert recipe(*INPUTS[name]) == RECIPES[name]


def test_products_of_these_recipes_are_current(new_database: NewDatabase, tmp_path: Path) -> None:
    url = new_database()
    state = {"TULIP_STATE": str(tmp_path), "TULIP_DATABASE_URL": url}
    kept = {name: text for name, text in os.environ.items() if not name.startswith("TULIP_")}

    def tulip(*words: str) -> list[dict[str, Any]]:
        environment = {**kept, **state, "TULIP_MODELS": str(tmp_path / "models")}
        done = subprocess.run(
            [TULIP, *words, "--json"], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    put_products(tmp_path / "store" / ID)
    put_archive(tmp_path / "archive")
    put_models(tmp_path / "models")
    tulip("database", "migrate")
    tulip("aoi", "add", str(tmp_path / "archive" / "polder.geojson"))
    ends = {end["step"]: end for end in tulip("run", ID)}
    fresh = {step: end["fresh"] for step, end in ends.items()}
    assert fresh == {
        "acquire": False, "screen": False, "segment": False, "vectorize": False, "record": True,
    }  # fmt: skip
    with psycopg.connect(url) as database:
        row = database.execute("select detections_sha256 from tulip.acquisition").fetchone()
    assert row == (RECIPES["detections_sha256"],)


def put_archive(folder: Path) -> None:
    """A catalog of the scene, and the area."""
    folder.mkdir()
    (folder / f"{ID}.json").write_text(json.dumps(SCENE))
    catalog = {
        "type": "Catalog",
        "id": "archive",
        "stac_version": "1.1.0",
        "description": "One scene.",
        "links": [{"rel": "item", "href": f"./{ID}.json"}],
    }
    (folder / "catalog.json").write_text(json.dumps(catalog))
    feature = {
        "type": "Feature",
        "properties": {"name": "polder"},
        "geometry": shapely.geometry.mapping(GROUND),
    }
    (folder / "polder.geojson").write_text(
        json.dumps({"type": "FeatureCollection", "features": [feature]})
    )


def put_models(folder: Path) -> None:
    """Two networks that can be chosen, and could not be run."""
    for name, reference in MODELS.items():
        unet = name.startswith("unet")
        card = {
            **reference,
            "kind": "unet" if unet else "cloud-filter",
            "created": "2026-11-22",
            "bands": ["red", "green", "blue"],
            "chip": 128,
            "architecture": {"network": "unet", "base": 4, "levels": 2}
            if unet
            else {"network": "resnet50"},
            "normalization": {"lowest": 0, "highest": 1, "mean": [0.2] * 3, "std": [0.1] * 3},
            "threshold": 0.5,
            "bloom_threshold": 0.4 if unet else None,
            "chip_threshold": None if unet else 0.6,
            "training": {"data": "none", "licence": "none", "settings": {"seed": 1}},
            "metrics": {"iou": 0.5},
        }
        place = folder / name / "1"
        place.mkdir(parents=True)
        (place / "model.json").write_text(json.dumps(card))
        (place / "model.weights.h5").write_bytes(b"no weights")


def put_products(folder: Path) -> None:
    """All products and their item, by the recipes above."""
    folder.mkdir(parents=True)
    thresholds = {"tulip:threshold": 0.5, "tulip:bloom_threshold": 0.4, "tulip:noise": 0.1}
    told: dict[str, dict[str, Any]] = {
        "reflectance.tif": {"bands": [{"name": name} for name in BANDS]},
        "cloud.tif": {"tulip:threshold": 0.5, "tulip:model": MODELS["cloud-filter-rgb"]},
        "tulip.tif": {**thresholds, "tulip:model": MODELS["unet-rgb"]},
        "detections.parquet": {},
    }
    assets = {}
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
        assets[name.split(".")[0]] = {
            "href": f"./{name}",
            "file:size": len(content),
            "file:checksum": "1220" + CHECKSUMS[name],
            "tulip:recipe": RECIPES[name],
            **told[name],
        }
    item = {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": ID,
        "geometry": None,
        "properties": {"datetime": "2026-04-20T10:50:00Z", "tulip:clear_fraction": 0.9},
        "links": [],
        "assets": assets,
    }
    (folder / "item.json").write_text(json.dumps(item))
