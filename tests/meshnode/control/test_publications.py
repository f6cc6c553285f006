"""Own streams in the mesh: claimed above what is held, renewed, ended, lost."""

from __future__ import annotations

import pytest

from meshnode.control import publications
from meshnode.control.claims import CLAIM_LIFE_S
from meshnode.control.mesh import Control
from meshproto.ids import StreamName
from support.control_world import World, until
from support.mesh_media import media

CAM = StreamName("cam")
SECRET = bytes(range(32))


@pytest.fixture
async def node(world: World) -> Control:
    return await world.node()


async def test_a_change_of_media_keeps_the_claim(node: Control) -> None:
    stream = node.publish(CAM, media(), (1_000_000,))
    first = node._brain.directory.claim(stream)
    assert node.publish(CAM, media("h264"), (1_000_000,)) == stream
    await until(
        lambda: node._brain.directory.media(stream) == media("h264"), "it is told"
    )
    assert node._brain.directory.claim(stream) == first


async def test_who_comes_back_claims_above_what_is_held(node: Control) -> None:
    stream = node.publish(CAM, media(), (1_000_000,), SECRET)
    before = node._brain.directory.claim(stream)
    node.unpublish(stream)
    node.unpublish(stream)
    await until(lambda: node.find("cam") is None, "its end is told")
    assert node.publish(CAM, media(), (1_000_000,), SECRET) == stream
    assert before is not None

    def above() -> bool:
        after = node._brain.directory.claim(stream)
        return after is not None and after.counter > before.counter

    await until(above, "a claim with a greater counter")


async def test_a_claim_is_renewed_before_it_is_over(
    node: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = node.publish(CAM, media(), (1_000_000,))
    before = node._brain.directory.claim(stream)
    own = node._streams.own
    own.renew()
    assert node._brain.directory.claim(stream) == before
    later_ms = publications.RENEW_S * 1000 + 60_000
    wall_ms = own._wall_ms
    monkeypatch.setattr(own, "_wall_ms", lambda: int(wall_ms() + later_ms))
    own.renew()
    assert before is not None

    def renewed() -> bool:
        claim = node._brain.directory.claim(stream)
        return claim is not None and claim.expires_ms > before.expires_ms

    await until(renewed, "it is renewed")
    assert publications.RENEW_S < CLAIM_LIFE_S


async def test_a_stream_lost_to_another_node_is_not_ended_there(world: World) -> None:
    first = await world.node()
    second = await world.node(first)
    stream = first.publish(CAM, media(), (1_000_000,), SECRET)
    await until(lambda: second.find("cam"), "the stream is known")
    second.publish(CAM, media(), (1_000_000,), SECRET)
    await until(lambda: stream not in first._streams.own, "it is lost")
    first.unpublish(stream)
    found = first.find("cam")
    assert found is not None
    assert found.origin == second.node
