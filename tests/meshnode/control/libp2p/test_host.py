from __future__ import annotations

import asyncio
import importlib.metadata
import threading

import pytest

from meshnode.control.identity import KeyPair
from meshnode.control.libp2p.host import Libp2pHost
from meshnode.control.libp2p.values import (
    DialError,
    GossipOpened,
    GossipPaused,
    GossipReceived,
    GossipResumed,
    HostLimits,
    HostRestarted,
    PeerConnected,
    PeerDisconnected,
)
from meshproto.errors import LimitError, StateError
from meshproto.gossip.peers import Version
from meshproto.ids import NodeId
from support.libp2p import Watched, hosts, in_trio, raw


async def test_a_dialler_without_an_id_learns_it_and_both_hear_of_the_other() -> None:
    async with hosts(2) as (a, b):
        assert await a.host.connect([str(b.place)], None, 20) == b.node
        outbound = await a.seen(PeerConnected)
        inbound = await b.seen(PeerConnected)
        assert (outbound.node, outbound.outbound) == (b.node, True)
        assert (inbound.node, inbound.outbound) == (a.node, False)
        assert outbound.address == str(b.place)
        assert inbound.address.startswith("/ip4/127.0.0.1/tcp/")


async def test_somebody_else_at_the_address_is_refused() -> None:
    async with hosts(2) as (a, b):
        with pytest.raises(DialError, match="identity"):
            await a.host.connect([str(b.place)], KeyPair.generate().node, 20)
        assert a.host.peers == ()
        with pytest.raises(DialError, match="self"):
            await a.host.connect([str(a.place)], None, 20)
        with pytest.raises(DialError, match="self"):
            await a.host.connect(a.host.addresses, a.node, 20)


async def test_nobody_there_is_said_with_the_reason() -> None:
    async with hosts(2) as (a, b):
        place = b.place
        await b.host.close()
        with pytest.raises(DialError, match="refused"):
            await a.host.connect([str(place)], None, 20)
        with pytest.raises(DialError, match="unreachable"):
            await a.host.connect(["/ip4/127.0.0.1/udp/1/quic-v1"], None, 20)
        assert a.host.stats()["dial-failed"] == 2


async def test_the_address_that_answers_wins_over_one_that_does_not() -> None:
    async with hosts(2) as (a, b):
        dead = "/ip4/127.0.0.1/tcp/1"
        assert await a.host.connect([dead, str(b.place)], b.node, 20) == b.node


async def test_a_request_is_answered_by_the_handler_of_the_other_side() -> None:
    async def backwards(node: NodeId, payload: bytes) -> bytes | None:
        assert node == a.node
        return payload[::-1]

    async with hosts(2) as (a, b):
        b.host.serve_exchange(backwards)
        await a.connect(b)
        jobs = (a.host.exchange(b.node, b"%d!" % n, 20) for n in range(10, 30))
        answers = await asyncio.gather(*jobs)
        assert answers == [(b"%d!" % n)[::-1] for n in range(10, 30)]
        assert await a.host.exchange(b.node, bytes(4096), 20) == bytes(4096)


@pytest.mark.parametrize("kind", ["none", "raises", "nobody", "long"])
async def test_a_request_without_an_answer_fails_for_its_asker(kind: str) -> None:
    async def handler(_: NodeId, payload: bytes) -> bytes | None:
        if kind == "raises":
            raise RuntimeError("of our own")
        return bytes(4097) if kind == "long" else None

    async with hosts(2) as (a, b):
        if kind != "nobody":
            b.host.serve_exchange(handler)
        await a.connect(b)
        with pytest.raises(DialError, match="exchange-refused"):
            await a.host.exchange(b.node, b"?", 20)
        assert a.host.stats()["exchange-failed"] == 1
        assert a.host.peers == (b.node,)


async def test_an_exchange_is_bounded_in_time_and_size() -> None:
    asked = asyncio.Event()

    async def never(_: NodeId, __: bytes) -> bytes | None:
        asked.set()
        await asyncio.Event().wait()
        return None

    async with hosts(2) as (a, b):
        b.host.serve_exchange(never)
        await a.connect(b)
        with pytest.raises(StateError, match="4096"):
            await a.host.exchange(b.node, bytes(4097), 20)
        with pytest.raises(DialError, match="timeout"):
            await a.host.exchange(b.node, b"?", 1.0)
        await asyncio.wait_for(asked.wait(), 20)
        with pytest.raises(DialError, match="closed"):
            await a.host.exchange(KeyPair.generate().node, b"?", 20)


