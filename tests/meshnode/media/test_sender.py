from __future__ import annotations

import asyncio
import errno
import json
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path as Path_

import pytest

from meshnode.media import sender as module
from meshnode.media.sender import Egress, Path, Sender
from meshnode.media.uplink import Uplink

V4, V6 = "127.0.0.1", "::1"


@pytest.fixture(params=[V4, V6])
def wire(request: pytest.FixtureRequest) -> Iterator[tuple[Path, socket.socket]]:
    """A path and the far end that it leads to."""
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with (
        socket.socket(family, socket.SOCK_DGRAM) as near,
        socket.socket(family, socket.SOCK_DGRAM) as far,
    ):
        near.bind((request.param, 0))
        near.setblocking(False)
        far.bind((request.param, 0))
        far.settimeout(20)
        yield Path(Sender(near), far.getsockname()[:2], [], Egress()), far


def burst(*sizes: int) -> list[bytes]:
    pieces = []
    for size in sizes:
        pieces += [os.urandom(20), os.urandom(size - 20)]
    return pieces


def send(path: Path, pieces: list[bytes]) -> None:
    path.send_burst(pieces, [len(packet) for packet in packets(pieces)])


def packets(pieces: list[bytes]) -> list[bytes]:
    return [pieces[n] + pieces[n + 1] for n in range(0, len(pieces), 2)]


def refusing(path: Path, number: int, when: Callable[[list], bool]) -> list[int]:
    """Make the kernel refuse some calls; returns a log of sizes that got through."""
    genuine, passed = path.sender._send, []

    def attempt(pieces, control, flags, address):
        if when(control):
            raise OSError(number, os.strerror(number))
        passed.append(sum(map(len, pieces)))
        return genuine(pieces, control, flags, address)

    path.sender._send = attempt
    return passed


def received(far: socket.socket, count: int) -> list[bytes]:
    return [far.recv(65535) for _ in range(count)]


def test_a_frame_leaves_in_one_call_and_arrives_as_packets(wire) -> None:
    path, far = wire
    passed = refusing(path, errno.EIO, lambda _: False)
    pieces = burst(1200, 1200, 1200, 700)
    send(path, pieces)
    assert received(far, 4) == packets(pieces)
    assert passed == [4300]


def test_unequal_packets_keep_their_order(wire) -> None:
    path, far = wire
    pieces = burst(300, 1200, 1200, 400, 1200, 50)
    send(path, pieces)
    assert received(far, 6) == packets(pieces)


def test_a_single_datagram(wire) -> None:
    path, far = wire
    assert path.send(b"hello")
    assert far.recv(10) == b"hello"
    assert repr(path).startswith("<Path to ")


@pytest.mark.parametrize("number", [errno.EMSGSIZE, errno.EINVAL])
def test_a_path_that_takes_no_large_segments_is_remembered(wire, number: int) -> None:
    path, far = wire
    passed = refusing(path, number, bool)
    for _ in range(2):
        pieces = burst(1400, 1400, 1400)
        send(path, pieces)
        assert received(far, 3) == packets(pieces)
    assert passed == [1400] * 6
    assert path.segment_limit == 1399
    assert path.egress.gso
    assert path.sender.counters == {"gso-shrunk": 1}
    other = Path(path.sender, path.address, [], path.egress)
    assert other.segment_limit == module.SEGMENT_LIMIT


def test_an_egress_without_checksums_sends_singly_from_then_on(wire) -> None:
    path, far = wire
    told: list[str] = []
    path.sender.fault = told.append
    refusing(path, errno.EIO, bool)
    for _ in range(2):
        pieces = burst(1200, 1200)
        send(path, pieces)
        assert received(far, 2) == packets(pieces)
    assert not path.egress.gso
    assert path.sender.counters == {"gso-off": 1}
    assert told == ["an egress cannot segment"]


