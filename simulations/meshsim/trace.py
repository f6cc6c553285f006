"""What happened before a violation, as little of it as tells the story.

Everything is kept as it came, a few thousand entries long; only when something broke is
it turned into lines, and then only what the nodes concerned did, and the faults.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import fields
from enum import Enum
from typing import Any

from meshproto.events import Event
from meshproto.ids import NodeId

KEPT = 4_000
LINES_MAX = 200
EVERYBODY = -1
"""The node of entries that concern all, such as faults."""


class Trace:
    """The last `KEPT` events of a run; `index` numbers the nodes."""

    __slots__ = ("_entries", "index")

    def __init__(self, index: Mapping[NodeId, int]) -> None:
        self.index = index
        self._entries: deque[tuple[float, int, Event | str]] = deque(maxlen=KEPT)

    def add(self, now: float, node: int, what: Event | str) -> None:
        """Keep what `node` said or did."""
        self._entries.append((now, node, what))

    def lines(self, nodes: Collection[int]) -> tuple[str, ...]:
        """`time node what` of these nodes, of all nodes when there are none."""
        wanted = {*nodes, EVERYBODY} if nodes else None
        chosen = [
            entry for entry in self._entries if wanted is None or entry[1] in wanted
        ]
        return tuple(self._line(*entry) for entry in chosen[-LINES_MAX:])

    def _line(self, now: float, node: int, what: Event | str) -> str:
        who = "*" if node == EVERYBODY else str(node)
        return f"{now:.6f} {who} {what if isinstance(what, str) else self.say(what)}"

    def say(self, event: Event) -> str:
        """An event in words: its name and its values, nodes by number."""
        values = [
            f"{field.name}={self._value(getattr(event, field.name))}"
            for field in fields(event)
            if field.name != "stream"
        ]
        return " ".join([type(event).__name__, *values])

    def _value(self, value: Any) -> str:
        if isinstance(value, bytes):
            number = self.index.get(NodeId(value))
            return value.hex()[-8:] if number is None else str(number)
        if isinstance(value, tuple):
            return f"({','.join(self._value(item) for item in value)})"
        if isinstance(value, Enum):
            return value.name.lower()
        return f"{value:.4f}" if isinstance(value, float) else str(value)