async def test_a_handler_of_ours_that_never_answers_is_ended() -> None:
    ended = asyncio.Event()

    async def never(_: NodeId, __: bytes) -> bytes | None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return None

    async with hosts(2, limits=HostLimits(answer_s=0.2)) as (a, b):
        b.host.serve_exchange(never)
        await a.connect(b)
        with pytest.raises(DialError, match="exchange-refused"):
            await a.host.exchange(b.node, b"?", 10)
        await asyncio.wait_for(ended.wait(), 30)


async def test_a_cancelled_exchange_leaves_the_connection_usable() -> None:
    waiting = asyncio.Event()

    async def slow(_: NodeId, payload: bytes) -> bytes | None:
        if payload == b"wait":
            waiting.set()
            await asyncio.Event().wait()
        return payload

    async with hosts(2) as (a, b):
        b.host.serve_exchange(slow)
        await a.connect(b)
        for _ in range(20):
            waiting.clear()
            task = asyncio.create_task(a.host.exchange(b.node, b"wait", 10))
            await waiting.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await a.host.exchange(b.node, b"now", 20) == b"now"
        assert a.all(PeerDisconnected) == []


async def test_gossip_goes_both_ways_in_order_and_is_held_until_we_speak() -> None:
    async with hosts(2) as (a, b):
        await a.connect(b)
        sent = [b"%d" % n for n in range(200)]
        assert all(a.host.send_gossip(b.node, rpc) for rpc in sent)
        opened = await a.seen(GossipOpened)
        assert opened.version is Version.V1_2
        await a.counted("gossip-out", 200)
        # b has said nothing yet, so its router may not know a: nothing is told
        assert b.all(GossipReceived) == []
        assert b.host.open_gossip(a.node)
        await b.seen(GossipReceived, 200)
        assert [event.rpc for event in b.all(GossipReceived)] == sent
        assert b.host.send_gossip(a.node, b"hello")
        assert (await a.seen(GossipReceived)).rpc == b"hello"


async def test_a_known_neighbour_is_heard_again_as_soon_as_it_is_back() -> None:
    async with hosts(2) as (a, b):
        await a.connect(b)
        b.host.open_gossip(a.node)
        await b.seen(GossipOpened)
        a.host.disconnect(b.node)
        await b.seen(PeerDisconnected)
        await a.until(lambda: not a.host.peers, "gone")
        await a.connect(b)
        assert a.host.send_gossip(b.node, b"here I am")
        # b says nothing on the new connection
        assert (await b.seen(GossipReceived)).rpc == b"here I am"
        b.host.disconnect(a.node)
        await a.seen(PeerDisconnected, 2)
        await a.connect(b)
        assert a.host.send_gossip(b.node, b"and again")
        await a.counted("gossip-out", 2)
        assert len(b.all(GossipReceived)) == 1


async def test_a_full_queue_refuses_says_so_before_and_recovers() -> None:
    limits = HostLimits(gossip_queue=8)
    async with hosts(2, limits=limits) as (a, b):
        await a.connect(b)
        # within one turn of the loop, so trio's answer cannot matter
        taken = [a.host.send_gossip(b.node, bytes(60_000)) for _ in range(400)]
        assert taken[0]
        assert taken[-1] is False
        assert a.host.stats()["gossip-dropped"] == taken.count(False)
        assert (await a.seen(GossipPaused)).node == b.node
        b.host.open_gossip(a.node)
        assert (await a.seen(GossipResumed)).node == b.node
        await b.seen(GossipReceived, taken.count(True))


