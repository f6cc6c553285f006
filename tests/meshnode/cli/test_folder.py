"""The data folder is ours alone, and so is what lies in it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from meshnode.cli.folder import DataFolder, LockedError, default_folder
from meshproto.errors import StateError


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_where_it_is() -> None:
    home = {"HOME": "/home/u"}
    assert default_folder(home, "linux") == Path("/home/u/.local/share/meshnode")
    xdg = {**home, "XDG_DATA_HOME": "/data"}
    assert default_folder(xdg, "linux") == Path("/data/meshnode")
    relative = {**home, "XDG_DATA_HOME": "data"}  # to be ignored, says the standard
    assert default_folder(relative, "linux") == default_folder(home, "linux")
    library = Path("/home/u/Library/Application Support/meshnode")
    assert default_folder(home, "darwin") == library
    local = {**home, "LOCALAPPDATA": "/local"}
    assert default_folder(local, "win32") == Path("/local/meshnode")


def test_it_is_made_for_us_only(tmp_path: Path) -> None:
    with DataFolder(tmp_path / "a" / "b") as folder:
        assert mode(folder.path) == 0o700
        assert (folder.path / "lock").read_text() == str(os.getpid())


def test_a_second_node_is_told_who_has_it(tmp_path: Path) -> None:
    hold = "import sys; from pathlib import Path; from meshnode.cli.folder import *\n"
    hold += "with DataFolder(Path(sys.argv[1])): print('held', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(LockedError, match=f"in use by process {other.pid}"):
            DataFolder(tmp_path).__enter__()
        other.kill()
        other.wait()
    with DataFolder(tmp_path):  # a crash leaves no lock behind
        pass


def test_it_can_be_taken_again(tmp_path: Path) -> None:
    for _ in range(2):
        with DataFolder(tmp_path):
            pass


def test_a_place_where_it_cannot_be(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(StateError, match="cannot be made: "):
        DataFolder(file / "below").__enter__()
    (tmp_path / "lock").mkdir()
    with pytest.raises(StateError, match="cannot be used: Is a directory"):
        DataFolder(tmp_path).__enter__()


def test_the_publish_key_is_made_once(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "d")
    assert folder.read_key() is None
    key = folder.make_key()
    assert folder.read_key() == key
    assert len(key) >= 32
    assert mode(folder.key_file) == 0o600
    with pytest.raises(StateError, match="exists: add --force"):
        folder.make_key()
    assert folder.read_key() == key
    assert folder.make_key(replace=True) != key


def test_the_token_key_is_an_ed25519_key(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.make_token_key()
    assert mode(folder.token_key_file) == 0o600
    key = load_pem_private_key(folder.token_key_file.read_bytes(), None)
    assert type(key).__name__ == "Ed25519PrivateKey"


def test_a_broken_key_file_is_no_missing_one(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.key_file.write_bytes(b"\xff\xfe")
    with pytest.raises(StateError, match="cannot be read"):
        folder.read_key()
