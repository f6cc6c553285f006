from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
from collections.abc import Iterator

import pytest

from meshnode.media.sender import Control
from meshnode.media.udp import BATCH_MAX, UdpSocket, bind_all

V4, V6 = "127.0.0.1", "::1"
hosts = pytest.mark.parametrize("host", [V4, V6])


class Port:
    """A socket under test that remembers what came and answers when told to."""

    def __init__(self, host: str, port: int = 0) -> None:
        self.datagrams: list[tuple[bytes, tuple[str, int]]] = []
        self.batches = 0
        self.reply = b""
        self.arrived = asyncio.Event()
        self.socket = UdpSocket(host, port, self.receive, self.batch_done)
        self.socket.start(asyncio.get_running_loop())

    def receive(
        self, data: bytes, source: tuple[str, int], sock: UdpSocket, control: Control
    ) -> None:
        self.datagrams.append((data, source))
        self.control = control
        if self.reply:
            sock.path(source, control).send(self.reply)

    def batch_done(self) -> None:
        self.batches += 1
        self.arrived.set()

    async def wait(self, count: int) -> None:
        async with asyncio.timeout(20):
            while len(self.datagrams) < count:
                self.arrived.clear()
                await self.arrived.wait()


@pytest.fixture
def ports() -> Iterator[list[Port]]:
    made: list[Port] = []
    yield made
    for port in made:
        port.socket.close()


def remote(host: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.bind((host, 0))
    sock.settimeout(20)
    return sock


@hosts
async def test_a_batch_is_delivered_whole_and_its_end_told(ports, host: str) -> None:
    ports.append(port := Port(host))
    with remote(host) as sender:
        for n in range(20):
            sender.sendto(bytes([n]), port.socket.address)
        await port.wait(20)
        assert [d[0] for d in port.datagrams] == [bytes([n]) for n in range(20)]
        assert {d[1] for d in port.datagrams} == {sender.getsockname()[:2]}
    assert port.batches <= 2


async def test_a_flood_is_taken_in_bounded_turns(ports) -> None:
    ports.append(port := Port(V4))
    with remote(V4) as sender:
        for _ in range(5 * BATCH_MAX):
            sender.sendto(b"x", port.socket.address)
        await port.wait(5 * BATCH_MAX)
    assert port.batches >= 5


@hosts
async def test_datagrams_that_were_sent_as_one_burst_come_apart(ports, host) -> None:
    ports.append(port := Port(host))
    with remote(host) as sender:
        segment = [(socket.IPPROTO_UDP, 103, struct.pack("H", 500))]
        data = os.urandom(2300)
        sender.sendmsg([data], segment, 0, port.socket.address)
        await port.wait(5)
    assert [len(d[0]) for d in port.datagrams] == [500, 500, 500, 500, 300]
    assert b"".join(d[0] for d in port.datagrams) == data


@pytest.mark.parametrize(("wildcard", "asked"), [("0.0.0.0", "127.0.0.77"), ("::", V6)])
async def test_the_answer_comes_from_the_address_that_was_asked(
    ports, wildcard: str, asked: str
) -> None:
    ports.append(port := Port(wildcard))
    port.reply = b"pong"
    with remote(V6 if ":" in asked else "127.0.0.1") as client:
        # A connected socket hears its peer's exact address only.
        client.connect((asked, port.socket.address[1]))
        client.send(b"ping")
        await port.wait(1)
        assert client.recv(100) == b"pong"


async def test_ipv4_sources_never_look_like_ipv6(ports) -> None:
    ports.extend([Port("0.0.0.0")])
    ports.append(Port("::", ports[0].socket.address[1]))
    with remote(V4) as client:
        client.sendto(b"four", (V4, ports[0].socket.address[1]))
        await ports[0].wait(1)
    assert ports[0].datagrams[0][1][0] == V4
    assert ports[1].datagrams == []


async def test_a_source_may_close_the_port_while_it_is_drained(ports) -> None:
    ports.append(port := Port(V4))
    port.socket._receiver = lambda *_: port.socket.close()
    with remote(V4) as client:
        for _ in range(3):
            client.sendto(b"x", port.socket.address)
        async with asyncio.timeout(20):
            while port.socket._loop is not None:  # noqa: ASYNC110
                await asyncio.sleep(0)
    assert port.batches == 0


def nothing(*_: object) -> None:
    """A receiver that does not care."""


def test_all_hosts_get_the_same_port() -> None:
    sockets = bind_all(["0.0.0.0", "::"], 0, nothing, nothing)
    assert len({s.address[1] for s in sockets}) == 1
    assert [s.address[0] for s in sockets] == ["0.0.0.0", "::"]
    assert repr(sockets[0]) == f"<UdpSocket 0.0.0.0 port {sockets[0].address[1]}>"
    for sock in sockets:
        sock.close()


def test_a_taken_port_is_an_error_and_leaves_nothing_bound() -> None:
    with remote("127.0.0.2") as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError) as caught:  # noqa: PT011
            bind_all([V4, "127.0.0.2"], port, nothing, nothing)
        assert caught.value.errno == errno.EADDRINUSE
        bind_all([V4], port, nothing, nothing)[0].close()


def test_an_address_of_another_host_is_an_error() -> None:
    with pytest.raises(OSError) as caught:  # noqa: PT011
        bind_all(["192.0.2.1"], 0, nothing, nothing)
    assert caught.value.errno == errno.EADDRNOTAVAIL
    with pytest.raises(OSError):  # noqa: PT011
        bind_all([], 0, nothing, nothing)


async def test_closing_releases_descriptors_and_watchers() -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        port = Port(V4)
        port.socket.close()
        port.socket.close()
    assert len(os.listdir("/proc/self/fd")) <= before
