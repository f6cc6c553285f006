"""259 real descriptions: every fact as recorded, the unusable refused; 95 bad inputs;
and mutations of all of them."""

from __future__ import annotations

import contextlib
import json
from functools import cache
from typing import Any

import aiortc.sdp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.wire.parameters import Codec, MediaKind
from meshproto.wire.sdp import conference, play, publish
from meshproto.wire.sdp.fragment import parse_fragment
from meshproto.wire.sdp.model import Media, SessionDescription
from meshproto.wire.sdp.offer import Offer, is_refusal, read
from meshproto.wire.sdp.parse import parse
from meshproto.wire.sdp.section import MAX_ANSWER_BYTES
from meshproto.wire.sdp.serialise import serialise
from support import vectors
from support.effort import effort
from support.sdp import LOCAL, outgoing
from support.shared import shared_path

CORPUS = shared_path("corpora", "sdp")
ENTRIES: list[dict[str, Any]] = json.loads((CORPUS / "index.json").read_text())[
    "entries"
]
SLOW = 50  # units of `effort`: about as many milliseconds
H264 = "packetization-mode=1;profile-level-id=42e01f"
STREAMS = tuple(
    (outgoing(MediaKind.VIDEO, codec), outgoing(MediaKind.AUDIO, ssrc=500))
    for codec in (
        Codec(1, "vp8", 90_000),
        Codec(1, "h264", 90_000, 1, H264),
        Codec(1, "av1", 90_000),
    )
)


def text_of(entry: dict[str, Any]) -> bytes:
    return (CORPUS / entry["file"]).read_bytes()


def named(only: bool = True) -> list[Any]:
    return [
        pytest.param(entry, id=entry["file"])
        for entry in ENTRIES
        if only or usable(entry)
    ]


def usable(entry: dict[str, Any]) -> bool:
    facts = entry["facts"]
    return facts["webrtc_usable"] and "plan-b" not in facts["tags"]


def facts_of(media: Media) -> dict[str, Any]:
    """A section in the words of the corpus; direction is a matter of RTP alone."""
    return {
        "kind": media.kind,
        "port": media.port,
        "protocol": media.protocol,
        "formats": list(media.formats),
        "mid": media.mid,
        "direction": media.direction.value if "RTP" in media.protocol else None,
        "codecs": [found.encoding for found in media.codecs],
        "rids": [[rid.id, rid.direction] for rid in media.rids],
        "simulcast": media.simulcast,
        "ssrc_groups": [
            [group.semantics, *map(str, group.ssrcs)] for group in media.ssrc_groups
        ],
        "ice_ufrag": media.ice_ufrag,
        "ice_pwd": media.ice_pwd,
        "fingerprints": [" ".join(found) for found in media.fingerprints],
        "setup": media.setup.value if media.setup else None,
        "rtcp_mux": media.rtcp_mux,
        "bundle_only": media.bundle_only,
        "candidates": len(media.candidates),
        "extmap": {str(found.id): found.uri for found in media.extensions},
        "sctp_port": media.sctp_port,
        "sdes_crypto": media.sdes_crypto,
    }


def compare(description: SessionDescription, facts: dict[str, Any]) -> None:
    assert len(description.media) == len(facts["media"])
    for media, wanted in zip(description.media, facts["media"], strict=True):
        found = facts_of(media)
        assert {key: found[key] for key in wanted} == wanted
    assert [[g.semantics, *g.mids] for g in description.groups] == facts["groups"]
    assert description.ice_lite == facts["ice_lite"]


@pytest.mark.parametrize("entry", named())
def test_every_fact_of_a_description_is_read(entry: dict[str, Any]) -> None:
    try:
        description = parse(text_of(entry))
    except DecodeError:
        assert entry["facts"]["doubtful"] or not usable(entry)
        return
    if entry["file"] != "sdptransform-onvif.sdp":  # a section of protocol "o"
        compare(description, entry["facts"])
    assert parse(serialise(description)) == parse(serialise(description).encode())


def test_hardly_any_description_is_refused_by_the_parser() -> None:
    refused = []
    for entry in ENTRIES:
        try:
            parse(text_of(entry))
        except DecodeError:
            refused.append(entry["file"])
    assert len(refused) == 9, refused


@pytest.mark.parametrize("entry", named())
def test_the_usable_are_accepted_and_the_rest_refused(entry: dict[str, Any]) -> None:
    try:
        read(text_of(entry))
    except DecodeError:
        assert entry["facts"]["doubtful"] or not usable(entry)
    else:
        # RFC 9429 section 7: bundled sections leave their credentials out, which the
        # corpus, judging section by section, counts as missing
        assert usable(entry) or entry["file"].startswith("jsep-")


def test_plan_b_is_refused_by_name() -> None:
    found = [entry for entry in ENTRIES if "plan-b" in entry["facts"]["tags"]]
    assert found
    for entry in found:
        with pytest.raises(DecodeError) as caught:
            read(text_of(entry))
        assert caught.value.reason == "sdp-refused-plan-b"
        assert is_refusal(caught.value)


@pytest.mark.parametrize("entry", named())
def test_reading_and_answering_take_no_time(entry: dict[str, Any]) -> None:
    text = text_of(entry)
    assert effort(lambda: answer_all(text)) < SLOW


