"""Links of real brains: introduced, crossed, parked and resumed, dismissed."""

from __future__ import annotations

from meshnode.control.libp2p.values import GossipOpened
from meshnode.control.mesh import Control
from meshproto.gossip.peers import Version
from meshproto.ids import StreamName
from meshproto.node import Wish
from meshproto.outputs import Purpose
from support.control_world import LinkState, World, until
from support.mesh_media import media


def ready(control: Control) -> int:
    return sum(peer.ready for peer in control.status().peers)


async def pair(world: World) -> tuple[Control, Control]:
    first = await world.node()
    second = await world.node(first)
    await until(lambda: ready(first) == ready(second) == 1, "a link")
    return first, second


async def test_a_link_goes_through_a_neighbour_where_tcp_cannot(world: World) -> None:
    first = await world.node()
    hidden = await world.node(first)
    await until(lambda: ready(hidden) == 1, "a link")
    world.host(hidden).reachable = False
    third = await world.node(first)
    await until(lambda: ready(third) == 2, "links to both")
    counters = [c.status().counters["descriptors"] for c in (hidden, third)]
    assert sum(c.get("introduced", 0) for c in counters) == 1


async def test_checks_reach_the_brain_as_round_trips(world: World) -> None:
    first, second = await pair(world)
    link = world.end(first, second)

    def moved() -> bool:
        link.check(0.2)
        return (first.status().peers[0].rtt_s or 0.0) > 0.01

    await until(moved, "the smoothed round trip moves")
    for _ in range(2):
        link.check(None)
    assert first.status().peers[0].suspect


async def test_a_link_with_a_tree_is_checked_four_times_a_second(world: World) -> None:
    first, second = await pair(world)
    stream = first.publish(StreamName("cam"), media(), (1_000_000,))
    await until(lambda: second.find("cam"), "the stream is known")
    second.watch(stream, Wish(1, 1))
    await until(lambda: second.fed(stream), "a parent")
    assert world.end(second, first).paces[-1] == 0.25


async def test_a_silent_link_is_parked_and_goes_on_when_it_answers(
    world: World,
) -> None:
    first, second = await pair(world)
    link = world.end(first, second)
    world.cut(first, second)

    def lost() -> bool:
        link.check(None)
        return link.state is LinkState.SILENT

    await until(lost, "it is given up")
    assert not ready(first)
    world.mend(first, second)
    link.become(LinkState.RESUMED)
    await until(lambda: ready(first) == 1, "it is ready again")
    assert world.end(first, second) is link


async def test_a_neighbour_that_hangs_up_is_closed_here_too(world: World) -> None:
    first, second = await pair(world)
    link = world.end(first, second)
    world.cut(first, second)  # the goodbye below is all that is left to hear
    world.mend(first, second)
    second._driver.tell("part", second._brain.part, (first.node,), "leaving")
    await until(lambda: link.state is LinkState.CLOSED, "it is closed")
    assert link.reason in {"goodbye", "closed"}


async def test_a_dial_that_is_refused_says_why(world: World) -> None:
    first = await world.node()
    first._brain.accepts = lambda *asked: "score"  # type: ignore[method-assign]
    second = await world.node(first)
    await until(lambda: world.logs[second.node].counts["DialFailed"], "it is refused")
    (said,) = [f for n, f in world.logs[second.node].lines if n == "DialFailed"][:1]
    assert said["cause"] == "score"


async def test_a_newer_association_replaces_the_older_one(world: World) -> None:
    first, second = await pair(world)
    older = world.end(first, second)
    near, number = world.link(first.node, second.node)
    first._linking._up(near, True, Purpose.OVERLAY)
    second._linking._up(world.take(number), False, Purpose.OVERLAY)
    assert older.state is LinkState.CLOSED
    await until(lambda: ready(first) == ready(second) == 1, "the newer one is ready")
    assert world.end(first, second) is near


async def test_the_router_knows_what_the_gossip_stream_speaks(world: World) -> None:
    first, second = await pair(world)
    world.host(first)._event(GossipOpened(second.node, Version.V1_1))
    assert first._brain._gossip._state.peers[second.node].version is Version.V1_1


async def test_garbage_over_a_link_is_counted_and_nothing_else(world: World) -> None:
    first, second = await pair(world)
    for octets in (b"", b"\xff" * 40, bytes(1_150)):
        world.end(second, first).peer.arrive(octets)
    assert ready(first) == 1
    assert world.logs[first.node].counts["Refused"] == 3
