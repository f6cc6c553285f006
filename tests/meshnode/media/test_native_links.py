"""Who owns an address that both a client and a neighbour sent from (RFC 0002 3.1)."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from meshnode.media.plane import (
    Address,
    DtlsReceived,
    PlaneEvent,
    SrtpKeys,
    TransportSilent,
    TransportSpec,
    TransportValidated,
)
from meshproto.config.ice import AgentConfig
from meshproto.errors import LimitError, StateError
from meshproto.forwarding.table import TransportKind
from meshproto.ice.events import Checked, Probed
from meshproto.ice.path import IceConfig
from meshproto.ids import NodeId, TransportId
from meshproto.wire import stun
from meshproto.wire import stun_binding as binding
from support.media import until
from support.planes import make_plane

CLIENT, LINK, OTHER = TransportId(1), TransportId(2), TransportId(3)
PWD = "p" * 24
NODE = NodeId(b"n" * 38)
HELLO = b"\x16\xfe\xfd" + bytes(20)
HASTY_S = 2.0


class Scene:
    """An open plane with one client and one link, and a socket that is either."""

    def __init__(self, plane: str) -> None:
        clients = IceConfig(move_silence_s=HASTY_S)
        links = AgentConfig(consent_s=HASTY_S, associations=2)
        self.plane = make_plane(plane, ice=clients, links=links)
        self.events: list[PlaneEvent] = []
        self.plane.on_event(self.events.append)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.own: Address = self.socket.getsockname()

    async def open(self) -> None:
        [self.address] = await self.plane.open(["127.0.0.1"], 0)
        self.plane.add_transport(
            TransportSpec(CLIENT, TransportKind.CLIENT, "client", PWD, "them")
        )
        self.plane.add_transport(self.link(LINK, "link"))

    async def close(self) -> None:
        self.socket.close()
        await self.plane.close()

    def link(
        self, transport: TransportId, ufrag: str, *candidates: Address
    ) -> TransportSpec:
        relay = TransportKind.RELAY
        return TransportSpec(
            *(transport, relay, ufrag, PWD, "them"),
            node=NODE,
            remote_pwd=PWD,
            candidates=candidates,
            controlling=True,
        )

    def check(self, ufrag: str) -> None:
        datagram = binding.request(
            secrets.token_bytes(12),
            username=f"{ufrag}:them",
            key=PWD.encode(),
            priority=1,
            controlling=1 if ufrag == "client" else None,
            controlled=None if ufrag == "client" else 1,
            use_candidate=False,
        )
        self.socket.sendto(datagram, self.address)

    async def asked(self) -> stun.Message:
        """The next that comes to the socket."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(20):
            return stun.decode(await loop.sock_recv(self.socket, 2048))

    async def heard_as(self, transport: TransportId) -> None:
        """What the socket sends is taken for this transport's."""

        def said() -> bool:
            self.socket.sendto(HELLO, self.address)
            told = [e for e in self.events if isinstance(e, DtlsReceived)]
            return bool(told) and told[-1].transport == transport

        await until(said)

    async def refused(self, reason: str) -> None:
        await until(lambda: self.plane.stats()["drops"].get(reason, 0) > 0)

    async def again(self, act: Callable[[], None], done: Callable[[], bool]) -> None:
        """Act until it is done: before its time it is refused."""

        def tried() -> bool:
            act()
            return done()

        await until(tried)


@pytest.fixture
async def scene(plane: str) -> AsyncIterator[Scene]:
    made = Scene(plane)
    await made.open()
    yield made
    await made.close()


async def test_a_client_keeps_its_address_while_it_is_alive(scene: Scene) -> None:
    scene.check("client")
    await scene.heard_as(CLIENT)
    scene.check("link")
    await scene.refused("ice-address-taken")
    await scene.heard_as(CLIENT)
    await scene.again(lambda: scene.check("link"), lambda: last(scene) == LINK)


async def test_a_neighbour_keeps_its_address_while_it_is_alive(scene: Scene) -> None:
    scene.check("link")
    await scene.heard_as(LINK)
    scene.check("client")
    await scene.refused("ice-address-taken")
    await scene.heard_as(LINK)
    await scene.again(lambda: scene.check("client"), lambda: last(scene) == CLIENT)
    assert TransportValidated(CLIENT, scene.own) in scene.events
    # and back, which shows that the agent of links was told of its loss
    await scene.again(lambda: scene.check("link"), lambda: last(scene) == LINK)


def last(scene: Scene) -> TransportId | None:
    scene.socket.sendto(HELLO, scene.address)
    told = [e.transport for e in scene.events if isinstance(e, DtlsReceived)]
    return told[-1] if told else None


