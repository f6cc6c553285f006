from __future__ import annotations

import os
from pathlib import Path

import pytest

from meshnode.control import identity
from meshnode.control.identity import KeyPair, open_identity, verify
from meshproto.errors import StateError
from meshproto.ids import NodeId
from meshproto.wire import peer_id

NOW_MS = 1_800_000_000_000
DAY_MS = 86_400_000


def test_without_a_folder_each_start_is_somebody_new() -> None:
    one, other = open_identity(None, NOW_MS), open_identity(None, NOW_MS)
    assert one.keys.node != other.keys.node
    assert one.epoch == NOW_MS


def test_with_a_folder_the_node_stays_and_the_epoch_rises(tmp_path: Path) -> None:
    data = tmp_path / "data"
    first = open_identity(data, NOW_MS)
    second = open_identity(data, NOW_MS + 5)
    assert second.keys == first.keys
    assert (first.epoch, second.epoch) == (NOW_MS, NOW_MS + 5)


def test_the_epoch_never_goes_back_whatever_the_clock_does(tmp_path: Path) -> None:
    epochs = [
        open_identity(tmp_path, NOW_MS + moved).epoch
        for moved in (0, 0, -3_600_000, 1, 10, -DAY_MS + 20)
    ]
    assert epochs == sorted(set(epochs))
    assert epochs[:3] == [NOW_MS, NOW_MS + 1, NOW_MS + 2]


def test_an_epoch_far_ahead_of_the_clock_is_explained(tmp_path: Path) -> None:
    open_identity(tmp_path, NOW_MS)
    with pytest.raises(StateError, match="2 days ahead of the clock"):
        open_identity(tmp_path, NOW_MS - 2 * DAY_MS - 5)


def test_an_epoch_that_is_no_number_is_explained(tmp_path: Path) -> None:
    open_identity(tmp_path, NOW_MS)
    (tmp_path / identity.EPOCH_NAME).write_text("soon")
    with pytest.raises(StateError, match="holds no number"):
        open_identity(tmp_path, NOW_MS)


def test_the_key_file_is_for_our_eyes_only(tmp_path: Path) -> None:
    open_identity(tmp_path, NOW_MS)
    path = tmp_path / identity.KEY_NAME
    assert path.stat().st_mode & 0o777 == 0o600
    for mode in (0o640, 0o604, 0o660):
        path.chmod(mode)
        with pytest.raises(StateError) as caught:
            open_identity(tmp_path, NOW_MS)
        assert str(caught.value) == (
            f"{path} is open to other users: type chmod 600 {path}"
        )
    path.chmod(0o400)
    open_identity(tmp_path, NOW_MS)


@pytest.mark.parametrize("content", [b"", b"not a key", b"\xff" * 200])
def test_a_key_file_with_something_else_in_it_is_not_replaced(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / identity.KEY_NAME
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(StateError, match="holds no Ed25519 key"):
        open_identity(tmp_path, NOW_MS)
    assert path.read_bytes() == content


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import ec

    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()
    )
    path = tmp_path / identity.KEY_NAME
    path.write_bytes(pem)
    path.chmod(0o600)
    with pytest.raises(StateError, match="holds no Ed25519 key"):
        open_identity(tmp_path, NOW_MS)


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(StateError, match="cannot be"):
        open_identity(blocked, NOW_MS)


def test_what_the_key_signs_its_node_verifies_and_no_other() -> None:
    keys, others = KeyPair.generate(), KeyPair.generate()
    signature = keys.sign(b"words")
    assert verify(keys.node, b"words", signature)
    assert not verify(keys.node, b"other words", signature)
    assert not verify(others.node, b"words", signature)
    assert not verify(keys.node, b"words", b"short")
    assert not verify(NodeId(b"\x12\x20" + bytes(32)), b"words", signature)


def test_the_seed_is_the_key_and_never_shown() -> None:
    keys = KeyPair(bytes(32))
    assert keys.node == KeyPair(bytes(32)).node
    assert peer_id.to_text(keys.node).startswith("12D3KooW")
    assert repr(keys) == f"<KeyPair of {peer_id.to_text(keys.node)}>"


def test_no_file_is_left_when_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StateError, match="No space left"):
        open_identity(tmp_path, NOW_MS)
    assert not (tmp_path / identity.KEY_NAME).exists()
