"""Which files are written, and what each can hold.

Apart from the writing itself, which needs FFmpeg: a node that records nothing does not
load it, and whether a name or codec will do is known before.
"""

from __future__ import annotations

from pathlib import Path

from meshproto.errors import StateError

PIECE_S = 0.5
INTERLEAVE_S = 0.5
"""A track that is silent may hold the others back only so long."""
_CLUSTERS = {"cluster_time_limit": str(round(PIECE_S * 1000))}
_FRAGMENTS = {
    "movflags": "empty_moov+default_base_moof+delay_moov",
    "frag_duration": str(round(PIECE_S * 1e6)),
}
ALWAYS = {"flush_packets": "1", "max_interleave_delta": str(round(INTERLEAVE_S * 1e6))}
FORMATS: dict[str, tuple[dict[str, str], frozenset[str]]] = {
    ".webm": (_CLUSTERS, frozenset({"vp8", "vp9", "av1", "opus"})),
    ".mkv": (_CLUSTERS, frozenset({"vp8", "vp9", "av1", "h264", "h265", "opus"})),
    ".mp4": (_FRAGMENTS, frozenset({"vp9", "av1", "h264", "h265", "opus"})),
}
"""Options of each format, and what players expect in it."""


def check_name(path: Path) -> None:
    """Raise `StateError` unless the name says a format we write."""
    if path.suffix.lower() not in FORMATS:
        raise StateError(f"{path} should end in one of {', '.join(FORMATS)}")


def check_codec(path: Path, codec: str) -> None:
    """Raise `StateError` where that format cannot hold the codec."""
    if codec in FORMATS[path.suffix.lower()][1]:
        return
    fits = [suffix for suffix, (_, known) in FORMATS.items() if codec in known]
    advice = f"choose a name that ends in {' or '.join(fits)}" if fits else "sorry"
    raise StateError(f"{path}: {codec} cannot be recorded into this format; {advice}")
