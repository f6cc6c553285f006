"""Whatever links and neighbours do: no packet twice, no nonce twice, nothing raises."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from meshproto.forwarding import relay_table as t
from meshproto.forwarding.relay import wire
from meshproto.ids import NodeId
from meshproto.wire import rtp
from support.legs import (
    STREAM,
    Hop,
    LegNet,
    complete,
    node,
    picture,
    sound,
    triangle,
)

BC, XC = 0x2000, 0x4000
USES = st.sampled_from([t.Second.JOINING, t.Second.DUAL])


def diamond() -> LegNet:
    """Origin a, relays b and x, node c below both, d below c with a viewer."""
    net = LegNet("a", "b", "x", "c", "d")
    net.origin("a")
    for name in "bxcd":
        net.relay(name)
    for parent, child in (("a", "b"), ("a", "x"), ("b", "c"), ("x", "c"), ("c", "d")):
        net.link(parent, child)
    net.edge("a", "b", 0x1000)
    net.edge("a", "x", 0x5000)
    net.edge("b", "c", BC)
    net.edge("c", "d", 0x6000)
    net.view("d")
    return net


def weather(net: LegNet, seed: int, loss: float, twice: float, late_s: float) -> None:
    """Loss, duplication and reordering on every link."""
    chance = random.Random(seed)
    net.lose = lambda *_: chance.random() < loss
    net.twice = lambda *_: chance.random() < twice
    net.late = lambda *_: chance.random() * late_s


def assert_once(hop: Hop) -> None:
    got = [(p.view.payload_type, p.payload[-8:]) for p in hop.viewed if p.payload]
    assert len(set(got)) == len(got)


@pytest.mark.untraced
@given(
    seed=st.integers(0, 2**32),
    loss=st.floats(0, 0.3),
    twice=st.floats(0, 0.5),
    late_s=st.floats(0, 0.08),
    use=USES,
)
@settings(max_examples=12, deadline=None)
def test_of_two_legs_each_packet_counts_once(
    seed: int, loss: float, twice: float, late_s: float, use: t.Second
) -> None:
    net = diamond()
    film = picture(key_every=15), sound()
    net.film("a", 0.2, *film)
    weather(net, seed, loss, twice, late_s)
    net["c"].do(t.SetSecond(STREAM, node("x"), use, XC, 0))
    net["x"].do(t.OpenLeg(STREAM, node("c"), XC, 0xFF))
    net.film("a", 0.4, *film)
    assert_once(net["d"])  # and `Hop` checks every packet index that leaves
    assert net["d"].viewed


@pytest.mark.untraced
@given(
    seed=st.integers(0, 2**32),
    sent=st.floats(0, 1),
    late_s=st.sampled_from([0.0, 0.003, 0.015]),
    key_every=st.sampled_from([15, 60]),
)
@example(seed=560, sent=0.625, late_s=0.003, key_every=15)
@settings(max_examples=12, deadline=None)
def test_a_parent_that_dies_between_two_packets_takes_none_with_it(
    seed: int, sent: float, late_s: float, key_every: int
) -> None:
    """It has passed on some of what it took, and not always the first of it."""
    chance, net = random.Random(seed), triangle()
    for ends in net.delays:
        net.delays[ends] = chance.uniform(0.002, 0.05)
    net.late = lambda *_: chance.random() * late_s
    film = picture(key_every), sound()
    net.film("a", 1.0 + chance.random(), *film)
    dies_at = net.now + chance.uniform(0, 0.03)
    net.lose = lambda a, b, _: (
        "b" in (a, b) and net.now >= dies_at and chance.random() >= sent
    )
    net.film("a", 0.06, *film)
    net["b"].alive = False
    net.film("a", 1.0, *film)
    net.run(0.6)
    assert complete(net["c"], *film)


@pytest.mark.untraced
@given(seed=st.integers(0, 2**32), loss=st.floats(0, 0.2), late_s=st.floats(0, 0.05))
@settings(max_examples=12, deadline=None)
def test_any_order_of_deltas_keeps_nonces_apart(
    seed: int, loss: float, late_s: float
) -> None:
    net = diamond()
    film = picture(key_every=20), sound()
    chance = random.Random(seed)
    weather(net, seed, loss, 0.1, late_s)
    aliases = iter(range(0x10000, 0x80000, 16))
    for _ in range(8):
        net.film("a", 0.1, *film)
        parent = chance.choice("bx")
        alias = next(aliases)
        held = net["c"].forwarder.stream_history(STREAM)
        start = None if held is None else held[1] + 1
        net["c"].do(chance.choice(uppers(parent, alias)))
        net[parent].do(chance.choice(lowers(alias, start)))
        net["c"].do(*chance.sample(below(), 1))
    assert_once(net["d"])


def uppers(parent: str, alias: int) -> list[t.RelayDelta]:
    """What the brain of c may say about its parents."""
    return [
        t.SetActive(STREAM, node(parent), alias, 0),
        t.SetSecond(STREAM, node(parent), t.Second.STANDBY, alias, 0),
        t.SetSecond(STREAM, node(parent), t.Second.JOINING, alias, 0),
        t.SetSecond(STREAM, None),
        t.SetActive(STREAM, None),
    ]


def lowers(alias: int, start: int | None) -> list[t.RelayDelta]:
    """What the brain of a parent of c may say."""
    return [
        t.OpenLeg(STREAM, node("c"), alias, 0xFF, start),
        t.OpenLeg(STREAM, node("c"), alias, 0xFF, None),
        t.OpenLeg(STREAM, node("c"), alias, 0xFF, start, standby=True),
        t.SetLeg(STREAM, node("c"), 0xFF, pause_after=start),
        t.SetLeg(STREAM, node("c"), 0xFF),
        t.CloseLeg(STREAM, node("c")),
    ]


def below() -> list[t.RelayDelta]:
    """What the brain of c may say about d."""
    return [
        t.SetLeg(STREAM, node("d"), 0),
        t.SetLeg(STREAM, node("d"), 0xFF),
        t.SetLeg(STREAM, node("d"), 0xFF, pause_after=50),
        t.SetLeg(STREAM, NodeId(b"nobody"), 1),
    ]


APP = st.builds(
    lambda subtype, name, body: (
        bytes((0x80 | subtype, wire.APP))
        + (2 + len(body) // 4).to_bytes(2, "big")
        + bytes(4)
        + name
        + body
    ),
    st.integers(0, 31),
    st.sampled_from([b"MESH", b"mesh", b"\0\0\0\0"]),
    st.binary(max_size=240).map(lambda b: b[: len(b) // 4 * 4]),
)
LEGS = st.sampled_from([BC, BC + 1, XC, 0x6000, 0x6001, 0, 0xFFFFFFFF])
MESSAGES = st.builds(
    lambda kind, alias, order: wire.encode(kind(((alias, order),)), 7),
    st.sampled_from([wire.Heartbeat, wire.Activate]),
    LEGS,
    st.integers(0, wire.NUMBER_MASK),
)
PACKETS = st.builds(
    lambda ssrc, slot, value, sequence, payload: rtp.build(
        96 + slot,
        sequence,
        0,
        ssrc,
        payload,
        extensions=[(wire.MESH_ID, value)],
    ),
    LEGS,
    st.integers(0, 15),
    st.binary(min_size=9, max_size=11),
    st.integers(0, 0xFFFF),
    st.binary(max_size=40),
)


@pytest.mark.untraced
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just(True), st.one_of(APP, MESSAGES, st.binary(max_size=60))),
            st.tuples(st.just(False), st.one_of(PACKETS, st.binary(max_size=60))),
        ),
        max_size=30,
    )
)
@settings(max_examples=30, deadline=None)
def test_nothing_that_a_neighbour_sends_raises_or_spends_a_nonce_twice(
    datagrams: list[tuple[bool, bytes]],
) -> None:
    net = diamond()
    film = picture(), sound()
    net.film("a", 0.1, *film)
    net.run(0.05)
    c = net["c"]
    for number, (is_rtcp, data) in enumerate(datagrams):
        c.receive(c.ways["bxd"[number % 3]], data, is_rtcp)
    net.film("a", 0.1, *film)
