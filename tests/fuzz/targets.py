"""One function per parser that reads a stranger's bytes, and where its seeds lie.

A target may end in a value or in `DecodeError`, nothing else: that list is closed.
`seeds` are names of zip files below the shared folder's `corpora/bad`, or "sdp" for the
real descriptions, "gossip" for the RPCs; without the shared folder a target starts from
nothing.
"""

from __future__ import annotations

import contextlib
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, replace

import msgpack

from meshnode.control.libp2p import multiaddress
from meshnode.media.plane import SrtpKeys
from meshnode.media.srtp import make_inbound
from meshnode.signalling.dialects import common
from meshnode.signalling.dialects.socket import parse_object
from meshproto.config.ice import AgentConfig
from meshproto.config.link import LinkConfig
from meshproto.errors import DecodeError
from meshproto.forwarding.relay import wire
from meshproto.ice.agent import IceAgent
from meshproto.ice.bucket import PrefixBucket
from meshproto.ice.events import Local
from meshproto.ice.link_path import Association
from meshproto.ice.lite import IceLite
from meshproto.ice.server import StunServer
from meshproto.ids import LinkId, NodeId, TransportId
from meshproto.link.links import Links
from meshproto.outputs import Outbox, Transmit
from meshproto.wire import (
    extensions,
    peer_id,
    protobuf,
    pubsub,
    red,
    rtcp,
    rtp,
    rtx,
    stun,
    twcc,
)
from meshproto.wire.control import frame, peer, schema
from meshproto.wire.control.descriptor import parse_descriptor
from meshproto.wire.control.directory import (
    BODY_OCTETS_MAX,
    Body,
    Digest,
    Notice,
    Notices,
    Summary,
    WantNotices,
    build_body,
)
from meshproto.wire.control.link import Hello
from meshproto.wire.demux import DatagramKind, classify
from meshproto.wire.descriptor import dependency, describe
from meshproto.wire.parameters import Codec, MediaKind
from meshproto.wire.portmap import natpmp, pcp
from meshproto.wire.sdp import candidate, fragment, offer, parse, play, publish
from meshproto.wire.sdp.endpoint import LocalEndpoint
from tests.support.directory import Alone, claim
from tests.support.gossip import Rig, seal
from tests.support.legs import LegNet, picture, sound, triangle

ALLOWED = (DecodeError,)
LOCAL = LocalEndpoint(
    ufrag="localufrag",
    pwd="p" * 24,
    fingerprint=":".join(["AB"] * 32),
    candidates=(candidate.host_candidate("192.0.2.1", 5000),),
    session_id=1,
)
OUTGOING = (
    play.OutgoingTrack(
        MediaKind.VIDEO, (Codec(96, "vp8", 90000),), 1, 2, "cname", "stream", "video"
    ),
    play.OutgoingTrack(
        MediaKind.AUDIO, (Codec(111, "opus", 48000, 2),), 3, None, "cname", "s", "a"
    ),
)


@dataclass(frozen=True, slots=True)
class Target:
    """What to feed, and what to start from."""

    run: Callable[[bytes], object]
    seeds: tuple[str, ...]


def _rtp(data: bytes) -> None:
    view = rtp.parse(data)
    rtp.payload(data, view)
    rtp.csrcs(data)
    extensions.spans(
        data, view.extension_profile, view.extension_offset, view.extension_length
    )


def _portmap(data: bytes) -> None:
    for head in (b"", b"\x02\x81\0\0", b"\0\x81\0\0"):
        for decode in (pcp.decode, natpmp.decode):
            with contextlib.suppress(*ALLOWED):
                decode(head + data)


def _sdp(data: bytes) -> None:
    parse.parse(data)
    read = offer.read(data)
    for answer in (
        lambda: publish.answer(read, LOCAL),
        lambda: play.answer(read, LOCAL, OUTGOING),
    ):
        try:
            answer()
        except ALLOWED:
            continue


def _rtx(data: bytes) -> None:
    rtx.unwrap(data, 1, 96)


def _codec(name: str) -> Target:
    return Target(lambda data: describe(name, data), (name,))


