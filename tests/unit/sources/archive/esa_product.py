"""A tiny product of ESA (SAFE), as the Copernicus Data Space delivers them."""

import shutil
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil

from tests.unit.geotiffs import geotiff

NAME = "S2A_MSIL2A_20220501T105031_N0400_R051_T31UFU_20220501T150000"
IMAGES = ("B02_10m", "B03_10m", "B04_10m", "B08_10m", "B02_20m", "B05_20m", "B8A_20m", "SCL_20m",
          "B01_60m", "TCI_10m")  # fmt: skip


def esa_product(folder: Path, *, name: str = NAME, offset: bool = True) -> Path:
    """A folder with metadata and JPEG 2000 images; DN of B02 are 1200 + n, of B03 1300 + n."""
    product = folder / f"{name}.SAFE"
    images = product / "GRANULE" / "L2A_T31UFU" / "IMG_DATA"
    places = []
    for number, word in enumerate(IMAGES):
        metres = int(word[-3:-1])
        place = images / f"R{metres}m" / f"T31UFU_20220501T105031_{word}"
        place.parent.mkdir(parents=True, exist_ok=True)
        _image(place.with_suffix(".jp2"), 1200 + 100 * number, metres)
        places.append(place.relative_to(product).as_posix())
    offsets = [f'<BOA_ADD_OFFSET band_id="{n}">-1000</BOA_ADD_OFFSET>' for n in range(13)]
    (product / "MTD_MSIL2A.xml").write_text(
        '<n1:Level-2A_User_Product xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD.xsd">'
        f"<Product_Info><PRODUCT_URI>{name}.SAFE</PRODUCT_URI>"
        + "".join(f"<IMAGE_FILE>{place}</IMAGE_FILE>" for place in places)
        + "</Product_Info><BOA_QUANTIFICATION_VALUE>10000</BOA_QUANTIFICATION_VALUE>"
        + ("".join(offsets) if offset else "")
        + "</n1:Level-2A_User_Product>"
    )
    return product


def zipped(product: Path) -> Path:
    archive = shutil.make_archive(str(product.with_suffix("")), "zip", product.parent, product.name)
    return Path(archive)


def dn(base: int, metres: int) -> np.ndarray:
    rows, columns = 480 // metres, 600 // metres
    return (base + np.arange(rows * columns).reshape(1, rows, columns) % 90).astype(np.uint16)


def _image(path: Path, base: int, metres: int) -> None:
    draft = path.with_suffix(".tif")
    pixels = dn(base, metres)
    corner = rasterio.Affine(metres, 0, 680000.0, 0, -metres, 5850000.0)
    geotiff(draft, pixels, transform=corner)
    rasterio.shutil.copy(draft, path, driver="JP2OpenJPEG", QUALITY="100", REVERSIBLE="YES")
    draft.unlink()


def esa_product_of_level_1c(folder: Path) -> Path:
    """As above, at the top of the atmosphere: its images do not name their resolution."""
    name = NAME.replace("MSIL2A", "MSIL1C")
    product = folder / f"{name}.SAFE"
    images = product / "GRANULE" / "L1C_T31UFU" / "IMG_DATA"
    images.mkdir(parents=True)
    words = {"B01": 60, "B02": 10, "B8A": 20, "B10": 60, "TCI": 10}
    for word, metres in words.items():
        _image(images / f"T31UFU_20220501T105031_{word}.jp2", 1200, metres)
    places = [path.relative_to(product).with_suffix("").as_posix() for path in images.iterdir()]
    (product / "MTD_MSIL1C.xml").write_text(
        "<Level-1C_User_Product>"
        f"<PRODUCT_URI>{name}.SAFE</PRODUCT_URI>"
        + "".join(f"<IMAGE_FILE>{place}</IMAGE_FILE>" for place in places)
        + "<QUANTIFICATION_VALUE>10000</QUANTIFICATION_VALUE>"
        + "".join(f'<RADIO_ADD_OFFSET band_id="{n}">-1000</RADIO_ADD_OFFSET>' for n in range(13))
        + "</Level-1C_User_Product>"
    )
    return product
