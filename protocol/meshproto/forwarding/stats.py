"""Counters and gauges of a forwarder as plain data (RFC 0003 section 10).

The shape is fixed and holds no addresses, names or text of remotes:

    {"drops": {reason: count},
     "transports": {id: {...}}, "producers": {id: {..., "layers": {rid: {...}}}},
     "consumers": {id: {...}},
     "streams": {stream in hexadecimal: {...}}}
"""

from __future__ import annotations

from collections import Counter

from meshproto.forwarding.consumer import Consumer
from meshproto.forwarding.layer import Layer
from meshproto.forwarding.producer import Producer
from meshproto.forwarding.relay.stream import Leg, Stream, Upper
from meshproto.forwarding.state import State
from meshproto.forwarding.transport import Transport
from meshproto.ids import ProducerId

Numbers = dict[str, object]


def snapshot(state: State, drops: Counter[str], now: float) -> Numbers:
    """Everything at this instant; `now` is for the rates."""
    return {
        "drops": dict(drops),
        "transports": {i: _transport(t) for i, t in state.transports.items()},
        "producers": producers(state, now),
        "consumers": {i: _consumer(c) for i, c in state.consumers.items()},
        "streams": {i.hex(): _stream(s) for i, s in state.streams.items()},
    }


def producers(state: State, now: float) -> dict[ProducerId, Numbers]:
    """The producers' part alone: what has to be read often, whatever the audience."""
    return {i: _producer(p, now) for i, p in state.producers.items()}


def _transport(transport: Transport) -> Numbers:
    sender = transport.sender
    return {
        "kind": transport.kind.value,
        "sending": transport.sending,
        "ssrcs": len(transport.sources),
        "rtt_s": transport.rtt_s,
        "estimate_bps": 0 if sender is None else sender.estimate_bps,
    }


def _producer(producer: Producer, now: float) -> Numbers:
    return {
        "kind": producer.kind.value,
        "transport": producer.transport,
        "layers": {rid: _layer(layer, now) for rid, layer in producer.layers.items()},
    }


def _layer(layer: Layer, now: float) -> Numbers:
    nacks, keys = layer.nacks, layer.keys
    return {
        "ssrc": layer.ssrc,
        "packets": layer.reception.received,
        "lost": layer.reception.lost,
        "jitter": layer.reception.jitter,
        "bitrate_bps": int(layer.rate.rate_bps(now)),
        "width": layer.size[0],
        "height": layer.size[1],
        "history_packets": len(layer.history),
        "history_bytes": layer.history.size,
        "cached": layer.history.pin is not None,
        "key_frames": keys.count,
        "key_frames_requested": keys.requested,
        "nacks_requested": 0 if nacks is None else nacks.requested,
        "nacks_recovered": 0 if nacks is None else nacks.recovered,
        "nacks_abandoned": 0 if nacks is None else nacks.abandoned,
        "consumers": len(layer.audience),
    }


def _consumer(consumer: Consumer) -> Numbers:
    repairs = consumer.repairs
    return {
        "kind": consumer.kind.value,
        "transport": consumer.transport.id,
        "phase": consumer.phase.value,
        "rid": None if consumer.layer is None else consumer.announced,
        "packets": consumer.packets,
        "octets": consumer.octets,
        "dropped": consumer.dropped,
        "overflows": consumer.overflows,
        "fraction_lost": consumer.fraction_lost / 256,
        "key_frame_requests": consumer.requests,
        "repaired": repairs.answered,
        "repaired_octets": repairs.sent_bytes,
        "repairs_missed": repairs.missed,
        "repairs_refused": repairs.refused,
    }


def _stream(stream: Stream) -> Numbers:
    return {
        "origin": stream.origin,
        "newest": stream.newest,
        "silent": stream.silent,
        "counters": dict(stream.counters),
        "active": _upper(stream.active),
        "second": _upper(stream.second),
        "legs": [_leg(leg) for leg in stream.legs.values()],
    }


def _upper(upper: Upper | None) -> Numbers | None:
    if upper is None:
        return None
    transport = upper.neighbour.transport
    return {
        "transport": None if transport is None else transport.id,
        "use": "active" if upper.use is None else upper.use.value,
        "packets": upper.packets,
        "told": upper.told,
    }


def _leg(leg: Leg) -> Numbers:
    transport = leg.neighbour.transport
    return {
        "transport": None if transport is None else transport.id,
        "standby": leg.standby,
        "paused": leg.pause_after is not None,
        "packets": leg.packets,
        "octets": leg.octets,
        "waiting": len(leg.backlog),
        "loss": round(leg.quality.loss, 4),
        "queue_s": leg.quality.queue_s,
        "overflows": leg.overflows,
        "repaired": leg.repairs.answered,
        "repairs_missed": leg.repairs.missed,
        "repairs_refused": leg.repairs.refused,
    }
