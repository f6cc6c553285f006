"""What a peer is worth: its claim, cut down to what was proven (RFC 0007 section 5).

A claim of a node nobody has measured counts as at most four copies.  Ten seconds of
delivery that we saw ourselves double the grant.  The score falls by our own evidence
only, never by hearsay, and heals with time.  Claims so gain nothing, and neither does
slander.
"""

from __future__ import annotations

import math
from enum import Enum

from meshproto.config.overlay import OverlayConfig
from meshproto.ids import NodeId
from meshproto.wire.control.peer import PeerRecord


class Evidence(Enum):
    """What we saw a peer do; the values name the share of its score that is left."""

    DELIVERED = 1.0
    """It feeds us as promised: say it every few seconds while it does."""

    STALLED = 0.7
    """It promised and did not deliver, or fell silent while others delivered."""

    MISLED = 0.5
    """What it claims (delay, room) is lastingly not what packets show."""

    FORGED = 0.2
    """It passed on something with a bad signature or posed as another node."""


class _File:
    __slots__ = ("grant", "heard_at", "proven_at", "score", "scored_at")

    def __init__(self, grant: int) -> None:
        self.grant = grant
        self.proven_at: float | None = None
        self.heard_at = 0.0
        self.score = 1.0
        self.scored_at = 0.0


class Capacity:
    """Grants and scores of a bounded number of nodes, from own evidence."""

    __slots__ = ("_config", "_files")

    def __init__(self, config: OverlayConfig) -> None:
        self._config = config
        self._files: dict[NodeId, _File] = {}

    def copies(self, peer: PeerRecord) -> int:
        """Copies that `peer` is trusted to feed now."""
        file = self._files.get(peer.node)
        grant = self._config.unmeasured_copies if file is None else file.grant
        return min(peer.copies, grant)

    def capable(self, peer: PeerRecord) -> bool:
        """Whether `peer` is good for transit."""
        return self.copies(peer) >= self._config.capable_copies

    def score(self, node: NodeId, now: float) -> float:
        """1 without blame, falling towards 0."""
        file = self._files.get(node)
        if file is None:
            return 1.0
        halves = max(now - file.scored_at, 0.0) / self._config.score_half_life_s
        return 1.0 - (1.0 - file.score) * math.pow(0.5, halves)

    def good(self, node: NodeId, now: float) -> bool:
        """Whether `node` may be chosen and accepted."""
        return node not in self._files or (
            self.score(node, now) >= self._config.score_floor
        )

    def evidence(self, node: NodeId, kind: Evidence, now: float) -> None:
        """Take what this node itself saw of `node`."""
        file = self._files.pop(node, None) or _File(self._config.unmeasured_copies)
        self._files[node] = file
        if len(self._files) > self._config.evidence_nodes:
            del self._files[next(iter(self._files))]
        if kind is Evidence.DELIVERED:
            self._delivered(file, now)
            return
        score = self.score(node, now)
        file.score, file.scored_at = score * kind.value, now
        file.proven_at = None
        if kind is Evidence.STALLED:
            least = self._config.unmeasured_copies
            file.grant = max(file.grant // 2, least)

    def _delivered(self, file: _File, now: float) -> None:
        step_s = self._config.grant_step_s
        if file.proven_at is None or now - file.heard_at > step_s:
            file.proven_at = now
        elif now - file.proven_at >= step_s:
            file.grant, file.proven_at = min(file.grant * 2, 4096), now
        file.heard_at = now
