"""Neighbours who lie and repeat, over real links and real libp2p, to one whole node.

A victim shows a stream of an honest node; a liar has a link to the victim, as anybody
can have one.  Whatever the liar says, and whatever somebody on the way sends twice, is
dropped and counted, the stream goes on, and the victim's route and directory are right.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

import pytest

from meshnode import MeshNode
from meshnode.control.mesh import Control
from meshnode.node.local import LocalSubscriber
from meshproto.config.gossip import DIRECTORY_TOPIC
from meshproto.errors import MeshError
from meshproto.outputs import Purpose
from meshproto.wire.control.directory import (
    Body,
    Held,
    Notice,
    Notices,
    build_body,
    build_notices,
    parse_body,
)
from meshproto.wire.control.routing import Update, signed_part
from meshproto.wire.control.schema import Record
from meshproto.wire.demux import DatagramKind, classify
from support.control_world import until
from support.libp2p import hosts
from support.mesh_nodes import (
    Start,
    bring,
    knows,
    mesh,
    mesh_nodes,
    ready,
    source,
)

REPEATED = 20
"""Datagrams of a kind that are sent again."""


def control(node: MeshNode) -> Control:
    found = node._control
    assert found is not None
    return found


@dataclass
class Scene:
    """Three nodes in one mesh, and a viewer at the victim."""

    honest: MeshNode
    victim: MeshNode
    liar: MeshNode
    viewer: LocalSubscriber
    packets: int = 0

    async def look(self) -> None:
        async for _ in self.viewer:
            self.packets += 1

    def say(self, record: Record) -> None:
        """The liar tells the victim `record`, over its link."""
        brain = control(self.liar)._brain

        def send(now: float) -> None:
            brain._links.send(control(self.victim).node, record, now)
            brain._settle(now)

        control(self.liar)._driver.tell("lie", send)

    def gossip(self, notice: Notice) -> None:
        """The liar publishes `notice` in the directory's topic, signed as its own."""
        brain = control(self.liar)._brain

        def publish(now: float) -> None:
            brain._gossip.publish(DIRECTORY_TOPIC, build_notices([notice]), now)
            brain._settle(now)

        control(self.liar)._driver.tell("lie", publish)

    def notice(self) -> tuple[Notice, Body]:
        """What the honest node says about its stream, as the liar knows it."""
        directory = control(self.liar)._brain.directory
        (stream,) = directory.streams()
        held = directory._state.table.get(stream)
        assert held is not None
        return held.notice, parse_body(held.notice.body)

    def refused(self, reason: str) -> int:
        counters = mesh(self.victim).counters
        tables = (counters["refused"], counters["descriptors-refused"])
        return sum(table.get(reason, 0) for table in tables)

    def dropped(self, reason: str) -> int:
        counters = self.victim.status().counters
        tables = (counters["media_drops"], counters["client_drops"])
        return sum(table.get(reason, 0) for table in tables)  # type: ignore[attr-defined]

    async def unharmed(self) -> None:
        """The stream goes on, by the right way, and nothing broke inside."""
        before = self.packets
        await until(lambda: self.packets >= before + 50, "the stream goes on")
        brain, honest = control(self.victim)._brain, control(self.honest).node
        await until(lambda: brain.next_hop(honest) == honest, "the straight way", 60)
        (stream,) = brain.directory.streams()
        assert brain.directory.resolve(stream) == honest
        status = self.victim.status()
        assert status.state == "ready"
        assert not any(mesh(self.victim).counters["defects"].values())
        assert "internal-error" not in status.counters["media_drops"]  # type: ignore[operator]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    async with mesh_nodes() as begin:
        yield begin


