"""Bursts to children, steps of a replay, and answers to their NACKs."""

from __future__ import annotations

from meshproto.forwarding import relay_table as t
from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.relay.egress import write
from meshproto.wire import rtcp, rtp
from support.forwarding import Camera
from support.forwarding_cases import SmallCamera
from support.legs import STREAM, Hop, LegNet, node, picture, sound

AB = 0x1000


def parent(config: ForwardingConfig | None = None) -> LegNet:
    """An origin a with a child b that takes everything."""
    net = LegNet("a", "b", config=config)
    net.link("a", "b")
    net.origin("a")
    net.relay("b")
    net.edge("a", "b", AB)
    return net


def nack(hop: Hop, *indexes: int, slot: int = 1) -> int:
    """b misses packets; how many more than before were repeated."""
    before = leg(hop)["repaired"]
    lost = [index & 0xFFFF for index in indexes]
    hop.receive(hop.ways["b"], rtcp.Nack.of(9, AB + slot, lost).encode(), rtcp=True)
    return leg(hop)["repaired"] - before


def leg(hop: Hop) -> dict[str, int]:
    stats = hop.forwarder.stats(hop.net.now)
    [found] = stats["streams"][STREAM.hex()]["legs"]  # type: ignore[index]
    return found  # type: ignore[no-any-return]


def sent(hop: Hop, slot: int = 1) -> list[int]:
    return [index for _, ssrc, index in hop.written if ssrc == AB + slot]


def test_a_packet_is_always_written_the_same() -> None:
    net = parent()
    net.film("a", 0.2, picture())
    stream = net["a"].forwarder._state.streams[STREAM]
    found = stream.legs[node("b")]
    history = stream.slots[1].layer.history  # type: ignore[union-attr]
    packets = list(history.span(0, history.head))
    once, again = write(found, packets), write(found, packets)
    assert once == again
    for header, payload, ssrc, index in once:
        key = (net["a"].ways["b"], ssrc, index)
        assert net["a"].written[key] == header + payload
        assert len(header) == 28


def test_padding_that_equalises_a_frame_is_part_of_the_packet() -> None:
    net = parent()
    camera = SmallCamera(mid="v")
    net.film("a", 0.1, camera)
    padded = [rtp.parse(d) for d in net["a"].written.values() if d[0] & 0x20]
    assert padded
    net.run(0.1)
    hop = net["a"]
    index = next(i for (_, _, i), d in hop.written.items() if d[0] & 0x20)
    assert nack(hop, index) == 1  # `Hop` compares the octets


def test_only_what_left_is_repeated_and_not_too_often() -> None:
    net = parent()
    net.film("a", 0.5, picture(), sound())
    hop = net["a"]
    indexes = sent(hop)
    assert nack(hop, *indexes[-5:]) == 5
    assert nack(hop, *indexes[-5:]) == 0
    net.run(0.02)
    assert nack(hop, *indexes[-5:]) == 5
    assert nack(hop, indexes[-1] + 1) == 0
    assert leg(hop)["repairs_missed"] == 1


def test_repairs_have_a_budget() -> None:
    net = parent()
    camera = picture()
    net.film("a", 1.0, camera)
    hop = net["a"]
    for _ in range(40):
        net.run(0.02)
        nack(hop, *sent(hop)[-10:])
    repairs = hop.forwarder._state.streams[STREAM].legs[node("b")].repairs
    assert repairs.sent_bytes <= leg(hop)["octets"] / 4 + 65_536
    assert repairs.sent_bytes > 65_536
    assert leg(hop)["repairs_refused"] > 0


def test_a_paused_leg_repeats_nothing_that_it_holds_back() -> None:
    net = parent()
    film = picture()
    net.film("a", 0.3, film)
    hop = net["a"]
    newest = hop.forwarder.stream_history(STREAM)
    assert newest is not None
    hop.do(t.SetLeg(STREAM, node("b"), 0xFF, pause_after=newest[1]))
    last = sent(hop)[-1]
    net.film("a", 0.1, film)
    assert hop.forwarder.stream_history(STREAM) > newest
    assert sent(hop)[-1] == last
    assert nack(hop, last + 1) == 0
    assert nack(hop, last) == 1


def test_a_standby_leg_answers_nothing() -> None:
    net = parent()
    hop = net["a"]
    hop.do(t.OpenLeg(STREAM, node("b"), AB, 0xFF, standby=True))
    net.film("a", 0.2, picture())
    assert sent(hop) == []
    assert nack(hop, 66_536) == 0


def test_what_waits_behind_a_replay_has_a_bound() -> None:
    config = ForwardingConfig(leg_burst_packets=4, leg_backlog_packets=60)
    net = LegNet("a", "b", config=config)
    net.link("a", "b")
    net.origin("a")
    net.film("a", 0.9, Camera(mid="v"))
    assert net["a"].sent == {}
    net["a"].do(t.OpenLeg(STREAM, node("b"), AB, 0xFF))
    assert leg(net["a"])["overflows"] == 1
    assert leg(net["a"])["waiting"] == 0
    net.film("a", 0.1, Camera(mid="v", ssrc=5))
    assert net["a"].sent["b"] > 0


def test_neighbours_are_served_before_viewers() -> None:
    net = parent()
    camera = picture()
    hop = net.view("a")
    net.film("a", 0.2, camera)
    order: list[object] = []
    flush = hop.forwarder.flush

    def watched(now: float) -> list[object]:
        bursts = flush(now)
        order.extend(burst.transport for burst in bursts)
        return bursts  # type: ignore[return-value]

    hop.forwarder.flush = watched  # type: ignore[method-assign,assignment]
    net._shoot(hop, camera)
    link = hop.ways["b"]
    assert order[0] == link
    assert set(order) > {link}
    assert order.index(link) < min(n for n, x in enumerate(order) if x != link)
