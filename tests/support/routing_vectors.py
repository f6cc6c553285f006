"""Vectors of RFC 0010: records as bytes, the arithmetic, and short stories.

    python -m support.routing_vectors     # with tests on the path: writes them anew

A story drives one node called "me".  Neighbours come up with a cost, records arrive as
bytes, time passes; each step says which records leave, in order.  In place of Ed25519
the signature of a story is the SHA-512 of the signed octets, so that anybody can make
one.
"""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path
from typing import Any

import msgpack

from meshproto.config.routing import CostConfig, RoutingConfig
from meshproto.ids import NodeId, StreamId, short_id
from meshproto.outputs import Outbox, Send
from meshproto.routing.digest import digest_of_told
from meshproto.routing.distance import (
    INFINITY,
    TICKS_PER_S,
    Distance,
    added,
    feasible,
    lowered,
)
from meshproto.routing.router import Router
from meshproto.routing.table import Entry
from meshproto.wire.control import schema
from meshproto.wire.control.offer import Offer, Standing
from meshproto.wire.control.routing import (
    SeqnoRequest,
    Step,
    TableDigest,
    TableRequest,
    Update,
    Want,
    signed_part,
)
from support.shared import ROOT

FOLDER = ROOT / "rfcs/vectors/routing"
EPOCH = 1_764_000_000_000
STREAM = StreamId(bytes(range(16)))
Json = dict[str, Any]


def node(name: str) -> NodeId:
    """The node of a name in these vectors: its 12 octets."""
    return NodeId(name.encode().ljust(12, b"."))


def seal(data: bytes) -> bytes:
    """The stand-in for a signature."""
    return hashlib.sha512(data).digest()


def packed(record: schema.Record) -> str:
    """A record as hexadecimal MessagePack."""
    octets: bytes = msgpack.packb(schema.encode(record))
    return octets.hex()


def update(
    origin: str,
    refmetric: int,
    seqno: int = 1,
    epoch: int = EPOCH,
    hops: int = 1,
    offers: tuple[Offer, ...] = (),
    signed: bool = True,
) -> Update:
    """An update as a neighbour would send it."""
    who = node(origin)
    signature = seal(signed_part(who, epoch, seqno)) if signed else b""
    return Update(who, epoch, seqno, refmetric, hops, offers, signature)


class Stage:
    """One router, its costs dictated by the story."""

    def __init__(self) -> None:
        self.costs: dict[NodeId, int] = {}
        self.names: dict[NodeId, str] = {}
        self.outbox = Outbox()
        self.now = 0.0
        config = RoutingConfig(cost=CostConfig(hop_s=0.0))
        self.router = Router(
            node("me"),
            EPOCH,
            config,
            self.outbox,
            random.Random(1),
            seal,
            lambda _, data, signature: signature == seal(data),
            self,
        )

    def rtt_s(self, neighbour: NodeId) -> float:
        return 2 * self.costs[neighbour] / TICKS_PER_S

    def loss(self, neighbour: NodeId) -> float:
        return 0.0

    def suspect(self, neighbour: NodeId) -> bool:
        return False

    def penalty_s(self, neighbour: NodeId) -> float:
        return 0.0

    def play(self, step: Json) -> Json:
        """Do one step; answer what it says should come out."""
        until, router = step["at_ms"] / 1000, self.router
        while (at := router.next_timeout()) is not None and at < until:
            self.now = max(self.now, at)
            router.handle_timeout(self.now)
        self.now = until
        self._do(step)
        sent = []
        while (output := self.outbox.poll()) is not None:
            if isinstance(output, Send):
                sent.append([self.names[output.neighbour], packed(output.record)])
        hop = router.next_hop(node(step["origin"]))
        return {"sent": sent, "next_hop": None if hop is None else self.names[hop]}

    def _do(self, step: Json) -> None:
        router, now = self.router, self.now
        match step:
            case {"up": name, "cost": cost}:
                self.costs[node(name)], self.names[node(name)] = cost, name
                router.neighbour_up(node(name), now)
            case {"down": name}:
                router.neighbour_down(node(name), now)
            case {"cost_of": name, "cost": cost}:
                self.costs[node(name)] = cost
                router.cost_moved(node(name), now)
            case {"from": name, "record": text}:
                plain = msgpack.unpackb(bytes.fromhex(text))
                record = schema.decode(plain)
                router.receive(node(name), record, now)  # type: ignore[arg-type]
            case {"originate": on}:
                (router.originate if on else router.withdraw)(now)
            case {"offers": plain, "for": origin}:
                fields = [[bytes.fromhex(stream), *rest] for stream, *rest in plain]
                offers = tuple(schema.unpack(Offer, offer) for offer in fields)
                router.offer(node(origin), offers, now)
            case _:
                assert step.keys() <= {"at_ms", "origin", "says", "sent", "next_hop"}


