"""Dials of real brains over connections that end at the wrong moment."""

from __future__ import annotations

from meshnode.control.mesh import Control
from support.control_world import World, until


def dials(control: Control) -> dict[str, int]:
    return control.status().counters["dials"]


async def joining(world: World, breaks: int) -> Control:
    """A node whose first questions for a link to another one break."""
    first = await world.node()
    second = await world.node()
    world.host(second).breaks = breaks
    peers = [first.own_record()]
    await world.host(second).connect([world.address(first)], first.node, 1.0)
    second.meet(peers)
    return second


async def test_a_dial_whose_connection_was_crossed_is_made_again(world: World) -> None:
    second = await joining(world, 1)
    await until(second.neighbours, "a link")
    assert dials(second) == {"again": 1, "dialled": 1}


async def test_a_second_break_is_told_to_the_brain(world: World) -> None:
    second = await joining(world, 2)
    await until(lambda: dials(second).get("failed-closed"), "the failure")
    assert dials(second)["again"] == 1
