"""Writes `rfcs/vectors/control`: run as a module when the wire format changes.

The key of the signed record is the Ed25519 key of the seed 00 01 02 ... 1f.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

import msgpack
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from meshnode.control.sealing import SealKind, montgomery_public, seal_with
from meshproto.config.link import LinkConfig
from meshproto.ids import LinkId, NodeId
from meshproto.link.links import Links
from meshproto.outputs import HangUp, Outbox, Transmit
from meshproto.wire.control import frame as f
from meshproto.wire.control import link, schema
from meshproto.wire.control.descriptor import Aim, LinkDescriptor, build_descriptor
from meshproto.wire.control.peer import (
    MediaAddress,
    PeerRecord,
    Reach,
    build_peer,
    parse_peer,
)

FOLDER = Path(__file__).resolve().parents[2] / "rfcs/vectors/control"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ID_HEAD = bytes.fromhex("002408011220")
NODE = NodeId(ID_HEAD + KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
OTHER = NodeId(ID_HEAD + bytes(range(32, 64)))
NOW_S = 100.0


def plain(value: Any) -> Any:
    """A value as JSON has it: octets in hex, enumerations by their number."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: plain(getattr(value, field.name)) for field in fields(value)
        }
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value


def records() -> Iterator[dict[str, Any]]:
    """One of each kind of links."""
    for record in (
        link.Hello(1, 3, 0, NODE, 1_764_000_000_000, 5_001, 100.25),
        link.Heard(5_001, 100.25, 0.0),
        link.Goodbye("leaving"),
        link.Introduce(OTHER, b"sealed descriptor"),
        link.Introduced(NODE, b"sealed descriptor"),
        link.Unreachable(OTHER),
    ):
        octets = msgpack.packb(schema.encode(record))
        name = type(record).__name__
        yield {"record": name, "octets": octets.hex(), "fields": plain(record)}


def frames() -> Iterator[dict[str, Any]]:
    """Frames, each as octets and as its parts."""
    goodbye = schema.encode(link.Goodbye("leaving"))
    batch = f.pack_records([msgpack.packb(schema.encode(link.Unreachable(OTHER)))])
    for about, frame in (
        ("nothing but a head", f.Frame(1, 5_001, 0, 1)),
        ("a loose record", f.Frame(1, 5_001, 77, 2, loose=(goodbye,))),
        ("a record of an unknown kind", f.Frame(1, 5_001, 77, 3, loose=([999, "x"],))),
        ("all of lane 0 up to 4", f.Frame(1, 5_001, 77, 4, acknowledged=(4,))),
        ("3 is missing, 4 and 6 came", f.Frame(1, 9, 77, 5, acknowledged=(2, 5))),
        ("lane 1 only", f.Frame(1, 9, 77, 6, acknowledged=(0, 0, 1))),
        ("a batch", f.Frame(1, 9, 77, 7, segments=(f.Segment(0, 1, batch),))),
        (
            "a value cut in two on the bulk lane, and the largest numbers",
            f.Frame(
                version=2,
                sender=f.NUMBER_MAX,
                receiver=f.NUMBER_MAX,
                number=f.NUMBER_MAX,
                acknowledged=(f.NUMBER_MAX, 2**63 - 1, 1, 1),
                segments=(
                    f.Segment(1, f.NUMBER_MAX - 1, batch[:20], more=True),
                    f.Segment(1, f.NUMBER_MAX, batch[20:]),
                ),
            ),
        ),
    ):
        yield {"about": about, "octets": f.encode(frame).hex(), "frame": plain(frame)}


