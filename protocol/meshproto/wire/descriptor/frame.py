"""What forwarding needs to know about one video packet: `FrameFacts`.

A relay never decodes.  It starts viewers, switches layers and drops temporal layers on
a handful of bits that every payload format puts in front of the compressed data, so
each codec module reduces its descriptor to the same eight facts.  Two rules hold for
all of them:

* a fact is about *this packet*: `keyframe` and `start` are set on the packet in which
  the frame begins, its other packets share the RTP timestamp;
* H.264 and H.265 may set `start` and `keyframe` several times within one frame
  (parameter sets, then the picture), hence a caller compares timestamps before it
  believes in a new frame.

There are only a few hundred different values, so they are shared: `facts` hands out
one instance per combination and the packet path allocates nothing.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple


class FrameFacts(NamedTuple):
    """What one packet says about the frame it belongs to.

    `start`: a frame (of one spatial layer) may begin with this packet.
    `keyframe`: decoding may start with this packet, at the lowest spatial layer.
    `spatial`, `temporal`: the layer ids, 0 where the codec or stream has none.
    `switch_up`: a receiver of lower temporal layers may take this one from here on.
    `spatial_switch`: as `switch_up`, for spatial layers of one scalable stream.
    `discardable`: no later frame of the same or a lower layer refers to this one.
    `end`: the frame of this layer ends here; None where only the RTP marker tells.
    """

    start: bool = False
    keyframe: bool = False
    spatial: int = 0
    temporal: int = 0
    switch_up: bool = False
    spatial_switch: bool = False
    discardable: bool = False
    end: bool | None = None


facts = lru_cache(maxsize=2048)(FrameFacts)
"""The shared instance with these values, all eight given, in order."""

OPAQUE = FrameFacts(start=True)
"""A packet whose payload format says nothing: audio, or a codec we do not know."""

MIDDLE = FrameFacts()
"""A packet somewhere inside a frame, or one without payload (padding only)."""
