"""Nodes to enter by: what is told of their delays, and which of many are named."""

from __future__ import annotations

from meshnode.control import entrances as module
from meshnode.control.entrances import CHEAPEST, NEAREST
from meshnode.control.mesh import Control
from meshproto.ids import StreamName
from meshproto.node import Wish
from meshproto.wire.control.directory import Layer, Media, Track, TrackKind
from support.control_world import World, until

CAM = StreamName("cam")


def media() -> Media:
    layer = Layer("", 1_000_000, 640, 360, 30.0)
    return Media(False, (Track("0", TrackKind.VIDEO, "vp8", 90_000, "", (layer,)),))


def ready(control: Control) -> int:
    return sum(peer.ready for peer in control.status().peers)


async def origin_and(world: World, count: int) -> tuple[Control, list[Control]]:
    """An origin and nodes linked to it, all with a door."""
    origin = await world.node(entry="http://192.0.2.1")
    origin.publish(CAM, media(), (1_000_000,))
    others = [
        await world.node(origin, entry=f"http://192.0.2.{number + 2}")
        for number in range(count)
    ]
    for control in others:
        await until(lambda c=control: c.find("cam"), "the stream is known")
    return origin, others


async def test_the_origin_costs_nothing_and_comes_first(world: World) -> None:
    origin, (one, _) = await origin_and(world, 2)
    found = await until(lambda: one.report.entrances("cam"), "an entrance")
    assert found[0].peer.node == origin.node
    assert found[0].cost_s == 0.0
    assert one.node not in {each.peer.node for each in found}


async def test_an_origin_names_its_neighbours_by_their_links(world: World) -> None:
    origin, (one,) = await origin_and(world, 1)
    found = await until(lambda: origin.report.entrances("cam"), "an entrance")
    assert [each.peer.node for each in found] == [one.node]
    assert 0.0 < found[0].cost_s < 0.1


async def test_a_node_knows_what_the_stream_costs_itself(world: World) -> None:
    origin, (one,) = await origin_and(world, 1)
    assert origin.report.own_cost_s("cam") == 0.0
    stream = one.report.named("cam")
    assert stream is not None
    one.watch(stream, Wish(1, 1))
    await until(lambda: one.fed(stream), "a parent")
    cost_s = one.report.own_cost_s("cam")
    assert cost_s is not None
    assert 0.0 < cost_s < 1.0


async def test_a_node_without_a_door_is_not_named(world: World) -> None:
    origin = await world.node()
    origin.publish(CAM, media(), (1_000_000,))
    one = await world.node(origin)
    await until(lambda: one.find("cam"), "the stream is known")
    await until(lambda: ready(one), "a link")
    assert one.report.entrances("cam") == []


async def test_nothing_is_named_for_a_stream_that_nobody_has(world: World) -> None:
    one = await world.node()
    assert one.report.entrances("nobody") == []
    assert one.report.own_cost_s("nobody") is None


async def test_of_many_some_cheap_some_near_and_some_others_are_named(
    world: World, monkeypatch
) -> None:
    monkeypatch.setattr(module, "ANY", 1)
    _, others = await origin_and(world, 9)
    one = others[0]

    def enough() -> bool:
        return len(one.report.entrances("cam")) == CHEAPEST + NEAREST + 1

    await until(enough, "the mesh is known", 40.0)
    costs = [each.cost_s for each in one.report.entrances("cam")]
    assert costs == sorted(costs)
