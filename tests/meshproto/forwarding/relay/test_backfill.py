"""What a leg sends out of the history before it is live."""

from __future__ import annotations

from dataclasses import replace

from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.relay import backfill
from meshproto.forwarding.relay.stream import Leg, Neighbour, Stream
from meshproto.ids import NodeId
from support.forwarding import Camera
from support.legs import STREAM, Hop, LegNet, picture, sound

CONFIG = ForwardingConfig()


def filmed(key_every: int = 0, seconds: float = 0.5) -> tuple[Hop, Leg]:
    """An origin with half a second of sound and picture, and a leg that wants all."""
    net = LegNet("a")
    hop = net.origin("a")
    net.film("a", seconds, picture(key_every), sound())
    return hop, leg_of(hop)


def leg_of(hop: Hop) -> Leg:
    stream: Stream = hop.forwarder._state.streams[STREAM]
    leg = Leg(stream, Neighbour(NodeId(b"n")), 16, 0xFF, False, 8)
    leg.wanted = stream.wanted(0xFF)
    return leg


def test_the_cache_is_the_last_group_of_pictures_with_its_sound() -> None:
    hop, leg = filmed(key_every=10)
    packets, lacking = backfill.cached(leg, CONFIG)
    assert lacking == []
    assert leg.sending == 0b11
    orders = [packet.order for packet in packets]
    assert orders == sorted(orders)
    [first] = [p for p in packets if p.facts.keyframe and p.slot == 1][:1]
    assert orders[0] == backfill.cache_start(leg.stream, CONFIG) == first.order
    assert {packet.slot for packet in packets} == {0, 1}
    newest = hop.forwarder.stream_history(STREAM)
    assert newest == (first.order, orders[-1])


def test_nothing_is_chosen_twice() -> None:
    _, leg = filmed()
    packets, _ = backfill.cached(leg, CONFIG)
    leg.tops = {0: 0, 1: packets[-1].number}
    leg.sending = 0
    leg.tops[1] = max(p.number for p in packets if p.slot == 1)
    again, _ = backfill.cached(leg, CONFIG)
    assert {packet.slot for packet in again} == {0}
    assert leg.sending == 0b11


def test_without_a_picture_sound_begins_with_its_newest_packet() -> None:
    net = LegNet("a")
    hop = net.origin("a")
    net.film("a", 0.3, sound(), Camera(mid="v", asked=False))
    leg = leg_of(hop)
    packets, lacking = backfill.cached(leg, CONFIG)
    assert [packet.slot for packet in packets] == [0]
    assert len(lacking) == 1
    assert leg.sending == 0b01
    assert backfill.cache_start(leg.stream, CONFIG) == leg.stream.newest


def test_a_cache_that_is_too_large_is_not_sent() -> None:
    _, leg = filmed()
    small = replace(CONFIG, cache_bytes=1000)
    packets, lacking = backfill.cached(leg, small)
    assert len(lacking) == 1
    assert {packet.slot for packet in packets} == {0}


def test_from_a_number_on_everything_kept_is_sent() -> None:
    _, leg = filmed()
    leg.sending = leg.wanted
    newest = leg.stream.newest
    found = backfill.since(leg, newest - 9)
    assert [packet.order for packet in found] == list(range(newest - 9, newest + 1))
    assert backfill.since(leg, newest + 1) == []


def test_where_the_history_ends_a_layer_begins_with_its_key_frame() -> None:
    _, leg = filmed(key_every=30, seconds=4)
    leg.sending = leg.wanted
    found = [packet for packet in backfill.since(leg, 0) if packet.slot == 1]
    assert found[0].facts.keyframe
    reachable = found[3].order
    later = [p for p in backfill.since(leg, reachable) if p.slot == 1]
    assert later[0].order == reachable