async def test_who_answers_a_check_has_the_address_whoever_had_it(
    scene: Scene,
) -> None:
    scene.check("client")
    await scene.heard_as(CLIENT)
    scene.plane.add_transport(scene.link(OTHER, "other", scene.own))

    def answer() -> bool:
        try:
            request = stun.decode(scene.socket.recv(2048))
        except BlockingIOError:
            return False
        if request.message_type == binding.REQUEST:
            key = PWD.encode()
            reply = binding.success(request, scene.own, key=key, fingerprint=True)
            scene.socket.sendto(reply, scene.address)
        return any(isinstance(event, Checked) for event in scene.events)

    await until(answer)
    assert TransportValidated(OTHER, scene.own) in scene.events
    await scene.heard_as(OTHER)


async def test_a_forged_answer_and_one_that_nobody_asked_for_change_nothing(
    scene: Scene,
) -> None:
    scene.plane.probe(scene.own, 7)
    request = await scene.asked()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        forged = binding.success(request, scene.own, fingerprint=False)
        stranger.sendto(forged, scene.address)
        await scene.refused("probe-answer")
        other = bytearray(forged)
        other[8] ^= 1
        stranger.sendto(other, scene.address)
        await scene.refused("stun-not-a-request")
    assert not scene.events
    scene.socket.sendto(forged, scene.address)
    await until(lambda: scene.events)
    probed = scene.events[0]
    assert isinstance(probed, Probed)
    assert probed.token == 7
    assert probed.rtt_s is not None
    assert 0 < probed.rtt_s < 5


async def test_a_probe_that_nobody_answers_is_told(scene: Scene) -> None:
    scene.plane.probe(scene.own, 9)
    await until(lambda: Probed(9, None) in scene.events)


async def test_a_link_with_media_is_not_silent_whatever_becomes_of_its_checks(
    scene: Scene,
) -> None:
    """DTLS that proved genuine counts as a sign of life."""
    scene.plane.add_transport(scene.link(OTHER, "other", scene.own))
    scene.plane.pace(OTHER, 0.05)
    request = await scene.asked()
    reply = binding.success(request, scene.own, key=PWD.encode(), fingerprint=True)
    scene.socket.sendto(reply, scene.address)
    await until(lambda: TransportValidated(OTHER, scene.own) in scene.events)

    def misses() -> int:
        scene.socket.sendto(HELLO, scene.address)
        scene.plane.dtls_authentic(OTHER)
        return scene.events.count(Checked(OTHER, None))

    await until(lambda: misses() > 12)
    assert not [e for e in scene.events if isinstance(e, TransportSilent)]
    await until(lambda: any(isinstance(e, TransportSilent) for e in scene.events))


async def test_after_a_fault_at_an_order_the_worker_knows_every_claim_again() -> None:
    """One that it lost with an order that panicked, here one that was taken back."""
    scene = Scene("native")
    await scene.open()
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    scene.check("link")
    await scene.heard_as(LINK)
    links: Any = scene.plane
    remote = links._links._addresses[scene.own]
    links._links._links.release(scene.own, remote.token)
    scene.socket.sendto(HELLO, scene.address)
    await scene.refused("unvalidated-dtls")
    scene.events.clear()
    links._engine.panic()
    await scene.heard_as(LINK)
    await scene.close()


async def test_misuse_of_links_is_told_to_the_caller(scene: Scene) -> None:
    plane = scene.plane
    for spec in (
        scene.link(LINK, "fresh"),
        scene.link(OTHER, "link"),
        scene.link(OTHER, "li"),
        scene.link(OTHER, "li:nk"),
        TransportSpec(OTHER, TransportKind.RELAY, "fresh", PWD, "them"),
    ):
        with pytest.raises(StateError):
            plane.add_transport(spec)
    plane.add_transport(scene.link(OTHER, "other"))
    with pytest.raises(LimitError):
        plane.add_transport(scene.link(TransportId(4), "fourth"))
    for verb in (
        lambda: plane.pace(TransportId(4), 1.0),
        lambda: plane.check(TransportId(4)),
        lambda: plane.add_candidates(TransportId(4), [("127.0.0.1", 9)]),
        lambda: plane.pace(CLIENT, 1.0),
    ):
        with pytest.raises(StateError):
            verb()
    plane.close_transport(OTHER)
    plane.close_transport(OTHER)
    plane.add_transport(scene.link(OTHER, "other"))
    weak = SrtpKeys("AES128_CM_SHA1_80", bytes(16), bytes(14), bytes(16), bytes(14))
    with pytest.raises(StateError, match="GCM"):
        plane.set_keys(OTHER, weak)
