"""Our own text: complete, repeated where clients look, and never too long."""

from __future__ import annotations

from dataclasses import replace

from meshproto.wire.parameters import Codec
from meshproto.wire.sdp.candidate import host_candidate
from meshproto.wire.sdp.extensions import MID
from meshproto.wire.sdp.model import Direction, ExtMap, Fingerprint, Rid, Setup
from meshproto.wire.sdp.parse import parse
from meshproto.wire.sdp.section import (
    MAX_ANSWER_BYTES,
    DataSection,
    Section,
    Source,
    payload_types,
    write,
)
from support.sdp import LOCAL

CODEC = Codec(
    96, "vp8", 90_000, parameters="x=1", rtx_payload_type=97, feedback=("nack",)
)
SENT = Section(
    mid="0",
    kind="video",
    protocol="UDP/TLS/RTP/SAVPF",
    formats=("96", "97"),
    direction=Direction.SENDONLY,
    codecs=(CODEC,),
    extensions=(ExtMap(4, MID), ExtMap(5, "urn:x", Direction.SENDONLY)),
    source=Source(1, 2, "cname", "stream", "track"),
    rtcp_rsize=True,
    allow_mixed=True,
)
RECEIVED = replace(
    SENT,
    mid="1",
    direction=Direction.RECVONLY,
    rids=("h", "l"),
    simulcast="h;l",
    rtcp_mux_only=True,
    bitrate_bps=2_500_000,
)
DATA = Section(
    mid="2",
    kind="application",
    protocol="UDP/DTLS/SCTP",
    formats=("webrtc-datachannel",),
    data=DataSection("2", 5_000, 0),
)
STOPPED = Section("3", "audio", "UDP/TLS/RTP/SAVPF", ("0",), rejected=True)


def write_all(*sections: Section) -> str:
    return write(LOCAL, Setup.PASSIVE, sections, {s.mid for s in sections})


def test_what_is_written_is_what_was_meant() -> None:
    found = parse(write_all(SENT, RECEIVED, DATA, STOPPED))
    assert found.ice_lite
    assert found.bundle() == ("0", "1", "2")
    sent, received, data, stopped = found.media
    assert (sent.port, sent.direction) == (9, Direction.SENDONLY)
    assert sent.msid == "stream track"
    assert [(f.ssrc, f.cname, f.msid) for f in sent.ssrcs] == [
        (1, "cname", "stream track"),
        (2, "cname", "stream track"),
    ]
    assert sent.ssrc_groups[0].ssrcs == (1, 2)
    assert sent.codecs[0].feedback == ("nack",)
    assert sent.codecs[1].repairs == 96
    assert sent.extensions == SENT.extensions
    assert (sent.rtcp_mux, sent.rtcp_mux_only, sent.rtcp_rsize) == (True, False, True)
    assert sent.allow_mixed
    assert received.rids == (Rid("h", "recv"), Rid("l", "recv"))
    assert received.simulcast == "recv h;l"
    assert received.rtcp_mux_only
    assert received.ssrcs == ()
    assert (data.sctp_port, data.max_message_size) == (5_000, 65_536)
    assert not stopped.live


def test_every_live_section_carries_the_transport() -> None:
    found = parse(write_all(SENT, DATA, STOPPED))
    for media in found.media[:2]:
        assert (media.ice_ufrag, media.ice_pwd) == (LOCAL.ufrag, LOCAL.pwd)
        assert media.fingerprints == (Fingerprint("sha-256", LOCAL.fingerprint),)
        assert media.setup is Setup.PASSIVE
        assert media.candidates == LOCAL.candidates
        assert media.end_of_candidates
    assert found.media[2].ice_ufrag is None


def test_the_best_candidate_is_the_first_of_the_text() -> None:
    text = write_all(SENT)
    first = next(line for line in text.split("\r\n") if "candidate:" in line)
    assert first == "a=candidate:1 1 udp 2130706431 2001:db8::1 4433 typ host"


def test_candidates_stand_in_the_first_live_section_where_all_would_be_too_long() -> (
    None
):
    many = tuple(host_candidate(f"192.0.2.{n}", 4433, rank=n) for n in range(40))
    sections = [STOPPED, *(replace(SENT, mid=str(n)) for n in range(4, 7))]
    text = write(replace(LOCAL, candidates=many), Setup.PASSIVE, sections, ())
    assert len(text) <= MAX_ANSWER_BYTES
    found = parse(text)
    assert [len(media.candidates) for media in found.media] == [0, 40, 0, 0]


def test_bitrate_caps_are_in_kilobits_and_in_bits() -> None:
    text = write_all(RECEIVED)
    assert "b=AS:2500\r\nb=TIAS:2500000\r\n" in text
    assert "b=AS:1\r\n" in write_all(replace(RECEIVED, bitrate_bps=10))


def test_an_older_data_section_is_written_in_its_own_form() -> None:
    old = replace(DATA, protocol="DTLS/SCTP", formats=("5000",))
    text = write_all(old)
    assert "m=application 9 DTLS/SCTP 5000\r\n" in text
    assert "a=sctpmap:5000 webrtc-datachannel 1024\r\n" in text
    assert "sctp-port" not in text


def test_without_mids_there_is_no_bundle() -> None:
    text = write_all(replace(SENT, mid=""))
    assert "BUNDLE" not in text
    assert "a=mid" not in text


def test_only_offered_mids_are_bundled() -> None:
    text = write(LOCAL, Setup.ACTIVE, [SENT, DATA], ["0"])
    assert "a=group:BUNDLE 0\r\n" in text


def test_a_source_without_retransmissions_has_one_ssrc() -> None:
    alone = replace(SENT, source=Source(1, None, "cname", "stream", "track"))
    assert "FID" not in write_all(alone)


def test_payload_types_are_listed_with_their_rtx() -> None:
    assert payload_types([CODEC, Codec(98, "vp9", 90_000)]) == ("96", "97", "98")
