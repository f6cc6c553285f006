"""FFmpeg as a WHIP publisher, with the wall clock drawn into its picture.

The clock is a row of sixteen squares along the upper edge: hundredths of a second,
modulo 65,536, in Gray code, so that a reading between two values is off by one at most.
`support/browser.js` draws the same row and reads it back from a player.
"""

from __future__ import annotations

import subprocess

import imageio_ffmpeg

from support.node import KEY

RATE_HZ = 25
GOP_S = 2.0
CLOCK_BITS = 16
_SQUARE = 640 // CLOCK_BITS


def _clock() -> str:
    ticks = f"mod(time(0)*100,{2**CLOCK_BITS})"
    boxes = [f"drawbox=x=0:y=0:w=640:h={_SQUARE}:color=black:t=fill"]
    for bit in range(CLOCK_BITS):
        shown = f"mod(floor(({ticks}+{2**bit})/{2 ** (bit + 1)}),2)"
        boxes.append(
            f"drawbox=x={bit * _SQUARE}:y=0:w={_SQUARE}:h={_SQUARE}"
            f":color=white:t=fill:enable='{shown}'"
        )
    return ",".join(boxes)


def publish(url: str, program: str = "") -> subprocess.Popen[bytes]:
    """FFmpeg's own WHIP muxer: H.264 with a key frame every two seconds, Opus."""
    command = [program or imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner"]
    command += ["-loglevel", "error"]
    command += ["-re", "-f", "lavfi", "-i", f"testsrc2=s=640x480:r={RATE_HZ}"]
    command += ["-re", "-f", "lavfi", "-i", "sine=440:r=48000"]
    command += ["-vf", _clock(), "-pix_fmt", "yuv420p"]
    command += ["-c:v", "libx264", "-profile:v", "baseline", "-preset", "ultrafast"]
    command += ["-tune", "zerolatency", "-b:v", "800k", "-g", str(int(RATE_HZ * GOP_S))]
    command += ["-bf", "0", "-threads", "1", "-c:a", "libopus", "-ar", "48000"]
    command += ["-ac", "2", "-authorization", KEY, "-f", "whip", url]
    return subprocess.Popen(command)
