"""Peers over a restart: genuine ones come back, a broken file is an empty one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from meshnode.control import remembered
from meshnode.control.identity import KeyPair, verify
from meshproto.wire.control.peer import MediaAddress, PeerRecord, Reach


def peer(number: int, *, forged: bool = False) -> PeerRecord:
    keys = KeyPair(bytes((number,)) * 32)
    media = (MediaAddress(bytes((192, 0, 2, number)), 5_000),)
    bare = PeerRecord(keys.node, 1, 1, media, (), Reach.DIRECT, 4, 4, "", "", ())
    signed = replace(bare, signature=keys.sign(bare.signed_part()))
    return replace(signed, copies=100) if forged else signed


def test_what_was_saved_is_there_again(tmp_path: Path) -> None:
    path = tmp_path / remembered.NAME
    peers = (peer(1), peer(2))
    assert remembered.save(path, peers)
    assert remembered.load(path, verify) == peers


def test_at_most_thirty_two_are_kept_and_none_without_a_signature(
    tmp_path: Path,
) -> None:
    path = tmp_path / remembered.NAME
    many = [replace(peer(200), signature=b""), *map(peer, range(1, 41))]
    remembered.save(path, many)
    assert remembered.load(path, verify) == tuple(map(peer, range(1, 33)))


def test_a_forged_record_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / remembered.NAME
    remembered.save(path, [peer(1, forged=True), peer(2)])
    assert remembered.load(path, verify) == (peer(2),)


@pytest.mark.parametrize("content", ["", "{}", "[1]", '[{"record": 5}]', "\x00\xff"])
def test_a_broken_file_is_an_empty_one(tmp_path: Path, content: str) -> None:
    path = tmp_path / remembered.NAME
    path.write_text(content)
    assert remembered.load(path, verify) == ()
    assert remembered.load(tmp_path / "none", verify) == ()


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    assert not remembered.save(tmp_path / "gone" / remembered.NAME, [peer(1)])