async def test_pause_and_resume_are_told_in_turn_however_late_they_come() -> None:
    async with hosts(2) as (a, b):
        await a.connect(b)
        host, queue = a.host, a.host._queues[b.node]
        paused, resumed = GossipPaused(b.node), GossipResumed(b.node)

        def told(*late: GossipPaused | GossipResumed) -> list[object]:
            before = len(a.events)
            for event in late:
                host._tell(event)
            return list(a.events[before:])

        # trio has emptied the queue before the loop told that it was filled
        assert told(resumed, paused) == []
        queue.paused = True
        assert told(resumed, paused, paused) == [paused]
        # filled anew before the loop told that it was emptied
        assert told(resumed) == []
        queue.paused = False
        assert told(resumed, resumed) == [resumed]


async def test_a_reader_that_does_not_keep_up_holds_the_sender_back() -> None:
    limits = HostLimits(unread_octets=100_000)
    async with hosts(2, limits=limits) as (a, b):
        await a.connect(b)
        b.host.open_gossip(a.node)
        await b.seen(GossipOpened)
        sent, most, busy = 0, 0, threading.Event()

        def slow(_: object) -> None:
            nonlocal most
            busy.wait(0.005)
            heard = sum(len(event.rpc) for event in b.all(GossipReceived))
            most = max(most, b.host.stats()["gossip-in-octets"] - heard)

        b.host.on_event(slow)
        while sent < 300:
            if a.host.send_gossip(b.node, bytes(10_000)):
                sent += 1
            else:
                await asyncio.sleep(0)
        await b.seen(GossipReceived, 300)
        assert 0 < most <= limits.unread_octets


async def test_gossip_to_nobody_is_refused_and_counted() -> None:
    async with hosts(1) as (a,):
        nobody = KeyPair.generate().node
        assert a.host.send_gossip(nobody, b"x") is False
        assert a.host.open_gossip(nobody) is False
        assert a.host.stats()["gossip-dropped"] == 1
        with pytest.raises(LimitError, match="rpc_octets_max"):
            a.host.send_gossip(nobody, bytes(2**20 + 1))


async def test_disconnect_is_heard_on_both_sides_and_the_pair_can_meet_again() -> None:
    async with hosts(2) as (a, b):
        for times in range(1, 4):
            await a.connect(b)
            a.host.disconnect(b.node)
            await a.seen(PeerDisconnected, times)
            await b.seen(PeerDisconnected, times)
        a.host.disconnect(b.node)
        assert a.host.peers == ()


async def test_both_dialling_at_once_leaves_one_connection_that_both_believe_in() -> (
    None
):
    async with hosts(2) as (a, b):

        async def echo(_: NodeId, payload: bytes) -> bytes | None:
            return payload

        a.host.serve_exchange(echo)
        b.host.serve_exchange(echo)
        await asyncio.gather(
            a.host.connect(b.host.addresses, b.node, 20),
            b.host.connect(a.host.addresses, a.node, 20),
        )
        await a.until(lambda: b.node in a.host.peers, "connected")
        await b.until(lambda: a.node in b.host.peers, "connected")

        async def works(one: Watched, other: Watched) -> None:
            for _ in range(50):
                try:
                    assert await one.host.exchange(other.node, b"x", 20) == b"x"
                except DialError:
                    await asyncio.sleep(0.02)
                else:
                    return
            raise AssertionError("no connection survived")

        await works(a, b)
        await works(b, a)
        first = a.all(PeerConnected)[-1]
        second = b.all(PeerConnected)[-1]
        assert first.outbound != second.outbound


async def test_a_new_life_of_a_node_replaces_the_connection_of_the_old() -> None:
    keys = KeyPair.generate()
    async with hosts(1) as (a,), hosts(1, keys=[keys]) as (old,):
        await old.connect(a)
        async with hosts(1, keys=[keys]) as (new,):
            await new.connect(a)
            assert (await a.seen(PeerDisconnected)).node == keys.node
            await a.seen(PeerConnected, 2)
            await old.seen(PeerDisconnected)
            assert a.host.peers == (keys.node,)


async def test_a_failure_of_the_trio_run_is_mended_and_told() -> None:
    async with hosts(2) as (a, b):
        await a.connect(b)
        bridge = a.host._bridge
        assert bridge is not None
        for times in (1, 2):
            assert bridge._token is not None
            bridge._token.run_sync_soon(lambda: 1 / 0)
            assert (await a.seen(HostRestarted, times)).times == times
            await a.seen(PeerDisconnected, times)
            assert a.host.stats()["restarts"] == times
            await a.until(lambda: bridge._token is not None, "running again")
            await b.until(lambda: not b.host.peers, "the other side noticed")
            await b.host.connect([str(a.place)], a.node, 10)
            await a.until(lambda: b.node in a.host.peers, "connected anew")
        kinds = [type(event) for event in a.events]
        assert kinds[:3] == [PeerConnected, PeerDisconnected, HostRestarted]


