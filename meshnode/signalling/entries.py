"""From a negotiation to the forwarding table: the values that the two have in common.

What a description calls a track and what a plane calls it differ in numbers only, and
here the numbers are drawn: SSRCs, first sequence numbers and timestamps at random
(RFC 3550 section 5.1), since whoever could foresee them could inject.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence

from meshnode.signalling.members import Publisher, Viewer, of_kind
from meshnode.signalling.stream import Stream
from meshproto.forwarding.table import AddConsumer, AddProducer, ForwardingDelta
from meshproto.ids import ConsumerId, ProducerId, TransportId
from meshproto.wire.sdp.candidate import Candidate, host_candidate
from meshproto.wire.sdp.play import OutgoingTrack, PlayTrack
from meshproto.wire.sdp.sections import NegotiatedTrack

CNAME = "meshnode"
"""The canonical name in our sender reports and descriptions: one for all tracks, so
that players keep audio and video in step (RFC 3550 section 6.5.1)."""
MSID_MAX = 64


def candidates(addresses: Sequence[tuple[str, int]]) -> tuple[Candidate, ...]:
    """Host candidates for `addresses`, in their order of preference."""
    return tuple(
        host_candidate(host, port, rank=rank)
        for rank, (host, port) in enumerate(addresses)
    )


def new_ssrc() -> int:
    """A random SSRC (RFC 3550 section 8.1)."""
    return secrets.randbelow(2**32 - 1) + 1


def first_numbers() -> tuple[int, int]:
    """A first sequence number, in the lower half of its space, and a first timestamp.

    A receiver that loses the first packets must not see a wrap before it knows the
    number of cycles (RFC 3711 section 3.3.1).
    """
    return secrets.randbelow(2**15), secrets.randbits(32)


def producers(
    publisher: Publisher, agreed: Sequence[NegotiatedTrack]
) -> Iterator[AddProducer]:
    """How a publisher's tracks enter the forwarding table."""
    for track, negotiated in zip(publisher.tracks, agreed, strict=True):
        yield AddProducer(
            track.producer,
            publisher.transport,
            track.kind,
            track.mid,
            track.codecs,
            negotiated.extensions,
            track.rids,
            negotiated.ssrcs,
        )


def outgoing(stream: Stream) -> list[OutgoingTrack]:
    """The stream's tracks as a player may get them, under SSRCs of its own."""
    return [
        OutgoingTrack(
            track.kind,
            track.codecs,
            new_ssrc(),
            new_ssrc(),
            CNAME,
            stream.name[:MSID_MAX],
            f"{track.kind.value}{place}",
        )
        for place, track in enumerate(stream.tracks)
    ]


def entry(
    consumer: ConsumerId, transport: TransportId, track: PlayTrack
) -> AddConsumer:
    """The leg's place in the forwarding table; its producer is set when it follows."""
    sequence, timestamp = first_numbers()
    return AddConsumer(
        consumer,
        ProducerId(0),
        transport,
        track.kind,
        track.mid,
        track.ssrc,
        track.rtx_ssrc,
        track.codecs,
        track.extensions,
        first_sequence=sequence,
        first_timestamp=timestamp,
    )


def entries(stream: Stream, viewer: Viewer) -> Iterator[ForwardingDelta]:
    """Let every leg follow its track; a stream that lingers has none in the table."""
    for leg in viewer.legs:
        track = of_kind(stream.tracks, leg)
        if track is not None and stream.publisher is not None:
            yield leg.follow(track)
