"""Products in S3, through a real server that speaks its protocol."""

import hashlib
import json
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from multiprocessing.connection import wait
from pathlib import Path

import pytest

from tests.services.s3 import BUCKET, S3, serving
from tulip_ops.core.errors import (
    CredentialMissing,
    CredentialRefused,
    ProductDamaged,
    ProductMissing,
    StoreUnavailable,
    TooManyRequests,
)
from tulip_ops.core.types import AcquisitionId
from tulip_ops.sources.read_cache import StoredReadCache
from tulip_ops.storage.object_store import ObjectStore
from tulip_ops.storage.product_store import ProductStore
from tulip_ops.storage.products import TULIP, Product

ID = AcquisitionId.parse("S2A_31UFU_20160501_0_L2A")
OTHER = AcquisitionId.parse("S2A_31UFU_20160511_0_L2A")
ITEM = {"id": str(ID), "properties": {"gsd": 10}, "assets": {}}
RECIPE = ProductStore.recipe("segment", format=1)


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with serving() as server:
        yield server


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    return request.node.name.split("[")[0]


@pytest.fixture
def store(s3: S3, prefix: str, tmp_path: Path) -> ProductStore:
    store = open_store(s3.url, prefix, tmp_path / "copies")
    store.start_item(ID, ITEM)
    return store


def open_store(url: str, prefix: str, copies: Path, most_bytes: int = 10**9) -> ProductStore:
    return ProductStore(
        f"s3://{BUCKET}/{prefix}", s3_endpoint=url, copies=copies, most_bytes=most_bytes
    )


def put(store: ProductStore, data: bytes, product: Product = TULIP, of: AcquisitionId = ID) -> None:
    with store.writing(of, product) as path:
        path.write_bytes(data)
        store.publish(of, product, path, recipe=RECIPE)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_product_is_there_for_every_machine(
    s3: S3, store: ProductStore, prefix: str, tmp_path: Path
) -> None:
    put(store, b"abc")
    assert s3.names(prefix) == [f"{prefix}/{ID}/item.json", f"{prefix}/{ID}/tulip.tif"]
    elsewhere = open_store(s3.url, prefix, tmp_path / "elsewhere")
    assert elsewhere.is_current(ID, TULIP, RECIPE)
    assert not elsewhere.is_current(ID, TULIP, ProductStore.recipe("segment", format=2))
    path = elsewhere.product(ID, TULIP)
    assert path.read_bytes() == b"abc"
    assert path.is_relative_to(tmp_path / "elsewhere")
    assert elsewhere.checksum(ID, TULIP) == hashlib.sha256(b"abc").hexdigest()


def test_what_was_written_or_read_here_is_not_fetched_again(
    s3: S3, store: ProductStore, prefix: str, tmp_path: Path
) -> None:
    put(store, b"abc")
    elsewhere = open_store(s3.url, prefix, tmp_path / "elsewhere")
    elsewhere.product(ID, TULIP)
    s3.asked.clear()
    for one in (store, elsewhere):
        assert one.product(ID, TULIP).read_bytes() == b"abc"
    assert {path for _, path, _ in s3.asked} == {f"/{BUCKET}/{prefix}/{ID}/item.json?"}


def test_a_damaged_copy_is_fetched_again(s3: S3, store: ProductStore) -> None:
    put(store, b"abc")
    store.product(ID, TULIP).write_bytes(b"abX")
    assert store.product(ID, TULIP).read_bytes() == b"abc"


def test_damage_in_s3_is_noticed(s3: S3, store: ProductStore, prefix: str, tmp_path: Path) -> None:
    put(store, b"abc")
    s3.client().put_object(Bucket=BUCKET, Key=f"{prefix}/{ID}/tulip.tif", Body=b"abX")
    assert not store.is_current(ID, TULIP, RECIPE)
    elsewhere = open_store(s3.url, prefix, tmp_path / "elsewhere")
    with pytest.raises(ProductDamaged, match=f"s3://{BUCKET}/{prefix}/{ID}/tulip.tif"):
        elsewhere.product(ID, TULIP)
    assert files(tmp_path / "elsewhere") == []
    s3.client().put_object(Bucket=BUCKET, Key=f"{prefix}/{ID}/item.json", Body=b"{")
    with pytest.raises(ProductDamaged, match="is not JSON"):
        store.item(ID)


