"""What the parts of the directory share: one table, one set of timers, one clock."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from meshproto.chance import Chance
from meshproto.config.directory import DirectoryConfig
from meshproto.events import LimitReached, Refused
from meshproto.gossip.authorship import Sign, Verify
from meshproto.gossip.directory_events import Change
from meshproto.gossip.directory_table import Table
from meshproto.ids import NodeId, StreamId
from meshproto.outputs import Outbox
from meshproto.timers import Timers

Publish = Callable[[bytes, float], object]
"""Gossips a message into the directory topic."""


class Task(Enum):
    """What the directory waits for; the first two for one stream each."""

    EXPIRY = "expiry"
    LEFTOVER = "leftover"
    FLUSH = "flush"
    REFRESH = "refresh"
    SYNC = "sync"
    SYNC_NEW = "sync new"


NO_STREAM = StreamId(b"")
"""The stream of tasks that concern none."""


class State:
    """One node's directory; see the parts for who changes what."""

    __slots__ = (
        "chance",
        "changes",
        "config",
        "epoch",
        "full",
        "me",
        "outbox",
        "publish",
        "sign",
        "table",
        "timers",
        "verify",
        "wall_ahead_s",
    )

    def __init__(
        self,
        me: NodeId,
        epoch: int,
        config: DirectoryConfig,
        outbox: Outbox,
        chance: Chance,
        sign: Sign,
        verify: Verify,
        publish: Publish,
    ) -> None:
        self.me = me
        self.epoch = epoch
        self.config = config
        self.outbox = outbox
        self.chance = chance
        self.sign = sign
        self.verify = verify
        self.publish = publish
        self.table = Table(config)
        self.timers: Timers[tuple[Task, StreamId]] = Timers()
        self.changes: list[Change] = []
        self.full: dict[str, None] = {}
        """Limits that were told and hold since."""
        self.wall_ahead_s: float | None = None
        """Wall time less `now`, None while nobody told it."""

    def refuse(self, node: NodeId | None, reason: str) -> None:
        """Remote input had no effect."""
        self.outbox.put(Refused(node, reason))

    def overflow(self, limit: str, maximum: int) -> None:
        """A table took nothing more; told once until it has room again."""
        if limit not in self.full:
            self.full[limit] = None
            self.outbox.put(LimitReached(limit, maximum))

    def changed(self, change: Change) -> None:
        """For the log and for the owner."""
        self.outbox.put(change)
        self.changes.append(change)

    def wait(self, task: Task, at: float, stream: StreamId = NO_STREAM) -> None:
        """Be woken for `task` at `at`."""
        self.timers.set((task, stream), at)

    def spread(self, seconds: float, share: float) -> float:
        """`seconds`, up to `share` more or less by lot."""
        return seconds * (1.0 + share * (2.0 * self.chance.random() - 1.0))
