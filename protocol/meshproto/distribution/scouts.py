"""Whom of its neighbours an orphan still reaches (RFC 0011 section 7.3).

When a cable is cut all that lies beyond it is silent, and no neighbour's offer says so
yet.  An orphan asks everybody near at once where they stand, and the first of them to
take it.  Who answers with a path is alive and has media, and comes before all others;
who ought to have answered by now comes last, behind strangers without a link.  So a cut
costs the orphan one patience, not one for each node beyond.
"""

from __future__ import annotations

from collections.abc import Sequence

from meshproto.distribution import survey
from meshproto.distribution.candidates import Candidate
from meshproto.distribution.shared import Shared
from meshproto.distribution.survey import Survey
from meshproto.distribution.tree import Tree
from meshproto.ids import NodeId
from meshproto.wire.control.distribution import Tell


class Scouts:
    """What was asked when, and who answered."""

    __slots__ = ("sent_at", "survey")

    def __init__(self, asked: Survey, now: float) -> None:
        self.survey = asked
        self.sent_at = now


def send(shared: Shared, tree: Tree, found: list[Candidate], now: float) -> None:
    """Ask the first of those that have a link."""
    linked = dict.fromkeys(c.node for c in found if shared.around.linked(c.node))
    nodes = list(linked)[: shared.config.scouts_max]
    tree.scouts = Scouts(survey.ask(shared, tree, nodes), now)


def told(tree: Tree, node: NodeId, tell: Tell) -> bool:
    """Whether `tell` is an answer to this; it is kept then."""
    return tree.scouts is not None and survey.told(tree.scouts.survey, node, tell)


def sure(tree: Tree, node: NodeId) -> bool:
    """Whether `node` has said that media is there."""
    tell = None if tree.scouts is None else tree.scouts.survey.found.get(node)
    return tell is not None and not below_parent(tree, tell)


def below_parent(tree: Tree, tell: Tell) -> bool:
    """Whether its media comes by the parent that is silent; it may not know yet."""
    return len(tree.root) > 1 and tree.root[-2] in tell.path


def best(tree: Tree, left: Sequence[Candidate]) -> Candidate | None:
    """The candidate that said so first; full ones behind those with a slot."""
    if tree.scouts is None or not tree.scouts.survey.found:
        return None
    asked = {candidate.node: candidate for candidate in left}
    ranked = [
        (below_parent(tree, tell), not tell.slots, place, node)
        for place, (node, tell) in enumerate(tree.scouts.survey.found.items())
        if node in asked
    ]
    return asked[min(ranked)[-1]] if ranked else None


def choose(
    shared: Shared, tree: Tree, left: Sequence[Candidate], now: float
) -> Candidate:
    """Whom to ask next: who said that media is there, then who has a link, for a link
    costs four round trips; last who ought to have said something.
    """
    told_of = best(tree, left)
    if told_of is not None:
        return told_of
    rest = [c for c in left if not silent(shared, tree, c.node, now)] or left
    return next((c for c in rest if shared.around.linked(c.node)), rest[0])


def patience_s(shared: Shared, node: NodeId) -> float:
    """How long an orphan waits for an answer of `node`."""
    config = shared.config
    return shared.rtt_s(node) * config.repair_factor + config.repair_patience_s


def due_at(shared: Shared, tree: Tree, node: NodeId) -> float | None:
    """When the answer of `node` is overdue; None if none is waited for."""
    scouts = tree.scouts
    if scouts is None or node not in scouts.survey.waiting.values():
        return None
    return scouts.sent_at + patience_s(shared, node)


def silent(shared: Shared, tree: Tree, node: NodeId, now: float) -> bool:
    """Whether `node` ought to have answered by now."""
    due = due_at(shared, tree, node)
    return due is not None and due <= now
