"""RTCP of neighbours: what is heard, and of whom."""

from __future__ import annotations

from meshproto.forwarding import relay_table as t
from meshproto.forwarding.relay import wire
from meshproto.wire import rtcp
from support.legs import PUBLISHER, STREAM, Hop, LegNet, node, picture, sound

AB, XB = 0x1000, 0x2000


def parent(rids: tuple[str, ...] = ()) -> LegNet:
    net = LegNet("a", "b", "x")
    net.link("a", "b")
    net.link("a", "x")
    net.origin("a", rids=rids)
    net.relay("b", rids=rids)
    return net


def drops(hop: Hop) -> dict[str, int]:
    found = hop.forwarder.stats(hop.net.now)["drops"]
    assert isinstance(found, dict)
    return found


def plis(hop: Hop) -> int:
    packets = [p for _, _, data in hop.asked for p in rtcp.parse(data)]
    return sum(isinstance(p, rtcp.PictureLossIndication) for p in packets)


def ask(hop: Hop, by: str, *packets: rtcp.RtcpPacket | bytes) -> None:
    for packet in packets:
        data = packet if isinstance(packet, bytes) else packet.encode()
        hop.receive(hop.ways[by], data, rtcp=True)


def test_a_request_counts_only_over_the_link_of_its_leg() -> None:
    net = parent()
    net.edge("a", "b", AB)
    net.film("a", 1.0, picture(0), sound())
    a, before = net["a"], plis(net["a"])
    ask(a, "x", rtcp.PictureLossIndication(1, AB + 1), rtcp.Nack.of(1, AB + 1, [5]))
    ask(a, "x", wire.encode(wire.Activate(((AB, 0),)), 1))
    assert plis(a) == before
    assert drops(a)["wrong-leg"] == 3
    ask(a, "b", rtcp.FullIntraRequest(1, 0, ((AB + 1, 3),)))
    net.run(0.001)
    assert plis(a) == before + 1


def test_a_layer_that_the_leg_does_not_carry_cannot_be_asked_for() -> None:
    net = parent(("l", "h"))
    net.edge("a", "b", AB, layers=1)
    a = net["a"]
    before = plis(a)
    ask(a, "b", rtcp.PictureLossIndication(1, AB + 2))
    net.run(0.6)
    assert plis(a) == before


def test_a_key_frame_on_its_way_is_not_asked_for_again() -> None:
    net = parent()
    net.edge("a", "b", AB)
    film = picture(0)
    net.film("a", 1.0, film)
    film.asked = True
    net.film("a", 0.05, film)
    a, before = net["a"], plis(net["a"])
    ask(a, "b", rtcp.PictureLossIndication(1, AB + 1))
    net.run(0.6)
    assert plis(a) == before


def test_activation_names_the_alias_and_is_heard_once() -> None:
    net = parent()
    a = net["a"]
    a.do(t.OpenLeg(STREAM, node("b"), AB, 0xFF, standby=True))
    net.film("a", 0.3, sound())
    ask(a, "b", wire.encode(wire.Activate(((AB + 1, 0),)), 1))
    assert not a.notices(t.LegActivated)
    ask(a, "b", wire.encode(wire.Activate(((AB, 5),)), 1))
    ask(a, "b", wire.encode(wire.Activate(((AB, 5),)), 1))
    assert a.notices(t.LegActivated) == [t.LegActivated(STREAM, node("b"), 5)]
    orders = [wire.decode_mesh(d[17:27]).order for d in a.written.values()]
    assert orders == list(range(5, 15))


def test_a_clock_counts_from_a_parent_and_never_at_the_origin() -> None:
    net = parent()
    net.edge("a", "b", AB)
    net.film("a", 0.3, sound())
    b = net["b"]
    report = rtcp.SenderReport(AB, 5 << 32, 777, 0, 0)
    ask(b, "a", report)
    layer = b.forwarder._state.streams[STREAM].slots[0].layer
    assert layer is not None
    assert (layer.clock.ntp_s, layer.clock.rtp) == (5.0, 777)
    net["a"].do(t.SetActive(STREAM, node("b"), 0x7000))
    ask(net["a"], "b", rtcp.SenderReport(0x7000, 9 << 32, 1, 0, 0))
    own = net["a"].forwarder._state.streams[STREAM].slots[0].layer
    assert own is not None
    assert own.clock.ntp_s is None
    assert PUBLISHER in net["a"].forwarder._state.transports


def test_garbage_is_counted() -> None:
    net = parent()
    a = net["a"]
    ask(a, "b", b"", b"\x80\xcc\0\0", b"\x80\xcc\0\5" + bytes(20), b"\x40\0\0\0")
    assert sum(drops(a).values()) >= 2


def test_a_heartbeat_of_no_leg_is_counted() -> None:
    net = parent()
    ask(net["b"], "a", wire.encode(wire.Heartbeat(((XB, 5), (AB, 6))), 1))
    assert drops(net["b"]) == {"wrong-leg": 2}
