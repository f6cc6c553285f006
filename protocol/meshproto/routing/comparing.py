"""Digests that come in, and whole tables that follow (RFC 0010 section 7).

A table that was asked for arrives as updates and ends with a digest; rows that it did
not mention are gone then.  Nothing is forgotten before, so a mismatch interrupts no
route.
"""

from __future__ import annotations

from meshproto.ids import NodeId
from meshproto.routing.digest import digest_of_heard
from meshproto.routing.events import TableMismatch
from meshproto.routing.hearing import Hearing
from meshproto.routing.table import Neighbour, Tables
from meshproto.routing.telling import Teller
from meshproto.routing.wants import Wants
from meshproto.wire.control.routing import TableDigest, TableRequest


class Comparer:
    """Compares what was heard with what was told."""

    __slots__ = ("_hearing", "_tables", "_teller", "_wants")

    def __init__(
        self, tables: Tables, hearing: Hearing, teller: Teller, wants: Wants
    ) -> None:
        self._tables = tables
        self._hearing = hearing
        self._teller = teller
        self._wants = wants

    def digest(self, neighbour: Neighbour, record: TableDigest, now: float) -> None:
        """The neighbour says what its table amounts to."""
        if neighbour.stale is not None:
            self._sweep(neighbour, neighbour.stale, now)
        if record.digest == digest_of_heard(neighbour.heard):
            neighbour.partial = False
            neighbour.table_wait_s = 0.0
            return
        if now < neighbour.table_after or (neighbour.partial and self._wants.full()):
            return
        config = self._tables.config
        wait_s = max(config.digest_interval_s, 2 * neighbour.table_wait_s)
        neighbour.table_wait_s = min(wait_s, config.table_wait_max_s)
        neighbour.table_after = now + neighbour.table_wait_s
        neighbour.stale = dict.fromkeys(neighbour.heard)
        neighbour.partial = False
        self._tables.outbox.put(TableMismatch(neighbour.node))
        self._tables.outbox.send(neighbour.node, TableRequest())

    def _sweep(
        self, neighbour: Neighbour, stale: dict[NodeId, None], now: float
    ) -> None:
        neighbour.stale = None
        for origin in stale:
            heard = neighbour.heard.get(origin)
            if heard is not None:
                self._hearing.drop(neighbour, heard, now)

    def asked(self, neighbour: Neighbour, now: float) -> None:
        """The neighbour wants everything again."""
        if now < neighbour.table_told_until:
            return
        pause_s = self._tables.config.digest_interval_s / 2
        neighbour.table_told_until = now + pause_s
        self._teller.owe_table(neighbour, True, now)