def refusals() -> Iterator[dict[str, Any]]:
    """Octets that are no frame, with our label."""
    head = [1, 5, 6, 7, [], []]
    for about, octets in (
        ("empty", b""),
        ("never used", b"\xc1"),
        ("an octet too many", msgpack.packb(head) + b"\x00"),
        ("a map", msgpack.packb({1: 2})),
        ("five elements", msgpack.packb(head[:5])),
        ("version 0", msgpack.packb([0, *head[1:]])),
        ("session 0 of the sender", msgpack.packb([1, 0, *head[2:]])),
        ("a number of 49 bits", msgpack.packb([1, 5, 6, 2**48, [], []])),
        ("true is no number", msgpack.packb([True, *head[1:]])),
        ("five in acknowledged", msgpack.packb([*head[:4], [1] * 5, []])),
        ("a mask of 64 bits", msgpack.packb([*head[:4], [0, 2**63], []])),
        ("65 loose records", msgpack.packb([*head[:5], [[9]] * 65])),
        ("ten segments", msgpack.packb([*head, *[[0, 1, b""]] * 10])),
        ("lane 4", msgpack.packb([*head, [4, 1, b""]])),
        ("sequence 0", msgpack.packb([*head, [0, 0, b""]])),
        ("text for octets", msgpack.packb([*head, [0, 1, "text"]])),
        ("1,057 octets in a segment", msgpack.packb([*head, [0, 1, bytes(1_057)]])),
        ("1,151 octets", msgpack.packb([*head[:5], [[9, bytes(1_139)]]])),
        ("a key twice", bytes.fromhex("96010506079091828201c001c0")),
        ("bad UTF-8", bytes.fromhex("9601050607909191a1ff")),
    ):
        try:
            f.decode(octets)
        except f.DecodeError as error:
            reason = error.reason
        yield {"about": about, "octets": octets.hex(), "refused": reason}


def peer() -> dict[str, Any]:
    """A signed record."""
    record = PeerRecord(
        node=NODE,
        epoch=1_764_000_000_000,
        version=7,
        media=(
            MediaAddress(bytes([192, 0, 2, 1]), 5_000),
            MediaAddress(bytes.fromhex("20010db8" + "00" * 11 + "01"), 5_000),
        ),
        control=(bytes.fromhex("04c0000201061388"),),
        reach=Reach.MAPPED,
        copies=8,
        free=5,
        operator="example",
        entry="https://node.example/",
        coordinate=(0.0125, -0.03, 0.5, 0.004),
    )
    signed = replace(record, signature=KEY.sign(record.signed_part()))
    return {
        "octets": build_peer(signed).hex(),
        "signed_part": signed.signed_part().hex(),
        "fields": plain(signed),
    }


def descriptor() -> dict[str, Any]:
    """A descriptor of `NODE`, signed for and sealed to the key of 20..3f."""
    receiver = KeyPair(bytes(range(32, 64)))
    record = parse_peer(bytes.fromhex(peer()["octets"]))
    made = LinkDescriptor(
        *(5_001, 1, 1, 0, "Vq3xD0aYk2Tz", "p4T0n8Wc1Jq7Zs5Lr2Bx9Ev6"),
        candidates=record.media,
        fingerprint=bytes(range(100, 132)),
        nonce=bytes(range(16)),
        answers=b"",
        expires_ms=1_764_000_030_000,
        aim=Aim.TREE,
        refused="",
        peer=record,
    )
    signed = replace(made, signature=KEY.sign(made.signed_part(receiver.node)))
    octets = build_descriptor(signed)
    ephemeral = X25519PrivateKey.from_private_bytes(bytes(range(64, 96)))
    sealed = seal_with(ephemeral, octets, receiver.node, SealKind.DIAL)
    return {
        "sender_seed": bytes(range(32)).hex(),
        "receiver_seed": receiver.seed.hex(),
        "receiver": receiver.node.hex(),
        "receiver_x25519": montgomery_public(receiver.node).hex(),
        "ephemeral_private": bytes(range(64, 96)).hex(),
        "fields": plain(signed),
        "signed_part": signed.signed_part(receiver.node).hex(),
        "octets": octets.hex(),
        "sealed": sealed.hex(),
    }


class KeyPair:
    """The key of a seed, as `sealing` needs it."""

    def __init__(self, seed: bytes) -> None:
        self.seed = seed
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.node = NodeId(ID_HEAD + self._private.public_key().public_bytes_raw())

    def sign(self, data: bytes) -> bytes:
        return self._private.sign(data)


