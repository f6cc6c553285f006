"""Each sharp edge of py-libp2p that a node could cut itself on, ours beside its own.

Where it is cheap a test shows first what py-libp2p does when left to itself, so that it
is seen when a later version no longer needs the guard.
"""

from __future__ import annotations

import asyncio
import logging
import os
import struct
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import pytest
import trio
import trio.testing

from meshnode.control.identity import KeyPair
from meshnode.control.libp2p import multistream
from meshnode.control.libp2p.host import Libp2pHost
from meshnode.control.libp2p.streams import StreamError
from meshnode.control.libp2p.upgrade import SECURITY_PROTOCOLS
from meshnode.control.libp2p.values import DialError, GossipPaused, HostLimits
from meshnode.control.libp2p.wire import Wire, WireError
from meshproto.errors import StateError
from support.libp2p import Stranger, eventually_in_trio, hosts, in_trio, raw


@asynccontextmanager
async def bare_pair() -> AsyncIterator[tuple[Any, Any]]:
    """Two py-libp2p hosts with its defaults, the first connected to the second."""
    import multiaddr
    from libp2p import new_host
    from libp2p.peer.peerinfo import PeerInfo

    anywhere = [multiaddr.Multiaddr("/ip4/127.0.0.1/tcp/0")]
    a, b = new_host(), new_host()
    async with a.run([]), b.run(anywhere):
        await a.connect(PeerInfo(b.get_id(), b.get_addrs()))
        yield a, b
        await a.close()
        await b.close()


def bare(job: Any) -> None:
    """Run a trio job for at most ten seconds, in a thread as pytest has a loop."""

    async def bounded() -> None:
        with trio.fail_after(30):
            await job()

    trio.run(bounded)


# C1: an exception in a stream handler


async def test_a_handler_that_raises_ends_the_whole_run_of_py_libp2p() -> None:
    async def boom(_: Any) -> None:
        raise RuntimeError("boom")

    async def job() -> None:
        async with bare_pair() as (a, b):
            b.set_stream_handler("/boom", boom)
            await a.new_stream(b.get_id(), ["/boom"])
            await trio.sleep_forever()

    with pytest.raises(BaseExceptionGroup) as caught:
        await asyncio.to_thread(bare, job)
    assert caught.group_contains(RuntimeError, match="boom")


async def test_a_handler_that_raises_costs_only_its_stream() -> None:
    async def boom(*_: Any) -> None:
        raise RuntimeError("boom")

    async def ping_after_boom(stranger: Stranger) -> bytes:
        async with stranger.there():
            with suppress(StreamError):  # the reset may overtake the agreement
                stream = await stranger.stream()
                await multistream.propose(stream, ["/boom"])
                await stream.read_exactly(1)
            stream = await stranger.stream()
            await multistream.propose(stream, ["/ipfs/ping/1.0.0"])
            await stream.write(b"p" * 32)
            return await stream.read_exactly(32)

    async with hosts(1) as (host,):
        switch = host.host._switch
        assert switch is not None
        switch.handlers["/boom"] = boom
        assert await in_trio(ping_after_boom, Stranger(host.place)) == b"p" * 32
        assert host.host.stats()["handler"] == 1
        assert host.host.stats()["restarts"] == 0


# C3: plaintext and SECIO


async def test_py_libp2p_offers_plaintext_and_we_do_not() -> None:
    from libp2p import new_host

    async def offered() -> set[str]:
        network: Any = new_host().get_network()
        return {str(p) for p in network.upgrader.security_multistream.transports}

    async def ask(place: Any, protocol: str) -> bytes:
        stream = await raw(place)
        asked = multistream.line(multistream.HEADER) + multistream.line(protocol)
        await stream.send_all(asked)
        answer = b""
        while data := await stream.receive_some():
            answer += data
            if answer.endswith(multistream.line("na")):
                break
        await stream.aclose()
        return answer

    insecure = await in_trio(offered) - {"/noise", "/tls/1.0.0"}
    assert insecure == {"/plaintext/2.0.0", "/secio/1.0.0"}
    async with hosts(1) as (host,):
        assert SECURITY_PROTOCOLS == ("/noise",)
        for protocol in (*insecure, "/tls/1.0.0"):
            answer = await in_trio(ask, host.place, protocol)
            assert answer.endswith(multistream.line("na"))
        await host.until(
            lambda: host.host.stats()["security"] + host.host.stats()["closed"] == 3,
            "three refusals",
        )
        assert host.host.stats()["accepted"] == 0


# C4: waits and blocks after a dial


