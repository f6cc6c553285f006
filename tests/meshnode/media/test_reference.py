from __future__ import annotations

import asyncio
import gc
import itertools
import os
import re
import secrets
import socket
import struct

import pytest

from meshnode.media import reference
from meshnode.media.plane import (
    PlaneFault,
    TransportSilent,
    TransportSpec,
)
from meshnode.media.port import MediaPort
from meshnode.media.reference import ReferencePlane
from meshnode.media.srtp_keys import PROFILES
from meshproto.errors import LimitError, StateError
from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.table import (
    RemoveConsumer,
    TransportKind,
)
from meshproto.ice.path import IceConfig
from meshproto.ids import TransportId
from meshproto.wire import extensions, stun, stun_binding
from meshproto.wire.parameters import Extension
from support.light_client import Identity, join
from support.media import consume, new_port, produce, rtp, stream, until
from support.planes import make_plane

PAYLOADS = [b"packet %d" % n for n in range(50)]


def rss_kib() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def drops(port: MediaPort) -> dict[str, int]:
    found = port.plane.stats()["drops"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("profile", sorted(PROFILES))
@pytest.mark.parametrize("role", ["client", "server"])
async def test_media_flows_in_every_profile_and_role(port, profile, role) -> None:
    one, other = Identity((profile,)), Identity()
    first, publisher = await join(port, role=role, identity=one)
    second, viewer = await join(port, role=role, identity=one)
    third, mixed = await join(port, role="client", identity=other)
    assert first.srtp_profile == second.srtp_profile == profile
    producer = produce(port, first)
    for transport in (second, third):
        consume(port, producer, transport)
    for packets in await stream(publisher, [viewer, mixed], 50):
        assert [p[12:] for p in packets] == PAYLOADS
        numbers = [p[2] << 8 | p[3] for p in packets]
        assert numbers == list(range(50))
    assert drops(port) == {}
    for client in (publisher, viewer, mixed):
        client.close()


async def test_how_loud_sound_is_can_be_asked(port) -> None:
    first, publisher = await join(port)
    level = Extension(6, extensions.AUDIO_LEVEL)
    producer = produce(port, first, level)

    def heard() -> tuple[int, tuple[int, ...]]:
        return port.plane.audio_levels({}).get(producer, (0, ()))

    for number, loudness in enumerate((20, 0x80 | 40, 127)):
        plain = rtp(number, b"sound")
        told = struct.pack("!HHBBH", 0xBEDE, 1, 0x60, loudness, 0)
        publisher.send_rtp(b"\x90" + plain[1:12] + told + plain[12:])
        await until(lambda: len(heard()[1]) > number)  # noqa: B023 - awaited at once
    newest, levels = heard()
    assert levels == (20, 40, 127)
    assert port.plane.audio_levels({producer: newest})[producer] == (newest, ())
    publisher.close()


async def test_families_mix(port) -> None:
    first, publisher = await join(port, address=port.addresses[1])
    second, viewer = await join(port, address=port.addresses[0])
    consume(port, produce(port, first), second)
    (packets,) = await stream(publisher, [viewer], 5)
    assert len(packets) == 5
    publisher.close()
    viewer.close()


async def test_a_sequence_that_wraps_is_delivered_whole(port) -> None:
    first, publisher = await join(port)
    second, viewer = await join(port)
    consume(port, produce(port, first), second, first=32760)
    (packets,) = await stream(publisher, [viewer], 20, start=65530)
    assert [p[12:] for p in packets] == [b"packet %d" % n for n in range(65530, 65550)]
    publisher.close()
    viewer.close()


async def test_large_packets_are_relayed(port) -> None:
    """GStreamer's payloaders fill 1400 bytes; libsrtp's binding stops at 1356."""
    first, publisher = await join(port, identity=Identity(("AES128_CM_SHA1_80",)))
    second, viewer = await join(port, identity=Identity(("AES128_CM_SHA1_80",)))
    consume(port, produce(port, first), second)
    got: list[bytes] = []
    viewer.on_rtp = got.append
    for n in range(8):
        publisher.send_rtp(rtp(n, bytes(1460)))
        await until(lambda: len(got) > n)  # noqa: B023 - awaited at once
    assert {len(p) for p in got} == {1472}
    publisher.close()
    viewer.close()


async def test_a_lost_packet_is_repeated_byte_for_byte_without_rtx(port) -> None:
    first, publisher = await join(port)
    second, viewer = await join(port, decrypt_every=1)
    consume(port, produce(port, first), second, feedback=("nack",))
    wire: list[bytes] = []
    viewer.drop = lambda d: bool(d[0] & 0xC0 == 0x80 and wire.append(d))
    await stream(publisher, [viewer], 10)
    media = [d for d in wire if not 192 <= d[1] <= 223]
    ours = int.from_bytes(media[0][8:12], "big")
    lost = media[4][2] << 8 | media[4][3]
    nack = struct.pack("!BBHIIHH", 0x81, 205, 3, 1, ours, lost, 0)
    wire.clear()
    viewer.send_rtcp(struct.pack("!BBHI", 0x80, 201, 1, 1) + nack)
    await until(lambda: media[4] in wire)
    assert viewer.counters["srtp-replay"] == 1
    publisher.close()
    viewer.close()


async def test_plain_binding_is_answered_briefly(port) -> None:
    for address in port.addresses:
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as client:
            client.connect(address)
            client.setblocking(False)
            request = stun_binding.request(secrets.token_bytes(12), fingerprint=False)
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(client, request)
            async with asyncio.timeout(20):
                reply = await loop.sock_recv(client, 2048)
            mapped = stun_binding.mapped_address(stun.decode(reply))
            assert mapped == client.getsockname()[:2]
            headers = 48 if family == socket.AF_INET6 else 28
            factor = (len(reply) + headers) / (len(request) + headers)
            assert factor <= (1.36 if family == socket.AF_INET6 else 1.25)
    assert port.plane.stats()["stun_answered"] == 2


async def test_nothing_but_stun_is_heard_from_strangers(port) -> None:
    first, publisher = await join(port)
    second, viewer = await join(port)
    consume(port, produce(port, first), second)
    hello, alert = publisher.dtls, bytes.fromhex("15fefd000000000000000000020228")
    assert hello.state.value == "connected"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for junk in (alert, b"\x16\xfe\xfd", rtp(1, b"bogus"), b"\x80\xc8\x00\x00"):
            stranger.sendto(junk, port.addresses[0])
        stranger.sendto(b"", port.addresses[0])
        stranger.sendto(b"\x40" + bytes(30), port.addresses[0])
        stranger.sendto(b"\x10" + bytes(30), port.addresses[0])
    (packets,) = await stream(publisher, [viewer], 5)
    assert len(packets) == 5
    assert drops(port) == {
        "unvalidated-dtls": 2,
        "unvalidated-rtp": 1,
        "unvalidated-rtcp": 1,
        "unvalidated-unknown": 1,
        "unvalidated-turn-channel": 1,
        "unvalidated-zrtp": 1,
    }
    publisher.close()
    viewer.close()


async def test_rtp_that_does_not_prove_genuine_is_counted(port) -> None:
    _, publisher = await join(port)
    publisher.send(rtp(1, b"in the clear, with a tag?"))
    publisher.send(b"\x80\xc9\x00\x01" + bytes(30))
    publisher.send(b"\x80")
    publisher.send(b"\x40" + bytes(30))
    await until(lambda: sum(drops(port).values()) == 4)
    assert drops(port) == {
        "srtp-auth": 1,
        "srtcp-auth": 1,
        "srtp-short": 1,
        "unused-turn-channel": 1,
    }
    publisher.close()


async def test_media_before_the_handshake_is_dropped(reference_port) -> None:
    port = reference_port
    transport, client = await join(port)
    session = port.plane._sessions[transport.id]
    session.inbound = None
    client.send_rtp(rtp(1, b"early"))
    await until(lambda: drops(port).get("srtp-before-keys"))
    client.close()


async def test_a_client_that_moves_takes_its_media_along(port) -> None:
    first, publisher = await join(port)
    second, viewer = await join(port)
    consume(port, produce(port, first), second)
    await stream(publisher, [viewer], 5)
    before = second.address
    viewer.move()
    viewer.check()
    await until(lambda: second.address != before)
    viewer.send_rtcp(struct.pack("!BBHI", 0x80, 201, 1, 1))
    (packets,) = await stream(publisher, [viewer], 100, start=5)
    assert len(packets) == 100
    publisher.close()
    viewer.close()


async def test_an_address_that_proves_nothing_gets_little(port) -> None:
    """A check that somebody replays or forwards must not aim media at a victim."""
    first, publisher = await join(port)
    second, viewer = await join(port)
    consume(port, produce(port, first), second)
    await stream(publisher, [viewer], 5)
    before = second.address
    viewer.move()
    viewer.check()  # authentic, but no SRTP or DTLS follows from there
    await until(lambda: second.address != before)
    octets = viewer.octets
    for n in range(5, 105):
        publisher.send_rtp(rtp(n, bytes(1000)))
    await until(lambda: drops(port).get("unproven-address", 0) > 50)
    assert viewer.octets - octets < 1000
    publisher.close()
    viewer.close()


@pytest.mark.long
async def test_strangers_leave_no_memory_behind() -> None:
    """A million sources, by address and port; replies really leave."""
    plane = ReferencePlane()
    (address,) = await plane.open(["127.0.0.1"], 0)
    (sock,) = plane._sockets
    receive = plane._ingress.receive
    check = stun_binding.request(bytes(12), username="abcd:efgh", key=b"x" * 24)
    junk = [
        stun_binding.request(bytes(12), fingerprint=False),
        check,
        rtp(1, bytes(40)),
        bytes.fromhex("15fefd000000000000000000020228"),
        b"\xff" * 50,
    ]
    kinds = itertools.cycle(junk)

    def flood(count: int, seed: int) -> None:
        for n in range(count):
            host = f"127.{seed}.{n >> 8 & 255}.{n & 255}"
            receive(next(kinds), (host, 1024 + n % 60000), sock, [])

    flood(100_000, 1)
    gc.collect()
    before = rss_kib()
    for seed in range(2, 20):
        flood(50_000, seed)
    gc.collect()
    assert rss_kib() - before < 1024
    assert plane.stats()["transports"] == 0
    await plane.close()
    assert address


async def test_consent_ends_and_is_told(plane: str) -> None:
    ice = IceConfig(silence_s=0.3, consent_s=1.5)
    port = new_port(make_plane(plane, ice=ice))
    await port.open(["127.0.0.1"], 0)
    events: list[object] = []
    port.on_event(events.append)
    transport, client = await join(port)
    client.close(quietly=True)
    await until(lambda: transport.state.value == "closed")
    assert transport.close_reason.startswith("no consent")
    silent = [e for e in events if isinstance(e, TransportSilent)]
    assert [e.expired for e in silent] == [False]
    await port.close()


# -- life ----------------------------------------------------------------------------


async def test_closing_gives_everything_back(plane: str) -> None:
    async def once() -> None:
        port = new_port(make_plane(plane))
        await port.open(["127.0.0.1", "::1"], 0)
        first, publisher = await join(port)
        second, viewer = await join(port, accept={"data": True})
        consume(port, produce(port, first), second)
        await stream(publisher, [viewer], 3)
        await port.close()
        publisher.close()
        viewer.close()

    await once()
    gc.collect()
    loop = asyncio.get_running_loop()
    tasks, files = len(asyncio.all_tasks()), len(os.listdir("/proc/self/fd"))
    timers = len([t for t in loop._scheduled if not t.cancelled()])
    for _ in range(3):
        await once()
    gc.collect()
    assert len(asyncio.all_tasks()) <= tasks
    assert len(os.listdir("/proc/self/fd")) <= files
    assert len([t for t in loop._scheduled if not t.cancelled()]) <= timers


async def test_closing_a_transport_forgets_its_consumers(port) -> None:
    first, publisher = await join(port)
    second, viewer = await join(port)
    consumer = consume(port, produce(port, first), second)
    second.close()
    second.close()
    port.plane.close_transport(second.id)
    forwarder = port.plane.stats()["forwarder"]
    assert forwarder["consumers"] == {}
    with pytest.raises(StateError):
        port.plane.program([RemoveConsumer(consumer), RemoveConsumer(consumer)])
    publisher.close()
    viewer.close()


async def test_misuse_is_told_to_the_caller(plane: str) -> None:
    two = (ForwardingConfig(transports=2), IceConfig(transports=2))
    made = make_plane(plane, *two)
    spec = TransportSpec(TransportId(1), TransportKind.CLIENT, "abcdefgh", "p" * 24)
    made.add_transport(spec)
    with pytest.raises(StateError):
        made.add_transport(spec)
    with pytest.raises(StateError):  # the ufrag is taken
        made.add_transport(
            TransportSpec(TransportId(2), TransportKind.CLIENT, "abcdefgh", "p" * 24)
        )
    made.add_transport(TransportSpec(TransportId(2), TransportKind.LOCAL))
    with pytest.raises(LimitError):
        made.add_transport(TransportSpec(TransportId(3), TransportKind.LOCAL))
    for call in (
        lambda: made.on_local(TransportId(9), lambda *_: None),
        lambda: made.restart_transport(
            TransportSpec(TransportId(9), TransportKind.CLIENT)
        ),
    ):
        with pytest.raises(StateError):
            call()
    await made.open(["127.0.0.1"], 0)
    with pytest.raises(StateError):
        await made.open(["127.0.0.1"], 0)
    await made.close()


async def test_a_raising_handler_does_not_stop_media(port) -> None:
    told: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: told.append(context["message"]))

    def faulty(_: object) -> None:
        raise ZeroDivisionError

    port.on_event(faulty)
    first, publisher = await join(port)
    second, viewer = await join(port)
    consume(port, produce(port, first), second)
    (packets,) = await stream(publisher, [viewer], 5)
    assert len(packets) == 5
    await until(lambda: told)
    (said,) = told  # of several faults only the first, whichever that is
    assert re.fullmatch("the handler of [A-Za-z]+ raised in the media plane", said)
    assert drops(port)["internal-error"] >= 1
    publisher.close()
    viewer.close()


