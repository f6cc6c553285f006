"""Slots: numbers of the stream at its origin, and what a relay takes from a leg."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshproto.forwarding import relay_table as t
from meshproto.forwarding.relay import wire
from meshproto.forwarding.table import TransportKind
from meshproto.wire import extensions, rtp
from meshproto.wire.parameters import Extension
from support.forwarding import OPUS, VP8, Camera
from support.legs import (
    BC,
    MESH,
    PICTURE,
    PUBLISHER,
    SOUND,
    STREAM,
    Hop,
    LegNet,
    node,
    picture,
    producer,
    slots,
    sound,
)

ALIAS = 0x1000


def relay() -> Hop:
    """A node b whose active leg comes from a."""
    net = LegNet("a", "b")
    net.link("a", "b")
    hop = net.relay("b")
    hop.do(t.SetActive(STREAM, node("a"), ALIAS, 0))
    return hop


def arrive(hop: Hop, number: int, epoch: int = 0, order: int | None = None) -> None:
    """A packet of the sound slot, with that layer number."""
    mesh = wire.encode_mesh(20, 0, epoch, number, number if order is None else order)
    data = rtp.build(96, number, 0, ALIAS, b"sound", extensions=[(wire.MESH_ID, mesh)])
    hop.receive(hop.ways["a"], data, rtcp=False)


def held(hop: Hop) -> list[int]:
    layer = hop.forwarder._state.producers[SOUND].layers[""]
    history = layer.history
    return [p.number for p in history.span(0, history.head)]


def test_any_number_may_be_the_first_and_neighbours_may_come_late() -> None:
    hop = relay()
    far = (1 << 39) + 7
    for number in (far, far + 2, far + 1, far - 3):
        arrive(hop, number)
    assert held(hop) == [far - 3, far, far + 1, far + 2]


def test_what_is_here_or_too_old_is_counted_and_dropped() -> None:
    hop = relay()
    for number in (70_000, 70_001, 70_000, 69_000):
        arrive(hop, number)
    assert hop.counters() == {"received": 4, "duplicate": 1, "stale": 1}


def test_a_layer_that_jumps_ahead_begins_anew() -> None:
    hop = relay()
    arrive(hop, 70_000)
    arrive(hop, 70_000 + 1_000_000)
    assert held(hop) == [1_070_000]
    arrive(hop, 70_001)
    assert hop.counters()["stale"] == 1


def test_a_new_epoch_restarts_and_an_old_one_is_refused() -> None:
    hop = relay()
    arrive(hop, 70_000, epoch=254)
    arrive(hop, 70_001, epoch=255)
    arrive(hop, 70_002, epoch=0)
    assert held(hop) == [70_002]
    arrive(hop, 70_003, epoch=255)
    assert hop.counters()["old-epoch"] == 1


def test_a_new_epoch_cannot_bring_a_number_again() -> None:
    hop = relay()
    for number in range(70_000, 70_010):
        arrive(hop, number)
    arrive(hop, 70_005, epoch=1)
    assert hop.counters()["stale"] == 1
    assert len(held(hop)) == 10


def test_a_slot_without_a_layer_takes_nothing() -> None:
    hop = relay()
    hop.do(t.BindStream(STREAM, ()))
    arrive(hop, 70_000)
    assert hop.counters()["unbound-slot"] == 1


def test_numbers_of_a_slot_are_not_used_again_by_another_layer() -> None:
    hop = relay()
    for number in range(70_000, 70_010):
        arrive(hop, number)
    hop.forwarder.remove_transport(MESH)
    hop.forwarder.add_transport(MESH, TransportKind.MESH)
    hop.do(
        producer(SOUND, MESH, OPUS, mesh=True),
        t.BindStream(STREAM, (t.Slot(SOUND),)),
    )
    arrive(hop, 70_009)
    assert hop.counters()["stale"] == 1
    arrive(hop, 70_010)
    assert held(hop) == [70_010]


def test_the_same_binding_again_changes_nothing() -> None:
    net = LegNet("a")
    hop = net.origin("a")
    film = sound()
    net.film("a", 0.1, film)
    stream = hop.forwarder._state.streams[STREAM]
    before = stream.newest, stream.slots[0].epoch
    hop.do(t.BindStream(STREAM, slots(True, ())))
    net.film("a", 0.1, film)
    assert (stream.newest, stream.slots[0].epoch) == (before[0] + 5, before[1])


def test_sources_that_start_anew_are_new_epochs() -> None:
    net = LegNet("a", "b")
    net.link("a", "b")
    net.origin("a")
    net.relay("b")
    net.edge("a", "b", ALIAS)
    net.film("a", 0.2, sound())
    again = Camera(ssrc=0x7777, codec=OPUS, mid="a", fps=50, size=120, sequence=9)
    net.film("a", 0.2, again)
    epochs = [wire.decode_mesh(d[17:27]).epoch for d in net["a"].written.values()]
    assert epochs == sorted(epochs)
    assert set(epochs) == {0, 1}


def test_levels_are_carried_under_a_fixed_id() -> None:
    net = LegNet("a", "b")
    net.link("a", "b")
    hop = net["a"]
    hop.forwarder.add_transport(PUBLISHER, TransportKind.CLIENT)
    made = producer(SOUND, PUBLISHER, OPUS)
    level = Extension(6, extensions.AUDIO_LEVEL)
    made = type(made)(
        made.producer,
        made.transport,
        made.kind,
        made.mid,
        made.codecs,
        (*made.extensions, level),
    )
    hop.do(
        made,
        t.OpenStream(STREAM, origin=True),
        t.BindStream(STREAM, (t.Slot(SOUND),)),
        t.OpenLeg(STREAM, node("b"), ALIAS, 1),
    )
    elements = [(9, b"a"), (6, b"\xb0"), (2, b"\x01\x02\x03")]
    packet = rtp.build(111, 5, 960, 0x2222, b"opus", extensions=elements)
    hop.receive(PUBLISHER, packet, rtcp=False)
    [data] = hop.written.values()
    told = wire.elements(data, rtp.parse(data))
    assert told[1] == [(wire.LEVEL_ID, b"\xb0")]


def test_what_the_last_hop_needs_is_carried_in_one_order_over_every_hop() -> None:
    """A phone held upright says so in an extension; viewers far away must see it."""
    net = LegNet("a", "b", "c")
    net.link("a", "b")
    net.link("b", "c")
    hop = net["a"]
    hop.forwarder.add_transport(PUBLISHER, TransportKind.CLIENT)
    made = producer(PICTURE, PUBLISHER, VP8)
    ours = (
        *made.extensions,
        Extension(4, extensions.PLAYOUT_DELAY),
        Extension(5, extensions.DEPENDENCY_DESCRIPTOR),
        Extension(6, extensions.TIME_OFFSET),
    )
    hop.do(
        replace(made, extensions=ours),
        t.OpenStream(STREAM, origin=True),
        t.BindStream(STREAM, (t.Slot(PICTURE, "", 0),)),
    )
    for name in "bc":
        net.relay(name, sound=False)
    net.edge("a", "b", ALIAS)
    net.edge("b", "c", BC)
    upright = extensions.encode_video_orientation(extensions.VideoOrientation(0, 0, 90))
    delay = extensions.encode_playout_delay(extensions.PlayoutDelay(0, 40))
    frame = b"\x80\0\1"
    elements = [(9, b"v"), (4, delay), (13, upright), (5, frame), (6, b"\0\0\1")]
    payload = picture().payload(100, True, True, 0)
    packet = rtp.build(96, 5, 960, 0x1111, payload, extensions=elements)
    hop.receive(PUBLISHER, packet, rtcp=False)
    net.run(0.1)
    wanted = [
        (wire.DESCRIPTOR_ID, frame),
        (wire.ORIENTATION_ID, upright),
        (wire.DELAY_ID, delay),
    ]
    for name in "ab":
        [data] = net[name].written.values()
        assert wire.elements(data, rtp.parse(data))[1] == wanted


@pytest.mark.parametrize("origin", [True, False])
def test_whom_a_slot_asks(origin: bool) -> None:
    hop = LegNet("a").origin("a") if origin else relay()
    slot = hop.forwarder._state.streams[STREAM].slots[1]
    asked = slot.upstream()
    if origin:
        assert asked is None
    else:
        assert asked is not None
        assert (asked[0].id, asked[1]) == (hop.ways["a"], ALIAS + 1)
        hop.do(t.SetActive(STREAM, None))
        assert slot.upstream() is None


def test_a_layer_that_is_bound_again_remembers_what_it_asked_for() -> None:
    net = LegNet("b")
    b = net.relay("b")
    [_, bound] = b.forwarder._state.streams[STREAM].slots.values()
    assert bound.layer is not None
    before = bound.layer.nacks
    assert before is not None
    b.do(t.CloseStream(STREAM), t.OpenStream(STREAM))
    b.do(t.BindStream(STREAM, slots(True, ())))
    assert bound.layer is None
    [_, again] = b.forwarder._state.streams[STREAM].slots.values()
    assert again.layer is not None
    assert again.layer.nacks is before
