"""Who records offers more codecs than who decodes, in one process, in any order."""

from __future__ import annotations

import asyncio

from meshnode.client import raw
from meshnode.client.peer import Peer


async def offered(*, more: bool) -> set[str]:
    peer = (
        Peer(loopback=False, codecs=raw.offering_more)
        if more
        else (Peer(loopback=False))
    )
    try:
        peer.connection.addTransceiver("video", direction="recvonly")
        lines = (await peer.offer()).splitlines()
    finally:
        await peer.close()
    rtpmaps = (line.split()[1] for line in lines if line.startswith("a=rtpmap:"))
    return {name.partition("/")[0].upper() for name in rtpmaps}


async def test_a_decoding_player_never_offers_what_it_cannot_decode() -> None:
    before = await offered(more=False)
    assert not before & {"VP9", "AV1", "H265"}
    assert await offered(more=True) == before | {"VP9", "AV1", "H265"}
    assert await offered(more=False) == before


async def test_nor_while_a_recording_one_is_about_to_offer() -> None:
    many = await asyncio.gather(*(offered(more=bool(n % 2)) for n in range(6)))
    assert ["VP9" in names for names in many] == [bool(n % 2) for n in range(6)]
