"""What a plane under test and its load agree on without a handshake.

Keys and credentials follow from a transport's number, so that three thousand viewers
are there in seconds: joining by WHEP and DTLS is measured by itself (`joins`).
Transport 1 publishes, the others watch.
"""

from __future__ import annotations

import hashlib
import secrets

from bench.load import PAYLOAD_TYPES, SEND_SSRC
from meshnode.media.plane import SrtpKeys, TransportSpec
from meshproto.forwarding.table import AddConsumer, AddProducer, TransportKind
from meshproto.ids import ConsumerId, ProducerId, TransportId
from meshproto.wire import extensions, stun_binding
from meshproto.wire.parameters import Codec, Extension, MediaKind, SsrcBinding

PUBLISHER = 1
PROFILE = "AEAD_AES_128_GCM"
START_BPS = 40_000_000
"""What congestion control begins with: nobody here reports, so that nobody is held."""
CODECS = {
    "video": Codec(
        PAYLOAD_TYPES["video"],
        "vp8",
        90_000,
        rtx_payload_type=97,
        feedback=("nack", "nack pli"),
    ),
    "audio": Codec(PAYLOAD_TYPES["audio"], "opus", 48_000, channels=2),
}
EXTENSIONS = (Extension(1, extensions.MID), Extension(2, extensions.ABS_SEND_TIME))


def transports(viewers: int) -> range:
    """The numbers of publisher and viewers."""
    return range(PUBLISHER, PUBLISHER + 1 + viewers)


def spec(number: int) -> TransportSpec:
    """The transport that the plane is told of."""
    return TransportSpec(
        TransportId(number),
        TransportKind.CLIENT,
        f"node{number:08}",
        f"password{number:016}",
        f"client{number:08}",
        START_BPS,
    )


def keys(number: int, *, client: bool = False) -> SrtpKeys:
    """Of one transport, as the plane has them or as the `client` has."""
    made = (
        hashlib.sha256(b"%d" % number).digest() + hashlib.md5(b"%d" % number).digest()
    )
    ours, theirs = (made[:16], made[16:28]), (made[16:32], made[32:44])
    first, second = (theirs, ours) if client else (ours, theirs)
    return SrtpKeys(PROFILE, *first, *second)


def check(number: int) -> bytes:
    """A connectivity check that nominates, as the client of a transport sends it."""
    known = spec(number)
    return stun_binding.request(
        secrets.token_bytes(12),
        username=f"{known.local_ufrag}:{known.remote_ufrag}",
        key=known.local_pwd.encode(),
        priority=1862270975,
        controlling=1,
        use_candidate=True,
    )


def producer(kind: str) -> AddProducer:
    """The publisher's track."""
    ssrcs = (SsrcBinding(SEND_SSRC[kind], "", None),)
    codecs = (CODECS[kind],)
    return AddProducer(
        ProducerId(1),
        TransportId(PUBLISHER),
        MediaKind(kind),
        "0",
        codecs,
        (),
        (),
        ssrcs,
    )


def consumer(kind: str, number: int) -> AddConsumer:
    """The track as viewer `number` gets it."""
    rtx = 0x2000_0000 + number if kind == "video" else None
    return AddConsumer(
        ConsumerId(number),
        ProducerId(1),
        TransportId(number),
        MediaKind(kind),
        "0",
        0x1000_0000 + number,
        rtx,
        (CODECS[kind],),
        EXTENSIONS,
    )