def played(story: Json) -> list[Json]:
    """The steps with what our router does in them."""
    stage = Stage()
    return [{**step, **stage.play(step)} for step in story["steps"]]


def load(name: str) -> Json:
    """A vector by its name."""
    read: Json = json.loads((FOLDER / f"{name}.json").read_text())
    return read


def records() -> Json:
    """Every kind of record as bytes."""
    full = Offer(STREAM, True, 0.0482, 3, 17)
    values: list[tuple[str, schema.Record]] = [
        ("update, first of its number", update("origin", 480, 7, hops=3)),
        ("update, number known", update("origin", 512, 7, hops=3, signed=False)),
        ("update with an offer", update("origin", 480, 7, offers=(full,))),
        ("retraction", Update(node("origin"), 0, 0, INFINITY, 0, ())),
        (
            "offer of a node that is no way",
            update("origin", INFINITY, 7, hops=0, offers=(full,)),
        ),
        ("request", SeqnoRequest(node("origin"), EPOCH, 8, 24)),
        ("digest", TableDigest(bytes(range(8)))),
        ("table request", TableRequest()),
        ("want", Want(node("origin"), 24)),
        (
            "step",
            Step(short_id(node("origin")), 512, 3, (Standing(True, 0.0482, 3, 17),)),
        ),
        (
            "step to the next number",
            Step(
                short_id(node("origin")),
                512,
                3,
                (),
                8,
                seal(signed_part(node("origin"), EPOCH, 8)),
            ),
        ),
        ("step, a retraction", Step(short_id(node("origin")), INFINITY, 0, ())),
    ]
    return {
        "about": "records of routing as MessagePack (RFC 0010 section 4)",
        "records": [
            {"name": name, "bytes": packed(value), "plain": _plain(value)}
            for name, value in values
        ],
        "signed_part": {
            "origin": node("origin").hex(),
            "epoch": EPOCH,
            "seqno": 7,
            "bytes": signed_part(node("origin"), EPOCH, 7).hex(),
        },
    }


def _plain(value: schema.Record) -> list[Any]:
    def text(item: Any) -> Any:
        if isinstance(item, bytes):
            return {"hex": item.hex()}
        return [text(part) for part in item] if isinstance(item, list) else item

    return [text(item) for item in schema.encode(value)]


def arithmetic() -> Json:
    """Feasibility, distances, sums and digests."""
    versions = [(1, 5), (1, 6), (1, 4), (2, 0), (1, 32_773), (1, 32_772), (0, 9)]
    metrics = [0, 99, 100, 101, INFINITY]
    distance = Distance((1, 5), 100)
    pairs = [(version, metric) for version in versions for metric in metrics]
    table = [
        update("origin", 480, 7, hops=3, signed=False),
        update("second", 90, 65_535, offers=(Offer(STREAM, True, 0.05, 0, 4),)),
    ]
    return {
        "about": "what RFC 0010 sections 5.2, 5.5 and 7 compute",
        "distance": [list(distance.version), distance.metric],
        "feasible": [
            [list(version), metric, feasible(distance, version, metric)]
            for version, metric in pairs
        ],
        "lowered": [
            [list(version), metric, _listed(lowered(distance, version, metric))]
            for version, metric in pairs
        ],
        "added": [[a, b, added(a, b)] for a in (1, 100, 65_000) for b in metrics],
        "digests": [
            {"records": [packed(u) for u in told], "digest": digest(told)}
            for told in ([], table[:1], table[1:], table)
        ],
    }


def _listed(distance: Distance | None) -> list[Any] | None:
    return None if distance is None else [list(distance.version), distance.metric]


def digest(updates: list[Update]) -> str:
    """The digest of a table that consists of these updates."""
    entries = {}
    for told in updates:
        entry = entries[told.origin] = Entry(told.origin)
        entry.told[node("me")] = told
    return digest_of_told(entries, node("me")).hex()


