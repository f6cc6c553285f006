"""Layers by rid (RFC 8853) and by SSRC group."""

from __future__ import annotations

import pytest

from meshproto.wire.parameters import SsrcBinding
from meshproto.wire.sdp.simulcast import Layers, layers_of
from support.sdp import only_media, video


def layers(*lines: str) -> Layers:
    return layers_of(only_media(video(lines)))


RIDS = ("a=rid:h send", "a=rid:m send", "a=rid:l send")


@pytest.mark.parametrize(
    ("simulcast", "rids", "mirrored"),
    [
        ("send h;m;l", ("h", "m", "l"), "h;m;l"),
        ("send l;h", ("l", "h"), "l;h"),
        ("send h;~m;~l", ("h", "m", "l"), "h;m;l"),
        ("send h,~m;l", ("h", "m", "l"), "h,m;l"),
        ("recv x send h;m", ("h", "m"), "h;m"),
        ("send h;h;x;;m", ("h", "m"), "h;m"),
        ("send", ("h", "m", "l"), ""),
        ("recv h", ("h", "m", "l"), ""),
        ("nonsense", ("h", "m", "l"), ""),
    ],
)
def test_every_layer_is_mirrored(
    simulcast: str, rids: tuple[str, ...], mirrored: str
) -> None:
    found = layers(*RIDS, f"a=simulcast:{simulcast}")
    assert (found.rids, found.written, found.simulcast) == (rids, rids, mirrored)


def test_rids_without_a_simulcast_line_are_layers_in_their_order() -> None:
    assert layers(*RIDS).rids == ("h", "m", "l")


def test_received_rids_are_no_layers() -> None:
    assert layers("a=rid:h recv") == Layers()


def test_payload_types_are_those_of_every_restricted_layer() -> None:
    found = layers("a=rid:a send pt=96,98", "a=rid:b send pt=98", "a=rid:c send")
    assert found.payload_types == {98}
    assert layers(*RIDS).payload_types is None
    disjoint = layers("a=rid:a send pt=96", "a=rid:b send pt=98")
    assert disjoint.payload_types == frozenset()


def test_of_rid_layers_only_the_retransmission_pairs_are_told() -> None:
    found = layers(
        *RIDS, "a=ssrc:1 cname:c", "a=ssrc:2 cname:c", "a=ssrc-group:FID 1 2"
    )
    assert found.ssrcs == (SsrcBinding(2, repairs=1),)


def test_a_single_stream_tells_its_ssrcs() -> None:
    found = layers("a=ssrc-group:FID 1 2", "a=ssrc:1 cname:c", "a=ssrc:3 cname:c")
    assert found.ssrcs == (
        SsrcBinding(1),
        SsrcBinding(3),
        SsrcBinding(2, repairs=1),
    )
    assert found.rids == ()


def test_forward_error_correction_is_no_stream() -> None:
    found = layers("a=ssrc:1 cname:c", "a=ssrc:9 cname:c", "a=ssrc-group:FEC-FR 1 9")
    assert found.ssrcs == (SsrcBinding(1),)


def test_layers_of_an_ssrc_group_get_names_of_ours() -> None:
    found = layers(
        "a=ssrc-group:SIM 10 20 30",
        "a=ssrc-group:FID 10 11",
        "a=ssrc-group:FID 20 21",
        "a=ssrc-group:FID 30",
    )
    assert found.rids == ("0", "1", "2")
    assert (found.written, found.simulcast) == ((), "")
    assert set(found.ssrcs) == {
        SsrcBinding(10, "0"),
        SsrcBinding(20, "1"),
        SsrcBinding(30, "2"),
        SsrcBinding(11, "0", 10),
        SsrcBinding(21, "1", 20),
    }