async def test_a_node_that_could_not_be_dialled_can_be_as_soon_as_it_listens() -> None:
    keys = KeyPair.generate()
    async with hosts(2) as (a, b):
        port = b.host.port
        await b.host.close()
        with pytest.raises(DialError, match="refused"):
            await a.host.connect([f"/ip4/127.0.0.1/tcp/{port}"], keys.node, 20)
        later = Libp2pHost(keys, ["127.0.0.1"], port)
        await later.start()
        try:
            found = await a.host.connect(later.addresses, keys.node, 20)
            assert found == keys.node
        finally:
            await later.close()


async def test_py_libp2p_blocks_a_peer_after_one_refused_dial() -> None:
    async def job() -> bool:
        from libp2p import new_host
        from libp2p.peer.peerinfo import info_from_p2p_addr
        from multiaddr import Multiaddr

        host, other = new_host(), new_host()
        nobody = Multiaddr(f"/ip4/127.0.0.1/tcp/1/p2p/{other.get_id()}")
        network: Any = host.get_network()
        async with host.run([]):
            with pytest.raises(Exception, match=r"fail|dial|connect"):
                await host.connect(info_from_p2p_addr(nobody))
            blocked = network._negative_peer_cache.is_blocked(str(other.get_id()))
            await host.close()
        return bool(blocked)

    assert await in_trio(job)


# C5: a listener that accepts and stays silent


async def test_a_silent_listener_is_given_up() -> None:
    limits = HostLimits(handshake_s=1.0)

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, hosts(1, limits=limits) as (host,):
        with pytest.raises(DialError, match="handshake"):
            await host.host.connect([f"/ip4/127.0.0.1/tcp/{port}"], None, 30)
        with pytest.raises(DialError, match="timeout"):
            await host.host.connect([f"/ip4/127.0.0.1/tcp/{port}"], None, 0.05)


# C6: cancelled reads and writes


async def _tcp_pair() -> tuple[trio.SocketStream, trio.SocketStream]:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    one = await trio.open_tcp_stream("127.0.0.1", port)
    return one, await listeners[0].accept()


async def _cancelled_write(write: Any, other: trio.SocketStream, size: int) -> int:
    """Cancel a write of `size` octets in the middle; how many arrived."""
    scope = trio.CancelScope()

    async def writing() -> None:
        with scope:
            await write(bytes(size))
            await trio.lowlevel.checkpoint()

    got = 0
    async with trio.open_nursery() as nursery:
        nursery.start_soon(writing)
        got += len(await other.receive_some(1000))
        scope.cancel()
        await trio.testing.wait_all_tasks_blocked(0.05)
        with trio.move_on_after(3) as patience:
            while got < size and (data := await other.receive_some(65_536)):
                got += len(data)
                patience.deadline = trio.current_time() + 3
    return got


async def test_a_cancelled_write_is_finished_where_a_bare_one_is_cut() -> None:
    size = 32 * 2**20

    async def job() -> tuple[int, int]:
        one, other = await _tcp_pair()
        cut = await _cancelled_write(one.send_all, other, size)
        one, other = await _tcp_pair()
        wire = Wire(one, is_initiator=True, write_s=30)
        return cut, await _cancelled_write(wire.write, other, size)

    cut, whole = await in_trio(job)
    assert cut < size
    assert whole == size


async def test_a_write_that_nobody_takes_ends_the_connection() -> None:
    async def job() -> None:
        one, _ = await _tcp_pair()
        wire = Wire(one, is_initiator=True, write_s=0.2)
        with pytest.raises(WireError, match="stuck"):
            await wire.write(bytes(64 * 2**20))
        with pytest.raises(WireError):
            await wire.write(b"more")

    await in_trio(job)


@pytest.mark.parametrize("repaired", [True, False])
async def test_a_read_cancelled_at_the_window_update_loses_nothing(
    repaired: bool,
) -> None:
    async def job(place: Any) -> bytes | None:
        from libp2p.stream_muxer.yamux import yamux as stock

        stranger = Stranger(place)
        async with stranger.there():
            stream = await stranger.stream()
            muxed = stream._muxed
            stranger.muxer.stream_buffers[muxed.stream_id].extend(b"precious")
            if not repaired:
                method = _stock_update(stock)
                muxed._auto_tune_and_send_window_update = partial(method, muxed)
            got: list[bytes] = []
            scope = trio.CancelScope()

            async def read() -> None:
                with scope:
                    got.append(await muxed.read(100))

            async with trio.open_nursery() as nursery, muxed.window_lock:
                nursery.start_soon(read)
                await trio.testing.wait_all_tasks_blocked()
                scope.cancel()
                await trio.testing.wait_all_tasks_blocked()
            # the host's own greeting may stand behind it
            return got[0][:8] if got else None

    async with hosts(1) as (host,):
        assert await in_trio(job, host.place) == (b"precious" if repaired else None)


