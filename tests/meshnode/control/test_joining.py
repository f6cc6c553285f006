"""The way into the mesh, and back into it."""

from __future__ import annotations

from pathlib import Path

from meshnode.control import envelope, remembered
from meshnode.control.identity import KeyPair, verify
from meshnode.control.libp2p.multiaddress import parse_multiaddress
from meshnode.control.mesh import Control
from support.control_world import World, until


def ready(control: Control) -> int:
    return sum(peer.ready for peer in control.status().peers)


async def test_a_node_without_bootstrap_serves_alone_and_says_nothing(
    world: World,
) -> None:
    node = await world.node()
    assert not node.status().peers
    assert not world.logs[node.node].counts["Alone"]


async def test_who_cannot_be_reached_is_complained_about_and_tried_again(
    world: World,
) -> None:
    # the address that the second node of this world will have
    late = await world.node(contacts=[parse_multiaddress("/ip4/192.0.2.1/tcp/5000")])
    await until(lambda: world.logs[late.node].counts["Alone"], "it complains")
    await world.node()
    await until(lambda: ready(late) == 1, "it joins")
    assert late.status().counters["joining"]["bootstrap-failed"] >= 1


async def test_peers_are_remembered_over_a_restart(
    world: World, tmp_path: Path
) -> None:
    first = await world.node()
    keys = KeyPair.generate()
    second = await world.node(first, keys=keys, data=tmp_path)
    await until(lambda: ready(second) == 1, "a link")
    await until(second.known_peers, "its record is known")
    await second.close()
    saved = remembered.load(tmp_path / remembered.NAME, verify)
    assert [peer.node for peer in saved] == [first.node]
    again = await world.node(keys=keys, data=tmp_path)
    await until(lambda: ready(again) == 1, "a link without any bootstrap")


async def test_what_a_stranger_tells_is_not_believed(world: World) -> None:
    node = await world.node()
    stranger = await world.node()
    told = envelope.build_peers([stranger.own_record()])
    answer = await node._asked(stranger.node, told)
    assert answer is not None
    assert envelope.parse_peers(answer)[0].node == node.node
    assert not node.known_peers()


async def test_a_forged_record_of_a_bootstrap_node_is_counted(world: World) -> None:
    first = await world.node()
    forged = first.own_record()
    host = world.host(first)

    async def serve(node: object, payload: bytes) -> bytes:
        bad = forged.__class__(
            **{
                **{f: getattr(forged, f) for f in forged.__dataclass_fields__},
                "copies": 99,
            }
        )
        return envelope.build_peers([bad])

    host.serve_exchange(serve)  # type: ignore[arg-type]
    second = await world.node(first)
    await until(
        lambda: second.status().counters["joining"].get("peers-forged"), "it is seen"
    )
    assert not second.status().peers


async def test_garbage_in_an_exchange_is_refused(world: World) -> None:
    node = await world.node()
    for payload in (b"", b"\x09", b"\4\xc1", b"\2answer", b"\3busy"):
        assert await node._asked(node.node, payload) is None
    assert world.logs[node.node].counts["ExchangeRefused"] == 3
