"""Silence, and who takes over (the notices themselves: `test_as_simulated`)."""

from __future__ import annotations

from meshproto.forwarding import relay_table as t
from meshproto.forwarding.relay import wire
from support.forwarding import OPUS, Camera
from support.legs import STREAM, Hop, LegNet, node, sound

BC, XC = 0x2000, 0x4000


def fork(fps: int = 50) -> tuple[LegNet, Camera]:
    """c below b, with x as standby; both below the origin a."""
    net = LegNet("a", "b", "x", "c")
    net.origin("a")
    for name in "bxc":
        net.relay(name)
    for one, other in (("a", "b"), ("a", "x"), ("b", "c"), ("x", "c")):
        net.link(one, other)
    net.edge("a", "b", 0x1000)
    net.edge("a", "x", 0x5000)
    net.edge("b", "c", BC)
    net.standby("x", "c", XC)
    camera = Camera(ssrc=0x2222, codec=OPUS, mid="a", fps=fps, size=100)
    net.film("a", 2.0, camera)
    return net, camera


def active(hop: Hop) -> object:
    stream = hop.forwarder._state.streams[STREAM]
    return None if stream.active is None else stream.active.neighbour.node


def test_a_slow_stream_is_not_silent_between_its_packets() -> None:
    net, camera = fork(fps=8)
    net.film("a", 3.0, camera)
    early = net.now - 4
    told = [e for at, e in net["c"].events if at > early and isinstance(e, t.Silent)]
    assert told == []
    assert active(net["c"]) == node("b")


def test_even_a_slow_stream_switches_as_soon_as_the_parent_is_dead() -> None:
    net, camera = fork(fps=20)
    net["b"].alive = False
    died = net.now
    net.film("a", 1.0, camera)
    [(at, notice)] = [e for e in net["c"].events if isinstance(e[1], t.Activated)]
    assert notice.parent == node("x")
    assert at - died < 0.25


def test_a_late_parent_is_given_the_time_it_usually_takes() -> None:
    net, camera = fork()
    late = [0.0]
    net.late = lambda source, target, data: late[0] if source == "b" else 0.0
    for n in range(60):
        late[0] = 0.07 if n % 2 else 0.0
        net.film("a", 0.1, camera)
    c = net["c"]
    heard = c.forwarder._state.neighbours[node("b")]
    assert heard.jitter_s > 0.002
    assert len(c.notices(t.Activated)) <= 1


def took_s(net: LegNet, camera: Camera) -> float:
    """From the last sign of life of b to the switch at c."""
    heard = net["c"].forwarder._state.neighbours[node("b")]
    net["b"].alive = False
    net.film("a", 0.5, camera)
    [(at, _)] = [e for e in net["c"].events if isinstance(e[1], t.Activated)]
    return at - heard.heard


def test_a_parent_is_dead_to_the_moment_and_not_a_step_of_the_grid_later() -> None:
    for lateness_s, patience_s in ((0.0, 0.06), (0.006, 0.06), (0.01, 0.07)):
        net, camera = fork()
        heard = net["c"].forwarder._state.neighbours[node("b")]
        heard.jitter_s = lateness_s
        assert patience_s - 0.002 < took_s(net, camera) < patience_s + 0.004


def test_a_heartbeat_that_comes_late_is_acted_on_at_once() -> None:
    net, camera = fork(fps=20)  # which nobody calls silent yet
    c = net["c"]
    net["b"].alive = net["x"].alive = False
    net.film("a", 0.08, camera)
    state = c.forwarder._state
    stream = state.streams[STREAM]
    while (state.agenda.next() or 0.0) - net.now < 0.005:
        net.run(0.002)
    assert not c.notices(t.Activated)
    beat = wire.encode(wire.Heartbeat(((XC, stream.newest + 9),)), 1)
    c.receive(c.ways["x"], beat, rtcp=True)
    net.run(0.0001)
    assert c.notices(t.Activated)


def test_an_old_heartbeat_does_not_bring_a_dead_standby_back() -> None:
    net, camera = fork()
    net.run(0.001)
    second = net["c"].forwarder._state.streams[STREAM].second
    assert second is not None
    net["b"].alive = net["x"].alive = False
    second.told = 1 << 30
    second.told_at = net.now - 0.15
    net.film("a", 1.0, camera)
    assert not net["c"].notices(t.Activated)
    assert net["c"].notices(t.Silent)[-1] == t.Silent(STREAM, link_alive=False)


def test_a_dead_parent_beside_a_dual_leg_hands_over_without_silence() -> None:
    net, camera = fork()
    net["x"].do(t.CloseLeg(STREAM, node("c")))
    net["c"].do(t.SetSecond(STREAM, node("x"), t.Second.DUAL, 0x6000, 0))
    net["x"].do(t.OpenLeg(STREAM, node("c"), 0x6000, 1))
    net.film("a", 0.5, camera)
    net["b"].alive = False
    net.film("a", 0.5, camera)
    assert active(net["c"]) == node("x")
    assert not net["c"].notices(t.Silent)
    asked = [m for _, _, d in net["c"].asked for m in wire.messages(d)]
    assert not [m for m in asked if isinstance(m, wire.Activate)]


def test_after_a_silence_is_told_nothing_ticks_for_ever() -> None:
    net = LegNet("a", "b")
    net.link("a", "b")
    net.origin("a")
    net.relay("b")
    net.edge("a", "b", 0x1000)
    net.film("a", 0.5, sound())
    net["a"].alive = False
    net.run(2.0)
    count = 0

    def counted(now: float) -> None:
        nonlocal count
        count += 1
        handle(now)

    handle = net["b"].forwarder.handle_timeout
    net["b"].forwarder.handle_timeout = counted  # type: ignore[method-assign]
    net.run(1.0)
    assert count < 10
