"""A parsed description back to text, unknown lines included."""

from __future__ import annotations

from meshproto.wire.sdp.model import SessionDescription


def serialise(description: SessionDescription) -> str:
    """The lines in their order, each ended by CRLF (RFC 8866 section 5)."""
    lines = [*description.lines]
    for media in description.media:
        lines += media.lines
    return "".join(f"{line.type}={line.value}\r\n" for line in lines)
