"""Nodes with both forwarders in them: legs carry the same, switch at the same instant.

The tests of `meshproto.forwarding.relay` that join nodes by a `LegNet` run here once
more with `Both` in every node: random weather, moves, pauses, standbys, repairs.  What
one node sends the next is then compared at both of its ends.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

import support.legs
from meshproto.forwarding import relay_table as t
from support.both import Both
from support.leg_cases import pass_on, pause, standby
from support.leg_trace import LegTrace
from support.legs import STREAM, LegNet, node

pytest.importorskip("meshnode._native", reason="extension is not built")

REFERENCE = Path(__file__).parents[1] / "meshproto" / "forwarding" / "relay"
INSIDE = {
    # they change or fill the reference's tables, which the other one has not
    "test_a_parent_is_dead_to_the_moment_and_not_a_step_of_the_grid_later",
    "test_repairs_have_a_budget",
}


def _told_with_a_net() -> None:
    """Take the reference's tests over, under the names of their modules."""
    for path in sorted(REFERENCE.glob("test_*.py")):
        if "LegNet" not in path.read_text():
            continue
        spec = importlib.util.spec_from_file_location(f"both_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for test, told in vars(module).items():
            if test.startswith("test_") and test not in INSIDE:
                globals()[f"{path.stem}_{test[5:]}"] = told


_told_with_a_net()


@pytest.fixture(autouse=True)
def _both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(support.legs, "Forwarder", Both)


@pytest.fixture
def net() -> Iterator[LegNet]:
    """A node that passes on, two children, and a second parent; compared at the end."""
    made = LegNet("a", "b", "c", "d")
    made.origin("a")
    for one, other in (("a", "b"), ("a", "c"), ("a", "d"), ("b", "c"), ("b", "d")):
        made.link(one, other)
    for other in (("c", "b"), ("d", "b")):
        assert made[other[0]].ways[other[1]]
    for name in "bcd":
        made.relay(name)
    made.run(0.001)
    yield made
    for hop in made.hops.values():
        hop.forwarder.stats(made.now)


def test_a_stream_is_passed_on_late_and_with_losses(net: LegNet) -> None:
    pass_on(net)
    assert net["d"].forwarder.packets > 20


def test_a_leg_is_paused_and_takes_another_layer(net: LegNet) -> None:
    pause(net)
    assert net["c"].forwarder.packets > 20


def test_a_standby_takes_over(net: LegNet) -> None:
    standby(net)
    told = [type(event) for _, event in net["b"].events]
    assert t.Activated in told


def test_a_closed_stream_leaves_nothing(net: LegNet) -> None:
    net.edge("a", "b", 0x1000)
    net.run(0.2)
    for name in "abcd":
        net[name].do(t.CloseStream(STREAM))
        assert net[name].forwarder.stream_history(STREAM) is None
        assert net[name].forwarder.stats(net.now)["streams"] == {}
    net[name].do(t.OpenStream(STREAM))
    net["b"].do(t.OpenStream(STREAM), t.OpenLeg(STREAM, node("c"), 0x9000, 1))
    net.run(0.2)


@pytest.mark.parametrize("seed", range(2_001, 2_007))
def test_a_drawn_mesh_is_the_same_in_both(seed: int) -> None:
    trace = LegTrace(seed, Both)
    trace.play(2.0)
    assert trace.packets > 200
