"""The way of a stream to this node, hop by hop, as values: what `trace` tells.

A node knows little of the mesh, and what it knows it knows in two ways.  The last hop
is its own link: round trip and loss are measured here.  The hops before that are
*told*: every parent passes the root path down with the delay that has added up at each
node of it (RFC 0011 section 3), so their cost is known and their round trip is not.
Both are marked, and what is not known is said in `missing`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum


class Why(Enum):
    """Why a neighbour is not the parent."""

    CHOSEN = "chosen"
    STANDBY = "standby"
    BELOW = "below"
    FULL = "full"
    OUTSIDE = "outside"
    UNFEASIBLE = "unfeasible"
    RETRACTED = "retracted"
    DEARER = "dearer"
    MARGIN = "margin"
    SILENT = "silent"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Hop:
    """One edge of the tree, towards the origin: from `node` to the hop before.

    `node` is None where only the short name (`short`, hexadecimal) is known.
    `delay_s` is one way from the origin to `node`, `cost_s` what the edge adds;
    `rtt_s` and `loss` are measured here, None on edges that were only told.
    """

    node: str | None
    short: str
    delay_s: float | None
    cost_s: float | None
    rtt_s: float | None = None
    loss: float | None = None

    @property
    def measured(self) -> bool:
        """Whether this node measured the edge itself."""
        return self.rtt_s is not None


@dataclass(frozen=True, slots=True)
class Alternative:
    """A neighbour as a parent: what the way through it costs, and why it is not it.

    `cost_s` is one way from the origin to here through it, `dearer_s` how much that is
    above the chosen one; None where the neighbour said nothing that tells.
    `above` marks a node that is on the way already.
    """

    node: str
    why: Why
    cost_s: float | None = None
    dearer_s: float | None = None
    slots: int | None = None
    above: bool = False

    @property
    def words(self) -> str:
        """The reason in words."""
        return _worded(self)


@dataclass(frozen=True, slots=True)
class Trace:
    """The way of one stream; `state` as in `TreeStatus`, or "known" without a tree.

    `hops` begin at this node's parent and end at the origin; `missing` says in
    sentences what this node does not know.
    """

    node: str
    stream: str
    name: str
    origin: str
    state: str
    delay_s: float | None
    hops: tuple[Hop, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    missing: tuple[str, ...] = ()

    def json(self) -> dict[str, object]:
        """Plain values, reasons and their words included."""
        plain = asdict(self)
        plain["alternatives"] = [
            {**asdict(each), "why": each.why.value, "words": each.words}
            for each in self.alternatives
        ]
        plain["hops"] = [{**asdict(hop), "measured": hop.measured} for hop in self.hops]
        return {"partial": True, **plain}


_WORDS = {
    Why.CHOSEN: "the next hop",
    Why.STANDBY: "the second parent",
    Why.BELOW: "fed by this node: it would be a loop",
    Why.FULL: "full: no free slot",
    Why.OUTSIDE: "not in the tree of this stream",
    Why.UNFEASIBLE: "not feasible: its way could lead through this node",
    Why.RETRACTED: "it has no way to the origin any more",
    Why.SILENT: "it told nothing about this origin",
    Why.OPEN: "could become the parent",
}


def _worded(each: Alternative) -> str:
    if each.why is Why.DEARER and each.dearer_s is not None:
        words = f"dearer by {each.dearer_s * 1000:.1f} ms"
    elif each.why is Why.MARGIN and each.dearer_s is not None:
        words = f"cheaper by {-each.dearer_s * 1000:.1f} ms only: not worth a move"
    else:
        words = _WORDS.get(each.why, each.why.value)
    return f"{words}; on the way already" if each.above else words
