"""A track that enters: its layers by rid, and what its packets may contain.

Profiles are kept here because they depend on the producer's payload types and
extension ids; consumers that agree in theirs share one.
"""

from __future__ import annotations

from meshproto.errors import LimitError, StateError
from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.congestion.ladder import LayerRate
from meshproto.forwarding.layer import Layer, PayloadFormat
from meshproto.forwarding.profile import Profile
from meshproto.forwarding.pull import Pull
from meshproto.forwarding.table import AddConsumer, AddProducer
from meshproto.wire.parameters import Codec, Extension

_ProfileKey = tuple[tuple[Codec, ...], tuple[Extension, ...], str]
_PROFILES = 64
_STOPPED_S = 0.5


class Producer:
    """The state behind an `AddProducer`."""

    def __init__(self, delta: AddProducer, config: ForwardingConfig) -> None:
        if not delta.codecs:
            raise StateError(f"producer {delta.producer} has no codec")
        rids = delta.rids or ("",)
        if len(rids) > config.layers_per_producer:
            raise LimitError("layers_per_producer", config.layers_per_producer)
        self.id = delta.producer
        self.transport = delta.transport
        self.kind = delta.kind
        self.mid = delta.mid
        self.codecs = delta.codecs
        self.extensions = delta.extensions
        self.bindings = {binding.ssrc: binding for binding in delta.ssrcs}
        self.forms = {
            codec.payload_type: PayloadFormat(codec) for codec in delta.codecs
        }
        self.repairs = {
            codec.rtx_payload_type: self.forms[codec.payload_type]
            for codec in delta.codecs
            if codec.rtx_payload_type is not None
        }
        self.layers = {
            rid: Layer(delta.producer, delta.kind, rid, delta.codecs[0], config)
            for rid in rids
        }
        self.simulcast = bool(delta.rids)
        self.takes_remb = any("goog-remb" in codec.feedback for codec in delta.codecs)
        self.silent = False
        self.pull: Pull | None = None
        """Set where the mesh brings the layers, each for the asking."""
        self.measured: tuple[float, tuple[LayerRate, ...]] = (float("-inf"), ())
        self._added_at: float | None = None
        self._profiles: dict[_ProfileKey, Profile] = {}

    def sending(self, now: float) -> list[Layer]:
        """The layers that send, the cheapest first.

        A simulcast layer counts as stopped when it lacks packets for a while in which
        another one had some: encoders drop layers that their own uplink cannot carry.
        """
        latest = max(layer.last_arrival for layer in self.layers.values())
        found = [
            layer
            for layer in self.layers.values()
            if layer.newest is not None and latest - layer.last_arrival < _STOPPED_S
        ]
        return sorted(found, key=lambda layer: layer.rate.rate_bps(now))

    def heard_at(self, now: float) -> float:
        """When the last packet came; before the first, when this was first asked."""
        if self._added_at is None:
            self._added_at = now
        arrivals = [layer.last_arrival for layer in self.layers.values()]
        return max(self._added_at, *arrivals)

    def knows(self, payload_type: int) -> bool:
        """Whether a packet of `payload_type` can be of this producer."""
        return payload_type in self.forms or payload_type in self.repairs

    def profile(self, delta: AddConsumer) -> Profile:
        """The profile of a consumer, shared with those that agreed on the same."""
        key = (delta.codecs, delta.extensions, delta.mid)
        found = self._profiles.get(key)
        if found is None:
            if len(self._profiles) >= _PROFILES:
                self._profiles.clear()  # who has one keeps it; it is only shared less
            found = self._profiles[key] = Profile(
                (self.codecs, self.extensions),
                (delta.codecs, delta.extensions),
                delta.mid,
            )
        return found
