"""Attribute lines read one by one into a section's draft.

Strategy: a table from attribute name to a short function, and nothing else.  A function
either notes a fact or raises `DecodeError`; `parse` adds the line number.  We are
strict where a fact decides something (credentials, fingerprints, payload types) and
lenient where real clients are known to write oddities that change nothing for us: an
`a=ssrc` without attribute, an fmtp for a payload type nobody mapped, an rtcp-fb for
"*".  The first of several lines counts where only one makes sense.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from meshproto.errors import DecodeError
from meshproto.wire.sdp.candidate import Candidate, parse_candidate
from meshproto.wire.sdp.model import (
    Direction,
    ExtMap,
    Fingerprint,
    Group,
    Line,
    Rid,
    SdpLimits,
    Setup,
    SsrcGroup,
)

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~\-]{1,128}")
_VISIBLE = re.compile(r"[!-~]{1,256}")
_FINGERPRINT = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){15,63}")
_RID = re.compile(r"[A-Za-z0-9_\-]{1,255}")


@dataclass(slots=True)
class Draft:
    """A section while its lines are read; formats are joined up at its end."""

    limits: SdpLimits
    lines: list[Line] = field(default_factory=list)
    mid: str | None = None
    direction: Direction | None = None
    rtpmaps: dict[int, str] = field(default_factory=dict)
    fmtps: dict[int, str] = field(default_factory=dict)
    feedback: list[tuple[str, str]] = field(default_factory=list)
    extensions: list[ExtMap] = field(default_factory=list)
    rids: list[Rid] = field(default_factory=list)
    simulcast: str | None = None
    ssrcs: dict[int, dict[str, str]] = field(default_factory=dict)
    ssrc_groups: list[SsrcGroup] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    msid: str | None = None
    ice_ufrag: str | None = None
    ice_pwd: str | None = None
    fingerprints: list[Fingerprint] = field(default_factory=list)
    setup: Setup | None = None
    candidates: list[Candidate] = field(default_factory=list)
    sctp_port: int | None = None
    max_message_size: int | None = None
    flags: set[str] = field(default_factory=set)


def number(text: str, maximum: int, reason: str = "sdp-number") -> int:
    """A decimal number of at most `maximum`, or `DecodeError`."""
    if not (text.isascii() and text.isdigit() and len(text) <= 20):
        raise DecodeError(reason, f"{text[:24]!r} is not a number")
    if int(text) > maximum:
        raise DecodeError(reason, f"{text} is above {maximum}")
    return int(text)


def read_attribute(draft: Draft, value: str) -> None:
    """Note what `a=value` says; unknown attributes are only kept as lines."""
    name, _, content = value.partition(":")
    handler = _HANDLERS.get(name)
    if handler is not None:
        handler(draft, content)
    elif name in _FLAGS:
        draft.flags.add(name)
    elif name in _DIRECTIONS:
        draft.direction = _DIRECTIONS[name]


def _mid(draft: Draft, value: str) -> None:
    mid = value.strip()
    if not _VISIBLE.fullmatch(mid) or len(mid) > 128:
        raise DecodeError("sdp-mid", "mid is not 1 to 128 visible characters")
    draft.mid = mid


def _rtpmap(draft: Draft, value: str) -> None:
    payload_type, _, encoding = value.strip().partition(" ")
    parts = encoding.strip().split("/")
    if not all(_TOKEN.fullmatch(part) for part in parts) or not 2 <= len(parts) <= 3:
        raise DecodeError("sdp-rtpmap", "expected: payload type, name/rate[/channels]")
    number(parts[1], 2**31 - 1, "sdp-rtpmap")
    _bounded(len(draft.rtpmaps), draft.limits.formats, "formats")
    key = number(payload_type, 127, "sdp-rtpmap")
    draft.rtpmaps[key] = encoding.strip()


def _fmtp(draft: Draft, value: str) -> None:
    payload_type, _, parameters = value.strip().partition(" ")
    _bounded(len(draft.fmtps), draft.limits.formats, "formats")
    if payload_type.isascii() and payload_type.isdigit() and len(payload_type) < 4:
        draft.fmtps.setdefault(int(payload_type), parameters.strip())


def _feedback(draft: Draft, value: str) -> None:
    payload_type, _, kind = value.strip().partition(" ")
    _bounded(len(draft.feedback), draft.limits.formats * 16, "feedback")
    draft.feedback.append((payload_type, " ".join(kind.split())))


def _extmap(draft: Draft, value: str) -> None:
    identity, _, rest = value.strip().partition(" ")
    digits, slash, direction = identity.partition("/")
    uri, _, attributes = rest.strip().partition(" ")
    if not uri or (slash and direction not in _DIRECTIONS):
        raise DecodeError("sdp-extmap", "expected: id[/direction] uri")
    _bounded(len(draft.extensions), draft.limits.extensions, "extensions")
    draft.extensions.append(
        ExtMap(
            number(digits, 65_535, "sdp-extmap"),
            uri,
            _DIRECTIONS[direction] if slash else None,
            attributes.strip(),
        )
    )


def _rid(draft: Draft, value: str) -> None:
    parts = value.strip().split(" ", 2)
    if len(parts) < 2 or not _RID.fullmatch(parts[0]):
        raise DecodeError("sdp-rid", "expected: id send|recv [restrictions]")
    if parts[1] not in ("send", "recv"):
        raise DecodeError("sdp-rid", "direction is neither send nor recv")
    _bounded(len(draft.rids), draft.limits.rids, "rids")
    restrictions = parts[2] if len(parts) == 3 else ""
    draft.rids.append(Rid(parts[0], parts[1], _rid_payload_types(restrictions)))


def _rid_payload_types(restrictions: str) -> tuple[int, ...]:
    for item in restrictions.split(";"):
        name, _, value = item.strip().partition("=")
        if name == "pt":
            return tuple(number(pt, 127, "sdp-rid") for pt in value.split(","))
    return ()


def _simulcast(draft: Draft, value: str) -> None:
    if draft.simulcast is None:
        draft.simulcast = value.strip()


def _ssrc(draft: Draft, value: str) -> None:
    text, _, attribute = value.strip().partition(" ")
    ssrc = number(text, 2**32 - 1, "sdp-ssrc")
    if ssrc not in draft.ssrcs:
        _bounded(len(draft.ssrcs), draft.limits.ssrcs, "ssrcs")
    name, _, content = attribute.strip().partition(":")
    draft.ssrcs.setdefault(ssrc, {}).setdefault(name, content)


def _ssrc_group(draft: Draft, value: str) -> None:
    semantics, *ssrcs = value.split() or [""]
    _bounded(len(draft.ssrc_groups), draft.limits.ssrcs, "ssrcs")
    _bounded(len(ssrcs), draft.limits.ssrcs + 1, "ssrcs")
    draft.ssrc_groups.append(
        SsrcGroup(semantics, tuple(number(s, 2**32 - 1, "sdp-ssrc") for s in ssrcs))
    )


def _group(draft: Draft, value: str) -> None:
    semantics, *mids = value.split() or [""]
    _bounded(len(draft.groups), draft.limits.media, "groups")
    _bounded(len(mids), draft.limits.media + 1, "mids in a group")
    draft.groups.append(Group(semantics, tuple(mids)))


def _msid(draft: Draft, value: str) -> None:
    if draft.msid is None:
        draft.msid = value.strip()


def _ice_ufrag(draft: Draft, value: str) -> None:
    draft.ice_ufrag = _ice_text(value)


def _ice_pwd(draft: Draft, value: str) -> None:
    draft.ice_pwd = _ice_text(value)


def _ice_text(value: str) -> str:
    # RFC 8839 section 5.4 asks for at least 4 and 22 ice-chars; libp2p writes ":" in
    # them, tests write less, and neither harms the side that only answers checks.
    if not _VISIBLE.fullmatch(value.strip()):
        raise DecodeError("sdp-ice", "ufrag or pwd is not 1 to 256 visible characters")
    return value.strip()


def _fingerprint(draft: Draft, value: str) -> None:
    algorithm, _, digest = value.strip().partition(" ")
    if not (_TOKEN.fullmatch(algorithm) and _FINGERPRINT.fullmatch(digest.strip())):
        raise DecodeError("sdp-fingerprint", "expected: algorithm XX:XX:...")
    _bounded(len(draft.fingerprints), 8, "fingerprints")
    found = Fingerprint(algorithm.lower(), digest.strip())
    if found not in draft.fingerprints:
        draft.fingerprints.append(found)


def _setup(draft: Draft, value: str) -> None:
    try:
        draft.setup = Setup(value.strip())
    except ValueError:
        raise DecodeError("sdp-setup", "unknown setup value") from None


def _candidate(draft: Draft, value: str) -> None:
    _bounded(len(draft.candidates), draft.limits.candidates, "candidates")
    draft.candidates.append(parse_candidate(value))


def _sctp_port(draft: Draft, value: str) -> None:
    draft.sctp_port = number(value.strip(), 65_535, "sdp-sctp")


def _sctpmap(draft: Draft, value: str) -> None:
    # The form before RFC 8841: a=sctpmap:5000 webrtc-datachannel 1024
    if draft.sctp_port is None:
        draft.sctp_port = number(value.split(" ", 1)[0], 65_535, "sdp-sctp")


def _max_message_size(draft: Draft, value: str) -> None:
    draft.max_message_size = number(value.strip(), 2**63 - 1, "sdp-sctp")


def _bounded(count: int, maximum: int, name: str) -> None:
    if count >= maximum:
        raise DecodeError("sdp-limit", f"more than {maximum} {name}")


_DIRECTIONS = {direction.value: direction for direction in Direction}

_FLAGS = frozenset(
    {
        "bundle-only",
        "crypto",
        "end-of-candidates",
        "extmap-allow-mixed",
        "ice-lite",
        "rtcp-mux",
        "rtcp-mux-only",
        "rtcp-rsize",
    }
)

_HANDLERS: dict[str, Callable[[Draft, str], None]] = {
    "candidate": _candidate,
    "extmap": _extmap,
    "fingerprint": _fingerprint,
    "fmtp": _fmtp,
    "group": _group,
    "ice-pwd": _ice_pwd,
    "ice-ufrag": _ice_ufrag,
    "max-message-size": _max_message_size,
    "mid": _mid,
    "msid": _msid,
    "rid": _rid,
    "rtcp-fb": _feedback,
    "rtpmap": _rtpmap,
    "sctp-port": _sctp_port,
    "sctpmap": _sctpmap,
    "setup": _setup,
    "simulcast": _simulcast,
    "ssrc": _ssrc,
    "ssrc-group": _ssrc_group,
}
