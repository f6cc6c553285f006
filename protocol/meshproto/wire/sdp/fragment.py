"""Trickle fragments: `application/trickle-ice-sdpfrag` (RFC 8840 section 9).

Strategy: the description parser reads fragments too, given the lines that a fragment
leaves out; what a fragment may say is then picked from the result.  Credentials are
accepted at either level and candidates with or without a mid: with everything on one
transport neither makes a difference, and clients differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from meshproto.errors import DecodeError
from meshproto.wire.sdp.candidate import Candidate
from meshproto.wire.sdp.endpoint import LocalEndpoint
from meshproto.wire.sdp.model import DEFAULT_LIMITS, SdpLimits
from meshproto.wire.sdp.parse import parse_lines
from meshproto.wire.sdp.section import Section

CONTENT_TYPE = "application/trickle-ice-sdpfrag"


@dataclass(frozen=True, slots=True)
class Fragment:
    """What a PATCH says: credentials, if any, and candidates with their mids.

    Credentials other than the current ones ask for an ICE restart (RFC 9725 section
    4.3.2); none at all are taken as the current ones.
    """

    ufrag: str | None
    pwd: str | None
    candidates: tuple[tuple[str | None, Candidate], ...]
    end_of_candidates: bool


def parse_fragment(text: str | bytes, limits: SdpLimits = DEFAULT_LIMITS) -> Fragment:
    """Read a fragment.  Raises `DecodeError`, also where it says nothing at all."""
    drafts = parse_lines(text, limits)
    candidates = [(draft.mid, found) for draft in drafts for found in draft.candidates]
    ufrags = [draft.ice_ufrag for draft in drafts if draft.ice_ufrag]
    pwds = [draft.ice_pwd for draft in drafts if draft.ice_pwd]
    ended = any("end-of-candidates" in draft.flags for draft in drafts)
    if not (candidates or ufrags or ended):
        raise DecodeError("sdp-fragment", "neither credentials nor candidates")
    if len(set(ufrags)) > 1 or len(set(pwds)) > 1:
        raise DecodeError("sdp-fragment", "credentials of more than one transport")
    if bool(ufrags) != bool(pwds):
        raise DecodeError("sdp-fragment", "ufrag and pwd come together or not at all")
    return Fragment(
        ufrag=ufrags[0] if ufrags else None,
        pwd=pwds[0] if pwds else None,
        candidates=tuple(candidates),
        end_of_candidates=ended,
    )


def write_fragment(fragment: Fragment, kinds: Sequence[tuple[str, str]]) -> str:
    """A fragment as text; `kinds` pairs each mid with the kind of its section."""
    lines: list[str] = []
    if fragment.ufrag is not None and fragment.pwd is not None:
        lines += [f"a=ice-ufrag:{fragment.ufrag}", f"a=ice-pwd:{fragment.pwd}"]
    for mid, kind in kinds:
        found = [c for of, c in fragment.candidates if of == mid]
        lines += _pseudo_section(mid, kind)
        lines += [f"a={candidate}" for candidate in found]
        if fragment.end_of_candidates:
            lines.append("a=end-of-candidates")
    return "".join(f"{line}\r\n" for line in lines)


def restart_answer(local: LocalEndpoint, sections: Sequence[Section]) -> str:
    """The body of the 200 to an ICE restart: our new credentials and all candidates.

    `sections` are those of the session's answer; `local` holds the new credentials.
    """
    live = [section for section in sections if not section.rejected]
    mids = [section.mid for section in live if section.mid]
    lines = ["a=ice-lite", "a=ice-options:trickle ice2"]
    if mids:
        lines.append(f"a=group:BUNDLE {' '.join(mids)}")
    for section in live[:1]:
        lines += _pseudo_section(section.mid, section.kind)
        lines += [f"a=ice-ufrag:{local.ufrag}", f"a=ice-pwd:{local.pwd}"]
        lines += [f"a={candidate}" for candidate in local.candidates]
        lines.append("a=end-of-candidates")
    return "".join(f"{line}\r\n" for line in lines)


def _pseudo_section(mid: str, kind: str) -> Iterator[str]:
    # RFC 8840 section 9.2: the m-line is a placeholder, its port and formats mean
    # nothing
    yield f"m={kind} 9 UDP/TLS/RTP/SAVPF 0"
    if mid:
        yield f"a=mid:{mid}"
