"""Associations between two real media ports over loopback."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from meshnode.media import link_transport
from meshnode.media.certificate import Certificate
from meshnode.media.link_transport import FRAME_OCTETS_MAX, LinkState, LinkTransport
from meshproto.config.ice import AgentConfig
from meshproto.errors import StateError
from meshproto.forwarding.relay.wire import MESH_ID, encode_mesh
from meshproto.outputs import Purpose
from meshproto.wire.rtp import build
from support.links import LinkNode, open_node
from support.media import until
from support.middle import kind, middle
from support.planes import PLANES

TREE_S = 0.25
Link = LinkTransport


Pair = tuple[LinkNode, LinkNode]
TWICE = (*PLANES, "mixed")


@contextlib.asynccontextmanager
async def two_nodes(*planes: str, **options) -> AsyncIterator[Pair]:
    others: dict = {}
    async with middle() as between:
        options["middle"] = between
        one = await open_node(1, others, plane=planes[0], **options)
        two = await open_node(2, others, plane=planes[-1], **options)
        yield one, two
        await one.port.close()
        await two.port.close()


@pytest.fixture(params=TWICE)
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    """Two nodes of each plane that is built, and one of each."""
    planes = PLANES if request.param == "mixed" else (request.param,)
    async with two_nodes(*planes) as made:
        yield made


async def connect(one: LinkNode, two: LinkNode) -> tuple[Link, Link]:
    """Both ends of a link that `one` dialled."""
    link = await one.dial(two)
    await until(lambda: two.links)
    return link, two.links[-1][0]


def lose(node: LinkNode, dropped: Callable[[bytes], bool]) -> None:
    """Nothing arrives at `node` that `dropped` says yes to."""
    assert node.front is not None
    node.front.loses = dropped


async def test_an_association_answers_while_both_ends_have_it(
    pair, monkeypatch
) -> None:
    one, two = pair
    monkeypatch.setattr(link_transport, "ANSWER_MIN_S", 1.0)
    monkeypatch.setattr(link_transport, "ANSWER_MAX_S", 1.0)
    link, other = await connect(one, two)
    assert await link.answers()
    link.park()
    assert await link.answers()
    assert link.state is LinkState.RESUMED
    lose(one, lambda datagram: datagram[0] < 4)
    assert not await link.answers()
    one.port.plane.close_transport(link.id)
    assert not await link.answers()
    asked = asyncio.ensure_future(other.answers())
    await asyncio.sleep(0)
    other.close()
    assert not await asked
    assert not await other.answers()


@contextlib.contextmanager
def deaf(node: LinkNode):
    """Nothing comes to the node or from it."""
    assert node.front is not None
    node.front.silent = True
    try:
        yield
    finally:
        node.front.silent = False


def drops(node: LinkNode) -> dict:
    stats = node.port.stats()
    return {**stats["plane"]["drops"], **stats["drops"]}


async def test_two_ports_make_a_link_and_exchange_frames(pair) -> None:
    link, other = await connect(*pair)
    got: list[bytes] = []
    back: list[bytes] = []
    other.on_frame(got.append)
    link.on_frame(back.append)
    frames = [b"%04d" % n + bytes(n % 1146) for n in range(1000)]
    for n, frame in enumerate(frames):
        assert link.send(frame)
        assert other.send(frame[::-1])
        if n % 50 == 49:
            await until(lambda: len(got) == len(back) == n + 1)  # noqa: B023
    assert got == frames
    assert back == [f[::-1] for f in frames]


async def test_both_ends_know_each_other_and_have_matching_keys() -> None:
    async with two_nodes("reference") as (one, two):
        await same_keys(one, two)


async def same_keys(one: LinkNode, two: LinkNode) -> None:
    link, other = await connect(one, two)
    assert (link.node, other.node) == (two.keys.node, one.keys.node)
    assert link.dialled
    assert not other.dialled
    mine = one.port.plane._sessions[link.id]
    theirs = two.port.plane._sessions[other.id]
    mesh = encode_mesh(9, 0, 0, 70_000, 5)  # names the packet's index
    rtp = build(96, 70_000, 0, 7, extensions=[(MESH_ID, mesh)])
    pieces = mine.outbound.protect_burst(((rtp, b"media", 7, 70_000),))
    assert theirs.inbound.unprotect(b"".join(pieces)) == rtp + b"media"
    assert link._dtls.keys.profile == other._dtls.keys.profile == "AEAD_AES_128_GCM"


async def test_each_answered_check_is_a_sample_of_the_round_trip(pair) -> None:
    link, other = await connect(*pair)
    samples: list[float | None] = []
    link.on_checked(samples.append)
    link.pace(0.05)
    await until(lambda: len(samples) >= 10)
    assert all(sample is None or 0 < sample < 10 for sample in samples)
    assert link.rtt_s is not None
    assert other.rtt_s is not None


async def test_silence_of_a_dead_neighbour_is_noticed(pair) -> None:
    one, two = pair
    link, _ = await connect(one, two)
    link.pace(TREE_S)
    states: list[LinkState] = []
    misses: list[float | None] = []
    link.on_state(lambda link: states.append(link.state))
    link.on_checked(misses.append)
    with deaf(two):
        await until(lambda: states)
    assert states == [LinkState.SILENT]
    assert misses.count(None) >= 4


async def test_a_link_resumes_after_a_cut_with_the_keys_it_had(pair) -> None:
    one, two = pair
    link, other = await connect(one, two)
    got: list[bytes] = []
    link.pace(TREE_S)
    with deaf(two):
        await until(lambda: link.state is LinkState.SILENT)
    states: list[LinkState] = []
    link.on_state(lambda link: states.append(link.state))
    await until(lambda: states)
    assert states == [LinkState.RESUMED]
    other.on_frame(got.append)
    assert link.send(b"again")
    await until(lambda: got == [b"again"])
    assert one.port.stats()["links"] == two.port.stats()["links"] == 1


async def test_a_parked_link_answers_and_resumes_at_once(pair) -> None:
    link, _ = await connect(*pair)
    states: list[LinkState] = []
    link.on_state(lambda link: states.append(link.state))
    link.pace(TREE_S)
    link.park()
    link.park()
    await until(lambda: len(states) == 2)
    assert states == [LinkState.SILENT, LinkState.RESUMED]


async def test_a_lost_link_is_forgotten_in_the_end(plane: str) -> None:
    hasty = AgentConfig(interval_s=0.1, keep_s=0.5)
    async with two_nodes(plane, links=hasty) as (one, two):
        link, _ = await connect(one, two)
        with deaf(two):
            await until(lambda: link.state is LinkState.CLOSED)
        assert link.close_reason.startswith("silent for")
        assert one.port.stats()["links"] == 0


async def test_nothing_but_checks_goes_to_who_does_not_answer(plane: str) -> None:
    hasty = AgentConfig(interval_s=0.1, consent_s=0.3, resume_check_s=0.1)
    async with two_nodes(plane, links=hasty) as (one, two):
        link, other = await connect(one, two)
        got: list[bytes] = []
        other.on_frame(got.append)
        with deaf(two):
            await until(lambda: link.state is LinkState.SILENT)
            await until(lambda: link.send(b"x") and "unproven-address" in drops(one))
        await until(lambda: link.state is LinkState.RESUMED)
        link.send(b"again")
        await until(lambda: b"again" in got)


@pytest.mark.parametrize("lost", range(1, 5))
@pytest.mark.parametrize("side", ["dialler", "dialled"])
async def test_any_lost_flight_of_the_handshake_is_repaired(pair, side, lost) -> None:
    """The nth DTLS datagram that arrives at one end does not."""
    one, two = pair
    count = 0

    def nth(datagram: bytes) -> bool:
        nonlocal count
        count += kind(datagram) == "dtls"
        return kind(datagram) == "dtls" and count == lost

    lose(one if side == "dialler" else two, nth)
    link, other = await connect(one, two)
    got: list[bytes] = []
    other.on_frame(got.append)
    await until(lambda: link.send(b"hello") and got)


async def test_a_certificate_that_is_not_the_descriptors_is_refused(pair) -> None:
    one, two = pair
    wrong = Certificate.generate().fingerprint
    own = two.maker._descriptors._own
    two.maker._descriptors._own = replace(own, fingerprint=wrong)
    with pytest.raises(StateError, match="DTLS failed"):
        await one.dial(two)
    await until(lambda: two.port.stats()["links"] == 0)
    assert not two.links
    assert one.port.stats()["links"] == 0


async def test_a_neighbour_that_never_answers_is_given_up(pair, monkeypatch) -> None:
    one, two = pair
    monkeypatch.setattr(link_transport, "HANDSHAKE_TIMEOUT_S", 0.3)
    lose(two, lambda datagram: True)
    with pytest.raises(StateError, match="timeout"):
        await one.dial(two)
    await until(lambda: not one.port.stats()["links"] and not two.port.stats()["links"])


async def test_the_end_of_a_link_is_told_to_the_other_end(pair) -> None:
    one, two = pair
    link, other = await connect(one, two)
    reasons: list[str] = []
    other.on_state(lambda link: reasons.append(link.close_reason))
    link.close("leaving")
    link.close("again")
    await until(lambda: reasons)
    assert reasons == ["peer closed"]
    assert link.close_reason == "leaving"
    assert not link.send(b"too late")
    assert not other.send(b"too late")
    assert one.port.plane.stats()["transports"] == 0
    assert two.port.plane.stats()["transports"] == 0


async def test_frames_wait_for_their_receiver_but_not_many(pair) -> None:
    one, two = pair
    link, other = await connect(one, two)
    for n in range(20):
        link.send(b"%d" % n)
    await until(lambda: other.drops().get("link-frame-unread") == 4)
    got: list[bytes] = []
    other.on_frame(got.append)
    assert got == [b"%d" % n for n in range(16)]


async def test_frames_that_do_not_fit_or_come_too_early_are_counted(pair) -> None:
    one, two = pair
    link, other = await connect(one, two)
    assert not link.send(bytes(FRAME_OCTETS_MAX + 1))
    assert link.drops() == {"link-frame-size": 1}
    other._dtls.send(bytes(FRAME_OCTETS_MAX + 1))  # a neighbour with other limits
    two.port.plane.send_dtls(other.id, other._dtls.transmit())
    await until(lambda: link.drops() == {"link-frame-size": 2})
    new = one.port.link(
        two.keys.node,
        local_ufrag="abcdefgh",
        local_pwd="p" * 24,
        remote=two.descriptors.dial(Purpose.TREE, ("ijklmnop", "q" * 24)),
        controlling=True,
        dtls_role="client",
    )
    assert not new.send(b"early")
    assert new.drops() == {"link-frame-early": 1}
    for _ in range(6):
        new.receive_dtls(b"\x16\xfe\xfd")
    assert new.drops()["link-early-full"] == 2
    new.close()


async def test_garbage_is_counted_and_touches_nothing(pair) -> None:
    one, two = pair
    link, other = await connect(one, two)
    (address,) = two.port.addresses
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for junk in (
            b"\x16\xfe\xfd" + bytes(40),
            b"\x80\x60" + bytes(40),
            b"\x00\x01\x00\x00!\x12\xa4B" + bytes(10),
        ):
            stranger.sendto(junk, address)
    junk = [b"\x17\xfe\xfd" + bytes(20), b"\x80\xc9\x00\x01" + bytes(60)]
    one.port.plane.send_dtls(link.id, junk * 5)
    await until(lambda: drops(two).get("srtcp-auth") == 5)
    assert drops(two)["unvalidated-dtls"] == 1
    assert other.drops() == {"dtls-short": 5}
    assert drops(two)["unvalidated-rtp"] == 1
    assert drops(two)["stun-short"] == 1
    got: list[bytes] = []
    other.on_frame(got.append)
    link.send(b"still here")
    await until(lambda: got == [b"still here"])


async def test_handlers_that_raise_do_not_end_the_link(pair) -> None:
    one, two = pair
    told: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: told.append(context["message"]))
    link, other = await connect(one, two)

    def faulty(_: object) -> None:
        raise ZeroDivisionError

    other.on_frame(faulty)
    link.send(b"one")
    await until(lambda: told)
    assert other.state is LinkState.CONNECTED


async def test_links_and_clients_share_a_port(pair) -> None:
    from support.light_client import join

    one, two = pair
    link, other = await connect(one, two)
    transport, client = await join(two.port)
    got: list[bytes] = []
    other.on_frame(got.append)
    link.send(b"beside a viewer")
    await until(lambda: got)
    assert transport.state.value == "connected"
    client.close()
