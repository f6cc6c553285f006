"""Whoever speaks out of turn is dropped and counted; the others notice nothing."""

from __future__ import annotations

import asyncio
import struct
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import trio

from meshnode.control.libp2p import multistream
from meshnode.control.libp2p.exchange import packed
from meshnode.control.libp2p.streams import Stream, StreamError
from meshnode.control.libp2p.values import (
    LINK_PROTOCOL,
    GossipReceived,
    HostEvent,
    HostLimits,
    HostRefused,
)
from meshnode.control.libp2p.yamux import WINDOW_OCTETS
from meshproto.ids import NodeId
from meshproto.wire.protobuf import write_varint
from support.libp2p import (
    Stranger,
    Watched,
    eventually_in_trio,
    hosts,
    in_trio,
    raw,
)

MESHSUB, PING = "/meshsub/1.1.0", "/ipfs/ping/1.0.0"


@asynccontextmanager
async def beside_a_friend(
    limits: HostLimits | None = None,
) -> AsyncIterator[Watched]:
    """A host that serves a friend, before and after what is done to it."""

    async def echo(_: NodeId, payload: bytes) -> bytes | None:
        return payload

    async with hosts(2, limits=limits) as (host, friend):
        host.host.serve_exchange(echo)
        await friend.connect(host)
        yield host
        assert await friend.host.exchange(host.node, b"well?", 20) == b"well?"
        assert host.host.stats()["restarts"] == 0
        assert friend.node in host.host.peers


GARBAGE = {
    "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "zeros": bytes(2000),
    "ones": b"\xff" * 2000,
    "long line": b"\xff\xff\xff\x7f",
    "no utf-8": multistream.line(multistream.HEADER) + b"\x03\xff\xfe\n",
    "no noise": multistream.line(multistream.HEADER)
    + multistream.line("/noise")
    + b"\x00\x20"
    + bytes(32)
    + b"\xff\xff"
    + bytes(65_535),
    "nothing": b"",
}


@pytest.mark.parametrize("name", GARBAGE)
async def test_garbage_instead_of_a_handshake_is_dropped_and_counted(
    name: str,
) -> None:
    async def job(place: Any) -> None:
        stream = await raw(place)
        try:
            await stream.send_all(GARBAGE[name])
            await stream.send_eof()
            while await stream.receive_some():
                pass
        except trio.BrokenResourceError:
            return

    async with beside_a_friend() as host:
        await in_trio(job, host.place)
        await host.until(
            lambda: host.host.stats()["security"] + host.host.stats()["closed"] == 1,
            "counted",
        )
        assert (await host.seen(HostRefused)).node is None


async def _misbehave(stranger: Stranger, act: Callable[[Stranger], Any]) -> None:
    async with stranger.there():
        await act(stranger)


async def _opened(stranger: Stranger, protocol: str) -> Stream:
    stream = await stranger.stream()
    await multistream.propose(stream, [protocol])
    return stream


async def _reset(stream: Stream) -> None:
    """Wait until the other side reset the stream."""
    try:
        while await stream.read_some():
            pass
    except StreamError:
        return


FRAMINGS = {
    "oversized": write_varint(2**20 + 1) + bytes(100),
    "no varint": b"\xff" * 20,
    "not minimal": b"\x80\x00",
}


@pytest.mark.parametrize("name", FRAMINGS)
async def test_gossip_that_is_no_gossip_costs_its_stream_and_is_counted(
    name: str,
) -> None:
    async def act(stranger: Stranger) -> None:
        for _ in range(3):
            stream = await _opened(stranger, MESHSUB)
            await stream.write(FRAMINGS[name])
            await _reset(stream)
        stream = await _opened(stranger, MESHSUB)
        await stream.write(b"\x02ok")
        await trio.to_thread.run_sync(heard.wait, 10)

    heard = threading.Event()
    async with beside_a_friend() as host:
        stranger = Stranger(host.place)

        def react(event: HostEvent) -> None:
            # our router is interested in anybody, or it would not read
            host.host.open_gossip(stranger.keys.node)
            if isinstance(event, GossipReceived):
                heard.set()

        host.host.on_event(react)
        await in_trio(_misbehave, stranger, act)
        assert host.host.stats()["gossip-framing"] == 3
        assert [event.rpc for event in host.all(GossipReceived)] == [b"ok"]


async def test_a_peer_that_goes_on_with_it_loses_the_connection() -> None:
    async def act(stranger: Stranger) -> None:
        for _ in range(8):
            with suppress(StreamError):
                stream = await _opened(stranger, MESHSUB)
                await stream.write(b"\xff" * 20)
                await _reset(stream)
        await stranger.gone()

    async with beside_a_friend() as host:
        stranger = Stranger(host.place)
        host.host.on_event(lambda _: host.host.open_gossip(stranger.keys.node))
        await in_trio(_misbehave, stranger, act)
        assert host.host.stats()["gossip-framing"] == 8
        await host.until(lambda: len(host.host.peers) == 1, "only the friend is left")


