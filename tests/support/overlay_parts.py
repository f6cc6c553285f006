"""One overlay, or a part of one, by hand: records, surroundings, a state."""

from __future__ import annotations

import random
from typing import Any

from meshproto.config.overlay import OverlayConfig
from meshproto.ids import NodeId
from meshproto.outputs import Outbox
from meshproto.overlay.book import Book
from meshproto.overlay.capacity import Capacity
from meshproto.overlay.coordinates import Coordinates
from meshproto.overlay.links import Links
from meshproto.overlay.overlay import Overlay
from meshproto.overlay.state import State
from meshproto.timers import Timers
from meshproto.wire.control.peer import MediaAddress, PeerRecord, Reach
from support.overlay_net import address, sign, verify


def node(index: int) -> NodeId:
    """The name of a node."""
    return NodeId(b"node" + index.to_bytes(8, "big"))


ME = node(0)


def record(
    index: int,
    copies: int = 8,
    version: int = 1,
    media: MediaAddress | None = None,
    operator: str = "",
    coordinate: tuple[float, ...] = (),
    signed: bool = True,
) -> PeerRecord:
    """A signed record of a node with a network of its own."""
    name = node(index)
    plain = PeerRecord(
        *(name, 1, version, (media or address(index),), (b"",), Reach.DIRECT),
        *(copies, copies, operator, "", coordinate),
    )
    if not signed:
        return plain
    fields = {f: getattr(plain, f) for f, _ in PeerRecord.CODECS}
    fields["signature"] = sign(name, plain.signed_part())
    return PeerRecord(**fields)


class Around:
    """Surroundings set by hand; links are 50 ms unless said."""

    def __init__(self) -> None:
        self.rtts_s: dict[NodeId, float] = {}
        self.trees: dict[NodeId, bool] = {}

    def rtt_s(self, node: NodeId) -> float:
        return self.rtts_s.get(node, 0.05)

    def carries_tree(self, node: NodeId) -> bool:
        return self.trees.get(node, False)


def make_state(capable: bool = True, **config: Any) -> State:
    """A state without parts."""
    made, chance = OverlayConfig(**config), random.Random(1)
    capacity = Capacity(made)
    state = State(
        *(ME, made, Outbox(), chance, Around(), Timers()),
        *(Book(made, chance, capacity.capable), Links(made), capacity),
        *(Coordinates(chance), []),
    )
    state.capable = capable
    return state


def around(state: State) -> Around:
    """Its surroundings, to be set."""
    assert isinstance(state.surroundings, Around)
    return state.surroundings


def know(state: State, indices: range, rtt_s: float | None = None) -> None:
    """Remember some peers, measured at `rtt_s` plus a millisecond for each."""
    for place, index in enumerate(indices):
        entry = state.book.learn(record(index), float("inf"))
        assert entry is not None
        entry.seen_at = 0.0
        if rtt_s is not None:
            state.book.measured(entry, rtt_s + place * 0.001, 0.0)


def outputs(box: Outbox) -> list[Any]:
    """Everything in the box."""
    found = []
    while (output := box.poll()) is not None:
        found.append(output)
    return found


def of(box: Outbox, kind: type) -> list[Any]:
    """Everything of one kind in the box; the rest is thrown away."""
    return [output for output in outputs(box) if isinstance(output, kind)]


class Lone:
    """A described overlay with hand-made surroundings."""

    def __init__(self, copies: int = 8, **config: Any) -> None:
        self.box = Outbox()
        self.around = Around()
        self.overlay = Overlay(
            *(ME, 1, OverlayConfig(**config), self.box, random.Random(1)),
            lambda data: sign(ME, data),
            verify,
            self.around,
        )
        self.describe(copies, 0.0)

    def describe(self, copies: int, now: float, free: int | None = None) -> None:
        self.overlay.describe(
            *((address(0),), (b"",), Reach.DIRECT, copies),
            *(copies if free is None else free, "", "", now),
        )

    def taken(self, kind: type) -> list[Any]:
        return of(self.box, kind)

    @property
    def state(self) -> State:
        return self.overlay._state