async def test_what_was_asked_for_fails_at_once_when_the_run_fails() -> None:
    async def never(_: NodeId, __: bytes) -> bytes | None:
        await asyncio.Event().wait()
        return None

    async with hosts(2) as (a, b):
        b.host.serve_exchange(never)
        await a.connect(b)
        task = asyncio.create_task(a.host.exchange(b.node, b"?", 60))
        await b.counted("exchanges-in")
        bridge = a.host._bridge
        assert bridge is not None
        assert bridge._token is not None
        bridge._token.run_sync_soon(lambda: 1 / 0)
        with pytest.raises(DialError, match="closed"):
            await task


async def test_before_start_and_after_close_every_verb_answers() -> None:
    host = Libp2pHost(KeyPair.generate(), ["127.0.0.1"], 0)
    await host.close()
    with pytest.raises(DialError, match="closed"):
        await host.connect(["/ip4/127.0.0.1/tcp/1"], None, 1)
    await host.start()
    with pytest.raises(StateError, match="already"):
        await host.start()
    port = host.port
    assert f"port {port}" in repr(host)
    await host.close()
    await host.close()
    host.disconnect(host.node)
    with pytest.raises(DialError, match="closed"):
        await host.connect(["/ip4/127.0.0.1/tcp/1"], None, 1)
    again = Libp2pHost(KeyPair.generate(), ["127.0.0.1"], port)
    await again.start()
    await again.close()


async def test_another_libp2p_than_ours_is_said_at_start_and_not_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "0.9.0")
    host = Libp2pHost(KeyPair.generate(), ["127.0.0.1"], 0)
    with pytest.raises(StateError, match="made for"):
        await host.start()
    assert host.stats()["restarts"] == 0
    await host.close()


async def test_a_full_host_lets_nobody_in_and_says_which_limit() -> None:
    limits = HostLimits(connections=1)
    async with hosts(1, limits=limits) as (full,), hosts(2) as (a, b):
        await a.connect(full)
        with pytest.raises(DialError):
            await b.host.connect([str(full.place)], None, 20)
        await full.counted("full")
        with pytest.raises(DialError, match="full"):
            await full.host.connect([str(b.place)], None, 20)
        assert full.host.peers == (a.node,)


async def test_who_was_never_of_use_gives_way_to_a_newcomer_when_all_is_full() -> None:
    limits = HostLimits(connections=2, idle_s=0.0)
    async with hosts(1, limits=limits) as (full,), hosts(3) as (a, b, c):
        await a.connect(full)
        full.host.send_gossip(a.node, b"you I know")
        await full.seen(GossipOpened)
        await b.connect(full)
        await c.connect(full)
        await b.seen(PeerDisconnected)
        assert set(full.host.peers) == {a.node, c.node}
        assert full.host.stats()["evicted"] == 1


async def test_one_address_gets_only_its_share() -> None:
    limits = HostLimits(connections_per_address=2)
    async with hosts(1, limits=limits) as (full,), hosts(3) as others:
        for one in others[:2]:
            await one.connect(full)
        with pytest.raises(DialError):
            await others[2].host.connect([str(full.place)], None, 20)
        await full.counted("address-full")
        others[0].host.disconnect(full.node)
        await full.until(lambda: len(full.host.peers) == 1, "one went")
        await others[2].connect(full)


async def test_silent_connections_fill_only_the_waiting_room_and_are_dropped() -> None:
    limits = HostLimits(half_open=3, handshake_s=1.5)

    async def silent() -> None:
        streams = [await raw(place) for _ in range(5)]
        for stream in streams:
            while await stream.receive_some():
                pass

    async with hosts(1, limits=limits) as (full,):
        place = full.place
        await in_trio(silent)
        await full.counted("handshake", 3)
        assert full.host.stats()["full"] >= 1
