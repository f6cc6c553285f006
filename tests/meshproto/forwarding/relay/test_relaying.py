"""A stream over several nodes, seen from outside: RFC 0003 section 13 in scenarios."""

from __future__ import annotations

import pytest

from meshproto.forwarding import relay_table as t
from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.relay import wire
from meshproto.forwarding.table import TransportKind
from meshproto.ids import NodeId
from meshproto.wire import extensions, rtcp, rtp
from meshproto.wire.parameters import Codec
from support.forwarding import OPUS, VP8, Camera
from support.legs import (
    AB,
    BC,
    CD,
    MESH,
    PICTURE,
    PUBLISHER,
    SOUND,
    STREAM,
    XC,
    LegNet,
    complete,
    joined,
    line,
    node,
    payloads,
    picture,
    producer,
    slots,
    sound,
    triangle,
)


def test_numbers_and_times_are_the_same_on_every_leg() -> None:
    net = line("a", "b", "c", "d")
    film = picture(), sound()
    net.film("a", 0.3, *film)
    joined(net, "a", "b", "c", "d")
    net.film("a", 1.0, *film)
    net.run(0.1)

    def seen(name: str, alias: int) -> set[tuple[int, int, int, bytes]]:
        found = set()
        for (_, ssrc, index), data in net[name].written.items():
            view = rtp.parse(data)
            slot = ssrc - alias
            assert view.payload_type == wire.FIRST_PAYLOAD_TYPE + slot
            found.add((slot, index, view.timestamp, rtp.payload(data, view)))
        return found

    first = seen("a", AB)
    assert len(first) > 140
    assert seen("b", BC) == first
    assert seen("c", CD) == first
    assert complete(net["d"], *film)


def test_a_packet_says_where_it_stands_and_loses_a_hop_each_time() -> None:
    net = line("a", "b", "c")
    joined(net, "a", "b", "c")
    net.film("a", 0.2, picture(), sound())
    net.run(0.1)
    for name, hops in (("a", 23), ("b", 22)):
        for data in net[name].written.values():
            view = rtp.parse(data)
            spans = extensions.spans(
                data,
                view.extension_profile,
                view.extension_offset,
                view.extension_length,
            )
            [(identifier, start, length)] = spans
            assert identifier == wire.MESH_ID
            mesh = wire.decode_mesh(data[start : start + length])
            assert mesh.hops == hops
            assert bool(mesh.flags & wire.END_OF_FRAME) is view.marker
    orders = sorted(
        wire.decode_mesh(data[17:27]).order for data in net["a"].written.values()
    )
    assert orders == list(range(len(orders)))


def test_a_late_child_begins_with_the_cached_key_frame() -> None:
    net = line("a", "b", "c")
    film = picture(key_every=0), sound()
    joined(net, "a", "b")
    net.film("a", 0.8, *film)
    net.edge("b", "c", BC)
    net.run(0.2)
    got = net["c"].viewed
    assert got
    pictures = [packet for packet in got if packet.view.payload_type == 120]
    assert pictures[0].payload[6] & 1 == 0  # VP8: a key frame
    assert complete(net["c"], film[0])
    assert not net["a"].notices(t.FirstNew)


def test_what_was_there_before_the_stream_was_opened_belongs_to_it() -> None:
    net = LegNet("a", "b")
    a = net["a"]
    a.forwarder.add_transport(PUBLISHER, TransportKind.CLIENT)
    a.do(producer(PICTURE, PUBLISHER, VP8), producer(SOUND, PUBLISHER, OPUS))
    film = picture(key_every=0)
    net.film("a", 0.3, film)
    a.do(t.OpenStream(STREAM, origin=True), t.BindStream(STREAM, slots(True, ())))
    net.link("a", "b")
    net.relay("b")
    net.view("b")
    assert a.forwarder.stream_history(STREAM) == (0, film.serial - 1)
    net.edge("a", "b", AB)
    net.run(0.1)
    assert complete(net["b"], film)


def test_duplicates_are_dropped_before_the_history() -> None:
    net = line("a", "b", "c")
    film = picture(), sound()
    joined(net, "a", "b", "c")
    net.twice = lambda source, target, data: True
    net.film("a", 1.0, *film)
    net.run(0.1)
    assert complete(net["c"], *film)
    counters = net["b"].counters()
    assert counters["duplicate"] * 2 == counters["received"]
    assert net["b"].sent["c"] == counters["duplicate"]


