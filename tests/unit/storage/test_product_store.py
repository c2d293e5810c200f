import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tulip_ops.core.errors import BadSetting, ProductDamaged, ProductMissing, StoreUnavailable
from tulip_ops.core.types import AcquisitionId, ModelReference
from tulip_ops.storage.product_store import ProductStore
from tulip_ops.storage.products import CLOUD, REFLECTANCE, TULIP, Product

ID = AcquisitionId.parse("S2A_31UFU_20160501_0_L2A")
ITEM = {"id": str(ID), "properties": {"gsd": 10}, "assets": {}}
RECIPE = ProductStore.recipe("segment", format=1)


@pytest.fixture
def store(tmp_path: Path) -> ProductStore:
    store = ProductStore(str(tmp_path))
    store.start_item(ID, ITEM)
    return store


def put(store: ProductStore, data: bytes, product: Product = TULIP, recipe: str = RECIPE) -> None:
    with store.writing(ID, product) as path:
        path.write_bytes(data)
        store.publish(ID, product, path, recipe=recipe)


def files(folder: Path) -> set[str]:
    return {path.name for path in (folder / str(ID)).iterdir()} - {".lock"}


def test_a_published_product_is_current_whole_and_listed(
    store: ProductStore, tmp_path: Path
) -> None:
    assert not store.is_current(ID, TULIP, RECIPE)
    with store.writing(ID, TULIP) as path:
        assert path.suffix == ".tif"
        path.write_bytes(b"abc")
        store.publish(
            ID,
            TULIP,
            path,
            recipe=RECIPE,
            model=ModelReference("unet", "1", "ff"),
            properties={"tulip:threshold": 0.4},
            fields={"data_type": "uint8"},
        )
    assert store.is_current(ID, TULIP, RECIPE)
    assert store.product(ID, TULIP).read_bytes() == b"abc"
    assert store.properties(ID) == {"gsd": 10, "tulip:threshold": 0.4}
    sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert store.checksum(ID, TULIP) == sha256
    assert store.item(ID)["assets"]["tulip"] == {
        "href": "./tulip.tif",
        "title": "Probability of tulips and of tulips in flower",
        "type": "image/tiff; application=geotiff; profile=cloud-optimized",
        "roles": ["data"],
        "data_type": "uint8",
        "file:size": 3,
        "file:checksum": "1220" + sha256,
        "tulip:recipe": RECIPE,
        "tulip:model": {"name": "unet", "version": "1", "sha256": "ff"},
    }
    assert files(tmp_path) == {"item.json", "tulip.tif"}


def test_another_recipe_is_not_current(store: ProductStore) -> None:
    put(store, b"abc")
    assert not store.is_current(ID, TULIP, ProductStore.recipe("segment", format=2))


def test_a_changed_upstream_product_makes_downstream_stale(store: ProductStore) -> None:
    put(store, b"reflectance", REFLECTANCE)
    first = ProductStore.recipe("screen", reflectance=store.checksum(ID, REFLECTANCE))
    put(store, b"cloud", CLOUD, first)
    put(store, b"other reflectance", REFLECTANCE)
    second = ProductStore.recipe("screen", reflectance=store.checksum(ID, REFLECTANCE))
    assert store.is_current(ID, CLOUD, first)
    assert not store.is_current(ID, CLOUD, second)


@pytest.mark.parametrize("data", [b"abX", b"ab", b""])
def test_damage_is_noticed(store: ProductStore, data: bytes) -> None:
    put(store, b"abc")
    store.product(ID, TULIP).write_bytes(data)
    assert not store.is_current(ID, TULIP, RECIPE)
    with pytest.raises(ProductDamaged, match=r"tulip\.tif does not match its checksum"):
        store.product(ID, TULIP)


