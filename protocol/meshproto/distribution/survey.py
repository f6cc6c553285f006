"""Asking members where they stand before one of them is chosen (RFC 0011 section 6).

Paths and delays of neighbours are not kept: they are asked for when a second parent or
a better one is looked for, a few at a time, and forgotten after the choice.
"""

from __future__ import annotations

from meshproto.distribution.shared import Shared
from meshproto.distribution.tree import Alarm, Tree
from meshproto.ids import NodeId
from meshproto.wire.control.distribution import Query, Tell


class Survey:
    """Questions that are out, and what came back."""

    __slots__ = ("found", "waiting")

    def __init__(self) -> None:
        self.waiting: dict[int, NodeId] = {}
        self.found: dict[NodeId, Tell] = {}

    @property
    def complete(self) -> bool:
        """Whether everybody answered."""
        return not self.waiting


def ask(shared: Shared, tree: Tree, nodes: list[NodeId]) -> Survey:
    """Ask linked nodes where they stand in `tree`."""
    survey = Survey()
    for node in nodes:
        token = shared.next_serial()
        survey.waiting[token] = node
        shared.outbox.send(node, Query(tree.stream, token))
    return survey


def told(survey: Survey | None, node: NodeId, tell: Tell) -> bool:
    """Whether `tell` answers `survey`; it is kept then."""
    if survey is None or survey.waiting.get(tell.token) != node:
        return False
    del survey.waiting[tell.token]
    if tell.path:
        survey.found[node] = tell
    return True


def later(shared: Shared, tree: Tree, now: float) -> None:
    """No second parent fits: look again, ever more rarely."""
    config = shared.config
    retry_s = tree.second_retry_s or config.standby_retry_s
    tree.second_retry_s = min(2 * retry_s, config.standby_retry_max_s)
    spread = 1 + shared.chance.random() / 2
    shared.set(tree, Alarm.SECOND, now + retry_s * spread)