class Script:
    """Inputs of one machine and what it put out after each."""

    def __init__(self, me: NodeId, epoch: int, seed: int) -> None:
        self.outbox = Outbox()
        self.links = Links(me, epoch, LinkConfig(), self.outbox, random.Random(seed))
        self.steps: list[dict[str, Any]] = []
        self.about = {"me": me.hex(), "epoch": epoch, "our_seed": seed}

    def do(self, now: float, verb: str, *args: Any) -> list[bytes]:
        """Call a verb, flush, and write both down; the frames that left."""
        returned = getattr(self.links, verb)(*args, now)
        self.links.flush(now)
        frames, hung_up = [], []
        while (output := self.outbox.poll()) is not None:
            if isinstance(output, Transmit):
                frames.append(output.frame)
            elif isinstance(output, HangUp):
                hung_up.append(output.reason)
        step: dict[str, Any] = {"now": round(now, 6), "verb": verb}
        if args:
            step["arguments"] = [self._argument(arg) for arg in args]
        if verb == "receive":
            step["records"] = [plain(schema.encode(record)) for record in returned]
        step["frames"] = [frame.hex() for frame in frames]
        step["changes"] = [
            type(change).__name__ for change in self.links.take_changes()
        ]
        if hung_up:
            step["hung_up"] = hung_up
        deadline = self.links.next_timeout()
        step["next_timeout"] = None if deadline is None else round(deadline, 6)
        self.steps.append(step)
        return frames

    def _argument(self, arg: Any) -> Any:
        if isinstance(arg, schema.Record):
            return {"record": plain(schema.encode(arg))}
        return plain(arg)


def life() -> dict[str, Any]:
    """A link from greeting to goodbye, as both ends see it: Hello lost once, a batch
    lost once, an introduction, and the end.
    """
    a, b = Script(NODE, 1_000, seed=6), Script(OTHER, 2_000, seed=7)
    link_id, rtt_s = LinkId(1), 0.05
    a.do(NOW_S, "up", link_id, OTHER, rtt_s)
    b.do(NOW_S, "up", link_id, NODE, rtt_s)
    [hello] = a.do(NOW_S + 0.1, "handle_timeout")
    [answer] = b.do(NOW_S + 0.125, "receive", link_id, hello)
    [heard] = a.do(NOW_S + 0.15, "receive", link_id, answer)
    b.do(NOW_S + 0.175, "receive", link_id, heard)
    unreachable = link.Unreachable(OTHER)
    a.do(NOW_S + 1.0, "send", OTHER, link.Unreachable(NODE))
    [again] = a.do(NOW_S + 1.0825, "handle_timeout")
    b.do(NOW_S + 1.1075, "receive", link_id, again)
    [told] = b.do(NOW_S + 1.1275, "handle_timeout")
    a.do(NOW_S + 1.1525, "receive", link_id, told)
    [back] = b.do(NOW_S + 2.0, "send", NODE, unreachable)
    a.do(NOW_S + 2.025, "receive", link_id, back)
    *_, farewell = a.do(NOW_S + 2.03, "close", OTHER, "leaving")
    b.do(NOW_S + 2.055, "receive", link_id, farewell)
    about = "RFC 0005 section 5.2 and RFC 0006 section 5, from greeting to goodbye"
    ends = [{**end.about, "steps": end.steps} for end in (a, b)]
    return {"about": about, "ends": ends}


def documents() -> dict[str, dict[str, Any]]:
    """Every file of the folder."""
    return {
        "records.json": {
            "about": "RFC 0006 section 4: records of links",
            "cases": list(records()),
        },
        "frames.json": {
            "about": "RFC 0006 section 2: octets of frames, and octets that are none",
            "cases": list(frames()),
            "refused": list(refusals()),
        },
        "peer.json": {
            "about": "RFC 0005 section 4: a peer record signed by the key of 00..1f",
            "cases": [peer()],
        },
        "descriptor.json": {
            "about": "RFC 0005 section 5.1: a descriptor, signed and sealed",
            "cases": [descriptor()],
        },
        "link.json": life(),
    }


def main() -> None:
    """Write them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, document in documents().items():
        text = json.dumps(document, indent=1)
        (FOLDER / name).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