def test_a_long_read_begins_before_the_checksum_is_known(store: ProductStore) -> None:
    put(store, b"whole")

    with store.reading(ID, TULIP) as path:
        assert path.read_bytes() == b"whole"
    with pytest.raises(ValueError, match="of the reader"), store.reading(ID, TULIP):
        raise ValueError("of the reader")
    path.unlink()
    with (
        pytest.raises(ProductMissing, match=r"listed in item\.json but missing"),
        store.reading(ID, TULIP),
    ):
        pytest.fail("there is nothing to read")


@pytest.mark.parametrize("data", [b"", b"whole, and more", b"Whole"])
def test_damage_is_known_at_the_end_of_a_long_read(store: ProductStore, data: bytes) -> None:
    put(store, b"whole")
    store.product(ID, TULIP).write_bytes(data)

    with (
        pytest.raises(ProductDamaged, match=r"tulip\.tif does not match its checksum"),
        store.reading(ID, TULIP),
    ):
        pass
    with (
        pytest.raises(ProductDamaged, match=r"tulip\.tif does not match its checksum") as raised,
        store.reading(ID, TULIP),
    ):
        raise ValueError("nonsense was read")
    assert isinstance(raised.value.__context__, ValueError)


def test_what_is_missing_is_said(store: ProductStore, tmp_path: Path) -> None:
    with pytest.raises(ProductMissing, match=r"has no cloud\.tif yet"):
        store.product(ID, CLOUD)
    with pytest.raises(ProductMissing, match=r"has no cloud\.tif yet"):
        store.checksum(ID, CLOUD)
    put(store, b"abc")
    store.product(ID, TULIP).unlink()
    assert not store.is_current(ID, TULIP, RECIPE)
    with pytest.raises(ProductMissing, match=r"listed in item\.json but missing"):
        store.product(ID, TULIP)
    with pytest.raises(ProductMissing, match=f"tulip acquire {ID}"):
        ProductStore(str(tmp_path / "empty")).item(ID)


def test_an_item_that_is_no_json_is_damaged(store: ProductStore, tmp_path: Path) -> None:
    (tmp_path / str(ID) / "item.json").write_text("{")
    with pytest.raises(ProductDamaged, match="is not JSON"):
        store.item(ID)


def test_starting_an_item_again_keeps_what_later_steps_brought(store: ProductStore) -> None:
    with store.writing(ID, CLOUD) as path:
        path.write_bytes(b"abc")
        store.publish(
            ID,
            CLOUD,
            path,
            recipe=RECIPE,
            properties={"tulip:clear_fraction": 0.5},
        )
    store.start_item(ID, {**ITEM, "properties": {"gsd": 20}})
    assert store.is_current(ID, CLOUD, RECIPE)
    assert store.properties(ID) == {"gsd": 20, "tulip:clear_fraction": 0.5}


def test_a_failing_writer_leaves_nothing(store: ProductStore, tmp_path: Path) -> None:
    put(store, b"old")
    with pytest.raises(OSError, match="disk full"):
        fail_halfway(store)
    assert files(tmp_path) == {"item.json", "tulip.tif"}
    assert store.product(ID, TULIP).read_bytes() == b"old"


def fail_halfway(store: ProductStore) -> None:
    with store.writing(ID, TULIP) as path:
        path.write_bytes(b"half")
        path.with_name(path.name + ".draft").write_bytes(b"also")
        raise OSError("disk full")


KILLED_WHILE_WRITING = """
import sys, time
from tulip_ops.storage.product_store import ProductStore
from tulip_ops.storage.products import TULIP
from tulip_ops.core.types import AcquisitionId
i = AcquisitionId.parse(sys.argv[2])
with ProductStore(sys.argv[1]).writing(i, TULIP) as path:
    path.write_bytes(b"half")
    print("written", flush=True)
    time.sleep(60)
"""
KILLED_BEFORE_ITEM = """
import sys, time
from tulip_ops.storage import folder_backend, product_store
from tulip_ops.storage.products import TULIP
from tulip_ops.core.types import AcquisitionId
def revise(shelf, folder, change):
    print("moved", flush=True)
    time.sleep(60)
folder_backend.FolderBackend._revise = revise
i = AcquisitionId.parse(sys.argv[2])
s = product_store.ProductStore(sys.argv[1])
with s.writing(i, TULIP) as path:
    path.write_bytes(b"new")
    s.publish(i, TULIP, path, recipe=sys.argv[3])
"""


