"""`Control`: nodes find each other, streams are found, trees grow, nodes go."""

from __future__ import annotations

from meshnode.control.changes import StreamSeen, StreamTaken, StreamUnseen
from meshnode.control.mesh import Control
from meshproto.forwarding.relay_table import OpenLeg, OpenStream, SetActive
from meshproto.ids import StreamName
from meshproto.node import Wish
from meshproto.wire import peer_id
from support.control_world import World, until
from support.mesh_media import media

CAM = StreamName("cam")
SECRET = bytes(range(32))


def ready(control: Control) -> int:
    return sum(peer.ready for peer in control.status().peers)


async def test_a_node_joins_by_a_bootstrap_address_and_both_have_a_link(
    world: World,
) -> None:
    first = await world.node()
    second = await world.node(first)
    await until(lambda: ready(first) == ready(second) == 1, "a link")
    assert second.status().peers[0].node == peer_id.to_text(first.node)


async def test_a_stream_is_found_and_followed_to_where_it_is(world: World) -> None:
    first = await world.node()
    second = await world.node(first)
    heard: list[object] = []
    second.on_change(heard.append)
    stream = first.publish(CAM, media(), (1_000_000,))
    seen = await until(lambda: second.find("cam"), "the stream is known")
    assert seen == StreamSeen(stream, CAM, first.node, media())
    assert seen in heard
    second.watch(stream, Wish(1, 1))
    await until(lambda: second.fed(stream), "a parent")
    deltas = world.planes[second.node].deltas
    assert OpenStream(stream, False) in deltas
    assert any(isinstance(d, SetActive) and d.parent == first.node for d in deltas)
    assert any(isinstance(d, OpenLeg) for d in world.planes[first.node].deltas)
    (tree,) = second.status().trees
    assert (tree.name, tree.state, tree.parent) == (
        "cam",
        "live",
        peer_id.to_text(first.node),
    )


async def test_three_in_a_line_pass_a_stream_on(world: World) -> None:
    first = await world.node()
    middle = await world.node(first)
    await until(lambda: ready(middle) == 1, "a link")
    last = await world.node(middle)
    stream = first.publish(CAM, media(), (1_000_000,))
    await until(lambda: last.find("cam"), "the stream is known")
    last.watch(stream, Wish(1, 1))
    await until(lambda: last.fed(stream), "a parent")


async def test_a_publisher_that_ends_is_told_everywhere(world: World) -> None:
    first = await world.node()
    second = await world.node(first)
    heard: list[object] = []
    second.on_change(heard.append)
    stream = first.publish(CAM, media(), (1_000_000,))
    await until(lambda: second.find("cam"), "the stream is known")
    first.unpublish(stream)
    await until(lambda: StreamUnseen(stream, CAM) in heard, "its end is told")
    assert second.find("cam") is None


async def test_the_same_secret_takes_the_stream_to_another_node(world: World) -> None:
    first = await world.node()
    second = await world.node(first)
    lost: list[object] = []
    first.on_change(lost.append)
    stream = first.publish(CAM, media(), (1_000_000,), SECRET)
    await until(lambda: second.find("cam"), "the stream is known")
    assert second.publish(CAM, media(), (1_000_000,), SECRET) == stream
    await until(
        lambda: StreamTaken(stream, CAM, second.node) in lost, "the first is told"
    )
    found = first.find("cam")
    assert found is not None
    assert found.origin == second.node


async def test_another_key_has_the_name_with_its_fingerprint(world: World) -> None:
    first = await world.node()
    second = await world.node(first)
    there = first.publish(CAM, media(), (1_000_000,))
    await until(lambda: second.find("cam"), "the stream is known")
    here = second.publish(CAM, media(), (1_000_000,))
    assert here != there
    found = second.find(f"cam~{there[:4].hex()}")
    assert found is not None
    assert found.origin == first.node
    mine = second.find("cam")
    assert mine is not None
    assert mine.origin == second.node


async def test_who_loses_or_inherits_a_name_is_told_of_anew(world: World) -> None:
    first = await world.node()
    second = await world.node(first)
    there = first.publish(CAM, media(), (1_000_000,))
    await until(lambda: second.find("cam"), "the stream is known")
    heard: list[object] = []
    second.on_change(heard.append)
    here = second.publish(CAM, media(), (1_000_000,))
    other = StreamName(f"cam~{there[:4].hex()}")
    renamed = StreamSeen(there, other, first.node, media())
    await until(lambda: renamed in heard, "it is called otherwise")
    await until(lambda: second.find("cam"), "the own stream is told")
    second.unpublish(here)
    back = StreamSeen(there, CAM, first.node, media())
    await until(lambda: heard[-2:] == [StreamUnseen(here, CAM), back], "its name again")


async def test_what_ends_before_it_was_told_leaves_no_name(world: World) -> None:
    node = await world.node()
    node.publish(CAM, media(), (1_000_000,))
    brief = node.publish(StreamName("brief"), media(), (1_000_000,))
    assert node.find("brief") is None, "it waits to be told with what follows"
    node.unpublish(brief)
    assert len(node._streams.names) == 1


async def test_who_leaves_says_goodbye_and_is_not_missed(world: World) -> None:
    first = await world.node()
    second = await world.node(first)
    await until(lambda: ready(first) == 1, "a link")
    await second.leave()
    await until(lambda: not first.status().peers, "the link is gone")
    lost = [f for name, f in world.logs[first.node].lines if name == "LinkLost"]
    assert [f["theirs"] for f in lost] == ["leaving"]
