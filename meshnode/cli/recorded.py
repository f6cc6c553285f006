"""What `meshnode record` says of a recording that is written, of a stream or a room."""

from __future__ import annotations

from meshnode.cli.terminal import say
from meshnode.recording.recording import Summary


def say_recorded(summary: Summary) -> bool:
    """Say what was recorded; False where that is nothing."""
    # pictures first, whatever came first
    frames_of = sorted(summary.frames.items(), reverse=True)
    if not frames_of:
        return False
    frames = " and ".join(f"{count} of {kind}" for kind, count in frames_of)
    files = ", ".join(map(str, summary.files))
    say(f"recorded {frames} in {summary.duration_s:.1f} s into {files}")
    return True
