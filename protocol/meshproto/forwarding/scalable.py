"""Taking a part of a scalable stream: spatial and temporal caps of one consumer.

A higher layer may be dropped at any frame border, for nothing lower depends on it.
Taking more is different: temporal layers are entered where a frame says that it starts
one (VP8's layer sync, VP9's switching up point, a SWITCH indication), spatial layers at
a picture that depends on no other (RFC 9628 section 4.2, RFC 7741 section 4.2).
"""

from __future__ import annotations

from meshproto.forwarding.packet import Packet
from meshproto.wire.descriptor import FrameFacts

_ALL = 7


class LayerFilter:
    """Which packets pass; caps of None take everything."""

    __slots__ = ("_spatial_cap", "_temporal_cap", "spatial", "temporal")

    def __init__(self, max_spatial: int | None, max_temporal: int | None) -> None:
        self.spatial = self.temporal = _ALL
        self.cap(max_spatial, max_temporal)

    def cap(self, max_spatial: int | None, max_temporal: int | None) -> None:
        """New caps, effective at the next frame that allows it."""
        self._spatial_cap = _ALL if max_spatial is None else max_spatial
        self._temporal_cap = _ALL if max_temporal is None else max_temporal

    @property
    def idle(self) -> bool:
        """Whether everything passes from now on."""
        return self.spatial == _ALL and self.temporal == _ALL

    @property
    def needs_key(self) -> bool:
        """Whether only a key frame lets more spatial layers pass, as is wished."""
        return self.spatial < self._spatial_cap

    def takes(self, packet: Packet) -> bool:
        """Whether the packet is forwarded."""
        facts = packet.facts
        if facts.start:
            self._adapt(facts)
        return facts.spatial <= self.spatial and facts.temporal <= self.temporal

    def ends_picture(self, packet: Packet) -> bool:
        """Whether the packet is the last of its picture though the source goes on with
        higher spatial layers: then the marker bit is ours to set.
        """
        facts = packet.facts
        return bool(facts.end) and facts.spatial == self.spatial

    def _adapt(self, facts: FrameFacts) -> None:
        if facts.keyframe or facts.spatial_switch:
            self.spatial = self._spatial_cap
        elif facts.spatial == 0:
            self.spatial = min(self.spatial, self._spatial_cap)
        cap = self._temporal_cap
        if facts.keyframe:
            self.temporal = cap
        elif facts.switch_up and facts.temporal > self.temporal:
            self.temporal = facts.temporal
        self.temporal = min(self.temporal, cap)
