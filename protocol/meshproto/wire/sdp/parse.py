"""Text to `SessionDescription`: total, bounded and linear.

Strategy: one pass over the lines, split on LF alone with an optional CR before it.
`str.splitlines` would also split on U+2028 and friends, which lets a value smuggle a
line past one parser and not the other; so control characters are refused before
anything else is looked at.  Every refusal is a `DecodeError` whose detail begins with
"line N", for the answer that a person reads.  Lines and attributes that we do not know
are kept and passed over (RFC 8866 section 5: unknown attributes MUST be ignored).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshproto.errors import DecodeError
from meshproto.wire.sdp.attributes import Draft, number, read_attribute
from meshproto.wire.sdp.model import (
    DEFAULT_LIMITS,
    Direction,
    Format,
    Line,
    Media,
    SdpLimits,
    SessionDescription,
    SsrcFacts,
)

_VISIBLE = re.compile("[!-~]+")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x85\u2028\u2029]")


def parse(text: str | bytes, limits: SdpLimits = DEFAULT_LIMITS) -> SessionDescription:
    """Read a description.  Raises `DecodeError`, and nothing else, on bad text."""
    session, *drafts = parse_lines(text, limits)
    if not session.lines or session.lines[0].type != "v":
        raise DecodeError("sdp-version", "line 1: a description begins with v=0")
    return SessionDescription(
        lines=tuple(session.lines),
        media=tuple(_media(draft, session) for draft in drafts),
        groups=tuple(session.groups),
        ice_lite="ice-lite" in session.flags,
    )


def parse_lines(text: str | bytes, limits: SdpLimits) -> list[Draft]:
    """The lines sorted into the session's draft, always there, and one a section."""
    drafts = [Draft(limits)]
    for line in _lines(_decode(text, limits), limits):
        if line.type == "m":
            if len(drafts) > limits.media:
                raise _at(line, DecodeError("sdp-limit", f"over {limits.media} media"))
            drafts.append(Draft(limits))
        drafts[-1].lines.append(line)
        if line.type == "a":
            _attribute(drafts[-1], line)
    return drafts


def _decode(text: str | bytes, limits: SdpLimits) -> str:
    # The length is checked first: a text too large is not even decoded.
    if len(text) > limits.text_bytes:
        raise DecodeError("sdp-too-large", f"more than {limits.text_bytes} bytes")
    try:
        if isinstance(text, bytes):
            return text.decode()
        text.encode()  # refuses lone surrogates, which no answer could carry back
    except UnicodeError:
        raise DecodeError("sdp-encoding", "not UTF-8") from None
    return text


def _lines(text: str, limits: SdpLimits) -> Iterator[Line]:
    lines = text.split("\n", limits.lines + 1)
    if len(lines) > limits.lines + 1:
        raise DecodeError("sdp-limit", f"more than {limits.lines} lines")
    for index, raw in enumerate(lines, 1):
        content = raw.removesuffix("\r")
        if not content.strip():
            continue
        if "\r" in content or _CONTROL.search(content):
            raise DecodeError("sdp-control", f"line {index}: control character")
        if content[1:2] != "=" or not ("a" <= content[0] <= "z"):
            raise DecodeError("sdp-line", f"line {index}: expected a letter and '='")
        yield Line(index, content[0], content[2:])


def _attribute(draft: Draft, line: Line) -> None:
    try:
        read_attribute(draft, line.value)
    except DecodeError as error:
        raise _at(line, error) from None


def _at(line: Line, error: DecodeError) -> DecodeError:
    detail = str(error).removeprefix(f"{error.reason}: ")
    return DecodeError(error.reason, f"line {line.number}: {detail}")


def _media(draft: Draft, session: Draft) -> Media:
    try:
        kind, port, protocol, formats = _media_line(draft)
    except DecodeError as error:
        raise _at(draft.lines[0], error) from None
    flags = draft.flags
    return Media(
        kind=kind,
        port=port,
        protocol=protocol,
        formats=formats,
        lines=tuple(draft.lines),
        mid=draft.mid,
        direction=draft.direction or session.direction or Direction.SENDRECV,
        codecs=_codecs(draft, formats),
        extensions=tuple(session.extensions + draft.extensions),
        rids=tuple(draft.rids),
        simulcast=draft.simulcast,
        ssrcs=_ssrcs(draft),
        ssrc_groups=tuple(draft.ssrc_groups),
        msid=draft.msid,
        ice_ufrag=draft.ice_ufrag or session.ice_ufrag,
        ice_pwd=draft.ice_pwd or session.ice_pwd,
        fingerprints=tuple(draft.fingerprints or session.fingerprints),
        setup=draft.setup or session.setup,
        candidates=tuple(draft.candidates),
        end_of_candidates="end-of-candidates" in flags | session.flags,
        rtcp_mux="rtcp-mux" in flags,
        rtcp_mux_only="rtcp-mux-only" in flags,
        rtcp_rsize="rtcp-rsize" in flags,
        bundle_only="bundle-only" in flags,
        allow_mixed="extmap-allow-mixed" in flags | session.flags,
        sdes_crypto="crypto" in flags,
        sctp_port=_sctp_port(draft, protocol, formats),
        max_message_size=draft.max_message_size,
    )


def _media_line(draft: Draft) -> tuple[str, int, str, tuple[str, ...]]:
    fields = draft.lines[0].value.split()
    if len(fields) < 3 or not all(map(_VISIBLE.fullmatch, fields)):
        raise DecodeError("sdp-media", "expected: kind port protocol formats")
    if len(fields) - 3 > draft.limits.formats:
        raise DecodeError("sdp-limit", f"more than {draft.limits.formats} formats")
    port = number(fields[1].partition("/")[0], 65_535, "sdp-media")
    return fields[0], port, fields[2], tuple(fields[3:])


def _codecs(draft: Draft, formats: tuple[str, ...]) -> tuple[Format, ...]:
    """The formats of the m-line, in its order, that are mapped to a codec."""
    feedback: dict[str, list[str]] = {}
    for payload_type, kind in draft.feedback:
        feedback.setdefault(payload_type, []).append(kind)
    codecs = []
    for text in dict.fromkeys(formats):
        if not (text.isascii() and text.isdigit() and len(text) < 4):
            continue
        key = int(text)
        encoding = draft.rtpmaps.get(key)
        if encoding is not None:
            kinds = feedback.get("*", []) + feedback.get(text, [])
            codecs.append(_format(key, encoding, draft.fmtps.get(key, ""), kinds))
    return tuple(codecs)


def _format(key: int, encoding: str, parameters: str, feedback: list[str]) -> Format:
    name, rate, *channels = encoding.split("/")
    count = channels[0] if channels else "1"
    return Format(
        payload_type=key,
        encoding=encoding,
        name=name.lower(),
        clock_rate_hz=int(rate),
        channels=int(count) if count.isascii() and count.isdigit() else 1,
        parameters=parameters,
        feedback=tuple(dict.fromkeys(feedback)),
    )


def _ssrcs(draft: Draft) -> tuple[SsrcFacts, ...]:
    return tuple(
        SsrcFacts(ssrc, says.get("cname", ""), says.get("msid", ""))
        for ssrc, says in draft.ssrcs.items()
    )


def _sctp_port(draft: Draft, protocol: str, formats: tuple[str, ...]) -> int | None:
    """RFC 8841, or the older form that had the port as the m-line's format."""
    if draft.sctp_port is not None or "SCTP" not in protocol.upper():
        return draft.sctp_port
    first = formats[0] if formats else ""
    return (
        int(first) if first.isascii() and first.isdigit() and len(first) < 6 else None
    )