async def test_a_fault_of_ours_neither_stops_media_nor_floods_the_log(
    reference_port,
) -> None:
    port = reference_port
    told: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: told.append(context["message"]))
    first, publisher = await join(port)
    second, viewer = await join(port)
    consume(port, produce(port, first), second)
    plane, genuine = port.plane, port.plane._forwarder.receive_rtcp

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    plane._forwarder.receive_rtcp = broken
    for _ in range(20):
        viewer.send_rtcp(struct.pack("!BBHI", 0x80, 201, 1, 1))
    await until(lambda: drops(port).get("internal-error") == 20)
    plane._forwarder.receive_rtcp = genuine
    plane._forwarder.handle_timeout, genuine = broken, plane._forwarder.handle_timeout
    await until(lambda: drops(port)["internal-error"] > 22)
    plane._forwarder.handle_timeout = genuine
    (packets,) = await stream(publisher, [viewer], 5)
    assert len(packets) == 5
    assert told == ["a datagram raised in the media plane"]
    publisher.close()
    viewer.close()


async def test_what_does_not_work_here_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "BUFFER_MIN_BYTES", 1 << 60)
    plane = ReferencePlane()
    events: list[object] = []
    plane.on_event(events.append)
    await plane.open(["127.0.0.1"], 0)
    plane._sockets[0].sender.fault("an egress cannot segment")
    await until(lambda: len(events) == 2)
    assert events == [
        PlaneFault("small receive buffer, raise net.core.rmem_max"),
        PlaneFault("an egress cannot segment"),
    ]
    await plane.close()