@pytest.fixture
async def scene(start: Start) -> AsyncIterator[Scene]:
    honest = await start()
    # the taps below look inside
    victim = await start(honest, plane="reference")
    async with source(honest):
        await until(lambda: knows(victim, "cam"), "the stream is known")
        # why an edge: it tells no routes, so that a way leads over it only by a lie
        liar = await start(victim, role="edge")
        await until(lambda: knows(liar, "cam"), "the stream is known")
        await until(lambda: ready(victim) == 2, "links to both")
        await bring(victim)
        with victim.subscribe("cam") as viewer:
            made = Scene(honest, victim, liar, viewer)
            task = asyncio.create_task(made.look())
            await made.unharmed()
            yield made
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


# -- forged updates --------------------------------------------------------------------


def _nobody(_: Scene, __: Update) -> bytes:
    return bytes(64)


def _liar(scene: Scene, update: Update) -> bytes:
    signed = signed_part(update.origin, update.epoch, update.seqno)
    return control(scene.liar).sign(signed)


def _other_number(scene: Scene, update: Update) -> bytes:
    """A signature of the origin, of another of its numbers."""
    router = control(scene.victim)._brain._router
    signature: bytes = router._tables.entries[update.origin].proof[1]
    assert signature
    return signature


@pytest.mark.parametrize("signature", [_nobody, _liar, _other_number])
async def test_a_route_that_its_origin_did_not_sign_is_not_taken(
    scene: Scene, signature: Callable[[Scene, Update], bytes]
) -> None:
    origin = control(scene.honest)
    before = scene.refused("route-signature")
    epoch = mesh(scene.honest).epoch
    update = Update(origin.node, epoch, 40_000, 0, 0, ())
    scene.say(replace(update, signature=signature(scene, update)))
    await until(lambda: scene.refused("route-signature") > before, "it is counted")
    await scene.unharmed()


async def test_the_directory_believes_nobody_about_the_streams_of_others(
    scene: Scene,
) -> None:
    notice, body = scene.notice()
    liar = control(scene.liar)
    newer = build_body(replace(body, version=body.version + 1, media=b""))

    def signed(octets: bytes) -> Notice:
        return Notice(octets, liar.sign(Notice(octets, bytes(64)).signed_part()))

    # over gossip, about the node itself: only it may say so there
    scene.gossip(Notice(newer, notice.signature))
    await until(lambda: scene.refused("directory-author"), "its author is not it")
    # over gossip, as if the stream had moved to the liar
    claim = replace(body.claim, origin=liar.node, counter=body.claim.counter + 1)
    scene.gossip(signed(build_body(replace(body, claim=claim))))
    await until(lambda: scene.refused("directory-claim"), "the claim is not signed")
    # out of a table, where anybody passes on what others have signed
    for forged in (Notice(newer, notice.signature), signed(newer)):
        before = scene.refused("directory-signature")
        scene.say(Notices((Held(60, forged),)))
        await until(
            lambda b=before: scene.refused("directory-signature") > b,
            "it is not the origin's word",
        )
    await scene.unharmed()


# -- replays ---------------------------------------------------------------------------


async def test_frames_of_another_link_mean_nothing_over_this_one(scene: Scene) -> None:
    """The liar got hold of what the honest node sent, and says it as its own."""
    victim, honest = control(scene.victim).node, control(scene.honest)._linking
    theirs = honest.neighbours.by_node(victim)
    assert theirs is not None
    heard: list[bytes] = []
    send = theirs.transport.send

    def recorded(frame: bytes) -> bool:
        heard.append(frame)
        return send(frame)

    theirs.transport.send = recorded  # type: ignore[method-assign]
    await until(lambda: len(heard) >= 5, "frames to repeat")
    mine = control(scene.liar)._linking.neighbours.by_node(victim)
    assert mine is not None
    for frame in heard:
        mine.transport.send(frame)
    await until(lambda: scene.refused("session-stale") >= 5, "they are counted")
    await scene.unharmed()


