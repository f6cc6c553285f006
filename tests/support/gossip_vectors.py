"""The vectors of RFC 0008, made by our code from the cases below.

`python tests/support/gossip_vectors.py` writes the files anew, for when a rule was
changed on purpose; the test compares, and checks signatures with another library.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from meshproto.config.gossip import DIRECTORY_TOPIC, GossipConfig, Signing
from meshproto.errors import DecodeError
from meshproto.events import Refused
from meshproto.gossip import authorship
from meshproto.gossip.peers import Version
from meshproto.gossip.router import GossipRouter
from meshproto.gossip.seen import Verdict
from meshproto.ids import NodeId
from meshproto.outputs import Gossip, Outbox
from meshproto.wire import peer_id, protobuf, pubsub
from meshproto.wire.pubsub import Message, PeerInfo, Prune

FOLDER = Path(__file__).resolve().parents[2] / "rfcs" / "vectors" / "gossip"
EPOCH_MS = 1_800_000_000_000

Json = dict[str, Any]


def key_of(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(seed_of(name))


def seed_of(name: str) -> bytes:
    return name.encode().ljust(32, b".")


def node_of(name: str) -> NodeId:
    return peer_id.from_ed25519(key_of(name).public_key().public_bytes_raw())


def sign(name: str, data: bytes) -> bytes:
    return key_of(name).sign(data)


def verify(node: NodeId, data: bytes, signature: bytes) -> bool:
    try:
        key = Ed25519PublicKey.from_public_bytes(peer_id.ed25519_key(node))
        key.verify(signature, data)
    except (DecodeError, InvalidSignature):
        return False
    return True


def written(name: str, number: int, data: bytes) -> Message:
    policy, node = Signing.STRICT_SIGN, node_of(name)
    return authorship.written(
        policy, DIRECTORY_TOPIC, data, node, number, partial(sign, name)
    )


def plain(value: Any) -> Any:
    """Octets in hexadecimal, absent things absent."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        kept = {key: plain(one) for key, one in value.items() if one is not None}
        return {key: one for key, one in kept.items() if one != []}
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    return value


def says(rpc: bytes) -> Json:
    """What an RPC says, in the field names of our code."""
    found: Json = plain(asdict(pubsub.decode(rpc)))
    return found


# rpc.json


def rpcs() -> Iterator[tuple[str, bytes]]:
    topic = DIRECTORY_TOPIC
    first, second = pubsub.graft(topic), pubsub.graft("other")
    offered = (PeerInfo(node_of("third"), b"its record"), PeerInfo(node_of("fourth")))
    yield "nothing", b""
    yield "joined", pubsub.subscription(topic, True)
    yield "left", pubsub.subscription(topic, False)
    yield "a message", pubsub.publication(written("author", 7, b"hello"))
    yield "graft", pubsub.control([first])
    yield "prune of 1.0", pubsub.control([pubsub.prune(Prune(topic))])
    yield "prune", pubsub.control([pubsub.prune(Prune(topic, offered, 60))])
    yield "ihave", pubsub.control([pubsub.ihave(topic, [b"id one", b"id two"])])
    yield "iwant", pubsub.control([pubsub.iwant([b"id one", b"id two"])])
    yield "idontwant", pubsub.control([pubsub.idontwant([b"id one"])])
    yield "control twice, merged", pubsub.control([first]) + pubsub.control([second])
    ballast = protobuf.octets_field(99, b"of later times")
    yield "unknown field skipped", pubsub.subscription(topic, True) + ballast


def refused() -> Iterator[tuple[str, bytes]]:
    yield "cut", pubsub.subscription(DIRECTORY_TOPIC, True)[:-1]
    yield "group", bytes.fromhex("0b0c")
    yield "field number 0", bytes.fromhex("0000")
    yield "control is a number", bytes.fromhex("1805")
    yield "topic is not UTF-8", bytes.fromhex("0a0608011202fffe")
    yield "topic of 513 octets", pubsub.subscription("x" * 513, True)
    yield "message id of 257 octets", pubsub.control([pubsub.iwant([bytes(257)])])


def reason_of(rpc: bytes) -> str:
    try:
        pubsub.decode(rpc)
    except DecodeError as error:
        return error.reason
    return ""


def rpc_vectors() -> Json:
    good = [{"name": n, "rpc": r.hex(), "says": says(r)} for n, r in rpcs()]
    bad = [{"name": n, "rpc": r.hex(), "reason": reason_of(r)} for n, r in refused()]
    return {"rpcs": good, "refused": bad}


# messages.json


