import pytest

from tulip_ops.storage.addresses import join_address, resolve


@pytest.mark.parametrize(
    ("href", "base", "address"),
    [
        ("./a/b.json", "/archive/catalog.json", "/archive/a/b.json"),
        ("../x.tif", "/archive/a/b.json", "/archive/x.tif"),
        ("x.tif", "s3://bucket/prefix/a/b.json", "s3://bucket/prefix/a/x.tif"),
        ("../x.tif", "s3://bucket/prefix/a/b.json", "s3://bucket/prefix/x.tif"),
        ("x.tif", "https://host/a/b.json", "https://host/a/x.tif"),
        ("/data/x.tif", "/archive/a/b.json", "/data/x.tif"),
        ("file:///data/x.tif", "/archive/a/b.json", "/data/x.tif"),
        ("s3://other/x.tif", "/archive/a/b.json", "s3://other/x.tif"),
    ],
)
def test_links_mean_what_they_mean_in_their_document(href: str, base: str, address: str) -> None:
    assert resolve(href, base) == address


def test_addresses_are_joined() -> None:
    assert join_address("s3://bucket/a/", "b", "c") == "s3://bucket/a/b/c"
