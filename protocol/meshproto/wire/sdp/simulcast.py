"""Which layers a section sends, and which SSRCs it declared for them.

Strategy: layers named by `a=rid` (RFC 8853) are mirrored, every one of them: OBS ends
the session when a layer is missing from the answer.  Their SSRCs are learned from the
header extension, so that of the declared ones only the retransmission pairs are told.
Before rids there was `a=ssrc-group:SIM`, which names the layers' SSRCs; its layers get
names of ours, "0" onwards in the order of the group.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from meshproto.wire.parameters import SsrcBinding
from meshproto.wire.sdp.model import Media


class Layers(NamedTuple):
    """The layers of a section we receive.

    `rids` names the layers for the forwarding table, `written` those of the answer and
    `simulcast` its receive list.  `payload_types`, unless None, are the only ones that
    every layer may use (RFC 8851 section 5, "pt").
    """

    rids: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    simulcast: str = ""
    payload_types: frozenset[int] | None = None
    ssrcs: tuple[SsrcBinding, ...] = ()


def layers_of(media: Media) -> Layers:
    """The layers that the writer of `media` sends."""
    sent = {rid.id: rid.payload_types for rid in media.rids if rid.direction == "send"}
    if not sent:
        return _layers_by_ssrc(media)
    streams = _send_list(media.simulcast or "", frozenset(sent))
    named = [rid for alternatives in streams for rid in alternatives] or list(sent)
    return Layers(
        rids=tuple(named),
        written=tuple(named),
        simulcast=";".join(",".join(alternatives) for alternatives in streams),
        payload_types=_common(sent[rid] for rid in named),
        ssrcs=tuple(binding for binding in _bindings(media) if binding.repairs),
    )


def _common(restrictions: Iterable[tuple[int, ...]]) -> frozenset[int] | None:
    allowed = [frozenset(payload_types) for payload_types in restrictions]
    restricted = [payload_types for payload_types in allowed if payload_types]
    return frozenset.intersection(*restricted) if restricted else None


def _send_list(simulcast: str, known: frozenset[str]) -> list[list[str]]:
    """`send a;~b,c recv d` as [["a"], ["b", "c"]]; "~" only says paused for now."""
    words = simulcast.split()
    if "send" not in words[:-1]:
        return []
    streams = []
    seen: set[str] = set()
    for stream in words[words.index("send") + 1].split(";"):
        rids = [rid.removeprefix("~") for rid in stream.split(",")]
        fresh = [rid for rid in dict.fromkeys(rids) if rid in known and rid not in seen]
        seen.update(fresh)
        if fresh:
            streams.append(fresh)
    return streams


def _layers_by_ssrc(media: Media) -> Layers:
    groups = [group for group in media.ssrc_groups if group.semantics == "SIM"]
    if not groups:
        return Layers(ssrcs=_bindings(media))
    primaries = tuple(dict.fromkeys(groups[0].ssrcs))
    names = {ssrc: str(index) for index, ssrc in enumerate(primaries)}
    bindings = [
        SsrcBinding(
            found.ssrc, names.get(found.repairs or found.ssrc, ""), found.repairs
        )
        for found in _bindings(media)
    ]
    return Layers(rids=tuple(names.values()), ssrcs=tuple(bindings))


def _bindings(media: Media) -> tuple[SsrcBinding, ...]:
    """Every declared SSRC, each retransmission with the SSRC that it repairs."""
    repairs = {
        group.ssrcs[1]: group.ssrcs[0]
        for group in media.ssrc_groups
        if group.semantics == "FID" and len(group.ssrcs) == 2
    }
    declared = [facts.ssrc for facts in media.ssrcs]
    grouped = [ssrc for group in media.ssrc_groups for ssrc in group.ssrcs]
    fec = {
        group.ssrcs[1]
        for group in media.ssrc_groups
        if group.semantics == "FEC-FR" and len(group.ssrcs) == 2
    }
    return tuple(
        SsrcBinding(ssrc, repairs=repairs.get(ssrc))
        for ssrc in dict.fromkeys(declared + grouped)
        if ssrc not in fec
    )
