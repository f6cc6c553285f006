"""The vectors of RFC 0005 and RFC 0006 (`rfcs/vectors/control`), in both directions."""

from __future__ import annotations

import json
from typing import Any

import msgpack
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from meshnode.control.sealing import (
    SealKind,
    montgomery_public,
    open_seal,
    seal_with,
)
from meshproto.errors import DecodeError
from meshproto.ids import NodeId
from meshproto.wire.control import frame as f
from meshproto.wire.control import link, schema
from meshproto.wire.control.descriptor import build_descriptor, parse_descriptor
from meshproto.wire.control.peer import build_peer, parse_peer
from support.control_vectors import FOLDER, KeyPair, Script, plain


def vectors(name: str, key: str = "cases") -> list[Any]:
    found: list[Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))[key]
    return found


@pytest.mark.parametrize("case", vectors("records.json"), ids=lambda c: c["record"])
def test_a_record_of_links(case: dict[str, Any]) -> None:
    record = schema.decode(msgpack.unpackb(bytes.fromhex(case["octets"])))
    assert record is not None
    assert type(record).__name__ == case["record"]
    assert plain(record) == case["fields"]
    assert msgpack.packb(schema.encode(record)).hex() == case["octets"]


def test_every_kind_of_links_has_a_vector() -> None:
    kinds = {kind for kind in schema.REGISTRY if kind < 16}
    seen = {
        msgpack.unpackb(bytes.fromhex(c["octets"]))[0] for c in vectors("records.json")
    }
    assert seen == kinds
    assert link.Unreachable.KIND in kinds


@pytest.mark.parametrize("case", vectors("frames.json"), ids=lambda c: c["about"])
def test_a_frame(case: dict[str, Any]) -> None:
    frame = f.decode(bytes.fromhex(case["octets"]))
    assert plain(frame) == case["frame"]
    assert f.encode(frame).hex() == case["octets"]


@pytest.mark.parametrize(
    "case", vectors("frames.json", "refused"), ids=lambda c: c["about"]
)
def test_octets_that_are_no_frame(case: dict[str, Any]) -> None:
    with pytest.raises(DecodeError) as caught:
        f.decode(bytes.fromhex(case["octets"]))
    assert caught.value.reason == case["refused"]


@pytest.mark.parametrize("case", vectors("peer.json"))
def test_a_signed_peer_record(case: dict[str, Any]) -> None:
    record = parse_peer(bytes.fromhex(case["octets"]))
    assert plain(record) == case["fields"]
    assert build_peer(record).hex() == case["octets"]
    assert record.signed_part().hex() == case["signed_part"]
    key = Ed25519PublicKey.from_public_bytes(record.node[-32:])
    key.verify(record.signature, bytes.fromhex(case["signed_part"]))


@pytest.mark.parametrize("case", vectors("descriptor.json"))
def test_a_sealed_descriptor(case: dict[str, Any]) -> None:
    receiver = KeyPair(bytes.fromhex(case["receiver_seed"]))
    assert receiver.node.hex() == case["receiver"]
    assert montgomery_public(receiver.node).hex() == case["receiver_x25519"]
    octets = open_seal(bytes.fromhex(case["sealed"]), receiver)
    assert octets.hex() == case["octets"]
    found = parse_descriptor(octets)
    assert plain(found) == case["fields"]
    assert build_descriptor(found) == octets
    signed_part = found.signed_part(receiver.node)
    assert signed_part.hex() == case["signed_part"]
    sender = KeyPair(bytes.fromhex(case["sender_seed"]))
    assert found.peer.node == sender.node
    assert found.signature == sender.sign(signed_part)
    ephemeral = X25519PrivateKey.from_private_bytes(
        bytes.fromhex(case["ephemeral_private"])
    )
    sealed = seal_with(ephemeral, octets, receiver.node, SealKind.DIAL)
    assert sealed.hex() == case["sealed"]


@pytest.mark.parametrize("end", vectors("link.json", "ends"), ids=["dialler", "other"])
def test_the_life_of_a_link_as_one_end_sees_it(end: dict[str, Any]) -> None:
    script = Script(NodeId(bytes.fromhex(end["me"])), end["epoch"], end["our_seed"])
    for step in end["steps"]:
        arguments = [argument(value) for value in step.get("arguments", ())]
        script.do(step["now"], step["verb"], *arguments)
        assert script.steps[-1] == step


def argument(value: Any) -> Any:
    """What `Script` wrote down, as it was; a reason is no hex."""
    if isinstance(value, dict):
        _, *fields = value["record"]
        return link.Unreachable(NodeId(bytes.fromhex(fields[0])))
    if isinstance(value, str) and value != "leaving":
        return bytes.fromhex(value)
    return value