def kill(program: str, folder: Path) -> None:
    """Run a program until it prints a line, then SIGKILL it."""
    arguments = [sys.executable, "-c", program, str(folder), str(ID), RECIPE]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL


def test_a_writer_killed_in_the_middle_changes_nothing_and_is_cleaned_up(
    store: ProductStore, tmp_path: Path
) -> None:
    put(store, b"old")
    kill(KILLED_WHILE_WRITING, tmp_path)
    assert len(files(tmp_path)) == 3
    assert store.is_current(ID, TULIP, RECIPE)
    with store.writing(ID, CLOUD):
        pass
    assert len(files(tmp_path)) == 3  # another product's leftovers are not its business
    with store.writing(ID, TULIP):
        pass
    assert files(tmp_path) == {"item.json", "tulip.tif"}


def test_a_writer_killed_between_product_and_item_leaves_no_current_product(
    store: ProductStore, tmp_path: Path
) -> None:
    put(store, b"old")
    kill(KILLED_BEFORE_ITEM, tmp_path)
    assert (tmp_path / str(ID) / "tulip.tif").read_bytes() == b"new"
    assert not store.is_current(ID, TULIP, RECIPE)
    with pytest.raises(ProductDamaged):
        store.product(ID, TULIP)
    put(store, b"new")
    assert store.product(ID, TULIP).read_bytes() == b"new"


def test_unfinished_files_of_living_writers_stay_for_a_day(store: ProductStore) -> None:
    with store.writing(ID, TULIP) as path:
        path.write_bytes(b"in work")
        with store.writing(ID, TULIP):
            assert path.exists()
        long_ago = time.time() - 25 * 3600
        os.utime(path, (long_ago, long_ago))
        with store.writing(ID, TULIP):
            assert not path.exists()


def test_processes_that_publish_at_once_lose_nothing(store: ProductStore, tmp_path: Path) -> None:
    program = """
import sys
from tulip_ops.storage.product_store import ProductStore
from tulip_ops.storage.products import Product
from tulip_ops.core.types import AcquisitionId
i = AcquisitionId.parse(sys.argv[2])
s = ProductStore(sys.argv[1])
for n in range(20):
    key = f"p{sys.argv[3]}x{n}"
    product = Product(f"{key}.bin", key=key, title="", media_type="x/y", format=1)
    with s.writing(i, product) as path:
        path.write_bytes(key.encode())
        s.publish(i, product, path, recipe="r")
"""
    running = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), str(ID), str(number)])
        for number in range(2)
    ]
    assert [process.wait() for process in running] == [0, 0]
    assert len(store.item(ID)["assets"]) == 40


def test_recipes_depend_on_inputs_and_not_on_their_order() -> None:
    model = ModelReference("unet", "1", "ff")
    assert ProductStore.recipe("a", x=1, model=model) == ProductStore.recipe("a", model=model, x=1)
    different = {
        ProductStore.recipe("a", x=1),
        ProductStore.recipe("a", x=2),
        ProductStore.recipe("b", x=1),
        ProductStore.recipe("a", y=1),
        ProductStore.recipe("a", x=model),
        ProductStore.recipe("a", x=ModelReference("unet", "2", "ff")),
    }
    assert len(different) == 6


def test_only_folders_and_s3_can_be_stores() -> None:
    with pytest.raises(BadSetting, match="s3://bucket/prefix"):
        ProductStore("gs://bucket/store")


def test_a_store_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreUnavailable, match="TULIP_STORE"):
        ProductStore(str(tmp_path / "file")).start_item(ID, ITEM)
