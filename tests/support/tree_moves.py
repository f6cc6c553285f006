"""A bench in the middle of a move, for tests of commits and swaps."""

from __future__ import annotations

from meshproto.distribution import moves
from meshproto.distribution.candidates import Candidate
from meshproto.forwarding.relay_table import FirstNew
from meshproto.ids import NodeId
from meshproto.wire.control import distribution as w
from support.tree_bench import ORIGIN, STREAM, Bench, accept, node, path


def committing() -> tuple[Bench, NodeId]:
    """Attached to node 2, with child 5, its move to node 8 in commit."""
    bench = Bench()
    bench.attach(node(2), delay_s=0.2, above=(ORIGIN, node(2)))
    child = bench.child(5)
    bench.link(node(8))
    target = [Candidate(node(8))]
    moves.begin(bench.brain._shared, bench.tree, target, 0.1, "", bench.now)
    bench.drain()
    wish = bench.one(w.Join)[1]
    bench.hear(node(8), accept(wish.serial, node(8), 0.01))
    bench.do("plane_notice", FirstNew(STREAM, node(8), 31))
    bench.one(w.MoveCommit)
    assert path(child).path
    return bench, child