class Tap:
    """Datagrams from the honest node to the victim, by kind; `again` repeats them."""

    def __init__(self, scene: Scene) -> None:
        self.taken: dict[DatagramKind, list[bytes]] = {kind: [] for kind in KINDS}
        ingress = scene.victim._parts.port.plane._ingress  # type: ignore[attr-defined]
        self._receive = ingress.receive
        self._rest: tuple[object, ...] = ()
        honest = scene.honest.addresses[0]

        def receive(datagram: bytes, address: tuple[str, int], *rest: object) -> None:
            kind = classify(datagram)
            if address == honest and len(self.taken.get(kind, ())) < REPEATED:
                self._rest = (address, *rest)
                self.taken.setdefault(kind, []).append(bytes(datagram))
            self._receive(datagram, address, *rest)

        ingress.receive = receive

    @property
    def is_full(self) -> bool:
        counts = {kind: len(taken) for kind, taken in self.taken.items()}
        enough = {DatagramKind.RTP: REPEATED}
        return all(counts[kind] >= enough.get(kind, 2) for kind in KINDS)

    def again(self, kind: DatagramKind) -> int:
        """As if they came once more from the honest node's address."""
        for datagram in self.taken[kind]:
            self._receive(datagram, *self._rest)
        return len(self.taken[kind])


KINDS = (DatagramKind.RTP, DatagramKind.RTCP, DatagramKind.DTLS)
REPLAYED = {
    DatagramKind.RTP: "srtp-replay",
    DatagramKind.RTCP: "srtcp-replay",
    DatagramKind.DTLS: "link-frame-replayed-or-forged",
}
ELSEWHERE = {
    DatagramKind.RTP: "unvalidated-rtp",
    DatagramKind.RTCP: "unvalidated-rtcp",
    DatagramKind.DTLS: "unvalidated-dtls",
}


async def test_datagrams_of_a_link_that_come_twice_count_once(scene: Scene) -> None:
    tap = Tap(scene)
    await until(lambda: tap.is_full, "media, reports and frames", 60)
    for kind, reason in REPLAYED.items():
        before = scene.dropped(reason)
        sent = tap.again(kind)
        await until(
            lambda r=reason, b=before, s=sent: scene.dropped(r) >= b + s,
            f"{sent} of {kind} are counted",
        )
    await scene.unharmed()


async def test_datagrams_of_a_link_mean_nothing_from_elsewhere(scene: Scene) -> None:
    tap = Tap(scene)
    await until(lambda: tap.is_full, "media, reports and frames", 60)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for kind, reason in ELSEWHERE.items():
            taken = tuple(tap.taken[kind])
            for datagram in taken:
                stranger.sendto(datagram, scene.victim.addresses[0])
            await until(
                lambda r=reason, t=taken: scene.dropped(r) >= len(t),
                f"{kind} are counted",
            )
    await scene.unharmed()


async def test_a_descriptor_is_of_use_once_and_to_its_sender_only(scene: Scene) -> None:
    victim, honest = control(scene.victim), control(scene.honest)
    descriptors = honest._linking._dialling._maker._maker._descriptors  # type: ignore[attr-defined]
    credentials = scene.honest._parts.port.new_credentials()
    asked = descriptors.dial(Purpose.OVERLAY, credentials)
    payload = descriptors.written(asked, victim.node)
    async with hosts(1) as (stranger,):
        addresses = victim._host.addresses
        await stranger.host.connect(addresses, victim.node, 10)
        answer = await stranger.host.exchange(victim.node, payload, 20)
        assert answer == b"\x03unreadable"
        assert scene.refused("descriptor-node") == 1
        await honest._host.connect(addresses, victim.node, 10)
        # the honest node has a link that lives, so its own question is answered no
        assert (await honest._host.exchange(victim.node, payload, 20))[0] == 2
        assert (await honest._host.exchange(victim.node, payload, 20))[0] == 3
        assert scene.refused("descriptor-replayed") == 1
        for nonsense in (b"", b"\x01" + bytes(90), b"\x04\xc1", b"\xff" * 4_000):
            with contextlib.suppress(MeshError):
                await stranger.host.exchange(victim.node, nonsense, 20)
    assert scene.refused("asked-linked") == 1
    assert scene.refused("envelope-kind") >= 1
    assert scene.refused("envelope-peers") == 1
    await scene.unharmed()
