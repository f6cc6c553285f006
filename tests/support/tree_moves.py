"""A bench in the middle of a move, for tests of turns, moves, commits and swaps."""

from __future__ import annotations

from meshproto.distribution import moves
from meshproto.distribution.candidates import Candidate
from meshproto.forwarding.relay_table import FirstNew
from meshproto.ids import NodeId
from meshproto.wire.control import distribution as w
from support.tree_bench import ORIGIN, STREAM, Bench, accept, node, path


def settled(delay_s: float = 0.2) -> Bench:
    """Attached to node 2, far from the origin; node 8 is nearer to it."""
    bench = Bench()
    bench.attach(node(2), delay_s=delay_s, above=(ORIGIN, node(2)))
    bench.offer(bench.link(node(8), 0.02), 0.01)
    bench.tree.second_retry_s = 60.0
    return bench


def to_turn(bench: Bench) -> None:
    """Let time pass until the turn asks, and answer it."""
    bench.pass_time(20.0)
    bench.sent.clear()
    while not any(isinstance(r, w.Query) for _, r in bench.sent):
        bench.pass_time(1.0)
    asked = dict(bench.take(w.Query))
    line = path(node(8), 0.01, (ORIGIN,))
    token = asked[node(8)].token
    bench.hear(node(8), w.Tell(STREAM, token, 0.01, 4, line.path, (0.0, 0.01), ()))


def moving(bench: Bench) -> w.Join:
    to_turn(bench)
    who, wish = bench.one(w.Join)
    assert (who, wish.use) == (node(8), w.Use.MOVE)
    return wish


def proving(bench: Bench) -> NodeId:
    wish = moving(bench)
    bench.held = (10, 30)
    bench.hear(node(8), accept(wish.serial, node(8), 0.01))
    return node(8)


def verdict(bench: Bench, *, granted: bool = True, below: bool = False) -> None:
    commit = bench.one(w.MoveCommit)[1]
    line = path(node(8), 0.01, (ORIGIN, commit.mover) if below else (ORIGIN,)).path
    bench.hear(
        node(8), w.MoveVerdict(STREAM, commit.token, commit.mover, granted, line)
    )


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
    return bench, child