def _stock_update(stock: Any) -> Any:
    """py-libp2p's own method, out of its source as ours took its place."""
    import importlib.util

    spec = importlib.util.find_spec(stock.__name__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.YamuxStream._auto_tune_and_send_window_update


# C7: a stream whose reader stalls


async def test_a_stalled_stream_holds_up_no_other_stream_of_the_connection() -> None:
    async def echo(_: Any, payload: bytes) -> bytes | None:
        return payload

    async with hosts(2) as (a, b):
        b.host.serve_exchange(echo)
        await a.connect(b)
        # b says nothing, so it does not read our gossip: window and queue fill
        await a.until(
            lambda: not a.host.send_gossip(b.node, bytes(60_000)), "the queue is full"
        )
        await a.seen(GossipPaused)
        for _ in range(20):
            assert await a.host.exchange(b.node, b"still there", 20) == b"still there"


# C18: two on one port


async def test_a_port_that_py_libp2p_listens_on_is_refused_with_one_sentence() -> None:
    async def job(then: Any) -> Any:
        from libp2p import new_host
        from multiaddr import Multiaddr

        bare_host, twin = new_host(), new_host()
        async with bare_host.run([Multiaddr("/ip4/127.0.0.1/tcp/0")]):
            port = int(bare_host.get_addrs()[0].value_for_protocol("tcp") or 0)
            # its own twin is let onto the same port without a word
            async with twin.run([Multiaddr(f"/ip4/127.0.0.1/tcp/{port}")]):
                shared = len(twin.get_addrs())
                await twin.close()
            result = await trio.to_thread.run_sync(then, port)
            await bare_host.close()
        return shared, result

    def start(port: int) -> str:
        with pytest.raises(StateError) as caught:
            asyncio.run(Libp2pHost(KeyPair.generate(), ["127.0.0.1"], port).start())
        return f"{port} {caught.value}"

    shared, said = await in_trio(job, start)
    port, sentence = said.split(" ", 1)
    assert shared == 1
    expected = f"TCP port {port} is taken on 127.0.0.1: choose another with --port"
    assert sentence == expected


# C19: logging


async def test_strangers_put_nothing_into_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def garbage(place: Any) -> None:
        for octets in (b"GET / HTTP/1.1\r\n\r\n", bytes(100), b"\xff" * 5000):
            stream = await raw(place)
            await stream.send_all(octets)
            await stream.send_eof()
            while await stream.receive_some():
                pass

    async def too_long(stranger: Stranger) -> None:
        # py-libp2p warns of it, and of what follows
        async with stranger.there():
            header = struct.pack("!BBHII", 0, 0, 1, 1, 2**31)
            await stranger.muxer._write_frame(header)
            await stranger.gone()

    before = list(logging.getLogger().handlers)
    async with hosts(2) as (a, b):
        await a.connect(b)
        await in_trio(garbage, b.place)
        await in_trio(too_long, Stranger(b.place))
        a.host.disconnect(b.node)
    assert logging.getLogger().handlers == before
    assert logging.getLogger("libp2p").propagate is True
    kinds = {type(handler) for handler in logging.getLogger("libp2p").handlers}
    assert logging.StreamHandler not in kinds
    noise = [r for r in caplog.records if r.levelno >= logging.INFO]
    assert [r.getMessage() for r in noise if r.name != "asyncio"] == []


# C20: start and stop


async def test_a_dozen_lives_leave_no_thread_and_no_file_open() -> None:
    async with hosts(2) as (a, b):
        await a.connect(b)
    threads, files = threading.active_count(), len(os.listdir("/proc/self/fd"))
    for _ in range(12):
        async with hosts(3) as (a, b, c):
            await a.connect(b)
            await b.connect(c)
            for _ in range(50):
                a.host.send_gossip(b.node, bytes(5000))
                b.host.send_gossip(c.node, bytes(5000))
    # fewer: threads that trio or asyncio keep for a while may have gone meanwhile
    assert threading.active_count() <= threads
    assert len(os.listdir("/proc/self/fd")) <= files


# the limiter of inbound connections (not in the research: found by reading)


async def test_connections_that_came_and_went_leave_room_for_others() -> None:
    limits = HostLimits(connections=4, connections_per_address=4)
    async with hosts(1, limits=limits) as (host,):
        for _ in range(12):
            async with hosts(1) as (guest,):
                await guest.connect(host)
            await host.until(lambda: not host.host.peers, "the guest left")
        assert host.host.stats()["accepted"] == 12


async def test_py_libp2p_keeps_a_place_for_every_connection_that_ever_was() -> None:
    async def job() -> tuple[int, int]:
        async with bare_pair() as (a, b):
            await a.disconnect(b.get_id())
            await eventually_in_trio(
                lambda: not b.get_connected_peers(), "the connection went"
            )
            limiter = b.get_network()._inbound_limiter
            return len(b.get_connected_peers()), limiter.borrowed_tokens

    assert await in_trio(job) == (0, 1)
