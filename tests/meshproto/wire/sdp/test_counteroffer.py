"""Offers of ours, and the answers to them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshproto.errors import DecodeError
from meshproto.wire.parameters import Codec, MediaKind
from meshproto.wire.sdp import conference
from meshproto.wire.sdp.counteroffer import CounterOffer, accept, offer
from meshproto.wire.sdp.endpoint import DtlsRole
from meshproto.wire.sdp.extensions import MID, TRANSPORT_CC
from meshproto.wire.sdp.model import Direction, Setup
from meshproto.wire.sdp.offer import read
from meshproto.wire.sdp.parse import parse
from meshproto.wire.sdp.play import SendRules
from support.sdp import (
    LOCAL,
    TRANSPORT,
    audio,
    data,
    description,
    outgoing,
    section,
    video,
)

SOUND = outgoing(MediaKind.AUDIO, ssrc=500)
PICTURE = outgoing(MediaKind.VIDEO)
ACTIVE = (*TRANSPORT[:3], "a=setup:active")


def answered(sent: CounterOffer, **changes: str) -> str:
    """What a browser says to `sent`: every section mirrored, `mid=direction`."""
    sections = []
    for media in parse(sent.text).media:
        if media.kind == "application":
            sections.append(data(media.mid or ""))
            continue
        mirrored = {"sendonly": "recvonly", "recvonly": "sendonly"}
        default = mirrored.get(media.direction.value, media.direction.value)
        lines = [
            f"a={line.value}"
            for line in media.lines
            if line.value.partition(":")[0] in ("rtpmap", "fmtp", "rtcp-fb", "extmap")
        ]
        sections.append(
            section(
                media.kind,
                " ".join(media.formats),
                lines,
                mid=media.mid,
                port=9 if media.live else 0,
                direction=changes.get(f"m{media.mid}", default),
                transport=ACTIVE,
            )
        )
    return description(*sections)


def test_a_first_offer_has_the_streams_own_codecs() -> None:
    sent = offer(LOCAL, [SOUND, PICTURE], data=True)
    text = parse(sent.text)
    assert [m.kind for m in text.media] == ["audio", "video", "application"]
    assert text.bundle() == ("0", "1", "2")
    assert [track.mid for track in sent.tracks] == ["0", "1"]
    picture = text.media[1]
    assert (picture.setup, picture.direction) == (Setup.ACTPASS, Direction.SENDONLY)
    assert [codec.encoding for codec in picture.codecs] == ["VP8/90000", "rtx/90000"]
    assert {MID, TRANSPORT_CC} <= {e.uri for e in picture.extensions}
    assert picture.msid == "stream track1000"


def test_the_answer_tells_what_to_send() -> None:
    sent = offer(LOCAL, [SOUND, PICTURE], data=True)
    found = accept(sent, answered(sent))
    assert [(t.mid, t.ssrc, t.rtx_ssrc) for t in found.tracks] == [
        ("0", 500, None),
        ("1", 1_000, 1_001),
    ]
    assert (found.refused, found.receiving) == ((), ())
    assert found.data is not None
    assert found.data.max_message_size == 262_144
    assert found.remote.our_dtls_role is DtlsRole.SERVER


def test_tracks_the_player_will_not_have_are_told() -> None:
    sent = offer(LOCAL, [SOUND, PICTURE])
    found = accept(sent, answered(sent, m0="inactive"))
    assert [track.mid for track in found.refused] == ["0"]
    assert [track.mid for track in found.tracks] == ["1"]


def test_a_section_answered_without_our_codec_is_a_refusal_too() -> None:
    sent = offer(LOCAL, [PICTURE])
    other = section("video", "98", ["a=rtpmap:98 VP9/90000"], mid="0")
    other[other.index("a=sendonly")] = "a=recvonly"
    found = accept(sent, description(other))
    assert (found.tracks, [t.mid for t in found.refused]) == ((), ["0"])


def test_a_stopped_section_is_a_refusal_too() -> None:
    sent = offer(LOCAL, [SOUND, PICTURE], data=True)
    text = answered(sent).replace("m=video 9", "m=video 0")
    text = text.replace("m=application 9", "m=application 0")
    found = accept(sent, text)
    assert [track.mid for track in found.refused] == ["1"]
    assert found.data is None


def test_transport_wide_numbers_can_be_left_out() -> None:
    sent = offer(LOCAL, [PICTURE], send=SendRules(transport_cc=False))
    assert TRANSPORT_CC not in sent.text
    assert "transport-cc" not in sent.text
    assert accept(sent, answered(sent)).tracks[0].codecs[0].feedback == (
        "nack",
        "nack pli",
        "ccm fir",
        "goog-remb",
    )


def test_whep_has_its_line_where_it_is_wanted() -> None:
    assert "rtcp-mux-only" not in offer(LOCAL, [SOUND]).text
    assert "rtcp-mux-only" in offer(LOCAL, [SOUND], send=SendRules(True, True)).text


def member() -> conference.ConferenceAnswer:
    """A member who publishes, goes both ways in "v", and left room in "w"."""
    sections = (
        audio([f"a=extmap:7 {MID}"], mid="a"),
        video([f"a=extmap:7 {MID}"], mid="v", direction="sendrecv"),
        video(mid="w", direction="recvonly"),
        section("audio", "111", mid="s", port=0),
    )
    tracks = (
        replace(PICTURE, mid="v"),
        outgoing(MediaKind.VIDEO, ssrc=2_000, mid="w"),
    )
    return conference.answer(read(description(*sections)), LOCAL, tracks)


def test_renegotiation_keeps_sections_ids_and_payload_types() -> None:
    before = member()
    assert [track.mid for track in before.outgoing] == ["v", "w"]
    bound = replace(PICTURE, mid="v")
    late = outgoing(MediaKind.AUDIO, ssrc=3_000)
    vp9 = outgoing(MediaKind.VIDEO, Codec(1, "vp9", 90_000), ssrc=4_000)
    sent = offer(LOCAL, [late, bound, vp9], previous=before.sections)
    found = parse(sent.text)
    assert [media.mid for media in found.media] == ["a", "v", "w", "s", "4", "5"]
    assert [media.direction for media in found.media[:3]] == [
        Direction.RECVONLY,
        Direction.SENDRECV,
        Direction.INACTIVE,
    ]
    assert not found.media[3].live
    assert found.media[2].ssrcs == ()
    assert found.media[1].ssrcs[0].ssrc == 1_000
    # 111 and 7 are what the member called Opus and the mid extension
    assert found.media[4].formats == ("111",)
    assert {e.id for e in found.media[5].extensions if e.uri == MID} == {7}
    assert found.media[5].formats == ("98", "99")
    assert {t.mid: t.ssrc for t in sent.tracks} == {"v": 1_000, "4": 3_000, "5": 4_000}


def test_the_answer_to_renegotiation_tells_both_directions() -> None:
    before = member()
    sent = offer(LOCAL, [replace(PICTURE, mid="v")], previous=before.sections)
    found = accept(sent, answered(sent))
    assert found.receiving == ("a", "v")
    assert [track.mid for track in found.tracks] == ["v"]


def test_data_stays_where_it_was() -> None:
    first = offer(LOCAL, [SOUND], data=True)
    second = offer(LOCAL, [*first.tracks, PICTURE], previous=first.sections, data=True)
    kinds = [media.kind for media in parse(second.text).media]
    assert kinds == ["audio", "application", "video"]


def test_a_track_whose_section_was_stopped_gets_a_new_one() -> None:
    first = offer(LOCAL, [PICTURE])
    stopped = [replace(section, rejected=True) for section in first.sections]
    second = offer(LOCAL, first.tracks, previous=stopped)
    assert [track.mid for track in second.tracks] == ["1"]


def test_new_mids_go_around_those_in_use() -> None:
    first = offer(LOCAL, [PICTURE])
    renamed = [replace(section, mid="1") for section in first.sections]
    second = offer(LOCAL, [SOUND], previous=renamed)
    assert [track.mid for track in second.tracks] == ["2"]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + "m=audio 0 UDP/TLS/RTP/SAVPF 0\r\n",
        lambda text: text.replace("a=mid:0", "a=mid:x").replace("BUNDLE 0", "BUNDLE x"),
        lambda text: text.replace("m=audio", "m=video"),
        lambda text: text.replace("a=rtcp-mux\r\n", ""),
        lambda text: "",
    ],
)
def test_an_answer_to_something_else_is_refused(change: object) -> None:
    sent = offer(LOCAL, [SOUND])
    with pytest.raises(DecodeError):
        accept(sent, change(answered(sent)))  # type: ignore[operator]


def test_100_tracks_come_and_go_in_one_section_each() -> None:
    sent = offer(LOCAL, [SOUND, PICTURE])
    first = parse(sent.text).media
    for cycle in range(100):
        gone = offer(LOCAL, sent.tracks[:1], sent.sections)
        assert gone.sections[1].direction is Direction.INACTIVE
        picture = outgoing(MediaKind.VIDEO, ssrc=2_000 + 2 * cycle)
        sent = offer(LOCAL, [*gone.tracks, picture], gone.sections)
        assert [t.ssrc for t in accept(sent, answered(sent)).tracks] == [
            500,
            picture.ssrc,
        ]
    last = parse(sent.text).media
    assert [m.mid for m in last] == [m.mid for m in first] == ["0", "1"]
    assert [m.formats for m in last] == [m.formats for m in first]
    assert [m.extensions for m in last] == [m.extensions for m in first]


def test_a_track_with_another_codec_takes_over_no_section() -> None:
    sent = offer(LOCAL, [PICTURE])
    vp9 = replace(
        outgoing(MediaKind.VIDEO, ssrc=3_000),
        codecs=tuple(replace(c, name="vp9") for c in PICTURE.codecs),
    )
    later = offer(LOCAL, [vp9], sent.sections)
    assert [s.direction for s in later.sections] == [
        Direction.INACTIVE,
        Direction.SENDONLY,
    ]


def test_a_section_we_receive_in_is_not_taken_over() -> None:
    previous = member().sections
    received = [s.mid for s in previous if s.direction.receives]
    later = offer(LOCAL, [outgoing(MediaKind.VIDEO, ssrc=4_000)], previous)
    assert received
    assert later.tracks[0].mid not in received


def test_a_section_that_was_never_used_wakes_with_all_it_takes() -> None:
    inactive = [
        replace(section, direction=Direction.INACTIVE, extensions=(), source=None)
        for section in offer(LOCAL, [PICTURE]).sections
    ]
    sent = offer(LOCAL, [PICTURE], inactive)
    (section,) = sent.sections
    assert section.mid == inactive[0].mid
    uris = {extension.uri for extension in section.extensions}
    assert "urn:ietf:params:rtp-hdrext:sdes:mid" in uris
    assert "transport-cc" in section.codecs[0].feedback
    (track,) = accept(sent, answered(sent)).tracks
    assert {e.uri for e in track.extensions} == uris
