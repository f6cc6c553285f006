"""No loop, in any order of events whatsoever (RFC 0010 section 5.6)."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

import meshproto.routing.selection as selection_module
from meshsim.storm import optima
from support.routing_net import Act, Scripted, Step, graphs, sizes, steps

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


@pytest.mark.untraced
@settings(max_examples=250, deadline=None, suppress_health_check=SLOW)
@given(sizes, graphs, steps)
def test_next_hops_never_form_a_loop_and_distances_never_rise(
    size: int, edges: list[tuple[int, int]], script: list[Step]
) -> None:
    world = Scripted(size, edges)
    world.run(script)
    found = world.net.found
    assert found.first == ""
    assert (found.loops, found.rises, found.overfull) == (0, 0, 0)


@pytest.mark.untraced
@settings(max_examples=120, deadline=None, suppress_health_check=SLOW)
@given(sizes, graphs, steps)
def test_in_a_calm_every_connected_node_has_a_good_route_and_nobody_a_ghost(
    size: int, edges: list[tuple[int, int]], script: list[Step]
) -> None:
    world = Scripted(size, edges)
    world.run(script)
    world.settle()
    net = world.net
    for origin in net.by_node:
        best = optima(net, origin)
        for member in net.members:
            if member.node == origin:
                continue
            metric_s = member.router.metric_s(origin)
            if member.node not in best:
                assert metric_s is None
            else:
                assert metric_s is not None
                assert metric_s <= best[member.node][1]
    assert net.found.first == ""


def loops_in(case: tuple[int, list[tuple[int, int]], list[Step]]) -> bool:
    size, edges, script = case
    world = Scripted(size, edges)
    world.run(script)
    return world.net.found.loops > 0


@pytest.mark.untraced
def test_without_the_feasibility_test_there_is_a_script_that_loops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(selection_module, "feasible", lambda *_: True)
    triangle = [(0, 1), (0, 2), (1, 2)]
    learn = [Step(Act.WAIT, 4, 0)]
    lose = [Step(Act.WITHDRAW, 0, 0), Step(Act.WAKE, 0, 0), Step(Act.DELIVER, 0, 0)]
    assert loops_in((3, [*triangle, (1, 3), (2, 3)], learn)) is False
    case = find(
        st.tuples(st.just(4), st.just([*triangle, (1, 3), (2, 3)]), steps).map(
            lambda drawn: (drawn[0], drawn[1], [*learn, *lose, *drawn[2]])
        ),
        loops_in,
        settings=settings(
            max_examples=2_000, deadline=None, database=None, derandomize=True
        ),
    )
    monkeypatch.undo()
    assert loops_in(case) is False  # with the test the very same script is clean


def test_a_publisher_that_dies_leaves_no_ghost_and_no_hunting() -> None:
    world = Scripted(6, [(0, 1), (1, 2), (2, 3), (3, 1), (3, 4), (4, 5), (5, 2)])
    net = world.net
    world.step(Step(Act.WAIT, 4, 0))
    assert all(m.router.origins() for m in net.members)
    before = net.found.records
    world.step(Step(Act.WITHDRAW, 0, 0))
    world._wait(0.09)  # less than a batch: nobody had time to advertise a detour
    assert all(m.router.origins() == [] for m in net.members)
    assert net.found.records - before <= 2 * len(world.links)


def test_a_line_is_learned_as_far_as_the_hop_limit() -> None:
    world = Scripted(30, [(n, n + 1) for n in range(29)])
    world.step(Step(Act.WAIT, 4, 0))
    reached = [bool(member.router.origins()) for member in world.net.members]
    assert reached == [True] * 25 + [False] * 5


@pytest.mark.untraced
def test_a_star_of_a_hundred_learns_every_origin() -> None:
    world = Scripted(101, [(0, n) for n in range(1, 101)])
    net = world.net
    for member in net.members[1:]:
        net.originate(member, True)
    world._wait(3.0)
    for member in net.members:
        assert len(member.router.origins()) == 101
        assert member.router.next_hop(net.members[0].node) in {
            None,
            net.members[0].node,
        }


def test_a_restart_under_the_same_name_within_two_seconds_is_accepted() -> None:
    world = Scripted(4, [(0, 1), (1, 2), (2, 3)])
    world._wait(1.0)
    origin = world.net.members[0]
    world._restart(origin)
    world.step(Step(Act.NOTICE, 0, 0))
    world.step(Step(Act.NOTICE, 0, 0))
    world._join(0, 1)
    world.net.originate(world.net.members[0], True)
    world._wait(0.2)
    far = world.net.members[3].router
    assert far.next_hop(origin.node) == world.net.members[2].node
    distance = far.distance(origin.node)
    assert distance is None or distance[0][0] > origin.epoch