def test_each_hop_repairs_its_own_losses() -> None:
    net = line("a", "b", "c")
    film = picture(), sound()
    joined(net, "a", "b", "c")
    net.film("a", 0.2, *film)
    lost: dict[tuple[str, str], int] = {}

    def lose(source: str, target: str, data: bytes) -> bool:
        if data[1] & 0x7F >= 72 and data[1] & 0x7F < 80:
            return False  # RTCP
        lost[source, target] = lost.get((source, target), 0) + 1
        return lost[source, target] % 10 == 5

    net.lose = lose
    net.film("a", 2.0, *film)
    net.lose = lambda source, target, data: False
    net.film("a", 0.2, *film)
    net.run(0.3)
    assert complete(net["c"], *film)
    stats = net["a"].forwarder.stats(net.now)
    assert stats["streams"][STREAM.hex()]["legs"][0]["repaired"] > 20  # type: ignore[index]


def test_what_the_parent_lacks_it_asks_for_once() -> None:
    net = line("a", "b", "c")
    film = picture(), sound()
    joined(net, "a", "b", "c")
    net.film("a", 0.3, *film)
    drop = iter([True])
    net.lose = lambda source, target, data: (
        (source, data[1] & 0x7F) == ("a", 97) and next(drop, False)
    )
    net.film("a", 0.3, *film)
    net.run(0.3)
    assert complete(net["c"], *film)
    nacks = [
        packet
        for _, _, data in net["b"].asked
        for packet in rtcp.parse(data)
        if isinstance(packet, rtcp.Nack)
    ]
    assert len(nacks) == 1


def test_a_packet_in_a_circle_ends() -> None:
    net = LegNet("a", "b", "c")
    net.origin("a")
    for parent, child in (("a", "b"), ("b", "c")):
        net.link(parent, child)
        net.relay(child)
    joined(net, "a", "b", "c")
    net.film("a", 0.1, picture())
    [data, *_] = net["a"].written.values()
    tired = bytearray(data)
    tired[17] &= 7
    tired[3] ^= 0x55
    b = net["b"]
    before = b.sent["c"]
    b.receive(b.ways["a"], bytes(tired), rtcp=False)
    assert b.counters()["hop-limit"] == 1
    assert b.sent["c"] == before


def test_only_the_legs_of_the_table_bring_packets() -> None:
    net = triangle()
    film = picture(), sound()
    net.film("a", 0.3, *film)
    c = net["c"]
    before = len(c.viewed)
    [data, *_] = [d for (_, ssrc, _), d in net["b"].written.items() if ssrc >= BC]
    for ssrc, way in ((XC, "x"), (BC, "x"), (AB, "b")):
        forged = bytearray(data)
        forged[8:12] = ssrc.to_bytes(4, "big")
        forged[2:4] = b"\x77\x77"
        c.receive(c.ways[way], bytes(forged), rtcp=False)
    assert len(c.viewed) == before
    assert c.forwarder.stats(net.now)["drops"] == {"wrong-leg": 3}


def test_sound_and_picture_keep_their_common_clock_over_three_hops() -> None:
    net = line("a", "b", "c", "d")
    film = picture(), sound()
    joined(net, "a", "b", "c", "d")
    net.film("a", 0.5, *film)
    for camera in film:
        net["a"].receive(PUBLISHER, camera.report(5000.0), rtcp=True)
    base = net.now + ForwardingConfig().ntp_offset_s  # the origin's clock then
    net.film("a", 1.5, *film)
    reports = [
        packet
        for _, transport, data in net["c"].asked
        for packet in rtcp.parse(data)
        if isinstance(packet, rtcp.SenderReport)
    ]
    for slot, camera in ((0, film[1]), (1, film[0])):
        told = [r for r in reports if r.ssrc == CD + slot]
        rate = camera.codec.clock_rate_hz
        zero = camera.timestamp - rate * 1.5
        for report in told:
            elapsed = report.ntp_time / 2**32 - base
            # before the first report of the publisher: by times of arrival
            off = 2 if elapsed > 0.1 else 0.1 * rate
            assert report.rtp_time == pytest.approx(zero + elapsed * rate, abs=off)
        assert len(told) >= 2