def test_what_is_missing_is_said(s3: S3, store: ProductStore, prefix: str, tmp_path: Path) -> None:
    with pytest.raises(ProductMissing, match=r"has no tulip\.tif yet"):
        store.product(ID, TULIP)
    with pytest.raises(ProductMissing, match=f"tulip acquire {OTHER}"):
        store.item(OTHER)
    put(store, b"abc")
    s3.client().delete_object(Bucket=BUCKET, Key=f"{prefix}/{ID}/tulip.tif")
    assert not store.is_current(ID, TULIP, RECIPE)
    with pytest.raises(ProductMissing, match=r"listed in item\.json but missing"):
        open_store(s3.url, prefix, tmp_path / "elsewhere").product(ID, TULIP)
    with pytest.raises(ProductMissing, match="nothing is stored"):
        put(store, b"a", of=OTHER)


def test_a_failing_writer_leaves_nothing(
    s3: S3, store: ProductStore, prefix: str, tmp_path: Path
) -> None:
    put(store, b"old")

    def fail() -> None:
        with store.writing(ID, TULIP) as path:
            path.write_bytes(b"half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert [path.name for path in files(tmp_path)] == ["tulip.tif"]
    assert store.is_current(ID, TULIP, RECIPE)


SPAWN = multiprocessing.get_context("spawn")
"""A forked process would inherit the locks of other threads, of which nobody is left to release."""


def _put_new(url: str, prefix: str, copies: Path) -> None:
    put(open_store(url, prefix, copies), b"new")


@pytest.mark.parametrize("moment", ["before the product", "before the item", "after the item"])
def test_a_writer_killed_on_its_way_leaves_the_old_or_no_current_product(
    s3: S3,
    store: ProductStore,
    prefix: str,
    tmp_path: Path,
    moment: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(store, b"old")
    process = SPAWN.Process(target=_put_new, args=(s3.url, prefix, tmp_path / "elsewhere"))

    def kill(method: str, path: str) -> int | None:
        """Kills the writer when it asks for what comes after the moment."""
        product, item = path.endswith("tulip.tif"), path.endswith("item.json")
        now = {
            "before the product": method == "PUT" and product,
            "before the item": method == "PUT" and item,
            "after the item": method == "HEAD" and product,
        }[moment]
        if now:
            process.kill()
            wait([process.sentinel])  # the test itself takes its exit code
            return 503
        return None

    monkeypatch.setattr(s3, "refuse", kill)
    process.start()
    process.join(240)
    monkeypatch.undo()
    assert process.exitcode == -signal.SIGKILL
    fresh = open_store(s3.url, prefix, tmp_path / "fresh")
    if moment == "before the product":
        assert fresh.product(ID, TULIP).read_bytes() == b"old"
    elif moment == "before the item":
        assert not fresh.is_current(ID, TULIP, RECIPE)
        with pytest.raises(ProductDamaged):
            fresh.product(ID, TULIP)
    else:
        assert fresh.product(ID, TULIP).read_bytes() == b"new"
    put(open_store(s3.url, prefix, tmp_path / "elsewhere"), b"new")
    assert [path.name for path in files(tmp_path / "elsewhere")] == ["tulip.tif"]
    assert fresh.product(ID, TULIP).read_bytes() == b"new"


def file(key: str) -> Product:
    return Product(f"{key}.bin", key=key, title="", media_type="x/y", format=1)


def _publish_many(url: str, prefix: str, copies: Path, number: int) -> None:
    store = open_store(url, prefix, copies)
    for n in range(4):
        put(store, f"{number} {n}".encode() * (n + 1), file(f"p{number}x{n}"))
    put(store, f"{number}".encode() * 10, file("same"))


def test_processes_that_publish_at_once_lose_nothing(
    s3: S3, store: ProductStore, prefix: str, tmp_path: Path
) -> None:
    running = [
        SPAWN.Process(target=_publish_many, args=(s3.url, prefix, tmp_path / str(number), number))
        for number in range(3)
    ]
    for process in running:
        process.start()
    for process in running:
        process.join(150)
    assert [process.exitcode for process in running] == [0, 0, 0]
    assert len(store.item(ID)["assets"]) == 13
    fresh = open_store(s3.url, prefix, tmp_path / "fresh")
    for key in store.item(ID)["assets"]:
        assert fresh.product(ID, file(key)).stat().st_size > 0


def test_a_revision_that_was_overtaken_is_made_again(
    s3: S3, store: ProductStore, prefix: str, tmp_path: Path
) -> None:
    places, address = ObjectStore(s3.url), f"s3://{BUCKET}/{prefix}/note"
    assert places.replace_tagged(address, b"one", None)
    assert not places.replace_tagged(address, b"two", None)
    data, tag = places.read_tagged(address)
    assert data == b"one"
    assert places.replace_tagged(address, b"two", tag)
    assert not places.replace_tagged(address, b"three", tag)
    assert places.read(address) == b"two"


def test_copies_are_bounded(s3: S3, prefix: str, tmp_path: Path) -> None:
    copies = tmp_path / "copies"
    store = open_store(s3.url, prefix, copies, most_bytes=25)
    ids = [AcquisitionId.parse(f"S2A_31UFU_201605{day:02}_0_L2A") for day in range(1, 5)]
    for age, acquisition_id in enumerate(ids):
        store.start_item(acquisition_id, {**ITEM, "id": str(acquisition_id)})
        put(store, b"0123456789", of=acquisition_id)
        [folder] = copies.glob(f"*/{acquisition_id}")
        long_ago = time.time() - 3600 * (10 - age)
        os.utime(folder, (long_ago, long_ago))
    assert [path.parent.name for path in files(copies)] == [str(i) for i in ids[-2:]]
    assert store.product(ids[0], TULIP).read_bytes() == b"0123456789"
    assert [path.parent.name for path in files(copies)] == [str(ids[0]), str(ids[3])]


def test_parts_are_kept_in_s3(s3: S3, prefix: str) -> None:
    import numpy as np

    parts = StoredReadCache(f"s3://{BUCKET}/{prefix}", ObjectStore(s3.url))
    values = np.array([[1.5, np.nan]], np.float32)
    parts.sub_cache("a").put("red", values)
    parts.sub_cache("b").put("red", values)
    np.testing.assert_array_equal(parts.sub_cache("a").get("red"), values)
    parts.drop(but="b")
    assert parts.sub_cache("a").get("red") is None
    assert parts.sub_cache("b").get("red") is not None
    parts.drop()
    assert s3.names(prefix) == []


@pytest.mark.parametrize(
    ("status", "error"),
    [(403, CredentialRefused), (429, TooManyRequests), (500, StoreUnavailable)],
)
def test_a_refusal_is_named(
    s3: S3,
    store: ProductStore,
    status: int,
    error: type[Exception],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(s3, "refuse", lambda *_: status)
    with pytest.raises(error, match=f"item.json: {s3.url}"):
        store.item(ID)


def test_missing_credentials_are_named(
    s3: S3, store: ProductStore, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(CredentialMissing, match="AWS_ACCESS_KEY_ID"):
        open_store(s3.url, prefix, tmp_path / "elsewhere").item(ID)


def test_a_server_that_does_not_answer_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:9 .*TULIP_S3_ENDPOINT"):
        open_store("http://127.0.0.1:9", "x", tmp_path).item(ID)


def test_items_are_stac_as_in_a_folder(s3: S3, store: ProductStore, prefix: str) -> None:
    put(store, b"abc")
    body = s3.client().get_object(Bucket=BUCKET, Key=f"{prefix}/{ID}/item.json")["Body"].read()
    assert json.loads(body) == store.item(ID)