async def test_what_lies_beyond_the_window_ends_the_connection() -> None:
    async def act(stranger: Stranger) -> None:
        # nobody reads a gossip stream on which we said nothing
        stream = await _opened(stranger, MESHSUB)
        for _ in range(12):
            stream._muxed.send_window = WINDOW_OCTETS
            with suppress(StreamError):
                await stream.write(bytes(WINDOW_OCTETS))
        await stranger.gone()

    async with beside_a_friend() as host:
        await in_trio(_misbehave, Stranger(host.place), act)
        await host.counted("overflow")


async def test_a_frame_longer_than_any_window_ends_the_connection() -> None:
    async def act(stranger: Stranger) -> None:
        header = struct.pack("!BBHII", 0, 0, 1, 1, WINDOW_OCTETS + 1)
        await stranger.muxer._write_frame(header)
        await stranger.gone()

    async with beside_a_friend() as host:
        await in_trio(_misbehave, Stranger(host.place), act)
        await host.counted("overflow")


async def test_streams_beyond_the_limit_are_reset_and_counted() -> None:
    async def act(stranger: Stranger) -> None:
        held = [await _opened(stranger, PING) for _ in range(4)]
        with pytest.raises(StreamError):
            await _opened(stranger, PING)
        await held[0].reset()
        with trio.fail_after(20):
            while True:
                with suppress(StreamError):
                    await _opened(stranger, PING)
                    return

    limits = HostLimits(streams_per_connection=4)
    async with beside_a_friend(limits) as host:
        await in_trio(_misbehave, Stranger(host.place), act)
        await host.counted("streams-full")


WRONG_STREAMS = {
    "not multistream": b"\x05hello" * 50,
    "no utf-8": multistream.line(multistream.HEADER) + b"\x03\xff\xfe\n",
    "endless proposals": multistream.line(multistream.HEADER)
    + multistream.line("/nothing") * 20,
    "no newline": b"\x02hi",
}


@pytest.mark.parametrize("name", WRONG_STREAMS)
async def test_a_stream_that_agrees_on_nothing_is_reset_and_counted(name: str) -> None:
    async def act(stranger: Stranger) -> None:
        stream = await stranger.stream()
        await stream.write(WRONG_STREAMS[name])
        await _reset(stream)

    async with beside_a_friend() as host:
        await in_trio(_misbehave, Stranger(host.place), act)
        await host.counted("protocol")


async def test_a_stream_that_says_nothing_is_given_up() -> None:
    async def act(stranger: Stranger) -> None:
        await _reset(await stranger.stream())

    async with beside_a_friend(HostLimits(negotiate_s=1.0)) as host:
        await in_trio(_misbehave, Stranger(host.place), act)
        await host.counted("timeout")


async def test_a_request_that_is_too_long_is_refused_before_it_is_read() -> None:
    async def act(stranger: Stranger) -> None:
        stream = await _opened(stranger, LINK_PROTOCOL)
        with suppress(StreamError):
            await stream.write((4097).to_bytes(4, "big"))
        await _reset(stream)

    async with beside_a_friend() as host:
        await in_trio(_misbehave, Stranger(host.place), act)
        await host.counted("exchange-size")


async def test_requests_beyond_the_limit_are_refused_and_the_others_answered() -> None:
    released = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def waits(_: NodeId, payload: bytes) -> bytes | None:
        await released.wait()
        return payload

    async with beside_a_friend(HostLimits(exchanges=2)) as host:
        host.host.serve_exchange(waits)

        async def act(stranger: Stranger) -> None:
            held = [await _opened(stranger, LINK_PROTOCOL) for _ in range(2)]
            for stream in held:
                await stream.write(packed(b"now"))
            await eventually_in_trio(
                lambda: host.host.stats()["exchanges-in"] == 2, "both were asked"
            )
            with suppress(StreamError):  # the reset may overtake the agreement
                await _reset(await _opened(stranger, LINK_PROTOCOL))
            loop.call_soon_threadsafe(released.set)
            for stream in held:
                assert await stream.read_exactly(7) == packed(b"now")
                await stream.finish()

        await in_trio(_misbehave, Stranger(host.place), act)
        await host.counted("exchange-refused")


async def test_a_flood_of_refusals_is_counted_but_told_only_so_often() -> None:
    async def job(place: Any) -> None:
        for _ in range(60):
            stream = await raw(place)
            await stream.send_all(bytes(100))
            await stream.aclose()

    async with beside_a_friend(HostLimits(refusals_per_s=1)) as host:
        await in_trio(job, host.place)
        await host.until(
            lambda: sum(host.host.stats()[n] for n in ("security", "closed")) == 60,
            "all were counted",
        )
        assert len(host.all(HostRefused)) < 60


async def test_a_key_that_no_node_id_can_hold_is_refused() -> None:
    async def job(place: Any) -> None:
        from libp2p import new_host
        from libp2p.crypto.secp256k1 import create_new_key_pair
        from libp2p.peer.id import ID
        from multiaddr import Multiaddr

        guest = new_host(key_pair=create_new_key_pair())
        network: Any = guest.get_network()
        async with guest.run([]):
            with suppress(Exception):
                await network.dial_addr(Multiaddr(str(place)), ID(host_id))
            await guest.close()

    async with beside_a_friend() as host:
        host_id = bytes(host.node)
        await in_trio(job, host.place)
        await host.counted("identity-kind")