def _story(about: str, *steps: Json) -> Json:
    shown = [{"origin": "origin", **step} for step in steps]
    story = {"about": about, "epoch": EPOCH, "steps": shown}
    return {**story, "steps": played(story)}


def _hear(at_ms: int, name: str, record: schema.Record) -> Json:
    return {"at_ms": at_ms, "from": name, "record": packed(record)}


def _up(name: str, cost: int) -> Json:
    return {"at_ms": 0, "up": name, "cost": cost}


def stories() -> dict[str, Json]:
    """Short stories of one node."""
    offered = [[STREAM, True, 5_000, 2, 2]], [[STREAM, True, 5_000, 0, 0]]
    learn = [_up("a", 100), _up("b", 100), _hear(10, "a", update("origin", 100))]
    return {
        "learn-and-tell": _story(
            "a first route, a small change, a large one, a retraction (section 5.5)",
            *learn,
            {"at_ms": 20, "says": "told within 5 ms, with the signature"},
            _hear(200, "a", update("origin", 130, signed=False)),
            {"at_ms": 400, "says": "3 ms more is not worth an update"},
            _hear(500, "a", update("origin", 170, signed=False)),
            {"at_ms": 599, "says": "waits for company"},
            {"at_ms": 601, "says": "and is told, without the signature"},
            _hear(700, "a", Update(node("origin"), 0, 0, INFINITY, 0, ())),
            {"at_ms": 706, "says": "a loss is told within 5 ms"},
        ),
        "starvation": _story(
            "the next hop dies, the only other route is not feasible (section 5.4)",
            *learn,
            {"at_ms": 20},
            _hear(100, "b", update("origin", 250, hops=3)),
            {"at_ms": 1_000, "down": "a", "says": "asks b for number 2"},
            {"at_ms": 1_299, "says": "b was told that the route is lost"},
            {"at_ms": 1_301, "says": "asks again after 300 ms"},
            _hear(1_400, "b", update("origin", 250, 2, hops=3)),
            {"at_ms": 3_000, "says": "and is content"},
        ),
        "request-passed-on": _story(
            "a request goes up, its answer comes down to who asked (section 5.4)",
            _up("c", 50),
            *learn,
            {"at_ms": 20},
            _hear(100, "b", SeqnoRequest(node("origin"), EPOCH, 2, 24)),
            _hear(120, "c", SeqnoRequest(node("origin"), EPOCH, 2, 3)),
            _hear(180, "a", update("origin", 100, 2)),
            {"at_ms": 400, "says": "nobody else hears of the number"},
        ),
        "origin": _story(
            "this node is the origin, raises its number, and withdraws (section 5.1)",
            _up("a", 100),
            {"at_ms": 10, "originate": True},
            {"at_ms": 20},
            _hear(30, "a", SeqnoRequest(node("me"), EPOCH, 1, 9)),
            _hear(40, "a", SeqnoRequest(node("me"), EPOCH, 2, 9)),
            {"at_ms": 1_029, "says": "one number a second"},
            {"at_ms": 1_031},
            {"at_ms": 1_100, "originate": False},
            {"at_ms": 1_106},
        ),
        "offers": _story(
            "an offer, its end, and the next hop that hears of both (section 6)",
            *learn,
            {"at_ms": 20},
            {"at_ms": 100, "offers": _bytes(offered[0]), "for": "origin"},
            {"at_ms": 106, "says": "told to the next hop too, with metric infinity"},
            {"at_ms": 200, "offers": _bytes(offered[1]), "for": "origin"},
            {"at_ms": 206, "says": "no slots left: told at once, the route stays"},
        ),
        "switch": _story(
            "a better next hop: the new one hears no route, the old one a metric",
            *learn,
            {"at_ms": 20},
            _hear(100, "b", update("origin", 60)),
            {"at_ms": 201, "says": "4 ms better is not enough to switch"},
            _hear(300, "b", update("origin", 40, signed=False)),
            {"at_ms": 401},
        ),
    }


def _bytes(offers: list[list[Any]]) -> list[list[Any]]:
    return [[stream.hex(), *rest] for stream, *rest in offers]


def write(folder: Path = FOLDER) -> None:
    """Write every vector."""
    folder.mkdir(parents=True, exist_ok=True)
    every = {"records": records(), "arithmetic": arithmetic(), **stories()}
    for name, vector in every.items():
        text = json.dumps(vector, indent=1)
        (folder / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    write()
