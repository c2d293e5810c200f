import hashlib
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tulip_ops.core.errors import StoreUnavailable
from tulip_ops.core.files import (
    atomic_folder,
    atomic_write,
    move_durably,
    sha256_file,
    write_output,
)

KILLED = """
import os, signal, sys
from pathlib import Path
from tulip_ops.core.files import atomic_write

with atomic_write(Path(sys.argv[1])) as draft:
    draft.write_bytes(b"new" * 1000)
    os.kill(os.getpid(), signal.SIGKILL)
"""

WRITING = """
import sys
from pathlib import Path
from tulip_ops.core.files import atomic_write

for _ in range(100):
    with atomic_write(Path(sys.argv[1])) as draft:
        draft.write_text(sys.argv[2] * 100_000)
"""


def test_a_file_is_old_until_the_block_ends_and_new_then(tmp_path: Path) -> None:
    path = tmp_path / "item.json"
    path.write_text("old")
    with atomic_write(path) as draft:
        draft.write_text("new")
        assert (path.read_text(), draft.parent, draft.suffix) == ("old", tmp_path, ".json")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_block_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "item.json"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError), atomic_write(path) as draft:
        draft.write_text("half" + chr(0xD800), encoding="utf-8")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_block_that_wrote_nothing_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "item.json"
    path.write_text("old")
    with pytest.raises(FileNotFoundError), atomic_write(path):
        pass
    assert path.read_text() == "old"


def test_a_killed_writer_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "item.json"
    path.write_text("old")
    ended = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2  # nobody was left to remove its draft
    with atomic_write(path) as draft:
        draft.write_text("next")
    assert path.read_text() == "next"


def test_what_a_killed_writer_left_under_a_known_name_is_overwritten(tmp_path: Path) -> None:
    path, left = tmp_path / "weights.h5", tmp_path / "next.weights.h5"
    left.write_bytes(b"a killed writer's, which is longer")
    with atomic_write(path, temporary=left.name) as draft:
        assert draft == left
        draft.write_bytes(b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_readers_see_one_of_two_writers_and_never_both(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("c" * 100_000)
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITING, str(path), letter]) for letter in "ab"
    ]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        text = path.read_text()
        assert (len(text), len(set(text))) == (100_000, 1)
        seen.add(text[0])
    assert [writer.wait() for writer in writers] == [0, 0]
    assert seen & {"a", "b"}
    assert list(tmp_path.iterdir()) == [path]


def test_a_secret_is_never_readable_by_others(tmp_path: Path) -> None:
    path = tmp_path / "password"
    with atomic_write(path, mode=0o600) as draft:
        assert stat.S_IMODE(draft.stat().st_mode) == 0o600
        draft.write_text("secret")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_reaches_the_disk_before_its_name_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, events = tmp_path / "item.json", []
    monkeypatch.setattr(
        os, "fsync", lambda handle: events.append(Path(f"/proc/self/fd/{handle}").readlink().name)
    )
    replace = Path.replace
    monkeypatch.setattr(
        Path, "replace", lambda old, new: (events.append("rename"), replace(old, new))[1]
    )
    for sync_folder in (False, True):
        draft = tmp_path / "draft"
        draft.write_text("new")
        move_durably(draft, path, sync_folder=sync_folder)
    assert events == ["draft", "rename", "draft", "rename", tmp_path.name]


def test_a_folder_appears_with_all_its_files_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "models" / "unet" / "1.0"
    with pytest.raises(UnicodeEncodeError), atomic_folder(path) as draft:
        (draft / "model.json").write_text("{" + chr(0xD800), encoding="utf-8")
    assert list(path.parent.iterdir()) == []
    with atomic_folder(path) as draft:
        (draft / "model.json").write_text("{}")
        assert not path.exists()
    assert [file.name for file in path.iterdir()] == ["model.json"]
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_with_files_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "1.0"
    path.mkdir()
    (path / "model.json").write_text("old")
    with pytest.raises(OSError, match="not empty"), atomic_folder(path) as draft:
        (draft / "model.json").write_text("new")
    assert (path / "model.json").read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_checksum_is_that_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "weights.h5"
    path.write_bytes(b"tulip" * 300_000)
    assert sha256_file(path) == hashlib.sha256(b"tulip" * 300_000).hexdigest()


def test_a_link_stays_and_its_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    target, link = tmp_path / "data" / "report.html", tmp_path / "report.html"
    target.write_text("old")
    link.symlink_to(target)
    with atomic_write(link) as draft:
        draft.write_text("new")
    assert link.is_symlink()
    assert target.read_text() == "new"


@pytest.mark.parametrize("kind", ["device", "pipe", "folder"])
@pytest.mark.parametrize("linked", [False, True])
def test_only_regular_files_are_replaced(tmp_path: Path, kind: str, linked: bool) -> None:
    path = Path(os.devnull) if kind == "device" else tmp_path / "out"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    before = path.stat().st_mode
    if linked:
        (tmp_path / "link").symlink_to(path)
    named = tmp_path / "link" if linked else path
    with pytest.raises(OSError, match="only regular files are replaced"), atomic_write(named):
        pytest.fail("nothing is written")
    assert path.stat().st_mode == before


def test_an_output_that_cannot_be_written_is_one_message(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "report.html"
    with (
        pytest.raises(StoreUnavailable, match=r"report\.html cannot be written .*does not exist"),
        write_output(path),
    ):
        pytest.fail("nothing is written")