def test_a_packet_above_the_path_s_size_is_fragmented(wire) -> None:
    path, far = wire
    genuine, refusals = path.sender._send, [1]

    def attempt(*call):
        if refusals:
            refusals.pop()
            raise OSError(errno.EMSGSIZE, "too long")
        return genuine(*call)

    path.sender._send = attempt
    assert path.send(bytes(1400))
    assert far.recv(2000) == bytes(1400)
    assert path.sender.counters == {"fragmented": 1}
    assert path.sender._socket.getsockopt(*path.sender._discover) == 2


@pytest.mark.parametrize("number", [errno.ECONNREFUSED, errno.ENETUNREACH, errno.EPERM])
def test_errors_of_a_destination_are_counted(wire, number: int) -> None:
    path, _ = wire
    refusing(path, number, lambda _: True)
    assert not path.send(b"x")
    send(path, burst(100, 100))
    name = errno.errorcode[number].lower()
    assert path.sender.counters == {f"send-{name}": 2}


def test_a_destination_that_may_not_be_sent_to_does_not_raise() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near:
        path = Path(Sender(near), ("255.255.255.255", 9), [], Egress())
        assert not path.send(b"x")
        assert path.sender.counters == {"send-eacces": 1}


async def test_a_full_buffer_is_waited_for_in_order(wire) -> None:
    path, far = wire
    path.sender.start(asyncio.get_running_loop())
    full = [True]
    refusing(path, errno.EAGAIN, lambda _: bool(full))
    first, second = burst(1200, 1200, 80), burst(500)
    send(path, first)
    full.clear()
    send(path, second)  # must not overtake
    assert path.send(b"end")
    async with asyncio.timeout(20):
        while path.sender._queue:  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert received(far, 5) == [*packets(first), *packets(second), b"end"]
    assert path.sender._queue_bytes == 0
    path.sender.close()


async def test_what_waits_is_bounded(wire) -> None:
    path, _ = wire
    path.sender.start(asyncio.get_running_loop())
    refusing(path, errno.EAGAIN, lambda _: True)
    for _ in range(10):
        send(path, burst(*[1200] * 500))
    assert path.sender._queue_bytes <= module.QUEUE_MAX_BYTES
    assert path.sender.counters["send-queue-full"] > 0
    path.sender.close()
    assert path.sender._queue_bytes == 0


def test_a_real_path_of_1280_octets_gets_everything_in_fragments() -> None:
    """The kernel's own refusals, which loopback gives once its MTU is small."""
    script = (
        "ip link set lo mtu 1280 && ip link set lo up && "
        "{ ip -6 addr add ::1/128 dev lo 2>/dev/null || true; } && exec "
    )
    here = Path_(__file__).with_name("small_mtu.py")
    command = f"{script} {shlex.quote(sys.executable)} {shlex.quote(str(here))}"
    found = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", command],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    if found.returncode and "unshare" in found.stderr:
        pytest.skip("network namespaces are not allowed here")
    assert found.returncode == 0, found.stderr
    for family in json.loads(found.stdout):
        assert family == {
            "whole": True,
            "counters": {"gso-shrunk": 1, "fragmented": 6},
            "segment_limit": 1399,
            "gso": True,
        }


def test_a_full_uplink_holds_media_back_and_lets_control_pass(wire) -> None:
    path, far = wire
    path.sender.uplink = Uplink(80_000)
    send(path, burst(*[1000] * 20))
    passed = len(path.sender.counters) and 20 - path.sender.counters["uplink-full"]
    assert 0 < passed < 20
    assert [len(far.recv(2000)) for _ in range(passed)] == [1000] * passed
    assert path.send(b"check")
    assert far.recv(2000) == b"check"


async def test_a_destination_can_be_made_far_away(wire) -> None:
    path, far = wire
    loop = asyncio.get_running_loop()
    path.sender.start(loop)
    path.sender.delays_s = {path.address[0]: 0.03}
    began = loop.time()
    path.send(b"check")
    pieces = burst(900, 900, 500)
    send(path, pieces)
    far.setblocking(False)
    received = [await asyncio.wait_for(loop.sock_recv(far, 2000), 20) for _ in range(4)]
    assert loop.time() - began >= 0.03
    assert received == [b"check", *packets(pieces)]
    path.sender.close()
