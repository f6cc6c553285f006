"""What all parts of the package hold in common: one per node, not one per tree.

It keeps the trees, the timers, the counters, and the book of which links carry a tree.
Parts are modules of plain functions over (`Shared`, `Tree`, ...), so that none of them
owns another.
"""

from __future__ import annotations

from collections.abc import Callable

from meshproto.chance import Chance
from meshproto.config.distribution import DistributionConfig
from meshproto.distribution.book import Book
from meshproto.distribution.changes import Active, Change, TreeUse
from meshproto.distribution.surroundings import Surroundings
from meshproto.distribution.tree import Alarm, Tree
from meshproto.events import Refused
from meshproto.ids import NodeId, StreamId, short_id
from meshproto.outputs import Outbox
from meshproto.timers import Timers
from meshproto.wire.control.distribution import LAYERS_MAX

_SERIAL_END = 1 << 32
_EPOCH_BITS = 16


def _everything(_stream: StreamId) -> bool:
    return True


class Shared:
    """The node behind the trees."""

    __slots__ = (
        "accepts",
        "alias",
        "around",
        "by_origin",
        "carries",
        "chance",
        "changes",
        "config",
        "epoch",
        "leaving",
        "me",
        "messages",
        "outbox",
        "probes",
        "serial",
        "short",
        "timers",
        "token",
        "trees",
        "used_bps",
        "uses",
    )

    def __init__(
        self,
        me: NodeId,
        epoch: int,
        config: DistributionConfig,
        outbox: Outbox,
        chance: Chance,
        around: Surroundings,
    ) -> None:
        self.me = me
        self.short = short_id(me)
        self.epoch = epoch
        self.config = config
        self.outbox = outbox
        self.chance = chance
        self.around = around
        self.timers: Timers[tuple[StreamId, Alarm]] = Timers()
        self.trees: dict[StreamId, Tree] = {}
        self.by_origin: dict[NodeId, dict[StreamId, None]] = {}
        self.changes: list[Change] = []
        self.used_bps = 0
        self.uses: dict[NodeId, int] = {}
        # why: a restarted node must not reuse serials that a neighbour may remember
        self.serial = (epoch & ((1 << _EPOCH_BITS) - 1)) << _EPOCH_BITS
        self.alias = chance.randrange(_SERIAL_END)
        self.token = 1
        self.probes: dict[int, tuple[StreamId, NodeId]] = {}
        self.accepts = (0.0, 0)
        self.leaving = False
        self.messages = Book(config, epoch)
        self.carries: Callable[[StreamId], bool] = _everything

    def next_serial(self) -> int:
        """A number for a new edge or token, not used before."""
        self.serial = (self.serial + 1) % _SERIAL_END
        return self.serial

    def next_alias(self) -> int:
        """The SSRC base of a new leg, one per layer (RFC 0011 section 8.2)."""
        self.alias = (self.alias + LAYERS_MAX) % _SERIAL_END
        return self.alias

    def next_token(self) -> int:
        """A probe token: odd, for even ones are the overlay's."""
        self.token = (self.token + 2) % _SERIAL_END
        return self.token

    def set(self, tree: Tree, alarm: Alarm, at: float) -> None:
        """Wake for `tree` at `at` instead of any earlier wish of that kind."""
        self.timers.set((tree.stream, alarm), at)

    def hasten(self, tree: Tree, alarm: Alarm, at: float) -> None:
        """Wake at `at`, or earlier if that was planned."""
        planned = self.timers.at((tree.stream, alarm))
        if planned is None or planned > at:
            self.timers.set((tree.stream, alarm), at)

    def cancel(self, tree: Tree, alarm: Alarm) -> None:
        """Do not wake for that."""
        self.timers.cancel((tree.stream, alarm))

    def waits(self, tree: Tree, alarm: Alarm) -> bool:
        """Whether a wake-up of that kind is planned."""
        return (tree.stream, alarm) in self.timers

    def use(self, node: NodeId) -> None:
        """One more edge over the link to `node`."""
        count = self.uses.get(node, 0)
        self.uses[node] = count + 1
        if not count:
            self.changes.append(TreeUse(node, True))

    def disuse(self, node: NodeId) -> None:
        """One edge less."""
        count = self.uses[node] - 1
        if count:
            self.uses[node] = count
        else:
            del self.uses[node]
            self.changes.append(TreeUse(node, False))

    def index(self, tree: Tree) -> None:
        """Enter a tree under its origin; the first makes the origin active."""
        streams = self.by_origin.setdefault(tree.origin, {})
        if not streams:
            self.changes.append(Active(tree.origin, True))
        streams[tree.stream] = None

    def unindex(self, tree: Tree) -> None:
        """Take it out again."""
        streams = self.by_origin.get(tree.origin, {})
        streams.pop(tree.stream, None)
        if not streams and self.by_origin.pop(tree.origin, None) is not None:
            self.changes.append(Active(tree.origin, False))

    def refuse(self, neighbour: NodeId, reason: str) -> None:
        """Remote input without effect (RFC 0001 section 3)."""
        self.outbox.put(Refused(neighbour, reason))

    def rtt_s(self, node: NodeId) -> float:
        """The round trip as well as it is known, for patience and estimates."""
        rtt_s = self.around.rtt_s(node)
        return self.config.rtt_unknown_s if rtt_s is None else rtt_s

    def hop_s(self, node: NodeId) -> float:
        """What a hop from `node` to here adds to a delay."""
        return self.rtt_s(node) / 2 + self.config.hop_cost_s