def test_the_publisher_comes_back_and_numbers_go_on() -> None:
    net = line("a", "b", "c")
    film = picture(), sound()
    joined(net, "a", "b", "c")
    net.film("a", 0.5, *film)
    a = net["a"]
    last = max(index for _, ssrc, index in a.written if ssrc == AB + 1)
    a.forwarder.remove_transport(PUBLISHER)
    net.run(0.3)
    a.forwarder.add_transport(PUBLISHER, TransportKind.CLIENT)
    again = Camera(ssrc=0x9999, mid="v", sequence=7, serial=100), sound()
    a.do(
        producer(PICTURE, PUBLISHER, VP8),
        producer(SOUND, PUBLISHER, OPUS),
        t.BindStream(STREAM, slots(True, ())),
    )
    net.film("a", 0.5, *again)
    net.run(0.1)
    later = [d for (_, ssrc, n), d in a.written.items() if ssrc == AB + 1 and n > last]
    assert {wire.decode_mesh(data[17:27]).epoch for data in later} == {1}
    head = again[0].ssrc.to_bytes(4, "big")
    got = [p for p in payloads(net["c"]) if p[:4] == head]
    assert len(got) == again[0].serial - 100
    assert len(set(got)) == len(got)


def test_a_replay_is_bounded_and_what_is_live_waits_behind_it() -> None:
    net = line("a", "b")
    camera = Camera(mid="v", key_every=0, size=20_000)
    net.film("a", 1.5, camera)
    net.edge("a", "b", AB)
    a = net["a"]
    assert a.sent["b"] == 64
    net.film("a", 0.5, camera)
    net.run(0.1)
    indexes = [n for _, ssrc, n in a.written if ssrc == AB + 1]
    assert indexes == sorted(indexes)
    assert complete(net["b"], camera)


def test_a_neighbour_without_link_or_keys_gets_nothing() -> None:
    net = line("a", "b")
    film = picture(), sound()
    a = net["a"]
    a.do(t.OpenLeg(STREAM, NodeId(b"nobody"), 0x7000, 1))
    a.forwarder.set_sending(a.ways["b"], False, net.now)
    joined(net, "a", "b")
    net.film("a", 0.2, *film)
    assert a.sent == {}
    a.forwarder.set_sending(a.ways["b"], True, net.now)
    net.film("a", 0.2, *film)
    assert a.sent["b"] > 0


def test_a_closed_stream_leaves_nothing_behind() -> None:
    net = triangle()
    film = picture(), sound()
    net.film("a", 0.3, *film)
    for hop in net.hops.values():
        hop.do(t.CloseStream(STREAM))
        for transport in list(hop.links):
            hop.forwarder.remove_transport(transport)
        assert hop.forwarder._state.neighbours == {}
        assert hop.forwarder._state.streams == {}
    net["c"].forwarder.remove_transport(MESH)
    net.film("a", 0.1, *film)
    assert net["a"].forwarder.next_timeout() is not None


def test_a_codec_that_a_slot_does_not_mean_is_not_passed_on() -> None:
    other = Codec(102, "h264", 90000)
    net = LegNet("a", "b")
    a = net["a"]
    a.forwarder.add_transport(PUBLISHER, TransportKind.CLIENT)
    both = producer(PICTURE, PUBLISHER, VP8)
    both = type(both)(
        both.producer,
        both.transport,
        both.kind,
        both.mid,
        (VP8, other),
        both.extensions,
    )
    a.do(
        both,
        producer(SOUND, PUBLISHER, OPUS),
        t.OpenStream(STREAM, origin=True),
        t.BindStream(STREAM, slots(True, ())),
    )
    camera = picture()
    net.film("a", 0.1, camera)
    newest = a.forwarder.stream_history(STREAM)
    camera.codec = other
    net.film("a", 0.1, camera)
    assert a.forwarder.stream_history(STREAM) == newest
    assert a.counters()["other-codec"] > 0


def test_packets_that_overtake_the_word_of_their_leg_are_not_lost() -> None:
    net = line("a", "b")
    film = picture(key_every=0), sound()
    net.film("a", 0.5, *film)
    net["a"].do(t.OpenLeg(STREAM, node("b"), AB, 0xFF))
    net.film("a", 0.1, *film)
    assert net["b"].forwarder.stream_history(STREAM) is None
    net["b"].do(t.SetActive(STREAM, node("a"), AB, 0))
    net.film("a", 0.2, *film)
    net.run(0.1)
    assert complete(net["b"], *film)
    first = min(p for p in payloads(net["b"]) if p[:4] == bytes.fromhex("00001111"))
    assert int.from_bytes(first[4:], "big") == 1


def test_what_overtook_long_ago_is_forgotten() -> None:
    net = line("a", "b")
    net.film("a", 0.5, picture())
    net["a"].do(t.OpenLeg(STREAM, node("b"), AB, 0xFF))
    net.run(0.5)
    net["b"].do(t.SetActive(STREAM, node("a"), AB, 0))
    assert net["b"].forwarder.stream_history(STREAM) is None
