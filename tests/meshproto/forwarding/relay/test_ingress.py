"""What a leg may bring, and what is told of it."""

from __future__ import annotations

from meshproto.forwarding import relay_table as t
from meshproto.forwarding.events import LayerFound, LimitReached
from meshproto.forwarding.relay import wire
from meshproto.forwarding.table import TransportKind
from meshproto.wire import rtp
from support.forwarding import OPUS, VP8
from support.legs import (
    BC,
    MESH,
    PICTURE,
    SOUND,
    STREAM,
    Hop,
    LegNet,
    node,
    picture,
    producer,
    slots,
)

AB, XB = 0x1000, 0x3000


def between() -> Hop:
    """A node b with links to a, its parent, and x."""
    net = LegNet("a", "b", "x")
    net.link("a", "b")
    net.link("x", "b")
    hop = net.relay("b")
    hop.do(t.SetActive(STREAM, node("a"), AB, 0))
    return hop


def bring(hop: Hop, source: str, alias: int, *orders: int, hops: int = 20) -> None:
    for order in orders:
        mesh = wire.encode_mesh(hops, 0, 0, 70_000 + order, order)
        data = rtp.build(
            96, 70_000 + order, 0, alias, b"s", extensions=[(wire.MESH_ID, mesh)]
        )
        hop.receive(hop.ways[source], data, rtcp=False)


def test_a_layer_is_found_once() -> None:
    hop = between()
    bring(hop, "a", AB, 0, 1)
    bring(hop, "a", AB, 2)
    assert hop.notices(LayerFound) == [LayerFound(SOUND, "", AB, "opus")]


def test_a_standby_leg_brings_nothing() -> None:
    hop = between()
    hop.do(t.SetSecond(STREAM, node("x"), t.Second.STANDBY, XB, 0))
    bring(hop, "x", XB, 0)
    assert hop.counters() == {}
    assert hop.forwarder.stats(0)["drops"] == {"wrong-leg": 1}


def test_a_circle_is_told_once_and_counted_each_time() -> None:
    hop = between()
    bring(hop, "a", AB, 0, 1, 2, hops=0)
    assert hop.counters()["hop-limit"] == 3
    assert hop.notices(LimitReached) == [LimitReached("hops", wire.HOPS_MAX)]
    assert hop.forwarder.stream_history(STREAM) is None


def test_malformed_packets_are_counted() -> None:
    hop = between()
    for data in (b"", b"\x80", rtp.build(96, 1, 2, AB, b"x")):
        hop.receive(hop.ways["a"], data, rtcp=False)
    assert hop.forwarder.stats(0)["drops"] == {"rtp-short": 2, "mesh-extension": 1}


def test_a_leg_that_only_echoes_says_so_once() -> None:
    hop = between()
    bring(hop, "a", AB, *range(10))
    hop.do(t.SetSecond(STREAM, node("x"), t.Second.JOINING, XB, 10))
    bring(hop, "x", XB, 5, 6, 7)
    assert not hop.notices(t.NothingNew)
    hop.net.run(0.11)
    bring(hop, "x", XB, 8, 9)
    told = hop.notices(t.NothingNew)
    assert told == [t.NothingNew(STREAM, node("x"), newest=9, lead=1)]
    assert not hop.notices(t.FirstNew)


def test_early_packets_count_when_their_leg_is_known() -> None:
    hop = between()
    bring(hop, "x", XB, 3, 4)
    hop.do(t.SetSecond(STREAM, node("x"), t.Second.JOINING, XB, 3))
    assert hop.forwarder.stream_history(STREAM) == (4, 4)
    drops = hop.forwarder.stats(0)["drops"]
    assert drops == {"wrong-leg": 2, "early-leg": 2}
    assert [n.sequence for n in hop.notices(t.FirstNew)] == [3]


def unbound(*children: str) -> LegNet:
    """A stream that is filmed at a, and a relay b that does not know its tracks yet."""
    net = LegNet("a", "b", *children)
    net.link("a", "b")
    net.origin("a")
    hop = net["b"]
    hop.forwarder.add_transport(MESH, TransportKind.MESH)
    hop.do(
        producer(PICTURE, MESH, VP8, mesh=True),
        producer(SOUND, MESH, OPUS, mesh=True),
        t.OpenStream(STREAM),
    )
    net.edge("a", "b", AB)
    for child in children:
        net.link("b", child)
        net.relay(child)
        net.edge("b", child, BC)
    return net


def test_what_comes_before_the_tracks_are_known_is_passed_on_afterwards() -> None:
    net = unbound("c")
    # one key frame only: whoever misses it waits for the next one
    camera = picture(key_every=10_000)
    net.film("a", 0.5, camera)
    assert not net["b"].sent
    assert net["b"].forwarder.stream_history(STREAM) is None
    net["b"].do(t.BindStream(STREAM, slots(True, ())))
    net.film("a", 0.1, camera)
    net.run(0.1)
    newest = net["a"].forwarder.stream_history(STREAM)
    assert newest is not None
    for name in "bc":
        # from the very first packet on
        assert net[name].forwarder.stream_history(STREAM) == (0, newest[1])


def test_packets_of_unknown_tracks_are_signs_of_life() -> None:
    net = unbound()
    camera = picture()
    net.film("a", 1.0, camera)
    assert not net["b"].notices(t.Silent)
    net.run(0.5)
    assert len(net["b"].notices(t.Silent)) == 1
    net.film("a", 0.1, camera)
    assert len(net["b"].notices(t.Flowing)) == 1


def test_too_old_packets_of_unknown_tracks_are_dropped() -> None:
    net = unbound()
    net.film("a", 0.2, picture(key_every=10_000))
    net.run(6.0)
    net["b"].do(t.BindStream(STREAM, slots(True, ())))
    assert net["b"].forwarder.stream_history(STREAM) is None
