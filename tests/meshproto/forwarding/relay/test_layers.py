"""Layers where they are wanted, and key frames asked for once."""

from __future__ import annotations

from meshproto.forwarding import relay_table as t
from meshproto.forwarding.relay import wire
from meshproto.wire import rtcp
from support.forwarding import Camera
from support.legs import (
    AB,
    PICTURE,
    STREAM,
    Hop,
    LegNet,
    node,
    picture,
    sound,
)


def simulcast() -> tuple[LegNet, tuple[Camera, ...]]:
    """A publisher with three layers, a relay that takes the lowest one."""
    net = LegNet("a", "b")
    rids = ("l", "m", "h")
    net.origin("a", rids=rids)
    net.link("a", "b")
    net.relay("b", rids=rids)
    cameras = tuple(
        Camera(ssrc=0x100 + n, mid="v", rid=rid, key_every=60, size=1000 * (n + 1))
        for n, rid in enumerate(rids)
    )
    return net, cameras


def slots_sent(hop: Hop, alias: int, since: int) -> set[int]:
    return {ssrc - alias for _, ssrc, _ in list(hop.written)[since:]}


def test_only_wanted_layers_are_sent_and_a_new_one_begins_with_a_key_frame() -> None:
    net, cameras = simulcast()
    a = net["a"]
    net.edge("a", "b", AB, layers=0b001)
    film = (*cameras, sound())
    net.film("a", 0.5, *film)
    assert slots_sent(a, AB, 0) == {0, 1}
    count = len(a.written)
    a.do(t.SetLeg(STREAM, node("b"), 0b101))
    net.film("a", 0.2, *film)
    assert slots_sent(a, AB, count) == {0, 1, 3}
    high = [data for (_, ssrc, _), data in a.written.items() if ssrc == AB + 3]
    assert wire.decode_mesh(high[0][17:27]).flags & wire.KEY_FRAME
    count = len(a.written)
    a.do(t.SetLeg(STREAM, node("b"), 0b001))
    net.film("a", 0.2, *film)
    assert slots_sent(a, AB, count) == {0, 1}


def test_a_layer_that_was_not_wanted_for_long_begins_anew_far_ahead() -> None:
    net, cameras = simulcast()
    low, _, high = cameras
    low.size, high.size = 500, 500
    b = net.view("b")
    net.edge("a", "b", AB, layers=0b001)
    net.film("a", 0.3, low, high)
    net["a"].do(t.SetLeg(STREAM, node("b"), 0b100))
    low.size, low.fps = 60_000, 200  # 11,000 packets a second, which nobody wants
    net.film("a", 0.5, low, high)
    layer = b.forwarder._state.producers[PICTURE].layers["l"]
    before = layer.history.head
    net["a"].do(t.SetLeg(STREAM, node("b"), 0b001))
    low.size, low.fps = 500, 30
    net.film("a", 0.5, low, high)
    assert layer.history.head > before + 3000
    assert layer.history.pin is not None
    assert b.counters().keys() == {"received"}


def test_requests_for_key_frames_are_one_for_all_children_and_viewers() -> None:
    net = LegNet("a", "b", "c", "d", "e")
    net.origin("a")
    for parent, child in (("a", "b"), ("b", "c"), ("b", "d"), ("b", "e")):
        net.link(parent, child)
        net.relay(child)
        net.edge(parent, child, 0x1000 * ord(child))
    film = picture(key_every=0), sound()
    net.film("a", 1.0, *film)
    before = len(plis(net["a"])), len(plis(net["b"]))
    for child in "cde":
        ssrc = 0x1000 * ord(child) + 1
        request = rtcp.PictureLossIndication(1, ssrc).encode()
        net["b"].receive(net["b"].ways[child], request, rtcp=True)
    net.film("a", 0.4, *film)
    assert (len(plis(net["a"])), len(plis(net["b"]))) == (before[0] + 1, before[1] + 1)


def plis(hop: Hop) -> list[rtcp.PictureLossIndication]:
    return [
        packet
        for _, _, data in hop.asked
        for packet in rtcp.parse(data)
        if isinstance(packet, rtcp.PictureLossIndication)
    ]
