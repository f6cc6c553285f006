"""What a link, a probe, a frame and an RPC cost and when they arrive."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshproto.errors import StateError
from meshproto.events import Event
from meshproto.ids import LinkId
from meshproto.outputs import Dial, Probe, Purpose
from meshsim.host import SETUP_OCTETS
from meshsim.network import OVERHEAD, Kind
from support.run import Small


@pytest.fixture
def small() -> Small:
    return Small()


def apart(small: Small, a: int = 1, b: int = 2) -> None:
    """No link between the two."""
    one, other = small.mesh.hosts[a], small.mesh.hosts[b]
    far = one.by_node.get(other.id)
    if far is not None:
        one.tell(one.node._links.close, other.id, "test", small.now)
        one.tell(one.node.handle_timeout, small.now)
    assert other.id not in one.by_node


def dial(small: Small, a: int = 1, b: int = 2) -> None:
    one, other = small.mesh.hosts[a], small.mesh.hosts[b]
    small.mesh.wiring.dial(one, Dial(other.node.record(), Purpose.TREE))


def test_a_link_takes_its_round_trips_and_costs_both_ends(small: Small) -> None:
    apart(small)
    small.wait(0.1)
    setup = [sum(small.mesh.network.octets[Kind.SETUP])]
    dial(small)
    one, other = small.mesh.hosts[1], small.mesh.hosts[2]
    rtt = small.mesh.network.rtt(1, 2)
    small.wait(4.4 * rtt)
    assert one.id not in other.by_node
    small.wait(0.7 * rtt)
    assert one.by_node[other.id].remote == other.by_node[one.id].link
    setup.append(sum(small.mesh.network.octets[Kind.SETUP]))
    assert setup[1] - setup[0] == 2 * (SETUP_OCTETS + OVERHEAD[Kind.SETUP])


@pytest.mark.parametrize(("linked", "rtts"), [(True, 3.0), (False, 5.5)])
def test_a_neighbour_introduces_only_whom_it_has_a_link_to(
    small: Small, *, linked: bool, rtts: float
) -> None:
    rtt = small.mesh.network.rtt(1, 2)  # the same between all
    one, other = small.mesh.hosts[1], small.mesh.hosts[2]
    (through, *_) = [node for node in one.by_node if node in other.by_node]
    apart(small)
    if not linked:
        apart(small, small.mesh.index[through], 2)
    small.wait(0.1)
    began = small.now
    small.mesh.wiring.dial(one, Dial(other.node.record(), Purpose.TREE, through))
    while one.id not in other.by_node:
        small.wait(rtt / 20)
    assert small.now - began == pytest.approx(rtts * rtt, abs=rtt / 10)


@pytest.mark.parametrize("why", ["dead", "cut", "frozen"])
def test_a_dial_to_somebody_who_does_not_answer_fails(small: Small, why: str) -> None:
    apart(small)
    other = small.mesh.hosts[2]
    record = other.node.record()
    if why == "dead":
        small.stage.stop(2, small.now, goodbye=False)
    elif why == "frozen":
        small.stage.freeze(2, small.now)
    else:
        bad = replace(small.mesh.network.conditions, down=True)
        small.mesh.network.override(2, 1, bad)
    one = small.mesh.hosts[1]
    failed: list[tuple[object, str]] = []
    one.node.dial_failed = lambda node, why, now: failed.append((node, why))  # type: ignore[method-assign]
    small.mesh.wiring.dial(one, Dial(record, Purpose.TREE))
    small.wait(4.0)
    assert (other.id, "timeout") in failed
    assert other.id not in one.by_node


def test_a_dial_to_nobody_is_a_mistake_and_one_to_a_neighbour_is_nothing(
    small: Small,
) -> None:
    record = small.mesh.hosts[2].node.record()
    unknown = replace(record, node=b"nobody" * 7)  # type: ignore[arg-type]
    with pytest.raises(StateError):
        small.mesh.wiring.dial(small.mesh.hosts[1], Dial(unknown, Purpose.TREE))
    near = next(iter(small.mesh.hosts[1].by_node))
    before = small.engine.pending()
    known = small.mesh.hosts[small.mesh.index[near]].node.record()
    small.mesh.wiring.dial(small.mesh.hosts[1], Dial(known, Purpose.TREE))
    assert small.engine.pending() == before


def test_a_frame_for_a_link_that_is_gone_is_dropped(small: Small) -> None:
    host = small.mesh.hosts[1]
    seen: list[Event] = []
    small.mesh.recorder.event = lambda node, event, now: seen.append(event)  # type: ignore[method-assign]
    small.mesh.wiring.frame(1, LinkId(999_999), b"x", small.now)
    assert seen == []
    link = next(iter(host.links))
    small.mesh.wiring.frame(1, link, b"x", small.now)
    assert len(seen) == 1


def test_a_probe_measures_whoever_has_the_address(small: Small) -> None:
    host = small.mesh.hosts[1]
    got: list[tuple[int, float | None]] = []
    host.node.probed = lambda token, rtt_s, now: got.append((token, rtt_s))  # type: ignore[method-assign]
    address = small.mesh.addresses.of(2)
    small.mesh.wiring.probe(host, Probe(address, 5))
    small.wait(1.0)
    assert got[0][0] == 5
    assert got[0][1] == pytest.approx(small.mesh.network.rtt(1, 2))
    small.stage.readdress(2, small.now)
    small.mesh.wiring.probe(host, Probe(address, 7))
    small.wait(1.0)
    assert (7, None) in got


def test_a_check_is_answered_by_whoever_has_the_keys(small: Small) -> None:
    far = next(iter(small.mesh.hosts[1].links.values()))
    check = small.mesh.wiring.check
    assert check(1, far.host, far.remote) == pytest.approx(
        small.mesh.network.rtt(1, far.host)
    )
    assert check(1, far.host, LinkId(999_999)) is None
    small.stage.freeze(far.host, small.now)
    assert check(1, far.host, far.remote) is None
