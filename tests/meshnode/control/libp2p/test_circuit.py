"""A node that nobody can dial, reached through one that it knows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from meshnode.control.identity import KeyPair
from meshnode.control.libp2p import circuit, multistream
from meshnode.control.libp2p.streams import StreamError
from meshnode.control.libp2p.values import (
    DialError,
    GossipReceived,
    HostLimits,
    PeerConnected,
    PeerDisconnected,
)
from meshproto.errors import DecodeError
from meshproto.ids import NodeId
from meshproto.wire import peer_id
from support.libp2p import Stranger, Watched, hosts, in_trio


def through(relay: Watched, target: NodeId) -> str:
    """The multiaddr of a node behind a relay."""
    there = relay.host.addresses[0]
    return f"{there}/p2p-circuit/p2p/{peer_id.to_text(target)}"


@asynccontextmanager
async def hidden(
    limits: HostLimits | None = None,
) -> AsyncIterator[tuple[Watched, Watched, Watched]]:
    """A dialler, a relay, and a node that is connected to the relay only."""

    async def echo(_: NodeId, payload: bytes) -> bytes | None:
        return payload

    async with hosts(3, limits=limits) as (dialler, relay, target):
        target.host.serve_exchange(echo)
        await target.connect(relay)
        yield dialler, relay, target


async def test_an_exchange_and_gossip_pass_through_a_relay() -> None:
    async with hidden() as (dialler, relay, target):
        address = through(relay, target.node)
        assert await dialler.host.connect([address], target.node, 10) == target.node
        answer = await dialler.host.exchange(target.node, b"through", 20)
        assert answer == b"through"
        target.host.open_gossip(dialler.node)
        dialler.host.send_gossip(target.node, b"rpc")
        assert (await target.seen(GossipReceived)).rpc == b"rpc"
        (told,) = [e for e in dialler.all(PeerConnected) if e.node == target.node]
        assert told.relayed
        assert told.address == str(relay.place)
        (heard,) = [e for e in target.all(PeerConnected) if e.node == dialler.node]
        assert (heard.relayed, heard.outbound) == (True, False)
        assert relay.host.stats()["circuits"] == 1


async def test_a_dead_address_is_tried_before_the_circuit() -> None:
    async with hidden() as (dialler, relay, target):
        await dialler.connect(relay)
        dead = "/ip4/127.0.0.1/tcp/1"
        addresses = [dead, through(relay, target.node)]
        await dialler.host.connect(addresses, target.node, 10)
        await dialler.until(lambda: len(dialler.host.peers) == 2, "both")


async def test_a_direct_connection_replaces_a_circuit_and_not_the_reverse() -> None:
    async with hidden() as (dialler, relay, target):
        address = through(relay, target.node)
        await dialler.host.connect([address], target.node, 10)
        await target.until(lambda: dialler.node in target.host.peers, "relayed")
        # the target can dial, as whoever is behind a NAT can
        target.host.disconnect(dialler.node)
        await dialler.seen(PeerDisconnected)
        await target.seen(PeerDisconnected)
        await dialler.host.connect([address], target.node, 10)
        await target.until(lambda: dialler.node in target.host.peers, "relayed")
        assert await dialler.host.connect([str(target.place)], None, 10) == target.node
        await target.seen(PeerDisconnected, 2)

        def is_direct() -> bool:
            mine = [e for e in target.all(PeerConnected) if e.node == dialler.node]
            return not mine[-1].relayed

        # why waited for: which of the two is told first is the loop's affair
        await target.until(is_direct, "the direct connection is told")
        assert await dialler.host.exchange(target.node, b"x", 20) == b"x"


async def test_the_end_of_the_relay_ends_the_circuit_and_the_hosts_live() -> None:
    async with hidden() as (dialler, relay, target):
        address = through(relay, target.node)
        await dialler.host.connect([address], target.node, 10)
        await target.until(lambda: dialler.node in target.host.peers, "relayed")
        await relay.host.close()
        await dialler.until(lambda: not dialler.host.peers, "all went")
        await target.until(lambda: not target.host.peers, "all went")
        assert dialler.host.stats()["restarts"] == 0
        assert target.host.stats()["restarts"] == 0


async def test_hanging_up_a_circuit_leaves_the_connection_that_carries_it() -> None:
    async with hidden() as (dialler, relay, target):
        address = through(relay, target.node)
        for times in (1, 2, 3):
            await dialler.host.connect([address], target.node, 10)
            await target.until(lambda: dialler.node in target.host.peers, "relayed")
            dialler.host.disconnect(target.node)
            await target.seen(PeerDisconnected, times)
            await dialler.until(lambda: len(dialler.host.peers) == 1, "the relay")
        assert dialler.host.peers == (relay.node,)
        assert relay.host.stats()["circuits"] == 3


async def test_somebody_else_behind_the_relay_is_refused() -> None:
    async with hidden() as (dialler, relay, target):
        nobody = KeyPair.generate().node
        with pytest.raises(DialError):
            await dialler.host.connect([through(relay, nobody)], nobody, 5)
        with pytest.raises(DialError):
            await dialler.host.connect([through(relay, target.node)], nobody, 5)
        assert relay.host.stats()["circuits"] == 0


async def test_circuits_beyond_the_limit_are_refused() -> None:
    async with hidden(HostLimits(circuits=0)) as (dialler, relay, target):
        with pytest.raises(DialError):
            await dialler.host.connect([through(relay, target.node)], target.node, 20)
        await relay.counted("circuit")


async def test_a_circuit_ends_when_it_has_carried_its_share() -> None:
    async with hidden() as (dialler, relay, target):
        address = through(relay, target.node)
        await dialler.host.connect([address], target.node, 10)
        target.host.open_gossip(dialler.node)
        for _ in range(20):
            dialler.host.send_gossip(target.node, bytes(10_000))
        await target.seen(PeerDisconnected)
        assert len(target.all(GossipReceived)) < 14
        assert relay.host.stats()["circuits"] == 1


@pytest.mark.parametrize("garbage", [b"\xff\xff\xff", b"\x03\x08", b"\x02\x10\x01"])
@pytest.mark.parametrize("protocol", [circuit.HOP_PROTOCOL, circuit.STOP_PROTOCOL])
async def test_garbage_instead_of_a_message_is_refused(
    protocol: str, garbage: bytes
) -> None:
    async def act(stranger: Stranger) -> None:
        async with stranger.there():
            stream = await stranger.stream()
            await multistream.propose(stream, [protocol])
            await stream.write(garbage)
            try:
                while await stream.read_some():
                    pass
                await stream.finish()
            except StreamError:
                return

    async with hidden() as (_, relay, target):
        await in_trio(act, Stranger(relay.place))
        await relay.until(lambda: len(relay.host.peers) == 1, "the stranger left")
        assert relay.host.stats()["restarts"] == 0
        assert relay.host.peers == (target.node,)


def test_messages_are_those_of_the_protobuf_of_py_libp2p() -> None:
    from libp2p.relay.circuit_v2.pb import circuit_pb2 as pb

    node = bytes(KeyPair(bytes(32)).node)
    asked = pb.HopMessage.FromString(circuit.hop(circuit.HOP_CONNECT, node)[1:])
    assert asked.type == pb.HopMessage.CONNECT
    assert circuit.decode(asked.SerializeToString(), 5) == (1, node, 0)
    said = circuit.stop(circuit.STOP_STATUS, status=circuit.OK)
    told = pb.StopMessage.FromString(said[1:])
    assert told.type == pb.StopMessage.STATUS
    with pytest.raises(DecodeError):
        circuit.decode(b"", 20)