def _agent() -> Callable[[bytes], object]:
    agent = IceLite(StunServer(PrefixBucket(bytes(16))))
    agent.add(TransportId(1), "localufrag", "p" * 24, "remote")

    def receive(data: bytes) -> None:
        _, event = agent.receive(data, ("192.0.2.9", 9), 1.0)
        assert event is None, "an unauthenticated datagram changed a transport"

    return receive


def _links_agent() -> Callable[[bytes], object]:
    agent = IceAgent(AgentConfig(), random.Random(1))
    agent.open(["192.0.2.1"])
    spec = Association(
        *(TransportId(1), "localufrag", "p" * 24, "remote", "q" * 24), controlling=True
    )
    agent.add(spec, [("192.0.2.9", 9)], 1.0)
    agent.take_out()

    def receive(data: bytes) -> None:
        agent.receive(stun.decode(data), ("192.0.2.9", 9), Local(0), 1.0)
        agent.handle_timeout(1.0)
        assert not agent.take_events(), "what nobody signed changed a link"
        assert not agent.by_address

    return receive


def _srtp() -> Callable[[bytes], object]:
    keys = SrtpKeys("AEAD_AES_128_GCM", b"k" * 16, b"s" * 12, b"r" * 16, b"t" * 12)
    inbound = make_inbound(keys)

    def receive(data: bytes) -> None:
        is_rtcp = classify(data) is DatagramKind.RTCP
        (inbound.unprotect_rtcp if is_rtcp else inbound.unprotect)(data)
        raise AssertionError("a packet without our key was accepted")

    return receive


def _mesh(data: bytes) -> None:
    for parser in (wire.messages, wire.srtp_index, wire.decode_mesh):
        try:
            parser(data)
        except ALLOWED:
            continue
    wire.elements(data, rtp.parse(data))


def _legs() -> Callable[[bytes], object]:
    """A node in a tree, and a neighbour with keys that says anything at all."""
    state: list[LegNet] = []
    clock = itertools.count()

    def receive(data: bytes) -> None:
        if next(clock) % 256 == 0:
            net = triangle()
            net.film("a", 0.1, picture(), sound())
            state[:] = [net]
        [net] = state
        hop = net["c"]
        for way in ("b", "x"):
            for is_rtcp in (False, True):
                try:
                    hop.receive(hop.ways[way], data, is_rtcp)
                except ALLOWED as error:
                    raise AssertionError("remote input raised") from error
        net.run(0.001)

    return receive


def _pubsub(data: bytes) -> None:
    for parser in (protobuf.read_length, pubsub.decode_message, pubsub.Framer().feed):
        try:
            parser(data)
        except ALLOWED:
            continue
    pubsub.decode(data)


def _router(data: bytes) -> None:
    # why anew: one that bears a grudge against all neighbours reads nothing more
    rig = Rig(topics_per_peer_max=4, seen_max=64, backoffs_max=16)
    rig.join()
    member, other = rig.ups(2)
    rig.graft(member)
    for node in (member, other, member):
        rig.hear(node, [data])
        rig.judge()
        rig.pass_time(1)
    for node in (member, other):
        rig.router.peer_down(node, rig.now)
    assert len(rig.router._state.topics) == 1, "state outlives the neighbours"


def _greeted() -> tuple[Links, Outbox, int]:
    """A machine with one ready link, and the session that its frames name."""
    other, outbox = NodeId(b"neighbour"), Outbox()
    links = Links(NodeId(b"me------"), 1, LinkConfig(), outbox, random.Random(1))
    links.up(LinkId(1), other, 0.05, 0.0)
    links.flush(0.0)
    first = outbox.poll()
    assert isinstance(first, Transmit)
    session = frame.decode(first.frame).sender
    hello = schema.encode(Hello(1, 1, 0, other, 1, 9, 0.0))
    proof = frame.Frame(1, 9, session, 1, loose=(hello,))
    links.receive(LinkId(1), frame.encode(proof), 0.0)
    assert links.linked(other)
    return links, outbox, session


