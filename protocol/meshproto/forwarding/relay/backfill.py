"""What a leg sends out of the history before it is live (RFC 0003 section 13.3).

A new leg begins with the key-frame cache, one that was activated or paused with a
stream number.  Nothing that left over the leg is chosen again: a layer that is wanted
once more within the same group of pictures goes on where it stopped.
"""

from __future__ import annotations

from operator import attrgetter

from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.layer import Layer
from meshproto.forwarding.packet import Packet
from meshproto.forwarding.relay.stream import Leg, Stream

_order = attrgetter("order")
_order_and_number = attrgetter("order", "number")


def cached(leg: Leg, config: ForwardingConfig) -> tuple[list[Packet], list[Layer]]:
    """The packets with which wanted slots begin, in order, and the layers that cannot
    begin yet.  Slots that can are `sending` from now on.

    Sound begins where the oldest of the pictures does, or with its newest packet.
    """
    pictures: list[Packet] = []
    sound: list[Layer] = []
    lacking: list[Layer] = []
    for index, slot in leg.stream.slots.items():
        layer, bit = slot.layer, 1 << index
        if layer is None or not bit & leg.wanted & ~leg.sending:
            continue
        pinned = [] if layer.live_from_anywhere else _pinned(layer, config)
        if layer.live_from_anywhere:
            sound.append(layer)
        elif not pinned:
            lacking.append(layer)
            continue
        leg.sending |= bit
        pictures += pinned
    first = min(pictures, key=_order).order if pictures else None
    return _unsent(leg, pictures + _heard(sound, first)), lacking


def since(leg: Leg, start: int) -> list[Packet]:
    """Everything kept of the slots that are sent, from stream number `start` on."""
    found: list[Packet] = []
    for index, slot in leg.stream.slots.items():
        layer = slot.layer
        if layer is None or not leg.sending >> index & 1:
            continue
        kept = layer.history.later(max(start, 0))
        pin = layer.history.pin
        if pin is not None and kept and not _reaches(layer, start):
            # what precedes the key frame has lost what it was made from
            kept = [packet for packet in kept if packet.number >= pin]
        found += kept
    return _unsent(leg, found)


def cache_start(stream: Stream, config: ForwardingConfig) -> int:
    """The stream number with which a leg begins that begins with the cache."""
    starts = [
        min(pinned, key=_order).order
        for slot in stream.slots.values()
        if slot.layer is not None and (pinned := _pinned(slot.layer, config))
    ]
    return min(starts, default=stream.newest)


def _pinned(layer: Layer, config: ForwardingConfig) -> list[Packet]:
    pin, history = layer.history.pin, layer.history
    if pin is None or layer.since_key > config.cache_bytes:
        return []
    return [p for p in history.span(pin, history.head) if p.order >= 0]


def _heard(sound: list[Layer], first: int | None) -> list[Packet]:
    found: list[Packet] = []
    for layer in sound:
        newest = layer.newest
        if newest is not None and newest.order >= 0:
            found += layer.history.later(newest.order if first is None else first)
    return found


def _unsent(leg: Leg, packets: list[Packet]) -> list[Packet]:
    tops = leg.tops
    fresh = [p for p in packets if p.number > tops.get(p.slot, -1)]
    # why the number as well: a stream that was opened anew counts from 0 once more
    return sorted(fresh, key=_order_and_number)


def _reaches(layer: Layer, start: int) -> bool:
    """Whether the history goes back to stream number `start`."""
    oldest = next(layer.history.span(layer.history.floor, layer.history.head), None)
    return oldest is not None and 0 <= oldest.order <= start
