"""When an H.264 stream suits a decoder, read from profile-level-id (RFC 6184 8.1).

Strategy: exact profile and packetization mode first, as RFC 6184 section 8.2.2 asks of
a symmetric agreement.  A relay only ever sends, so it may also send a stream to a
decoder of a larger profile.  And Baseline counts as Constrained Baseline: what differs
between them (FMO, ASO, redundant slices) no encoder on the WebRTC side writes, while
FFmpeg labels its streams 42001e and Firefox decodes only 42e01f.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_PROFILE_LEVEL_ID = re.compile("[0-9A-Fa-f]{6}")
_BASELINE, _MAIN, _EXTENDED, _HIGH = 0x42, 0x4D, 0x58, 0x64
_DECODES = {
    "baseline": {"baseline"},
    "main": {"baseline", "main"},
    "constrained-high": {"baseline", "constrained-high"},
    "high": {"baseline", "main", "constrained-high", "high"},
}


def h264_profile(profile_level_id: str) -> str | None:
    """The profile's name, None where the value is malformed or unheard of.

    An absent value is Baseline at level 1 (RFC 6184 section 8.1).
    """
    text = profile_level_id or "42000a"
    if not _PROFILE_LEVEL_ID.fullmatch(text):
        return None
    number = int(text, 16)
    profile, constraints = number >> 16, number >> 8 & 0xFF
    if profile == _BASELINE or (profile == _EXTENDED and constraints & 0xC0 == 0xC0):
        return "baseline"
    if profile == _MAIN:
        return "baseline" if constraints & 0x80 else "main"
    if profile == _HIGH:
        return "constrained-high" if constraints & 0x0C == 0x0C else "high"
    return None


def h264_serves(stream: Mapping[str, str], decoder: Mapping[str, str]) -> int | None:
    """How well a stream with these fmtp values suits a decoder with those.

    0 is the same profile and mode, larger is worse, None does not suit.  Levels are not
    compared: every browser decodes above the level that it writes.  A decoder that says
    nothing at all (webrtcbin with plain caps) takes what comes, after every other.
    """
    fit = _fit(stream, decoder)
    return 8 if fit is None and not decoder else fit


def _fit(stream: Mapping[str, str], decoder: Mapping[str, str]) -> int | None:
    ours = h264_profile(stream.get("profile-level-id", ""))
    theirs = h264_profile(decoder.get("profile-level-id", ""))
    if ours is None or theirs is None or ours not in _DECODES[theirs]:
        return None
    ours_mode = stream.get("packetization-mode", "0")
    theirs_mode = decoder.get("packetization-mode", "0")
    if ours_mode != theirs_mode and (ours_mode, theirs_mode) != ("0", "1"):
        return None
    exact = stream.get("profile-level-id") == decoder.get("profile-level-id")
    return (ours != theirs) * 4 + (ours_mode != theirs_mode) * 2 + (not exact)
