"""Between tracks as publishers bring them and media as the directory tells it.

A publisher's track has payload types, a mid, rids; the directory says what can be had:
kind, codec, layers.  Both ends of the mesh must come to the same slots from the same
media (RFC 0003 section 13.1), so the order of slots is fixed here: tracks in their
order, the layers of a track cheapest first.  A layer's bit is its place in its track:
level 0 of all videos is bit 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from meshnode.signalling.layers import layer_order
from meshnode.signalling.members import Layer as LocalLayer
from meshnode.signalling.members import Track as LocalTrack
from meshproto.forwarding.relay.wire import MESH_EXTENSIONS, SLOTS
from meshproto.forwarding.relay_table import Slot
from meshproto.forwarding.table import AddProducer
from meshproto.ids import ProducerId, TransportId
from meshproto.wire.control.directory import Layer, Media, Track, TrackKind
from meshproto.wire.parameters import Codec, MediaKind

FMTP_CHARACTERS_MAX = 255
FIRST_PAYLOAD_TYPE = 96
FACT = "room"
BITRATE_UNKNOWN_BPS = 2_500_000
AUDIO_BPS = 64_000
STEREO = frozenset({"opus"})

_FEEDBACK = {
    MediaKind.VIDEO: ("nack", "nack pli", "ccm fir"),
    MediaKind.AUDIO: (),
}
_KINDS = {MediaKind.AUDIO: TrackKind.AUDIO, MediaKind.VIDEO: TrackKind.VIDEO}
_LOCAL = {kind: local for local, kind in _KINDS.items()}


def media_of(
    tracks: Sequence[LocalTrack], about: Mapping[str, str] | None = None
) -> Media:
    """What the directory says of a publisher's tracks, and `about` the stream."""
    told = tuple(_told(track) for track in tracks)
    return Media(False, (*told, *_facts(about or {})))


def about_of(media: Media) -> dict[str, str]:
    """What the directory says about the stream besides its tracks."""
    facts = (t for t in media.tracks if t.kind is TrackKind.DATA and t.codec == FACT)
    return {fact.id: fact.fmtp for fact in facts}


def _facts(about: Mapping[str, str]) -> Iterator[Track]:
    """As tracks that carry nothing (RFC 0014 section 3.1)."""
    for name, value in about.items():
        octets = value.encode()[:FMTP_CHARACTERS_MAX]
        yield Track(name, TrackKind.DATA, FACT, 0, octets.decode(errors="ignore"), ())


def _told(track: LocalTrack) -> Track:
    codec = track.codecs[0]
    layers = tuple(_layer(track, rid) for rid in layer_order(track))
    return Track(
        track.mid[:64],
        _KINDS[track.kind],
        codec.name[:32],
        codec.clock_rate_hz,
        codec.parameters[:FMTP_CHARACTERS_MAX],
        layers if track.kind is MediaKind.VIDEO else (),
    )


def _layer(track: LocalTrack, rid: str) -> Layer:
    seen = track.layers.get(rid)
    if seen is None:
        return Layer(rid[:16], 0, 0, 0, 0.0)
    return Layer(rid[:16], seen.bitrate_bps, seen.width, seen.height, 0.0)


def rates_of(tracks: Sequence[LocalTrack]) -> tuple[int, ...]:
    """Bit/s of each level, audio in the lowest; guesses where nothing was measured."""
    levels = max((len(layer_order(t)) for t in tracks if _is_video(t)), default=1)
    rates = [0] * levels
    for track in tracks:
        order = layer_order(track)
        for level, rid in enumerate(order if _is_video(track) else order[:1]):
            seen = track.layers.get(rid)
            rates[level] += (seen.bitrate_bps if seen else 0) or _guess(track, level)
    return tuple(rates)


def _guess(track: LocalTrack, level: int) -> int:
    if track.kind is MediaKind.AUDIO:
        return AUDIO_BPS
    steps = len(layer_order(track)) - 1 - level
    return BITRATE_UNKNOWN_BPS >> 2 * steps


def _is_video(track: LocalTrack) -> bool:
    return track.kind is MediaKind.VIDEO


def slots_of(tracks: Sequence[LocalTrack]) -> tuple[Slot, ...]:
    """The slots of a stream, in the order that both ends know."""
    slots = []
    for track in tracks:
        if track.kind is MediaKind.AUDIO:
            slots.append(Slot(track.producer))
            continue
        for bit, rid in enumerate(layer_order(track)):
            slots.append(Slot(track.producer, rid, bit))
    return tuple(slots[:SLOTS])


def shape(media: Media) -> tuple[object, ...]:
    """What producers depend on; sizes and bitrates are not part of it."""
    return tuple(
        (t.kind, t.codec, t.clock_rate, t.fmtp, tuple(la.rid for la in t.layers))
        for t in carried_tracks(media)
    )


def tracks_of(media: Media, producers: Sequence[ProducerId]) -> tuple[LocalTrack, ...]:
    """The tracks of a stream that comes over the mesh; data is not one of them."""
    carried = carried_tracks(media)
    tracks = tuple(
        _local(track, producer, place)
        for place, (track, producer) in enumerate(
            zip(carried, producers, strict=True),
        )
    )
    describe(tracks, media)
    return tracks


def describe(tracks: Sequence[LocalTrack], media: Media) -> None:
    """Enter what the directory says of layers that did not come here (yet)."""
    for track, told in zip(tracks, carried_tracks(media), strict=True):
        for layer in told.layers:
            seen = track.layers.get(layer.rid)
            if layer.rid and (seen is None or not seen.packets):
                track.layers[layer.rid] = LocalLayer(
                    track.codec,
                    bitrate_bps=layer.bitrate_bps,
                    width=layer.width,
                    height=layer.height,
                )


def carried_tracks(media: Media) -> list[Track]:
    """The tracks that are RTP."""
    return [track for track in media.tracks if track.kind in _LOCAL]


def _local(track: Track, producer: ProducerId, place: int) -> LocalTrack:
    kind = _LOCAL[track.kind]
    codec = Codec(
        FIRST_PAYLOAD_TYPE + place,
        track.codec,
        track.clock_rate,
        2 if track.codec in STEREO else 1,
        track.fmtp,
        feedback=_FEEDBACK[kind],
    )
    rids = tuple(layer.rid for layer in track.layers if layer.rid)
    return LocalTrack(producer, kind, track.id, (codec,), rids)


def producers_of(
    transport: TransportId, tracks: Sequence[LocalTrack]
) -> list[AddProducer]:
    """How the tracks enter the forwarding table of a node that watches."""
    return [
        AddProducer(
            track.producer,
            transport,
            track.kind,
            track.mid,
            track.codecs,
            MESH_EXTENSIONS,
            track.rids,
        )
        for track in tracks
    ]
