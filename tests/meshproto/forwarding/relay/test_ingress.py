"""What a leg may bring, and what is told of it."""

from __future__ import annotations

from meshproto.forwarding import relay_table as t
from meshproto.forwarding.events import LayerFound, LimitReached
from meshproto.forwarding.relay import wire
from meshproto.wire import rtp
from support.legs import SOUND, STREAM, Hop, LegNet, node

AB, XB = 0x1000, 0x2000


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
