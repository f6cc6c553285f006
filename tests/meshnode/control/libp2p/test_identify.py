from __future__ import annotations

from typing import Any

from meshnode.control.libp2p import multistream
from meshnode.control.libp2p.identify import IDENTIFY_PROTOCOL, PING_PROTOCOL
from meshproto.wire import peer_id, protobuf
from support.libp2p import Stranger, hosts, in_trio


async def test_py_libp2p_understands_who_we_are() -> None:
    async def ask(stranger: Stranger) -> bytes:
        async with stranger.there():
            stream = await stranger.stream()
            await multistream.propose(stream, [IDENTIFY_PROTOCOL])
            data = b""
            while more := await stream.read_some():
                data += more
            return data

    async with hosts(1) as (host,):
        answer = await in_trio(ask, Stranger(host.place))
        from libp2p.identity.identify.identify import parse_identify_response
        from multiaddr import Multiaddr

        said: Any = parse_identify_response(answer)
        assert peer_id.from_public_key(said.public_key) == host.node
        assert [str(Multiaddr(a)) for a in said.listen_addrs] == [str(host.place)]
        assert str(Multiaddr(said.observed_addr)).startswith("/ip4/127.0.0.1/tcp/")
        assert {"/meshsub/1.1.0", PING_PROTOCOL} <= set(said.protocols)
        size, at = protobuf.read_length(answer)
        assert size == len(answer) - at


async def test_a_ping_comes_back_as_often_as_it_is_sent() -> None:
    async def ask(stranger: Stranger) -> list[bytes]:
        async with stranger.there():
            stream = await stranger.stream()
            await multistream.propose(stream, [PING_PROTOCOL])
            answers = []
            for number in range(5):
                await stream.write(bytes([number]) * 32)
                answers.append(await stream.read_exactly(32))
            return answers

    async with hosts(1) as (host,):
        answers = await in_trio(ask, Stranger(host.place))
        assert answers == [bytes([number]) * 32 for number in range(5)]
