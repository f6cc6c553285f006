"""Streams between planes over loopback, with keys set by hand."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import pytest

from meshnode.media.plane import (
    Address,
    PlaneEvent,
    SrtpKeys,
    TransportSpec,
    TransportValidated,
)
from meshproto.errors import StateError
from meshproto.forwarding import relay_table as t
from meshproto.forwarding.relay import wire
from meshproto.forwarding.table import AddConsumer, AddProducer, TransportKind
from meshproto.ids import ConsumerId, NodeId, ProducerId, StreamId, TransportId
from meshproto.wire import rtp
from meshproto.wire.parameters import MediaKind
from support.forwarding import OPUS, VIEWER_VP8, VP8, Camera
from support.media import until
from support.middle import Front, Middle, kind, middle
from support.planes import PLANES, make_plane

STREAM = StreamId(b"s" * 16)
SOUND, PICTURE = ProducerId(1), ProducerId(2)
AB, AX, BC, XC = 0x1000, 0x2000, 0x3000, 0x4000
GCM = "AEAD_AES_128_GCM"


class Host:
    """A plane on loopback, behind a front, and what it told."""

    front: Front

    def __init__(self, name: str, plane: str) -> None:
        self.id = NodeId(name.encode().rjust(38, b"-"))
        self.plane = make_plane(plane)
        self.events: list[PlaneEvent] = []
        self.links: dict[NodeId, TransportId] = {}
        self.got: list[bytes] = []
        self._ids = count(1)
        self.plane.on_event(self.events.append)

    @property
    def address(self) -> Address:
        return self.front.address

    async def open(self, between: Middle) -> Host:
        [address] = await self.plane.open(["127.0.0.1"], 0)
        self.front = await between.front(address)
        return self

    def transports(self) -> Any:
        return self.plane.stats()["forwarder"]["transports"]

    def drops(self) -> dict[str, int]:
        drops = self.plane.stats()["drops"]
        assert isinstance(drops, dict)
        return drops

    def notices(self, kind: type) -> list[PlaneEvent]:
        return [event for event in self.events if isinstance(event, kind)]

    def next_id(self) -> TransportId:
        return TransportId(next(self._ids))

    def publisher(self) -> None:
        """Sound and picture enter from this process."""
        local = self.next_id()
        self.plane.add_transport(TransportSpec(local, TransportKind.LOCAL))
        self._carry(local, t.OpenStream(STREAM, origin=True), mesh=False)

    def relay(self) -> None:
        """Sound and picture come over the mesh."""
        virtual = self.next_id()
        self.plane.add_transport(TransportSpec(virtual, TransportKind.MESH))
        self._carry(virtual, t.OpenStream(STREAM), mesh=True)

    def _carry(self, transport: TransportId, opened: t.OpenStream, mesh: bool) -> None:
        extensions = wire.MESH_EXTENSIONS if mesh else ()
        video, audio = MediaKind.VIDEO, MediaKind.AUDIO
        self.plane.program(
            [
                AddProducer(PICTURE, transport, video, "v", (VP8,), extensions),
                AddProducer(SOUND, transport, audio, "a", (OPUS,), extensions),
                opened,
                t.BindStream(STREAM, (t.Slot(SOUND), t.Slot(PICTURE, "", 0))),
            ]
        )

    def view(self) -> None:
        """A viewer in this process."""
        local = self.next_id()
        self.plane.add_transport(TransportSpec(local, TransportKind.LOCAL))
        self.plane.on_local(local, lambda _, packet: self.got.append(packet))
        for number, (source, codec) in enumerate(
            ((PICTURE, VIEWER_VP8), (SOUND, OPUS))
        ):
            kind = MediaKind.AUDIO if codec is OPUS else MediaKind.VIDEO
            self.plane.program(
                [
                    AddConsumer(
                        ConsumerId(number),
                        source,
                        local,
                        kind,
                        "m",
                        0x70 + number,
                        None,
                        (codec,),
                    )
                ]
            )

    def serials(self, camera: Camera) -> list[int]:
        """Which packets of a camera the viewer got, in order."""
        tails = [rtp.payload(p, rtp.parse(p))[-8:] for p in self.got]
        head = camera.ssrc.to_bytes(4, "big")
        return [int.from_bytes(p[4:], "big") for p in tails if p[:4] == head]


async def link(a: Host, b: Host) -> None:
    """A validated path with keys between two planes."""
    names = [secrets.token_hex(6) for _ in range(2)]
    words = [secrets.token_hex(12) for _ in range(2)]
    keys = [secrets.token_bytes(16) for _ in range(2)]
    salts = [secrets.token_bytes(12) for _ in range(2)]
    for mine, (own, other) in enumerate(((a, b), (b, a))):
        theirs = 1 - mine
        transport = own.links[other.id] = own.next_id()
        own.plane.add_transport(
            TransportSpec(
                transport,
                TransportKind.RELAY,
                names[mine],
                words[mine],
                names[theirs],
                node=other.id,
                remote_pwd=words[theirs],
                candidates=(other.address,),
                controlling=mine == 0,
            )
        )
    for mine, (own, other) in enumerate(((a, b), (b, a))):
        proven = TransportValidated(own.links[other.id], other.address)
        await until(lambda o=own, p=proven: p in o.events)
        own.plane.set_keys(
            own.links[other.id],
            SrtpKeys(GCM, keys[mine], salts[mine], keys[1 - mine], salts[1 - mine]),
        )


def edge(parent: Host, child: Host, alias: int) -> None:
    child.plane.program([t.SetActive(STREAM, parent.id, alias, 0)])
    parent.plane.program([t.OpenLeg(STREAM, child.id, alias, 0xFF)])


async def film(host: Host, frames: int, *cameras: Camera) -> None:
    """Pictures and sound, 200 a second."""
    for _ in range(frames):
        for camera in cameras:
            source = SOUND if camera.codec is OPUS else PICTURE
            host.plane.inject(source, camera.frame())
        await asyncio.sleep(0.005)


def cameras() -> tuple[Camera, Camera]:
    return (
        Camera(key_every=40, fps=200),
        Camera(ssrc=0x2222, codec=OPUS, fps=200, size=100),
    )


def whole(host: Host, camera: Camera) -> bool:
    """Every packet since the first one that was seen, once."""
    got = host.serials(camera)
    return bool(got) and sorted(got) == list(range(min(got), camera.serial + 1))


@asynccontextmanager
async def four_hosts(*planes: str) -> AsyncIterator[list[Host]]:
    """Origin a, relays b and x, node c with a viewer, and their links."""
    async with middle() as between:
        made = [Host(*named) for named in zip("abxc", planes, strict=True)]
        a, b, x, c = [await host.open(between) for host in made]
        a.publisher()
        for host in (b, x, c):
            host.relay()
        c.view()
        for one, other in ((a, b), (a, x), (b, c), (x, c)):
            await link(one, other)
        yield made
        for host in made:
            await host.plane.close()


@pytest.fixture(params=(*PLANES, "mixed"))
async def hosts(request: pytest.FixtureRequest) -> AsyncIterator[list[Host]]:
    """Those of each plane that is built, and of both."""
    planes = PLANES * 2 if request.param == "mixed" else (request.param,) * 4
    async with four_hosts(*planes) as made:
        yield made


async def test_whoever_was_away_itself_does_not_call_its_parent_silent() -> None:
    async with four_hosts(*["reference"] * 4) as hosts:
        await away(*hosts)


async def away(a: Host, b: Host, x: Host, c: Host) -> None:
    film_of = cameras()
    edge(a, b, AB)
    edge(a, x, AX)
    edge(b, c, BC)
    c.plane.program([t.SetSecond(STREAM, x.id, t.Second.STANDBY, XC, 0)])
    x.plane.program([t.OpenLeg(STREAM, c.id, XC, 0xFF, standby=True)])
    await film(a, 60, *film_of)
    second = c.plane._forwarder._state.streams[STREAM].second
    assert second is not None
    await until(lambda: second.told > 0)
    [sock] = c.plane._sockets
    loop = asyncio.get_running_loop()
    loop.remove_reader(sock._socket.fileno())
    c.plane._alarm.stop()
    await film(a, 60, *film_of)  # 300 ms for which c is frozen
    c.plane._alarm.start(loop)
    c.plane._timeout()  # the late deadline comes before what waits, at worst
    loop.add_reader(sock._socket.fileno(), sock._readable)
    await film(a, 20, *film_of)
    assert not c.notices(t.Activated)
    assert not c.notices(t.Silent)
    await until(lambda: all(whole(c, camera) for camera in film_of))


async def test_a_stream_passes_over_two_relays_to_a_viewer(hosts: list[Host]) -> None:
    a, b, _, c = hosts
    film_of = cameras()
    await film(a, 20, *film_of)
    edge(a, b, AB)
    edge(b, c, BC)
    await film(a, 60, *film_of)
    await until(lambda: all(whole(c, camera) for camera in film_of))
    assert not {key for key in b.drops() if key.startswith("srtp")}
    assert a.plane.sent()[1] > 0
    assert c.plane.sent()[1] == 0
    for host in (b, c):  # checks tell the packet path how far its neighbours are
        for transport in host.links.values():
            await until(lambda h=host, t=transport: h.transports()[t]["rtt_s"])
    history = c.plane.stream_history(STREAM)
    assert history is not None
    assert history == a.plane.stream_history(STREAM)


async def test_lost_packets_are_repaired_hop_by_hop(hosts: list[Host]) -> None:
    a, b, _, c = hosts
    film_of = cameras()
    edge(a, b, AB)
    edge(b, c, BC)
    await film(a, 20, *film_of)
    await until(lambda: whole(c, film_of[0]))
    for host in (b, c):
        host.front.loses = every(7)
    await film(a, 60, *film_of)
    for host in (b, c):
        host.front.loses = lambda _: False
    await film(a, 10, *film_of)
    await until(lambda: all(whole(c, camera) for camera in film_of))
    assert "srtp-auth" not in c.drops()


def every(n: int) -> Callable[[bytes], bool]:
    """Every n-th media packet."""
    counted = count(1)
    return lambda datagram: kind(datagram) == "rtp" and next(counted) % n == 0


async def test_the_standby_takes_over_without_a_gap(hosts: list[Host]) -> None:
    a, b, x, c = hosts
    film_of = cameras()
    edge(a, b, AB)
    edge(a, x, AX)
    edge(b, c, BC)
    c.plane.program([t.SetSecond(STREAM, x.id, t.Second.STANDBY, XC, 0)])
    x.plane.program([t.OpenLeg(STREAM, c.id, XC, 0xFF, standby=True)])
    await film(a, 40, *film_of)
    await until(lambda: all(whole(c, camera) for camera in film_of))
    assert not c.notices(t.Activated)
    await b.plane.close()
    await film(a, 60, *film_of)
    await until(lambda: all(whole(c, camera) for camera in film_of))
    [activated] = c.notices(t.Activated)
    assert isinstance(activated, t.Activated)
    assert activated.parent == x.id
    assert len(x.notices(t.LegActivated)) == 1


async def test_what_is_not_of_a_neighbour_with_keys_is_not_taken(
    hosts: list[Host],
) -> None:
    a, b, _, _ = hosts
    edge(a, b, AB)
    [camera] = cameras()[:1]
    await film(a, 10, camera)
    await until(lambda: b.plane.stream_history(STREAM))
    before = b.plane.stream_history(STREAM)
    junk = (
        b"\x90\xe0" + bytes(60),
        b"\x80\xe0" + bytes(60),
        b"\x90\xe0\0\1" + bytes(8) + b"\xbe\xde\0\3\xe9" + bytes(40),
        b"\x80\xcc\0\2" + bytes(60),
    )
    a.plane.send_dtls(a.links[b.id], junk)
    await until(lambda: {"srtp-mesh", "srtp-auth", "srtcp-auth"} <= b.drops().keys())
    assert b.plane.stream_history(STREAM) == before


async def test_a_link_needs_gcm(hosts: list[Host]) -> None:
    a, b, _, _ = hosts
    weak = SrtpKeys("AES128_CM_SHA1_80", bytes(16), bytes(14), bytes(16), bytes(14))
    with pytest.raises(StateError, match="GCM"):
        a.plane.set_keys(a.links[b.id], weak)