def answers(offer: Offer) -> list[str]:
    """The text of every answer that does not refuse the offer."""
    texts = []
    policy = publish.PublishPolicy(tracks_per_kind=8)
    with contextlib.suppress(DecodeError):
        texts.append(publish.answer(offer, LOCAL, policy).text)
    for stream in STREAMS:
        with contextlib.suppress(DecodeError):
            texts.append(play.answer(offer, LOCAL, stream).text)
        with contextlib.suppress(DecodeError):
            texts.append(conference.answer(offer, LOCAL, stream).text)
    return texts


def answer_all(text: bytes) -> list[str]:
    """Every door's answer; only `DecodeError` stays inside."""
    with contextlib.suppress(DecodeError):
        parse_fragment(text)
    with contextlib.suppress(DecodeError):
        return answers(read(text))
    return []


def check_answer(offer: SessionDescription, text: str) -> None:
    """What holds for every answer, whatever the offer was."""
    assert text.isascii()
    assert all(line.isprintable() for line in text.split("\r\n"))
    answered = parse(text)
    assert [m.mid for m in answered.media] == [m.mid for m in offer.media]
    assert [m.kind for m in answered.media] == [m.kind for m in offer.media]
    for ours, theirs in zip(answered.media, offer.media, strict=True):
        assert theirs.live or not ours.live
        assert (
            set(ours.formats) <= set(theirs.formats) or not ours.live or ours.sctp_port
        )
        offered = {(found.id, found.uri) for found in theirs.extensions}
        assert {(found.id, found.uri) for found in ours.extensions} <= offered
        if ours.kind != "application":  # data channels go both ways, whatever is said
            assert not (ours.direction.sends and not theirs.direction.receives)
            assert not (ours.direction.receives and not theirs.direction.sends)
        assert not ours.live or ours.ice_ufrag == LOCAL.ufrag


@pytest.mark.parametrize("entry", named(only=False))
def test_answers_fit_their_offers_and_aiortc_reads_them(
    entry: dict[str, Any],
) -> None:
    text = text_of(entry)
    for answer in answer_all(text):
        check_answer(parse(text), answer)
        aiortc.sdp.SessionDescription.parse(answer)
        assert len(answer) <= MAX_ANSWER_BYTES


CLIENTS = (
    "live-chrome",
    "live-firefox",
    "whip-ffmpeg",
    "live-libdatachannel",
    "live-g",
)


def publishers() -> list[Any]:
    """Offers of today's clients that send."""
    found = []
    for entry in ENTRIES:
        media = entry["facts"]["media"]
        sends = [m for m in media if m["direction"] in ("sendonly", "sendrecv")]
        rtp = [m for m in media if m["kind"] != "application" and m["port"]]
        client = entry["file"].startswith(CLIENTS) and "offer" in entry["file"]
        bundled = any(group[0] == "BUNDLE" for group in entry["facts"]["groups"])
        if client and bundled and rtp and all(m in sends for m in rtp):
            found.append(pytest.param(entry, id=entry["file"]))
    return found


@pytest.mark.parametrize("entry", publishers())
def test_every_client_that_publishes_is_answered(entry: dict[str, Any]) -> None:
    found = publish.answer(
        read(text_of(entry)), LOCAL, publish.PublishPolicy(tracks_per_kind=2)
    )
    assert found.tracks
    layers = [track.rids for track in found.tracks if track.rids]
    wanted = [
        tuple(rid for rid, _ in media["rids"])
        for media in entry["facts"]["media"]
        if media.get("rids")
    ]
    assert layers == wanted


@pytest.mark.parametrize("data", list(vectors.bad_inputs("sdp")))
def test_bad_input_is_read_or_refused(data: bytes) -> None:
    vectors.refused_or_read(answer_all, data)
    vectors.refused_or_read(parse, data)


@cache
def lines_of_everything() -> tuple[bytes, ...]:
    """Lines of all descriptions, to graft into others."""
    found = {line for entry in ENTRIES for line in text_of(entry).splitlines()}
    return tuple(sorted(found))


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A usable description with a few lines dropped, doubled, moved, cut or grafted."""
    entry = draw(st.sampled_from([entry for entry in ENTRIES if usable(entry)]))
    lines = text_of(entry).replace(b"\r\n", b"\n").split(b"\n")
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        match draw(st.integers(0, 5)):
            case 0:
                lines.insert(at, lines.pop(draw(st.integers(0, len(lines) - 1))))
            case 1:
                lines.insert(at, lines[at])
            case 2:
                cut = draw(st.integers(0, len(lines[at])))
                lines[at] = lines[at][:cut]
            case 3:
                cut = draw(st.integers(0, len(lines[at])))
                junk = draw(st.binary(max_size=6))
                lines[at] = lines[at][:cut] + junk + lines[at][cut + 1 :]
            case 4:
                lines.insert(at, draw(st.sampled_from(lines_of_everything())))
            case _:
                other = draw(st.integers(0, len(lines) - 1))
                lines[at], lines[other] = lines[other], lines[at]
    return b"\r\n".join(lines)


@pytest.mark.untraced
@settings(max_examples=400, deadline=None)
@given(mutated())
def test_a_mutated_offer_is_answered_soundly_or_refused(text: bytes) -> None:
    for answer in answer_all(text):
        check_answer(parse(text), answer)