def message_vectors() -> Json:
    found = []
    for name, number, data in (
        ("author", EPOCH_MS * 1_000_000 + 1, b"hello"),
        ("author", EPOCH_MS * 1_000_000 + 2, b""),
        ("another", 1, bytes(range(256))),
    ):
        made = written(name, number, data)
        found.append(
            {
                "seed": seed_of(name).hex(),
                "author": peer_id.to_text(node_of(name)),
                "fields": plain(asdict(made)),
                "signed": pubsub.signing_octets(made).hex(),
                "octets": pubsub.encode_message(made).hex(),
                "id": authorship.message_id(Signing.STRICT_SIGN, made).hex(),
            }
        )
    return {"messages": found}


# talk.json


class _Nobody:
    def peer_record(self, _: NodeId) -> bytes | None:
        return None


class Talk:
    """One router between neighbours, who speak by turns; all of it is written down."""

    def __init__(self) -> None:
        self.outbox = Outbox()
        self.router = GossipRouter(
            node_of("router"),
            EPOCH_MS,
            GossipConfig(),
            self.outbox,
            random.Random(1),
            partial(sign, "router"),
            verify,
            _Nobody(),
        )
        self.names = {node_of(name): name for name in ("first", "second", "third")}
        self.steps: list[Json] = []

    def step(self, at_s: float, verb: str, **said: Any) -> None:
        out, refusals = [], []
        for delivery in self.router.take_deliveries():
            self.router.validated(delivery.message_id, Verdict.ACCEPT, at_s)
        while (output := self.outbox.poll()) is not None:
            if isinstance(output, Gossip):
                name = self.names[output.neighbour]
                sent = {"to": name, "rpc": output.rpc.hex(), "says": says(output.rpc)}
                out.append(sent)
            elif isinstance(output, Refused):
                refusals.append(output.reason)
        out.sort(key=lambda sent: str(sent["to"]))
        taken = {"at_s": at_s, "verb": verb, **said, "out": out}
        self.steps.append(taken | ({"refused": refusals} if refusals else {}))

    def up(self, at_s: float, name: str, version: Version) -> None:
        self.router.peer_up(node_of(name), False, b"", version, at_s)
        self.step(at_s, "peer_up", neighbour=name, protocol=version.value)

    def hear(self, at_s: float, name: str, rpc: bytes) -> None:
        self.router.receive(node_of(name), rpc, at_s)
        self.step(at_s, "receive", neighbour=name, rpc=rpc.hex(), says=says(rpc))


def talk_vectors() -> Json:
    talk, topic = Talk(), DIRECTORY_TOPIC
    for name, version in zip(("first", "second", "third"), Version, strict=True):
        talk.up(0.0, name, version)
        talk.hear(0.0, name, pubsub.subscription(topic, True))
    talk.router.join(topic, 0.0)
    talk.step(0.0, "join", topic=topic)
    sent, long = written("author", 1, b"hello"), written("author", 2, bytes(1500))
    talk.hear(0.1, "first", pubsub.publication(sent))
    talk.hear(0.2, "second", pubsub.publication(sent))
    talk.hear(0.3, "second", pubsub.publication(long))
    forged = Message(
        topic, b"other", sent.origin, (3).to_bytes(8, "big"), sent.signature
    )
    talk.hear(0.4, "second", pubsub.publication(forged))
    known = authorship.message_id(Signing.STRICT_SIGN, sent)
    talk.hear(0.5, "third", pubsub.control([pubsub.ihave(topic, [known, b"new one"])]))
    talk.hear(0.6, "third", pubsub.control([pubsub.iwant([known, b"unknown"])]))
    talk.hear(0.7, "first", pubsub.control([pubsub.prune(Prune(topic))]))
    talk.hear(0.8, "first", pubsub.control([pubsub.graft(topic)]))
    talk.hear(0.9, "third", pubsub.control([pubsub.graft("nobody's topic")]))
    talk.router.publish(topic, b"ours", 1.0)
    talk.step(1.0, "publish", topic=topic, data=b"ours".hex())
    talk.router.leave(topic, 1.1)
    talk.step(1.1, "leave", topic=topic)
    seeds = {
        n: seed_of(n).hex() for n in ("router", "first", "second", "third", "author")
    }
    about = "verdicts are ACCEPT, at once; no heartbeat; out is sorted by receiver"
    return {"about": about, "seeds": seeds, "epoch_ms": EPOCH_MS, "steps": talk.steps}


FILES = {
    "rpc.json": rpc_vectors,
    "messages.json": message_vectors,
    "talk.json": talk_vectors,
}


def load(name: str) -> Json:
    """One file as it stands."""
    found: Json = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return found


def write() -> None:
    """Write all files anew."""
    for name, make in FILES.items():
        text = json.dumps(make(), indent=1, ensure_ascii=False)
        (FOLDER / name).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(write())
