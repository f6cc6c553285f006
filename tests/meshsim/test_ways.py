"""How long the ways of a tree are, and whether there is a better one."""

from __future__ import annotations

import pytest

from meshsim.network import Conditions
from meshsim.ways import could_leave, delay_s
from support.run import Small


def test_a_way_is_the_sum_of_its_hops_and_what_faults_added() -> None:
    small = Small()
    mesh, stream = small.mesh, small.stream()
    (child, relay) = next(
        (node, above[0])
        for node in range(1, 8)
        if len(above := mesh.ancestors(node, stream)) == 2  # type: ignore[arg-type]
    )
    straight = delay_s(mesh, 0, stream, child)  # type: ignore[arg-type]
    way = delay_s(mesh, relay, stream, child)  # type: ignore[arg-type]
    assert way == pytest.approx(2 * straight)
    mesh.network.override(0, relay, Conditions(extra_s=0.1))
    longer = delay_s(mesh, relay, stream, child)  # type: ignore[arg-type]
    assert longer == pytest.approx(way + 0.1)


def test_who_has_no_better_way_cannot_leave() -> None:
    small = Small()
    mesh, stream = small.mesh, small.stream()
    node, parent = next(
        (node, parent)
        for node in range(1, 8)
        if (parent := mesh.parent_of(node, stream)) != 0  # type: ignore[arg-type]
    )
    assert parent is not None
    slots = [3] * 8
    mesh.network.override(parent, node, Conditions(extra_s=0.1))
    assert could_leave(mesh, slots, node)
    assert not could_leave(mesh, [0] * 8, node)
    mesh.network.override(parent, node, None)
    assert not could_leave(mesh, slots, node)
