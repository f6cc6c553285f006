"""Tracks to media and back: both ends must come to the same slots."""

from __future__ import annotations

import pytest

from meshnode.node import media_map
from meshnode.signalling.layers import layer_order
from meshnode.signalling.members import Layer, Track
from meshproto.ids import ProducerId, TransportId
from meshproto.wire.control.directory import build_media, parse_media
from meshproto.wire.parameters import Codec, MediaKind

OPUS = Codec(111, "opus", 48_000, 2, "minptime=10;useinbandfec=1")
VP8 = Codec(96, "vp8", 90_000)


def audio(number: int = 1) -> Track:
    return Track(ProducerId(number), MediaKind.AUDIO, "0", (OPUS,))


def video(number: int = 2, rids: tuple[str, ...] = ()) -> Track:
    return Track(ProducerId(number), MediaKind.VIDEO, "1", (VP8,), rids)


@pytest.mark.parametrize("rids", [(), ("f", "h", "q"), ("x", "y"), ("2", "1", "0")])
def test_origin_and_viewer_bind_the_same_layers_to_the_same_slots(
    rids: tuple[str, ...],
) -> None:
    here = (audio(), video(rids=rids))
    told = parse_media(build_media(media_map.media_of(here)))
    there = media_map.tracks_of(told, (ProducerId(7), ProducerId(8)))
    names = {ProducerId(1): 0, ProducerId(2): 1, ProducerId(7): 0, ProducerId(8): 1}
    mine, theirs = (
        [(names[s.producer], s.rid, s.bit) for s in media_map.slots_of(tracks)]
        for tracks in (here, there)
    )
    assert mine == theirs
    assert mine[0] == (0, "", None)
    assert [bit for _, _, bit in mine[1:]] == list(range(len(rids) or 1))


def test_named_layers_are_ordered_cheapest_first() -> None:
    assert layer_order(video(rids=("f", "q", "h"))) == ("q", "h", "f")
    assert layer_order(video(rids=("best", "worst"))) == ("best", "worst")


def test_rates_are_measured_or_guessed_with_audio_in_the_lowest() -> None:
    simulcast = video(rids=("q", "h", "f"))
    guessed = media_map.rates_of((audio(), simulcast))
    assert guessed == (64_000 + 2_500_000 // 16, 2_500_000 // 4, 2_500_000)
    simulcast.layers["q"] = Layer("vp8", bitrate_bps=100_000)
    assert media_map.rates_of((audio(), simulcast))[0] == 164_000
    assert media_map.rates_of((audio(),)) == (64_000,)


def test_layers_that_were_not_fetched_are_as_the_directory_says() -> None:
    simulcast = video(rids=("q", "h"))
    simulcast.layers["h"] = Layer("vp8", bitrate_bps=5, width=640, height=360)
    told = media_map.media_of((audio(), simulcast))
    tracks = media_map.tracks_of(told, (ProducerId(7), ProducerId(8)))
    assert (tracks[1].layers["h"].width, tracks[1].layers["q"].width) == (640, 0)
    assert not tracks[0].layers
    tracks[1].layers["h"] = Layer("vp8", packets=9, width=320)
    media_map.describe(tracks, told)
    assert tracks[1].layers["h"].width == 320


def test_producers_of_a_viewers_node_have_what_legs_carry() -> None:
    told = media_map.media_of((audio(), video()))
    tracks = media_map.tracks_of(told, (ProducerId(7), ProducerId(8)))
    first, second = media_map.producers_of(TransportId(3), tracks)
    assert (first.codecs[0].name, first.codecs[0].channels) == ("opus", 2)
    assert first.codecs[0].parameters == OPUS.parameters
    assert "nack pli" in second.codecs[0].feedback
    assert {e.id for e in second.extensions} == {10, 11, 12, 13}
    assert first.codecs[0].payload_type != second.codecs[0].payload_type


def test_sizes_and_bitrates_do_not_change_the_shape() -> None:
    track = video()
    before = media_map.media_of((track,))
    track.layers[""] = Layer("vp8", bitrate_bps=5, width=640, height=360)
    after = media_map.media_of((track,))
    assert before != after
    assert media_map.shape(before) == media_map.shape(after)
    assert media_map.shape(before) != media_map.shape(media_map.media_of((audio(),)))
