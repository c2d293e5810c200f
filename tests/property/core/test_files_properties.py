from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from tulip_ops.core.files import atomic_write, sha256_file

CONTENTS = st.lists(st.binary(max_size=40), min_size=1, max_size=4)


@given(old=st.none() | st.binary(max_size=40), parts=CONTENTS, written=st.integers(0, 5))
def test_a_writer_that_fails_anywhere_leaves_the_old_file_or_the_new_one(
    old: bytes | None, parts: list[bytes], written: int
) -> None:
    """The writer fails before it writes part number `written`; beyond the last it succeeds."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "item.json"
        if old is not None:
            path.write_bytes(old)
        with suppress(RuntimeError), atomic_write(path) as draft, draft.open("wb") as file:
            for number, part in enumerate(parts):
                if number == written:
                    raise RuntimeError
                file.write(part)
        after = path.read_bytes() if path.exists() else None
        assert after == (b"".join(parts) if written >= len(parts) else old)
        assert list(Path(folder).iterdir()) == ([path] if after is not None else [])


@given(contents=CONTENTS, data=st.data())
def test_of_several_writers_the_last_to_end_wins(
    contents: list[bytes], data: st.DataObject
) -> None:
    ends = data.draw(st.permutations(range(len(contents))))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "item.json"
        writers = [atomic_write(path) for _ in contents]
        drafts = [writer.__enter__() for writer in writers]
        assert len(set(drafts)) == len(drafts)
        for draft, content in zip(drafts, contents, strict=True):
            draft.write_bytes(content)
        for number in ends:
            writers[number].__exit__(None, None, None)
            assert path.read_bytes() == contents[number]


@given(content=st.binary(), more=st.binary(min_size=1))
def test_files_have_the_same_checksum_if_and_only_if_they_have_the_same_bytes(
    content: bytes, more: bytes
) -> None:
    with TemporaryDirectory() as folder:
        first, same, other = (Path(folder) / name for name in ("first", "same", "other"))
        first.write_bytes(content)
        same.write_bytes(content)
        other.write_bytes(content + more)
        assert sha256_file(first) == sha256_file(same) != sha256_file(other)
