"""What the packet path tells control: rare facts, never one per packet."""

from __future__ import annotations

from dataclasses import dataclass

from meshproto.ids import ConsumerId, ProducerId, TransportId


@dataclass(frozen=True, slots=True)
class LayerFound:
    """The first packet of a producer's layer arrived; `rid` is "" without simulcast."""

    producer: ProducerId
    rid: str
    ssrc: int
    codec: str


@dataclass(frozen=True, slots=True)
class LayerSwitched:
    """The consumer now gets another layer (None: nothing at the moment)."""

    consumer: ConsumerId
    rid: str | None


@dataclass(frozen=True, slots=True)
class LayersWanted:
    """A producer that the mesh feeds: viewers here have use for these layers, cheapest
    first, and for no others (RFC 0003 section 13.7).
    """

    producer: ProducerId
    rids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EstimateChanged:
    """The send-side bandwidth estimate of a client transport moved by over a tenth."""

    transport: TransportId
    bitrate_bps: int


@dataclass(frozen=True, slots=True)
class ProducerSilent:
    """No packet of the producer for `silence_s`, while one was expected."""

    producer: ProducerId
    silence_s: float


@dataclass(frozen=True, slots=True)
class LimitReached:
    """Remote input was refused because a bounded table is full."""

    limit: str
    maximum: int


ForwardingEvent = (
    LayerFound
    | LayerSwitched
    | LayersWanted
    | EstimateChanged
    | ProducerSilent
    | LimitReached
)
