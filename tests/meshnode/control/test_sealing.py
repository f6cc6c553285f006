from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from meshnode.control import sealing
from meshnode.control.sealing import SEAL_OCTETS, SealKind, open_seal, seal
from meshproto.errors import DecodeError
from meshproto.ids import NodeId
from meshproto.wire import peer_id
from support.links import Keys

ALICE, BOB = Keys(1), Keys(2)
DIAL = SealKind.DIAL


def test_what_is_sealed_to_a_node_is_read_by_that_node_alone() -> None:
    sealed = seal(b"a descriptor", BOB.node, DIAL)
    assert len(sealed) == len(b"a descriptor") + SEAL_OCTETS
    assert open_seal(sealed, BOB) == b"a descriptor"
    with pytest.raises(DecodeError, match="seal-auth"):
        open_seal(sealed, ALICE)


def test_no_two_seals_are_alike() -> None:
    assert seal(b"same", BOB.node, DIAL) != seal(b"same", BOB.node, DIAL)


def test_the_kind_is_readable_and_cannot_be_changed() -> None:
    sealed = seal(b"no", BOB.node, SealKind.ANSWER)
    assert sealing.kind_of(sealed) is SealKind.ANSWER
    with pytest.raises(DecodeError, match="seal-auth"):
        open_seal(b"\x01" + sealed[1:], BOB)


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x03" + bytes(60)])
def test_an_unknown_kind_is_refused(data) -> None:
    with pytest.raises(DecodeError, match="seal-kind"):
        open_seal(data, BOB)


def test_a_seal_needs_all_its_parts() -> None:
    with pytest.raises(DecodeError, match="seal-short"):
        open_seal(bytes([1]) + bytes(SEAL_OCTETS - 2), BOB)


@pytest.mark.parametrize("point", [bytes(32), b"\x01" + bytes(31)])
def test_points_of_small_order_are_refused(point) -> None:
    with pytest.raises(DecodeError, match="seal-key"):
        open_seal(b"\x01" + point + bytes(20), BOB)


@pytest.mark.parametrize(
    "key",
    [
        b"\x01" + bytes(31),  # y = 1, the neutral point: no u
        b"\xff" * 31 + b"\x7f",  # y above the prime
    ],
)
def test_ids_whose_key_has_no_other_form_are_refused(key) -> None:
    with pytest.raises(DecodeError, match="seal-key"):
        seal(b"x", peer_id.from_ed25519(key), DIAL)


def test_ids_without_a_key_are_refused() -> None:
    with pytest.raises(DecodeError):
        seal(b"x", NodeId(b"n" * 34), DIAL)


def test_the_two_forms_of_a_key_belong_together() -> None:
    for number in range(50):
        keys = Keys(number)
        private = sealing.montgomery_private(keys.seed)
        made = X25519PrivateKey.from_private_bytes(private).public_key()
        assert made.public_bytes_raw() == sealing.montgomery_public(keys.node)


def test_the_map_is_the_one_that_others_use() -> None:
    """The values of libsodium's own test of its conversion (`ed25519_convert`)."""
    seed = "421151a459faeade3d247115f94aedae42318124095afabe4d1451a559faedee"
    public = "b5076a8474a832daee4dd5b4040983b6623b5f344aca57d4d6ee4baf3f259e6e"
    node = peer_id.from_ed25519(bytes.fromhex(public))
    wanted = "f1814f0e8ff1043d8a44d25babff3cedcae6c22c3edaa48f857ae70de2baae50"
    assert sealing.montgomery_public(node).hex() == wanted
    private = bytearray(sealing.montgomery_private(bytes.fromhex(seed)))
    private[0], private[31] = private[0] & 248, private[31] & 127 | 64  # as X25519 does
    clamped = "8052030376d47112be7f73ed7a019293dd12ad910b654455798b4667d73de166"
    assert private.hex() == clamped


@settings(max_examples=200, deadline=None)
@given(octets=st.binary(max_size=200), kind=st.integers(0, 3))
def test_no_octets_raise_anything_else(octets, kind) -> None:
    with pytest.raises(DecodeError):
        open_seal(bytes([kind]) + octets, BOB)