def _links() -> Callable[[bytes], object]:
    """Raw frames, and the same octets as a segment, at a link that is ready."""
    state = [_greeted()]
    clock = itertools.count(1)

    def receive(data: bytes) -> None:
        links, outbox, session = state[0]
        now = float(next(clock))
        part = frame.Segment(0, 1, data[: frame.SEGMENT_OCTETS_MAX])
        whole = frame.encode(frame.Frame(1, 9, session, 2, segments=(part,)))
        for octets in (data, whole):
            try:
                links.receive(LinkId(1), octets, now)
                links.flush(now)
                links.handle_timeout(now)
            except ALLOWED as error:
                raise AssertionError("remote input raised out of a machine") from error
        while outbox.poll() is not None:
            pass
        if not len(links) or now % 64 == 0:
            state[0] = _greeted()

    return receive


def _directory(data: bytes) -> None:
    """Octets as a gossip message, as media, as a body and as a record of a link."""
    alone = Alone(streams_max=4)
    alone.bring(data)
    for body in (data, build_body(Body(claim(), 1, 1, 900, data[:1600]))):
        if 0 < len(body) <= BODY_OCTETS_MAX:
            bare = Notice(body, b"x")
            signature = seal(claim().origin, bare.signed_part())
            alone.hear(replace(bare, signature=signature))
    alone.directory.neighbour_up(claim().origin, False, alone.now)
    try:
        plain = msgpack.unpackb(data, raw=False, strict_map_key=True)
    except (ValueError, msgpack.UnpackException) as error:
        raise DecodeError("msgpack") from error
    record = schema.decode(plain)
    if isinstance(record, Digest | Summary | WantNotices | Notices):
        alone.receive(claim().origin, record)
    alone.pass_time(2_000.0)


def _message(data: bytes) -> None:
    """A message of a dialect, and its fields as each of them is read."""
    message = parse_object(data.decode("latin-1"))
    for read in (
        lambda: common.word(message, "peerId"),
        lambda: common.description(message.get("sdp"), "offer"),
        lambda: common.candidate_in(message.get("candidate")),
    ):
        with contextlib.suppress(DecodeError):
            read()


def _multiaddress(data: bytes) -> None:
    for read in (
        lambda: multiaddress.from_octets(data),
        lambda: multiaddress.parse_multiaddress(data.decode("latin-1")),
    ):
        try:
            found = read()
        except ALLOWED:
            continue
        assert multiaddress.from_octets(found.to_octets()) == found


TARGETS = {
    "directory": Target(_directory, ("msgpack",)),
    "pubsub": Target(_pubsub, ("gossip",)),
    "gossip": Target(_router, ("gossip",)),
    "peer-id": Target(lambda data: peer_id.from_text(data.decode("latin-1")), ()),
    "multiaddress": Target(_multiaddress, ()),
    "portmap": Target(_portmap, ()),
    "stun": Target(stun.decode, ("stun",)),
    "ice": Target(_agent(), ("stun",)),
    "ice-links": Target(_links_agent(), ("stun",)),
    "descriptor": Target(parse_descriptor, ("msgpack",)),
    "rtp": Target(_rtp, ("rtp",)),
    "rtx": Target(_rtx, ("rtp",)),
    "mesh": Target(_mesh, ("rtp", "rtcp")),
    "legs": Target(_legs(), ("rtp", "rtcp")),
    "red": Target(red.decode, ("rtp",)),
    "rtcp": Target(rtcp.parse, ("rtcp",)),
    "twcc": Target(twcc.decode, ("rtcp",)),
    "sdp": Target(_sdp, ("sdp",)),
    "message": Target(_message, ()),
    "fragment": Target(fragment.parse_fragment, ("sdp",)),
    "vp8": _codec("vp8"),
    "vp9": _codec("vp9"),
    "h264": _codec("h264"),
    "h265": _codec("h265"),
    "av1": _codec("av1"),
    "dependency": Target(dependency.parse, ("dependency-descriptor",)),
    "srtp": Target(_srtp(), ("srtp",)),
    "frame": Target(frame.decode, ("msgpack",)),
    "peer": Target(peer.parse_peer, ("msgpack",)),
    "links": Target(_links(), ("msgpack",)),
}
