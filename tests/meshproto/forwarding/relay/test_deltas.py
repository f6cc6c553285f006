"""Deltas about legs: what is refused, and what changes nothing."""

from __future__ import annotations

import pytest

from meshproto.errors import LimitError, StateError
from meshproto.forwarding import relay_table as t
from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.table import TransportKind
from meshproto.ids import ProducerId, StreamId, TransportId
from support.legs import PICTURE, SOUND, STREAM, LegNet, node, sound

OTHER = StreamId(b"o" * 16)
AB = 0x1000


def relay(config: ForwardingConfig | None = None) -> LegNet:
    net = LegNet("a", "b", "c", config=config)
    net.link("a", "b")
    net.link("b", "c")
    net.origin("a")
    net.relay("b")
    return net


@pytest.mark.parametrize(
    "delta",
    [
        t.SetActive(OTHER, node("a")),
        t.SetSecond(OTHER, node("a")),
        t.OpenLeg(OTHER, node("a"), AB, 1),
        t.SetLeg(OTHER, node("a"), 1),
        t.CloseLeg(OTHER, node("a")),
        t.BindStream(OTHER, ()),
        t.BindStream(STREAM, (t.Slot(ProducerId(99)),)),
        t.BindStream(STREAM, (t.Slot(PICTURE, "h"),)),
    ],
    ids=lambda delta: type(delta).__name__,
)
def test_what_control_can_know_is_an_error(delta: t.PlaneDelta) -> None:
    hop = relay()["b"]
    before = hop.forwarder.stats(0)
    with pytest.raises(StateError):
        hop.do(delta)
    assert hop.forwarder.stats(0) == before


def test_a_layer_belongs_to_one_stream() -> None:
    hop = relay()["b"]
    hop.do(t.OpenStream(OTHER))
    with pytest.raises(StateError, match="another stream"):
        hop.do(t.BindStream(OTHER, (t.Slot(SOUND),)))
    hop.do(t.CloseStream(STREAM), t.BindStream(OTHER, (t.Slot(SOUND),)))


def test_tables_have_bounds() -> None:
    config = ForwardingConfig(streams=1, legs_per_stream=2)
    hop = relay(config)["b"]
    with pytest.raises(LimitError, match="streams"):
        hop.do(t.OpenStream(OTHER))
    hop.do(t.OpenLeg(STREAM, node("c"), 16, 1), t.OpenLeg(STREAM, node("d"), 32, 1))
    hop.do(t.OpenLeg(STREAM, node("c"), 48, 1))  # instead of the old one
    with pytest.raises(LimitError, match="legs_per_stream"):
        hop.do(t.OpenLeg(STREAM, node("e"), 64, 1))
    with pytest.raises(LimitError, match="slots"):
        hop.do(t.BindStream(STREAM, tuple(t.Slot(SOUND) for _ in range(17))))


def test_closing_what_is_not_there_is_fine() -> None:
    hop = relay()["b"]
    hop.do(t.CloseStream(OTHER), t.CloseLeg(STREAM, node("z")))
    hop.do(t.SetLeg(STREAM, node("z"), 1))


def test_only_a_relay_transport_leads_to_a_node() -> None:
    forwarder = relay()["b"].forwarder
    with pytest.raises(StateError):
        forwarder.add_transport(TransportId(90), TransportKind.RELAY)
    with pytest.raises(StateError):
        forwarder.add_transport(TransportId(91), TransportKind.CLIENT, node=node("a"))


def test_what_the_plane_did_is_confirmed_without_effect() -> None:
    net = relay()
    net["a"].do(t.OpenLeg(STREAM, node("b"), AB, 0xFF))
    hop = net["b"]
    hop.do(t.SetActive(STREAM, node("a"), AB, 0))
    net.film("a", 0.2, sound())
    stream = hop.forwarder._state.streams[STREAM]
    before = stream.active, stream.began
    hop.do(t.SetActive(STREAM, node("a"), AB, 0))
    assert (stream.active, stream.began) == before
    hop.do(t.SetSecond(STREAM, node("c"), t.Second.STANDBY, 0x2000, 0))
    second = stream.second
    hop.do(t.SetSecond(STREAM, node("c"), t.Second.STANDBY, 0x2000, 0))
    assert stream.second is second


def test_a_parent_under_a_new_alias_is_a_new_leg() -> None:
    net = relay()
    hop = net["b"]
    hop.do(t.SetActive(STREAM, node("a"), AB, 0))
    hop.do(t.SetActive(STREAM, node("a"), AB + 16, 0))
    uppers = hop.forwarder._state.neighbours[node("a")].uppers
    assert sorted(uppers) == list(range(AB + 16, AB + 32))


def test_a_second_leg_that_becomes_active_under_its_alias_is_one_leg() -> None:
    hop = relay()["b"]
    hop.do(t.SetSecond(STREAM, node("c"), t.Second.JOINING, 0x2000, 0))
    hop.do(t.SetActive(STREAM, node("c"), 0x2000, 0))
    stream = hop.forwarder._state.streams[STREAM]
    assert stream.second is None
    assert not stream.waiting
    hop.do(t.SetSecond(STREAM, node("a"), t.Second.STANDBY, AB, 0))
    hop.do(t.SetActive(STREAM, node("a"), AB + 16, 0))  # not the leg that stood by
    assert stream.second is None
    assert not stream.waiting


def test_a_link_that_comes_back_serves_the_same_legs() -> None:
    net = relay()
    a, b = net["a"], net["b"]
    film = sound()
    net.edge("a", "b", AB)
    net.film("a", 0.1, film)
    way = a.ways["b"]
    a.forwarder.remove_transport(way)
    net.film("a", 0.1, film)
    count = a.sent["b"]
    a.forwarder.add_transport(way, TransportKind.RELAY, node=b.id)
    a.forwarder.set_sending(way, True, net.now)
    net.film("a", 0.1, film)
    assert a.sent["b"] > count
