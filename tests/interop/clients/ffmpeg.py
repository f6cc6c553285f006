"""FFmpeg publishes H.264 and Opus by its own WHIP muxer, and makes RTP for others.

The binary is the one inside the wheel of PyPI `imageio-ffmpeg`; Debian's has no WHIP.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys

import door
import imageio_ffmpeg

PICTURE = ["-re", "-f", "lavfi", "-i", "testsrc2=s=640x360:r=25"]
TONE = ["-re", "-f", "lavfi", "-i", "sine=440:r=48000"]
QUIET = ["-hide_banner", "-loglevel", "error"]
OPUS = ["-c:a", "libopus", "-ar", "48000", "-ac", "2"]
GOP = ["-b:v", "800k", "-g", "50", "-pix_fmt", "yuv420p"]
X264 = ["-c:v", "libx264", "-profile:v", "baseline", "-bf", "0", "-threads", "1"]
X264 += ["-preset", "ultrafast", "-tune", "zerolatency"]
VIDEO = {
    "h264": [*GOP, *X264],
    "vp8": [*GOP, "-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8"],
    "vp9": [*GOP, "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"],
}
VIDEO_FORMAT = ["-payload_type", "96", "-ssrc", "1111", "-strict", "experimental"]
AUDIO_FORMAT = ["-payload_type", "111", "-ssrc", "2222"]


def binary() -> str:
    """The FFmpeg with a WHIP muxer."""
    return imageio_ffmpeg.get_ffmpeg_exe()


def rtp(codec: str, video_port: int, audio_port: int) -> subprocess.Popen[bytes]:
    """An FFmpeg that sends RTP of both kinds to ports of this host until killed."""
    target = "rtp://127.0.0.1:{}?pkt_size=1200"
    video = ["-map", "0:v", *VIDEO[codec], *VIDEO_FORMAT, "-f", "rtp"]
    audio = ["-map", "1:a", *OPUS, *AUDIO_FORMAT, "-f", "rtp"]
    command = [binary(), *QUIET, *PICTURE, *TONE]
    command += [*video, target.format(video_port), *audio, target.format(audio_port)]
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )


def publish(url: str, codec: str, key: str) -> None:
    """Publish until told to stop; FFmpeg itself deletes the session."""
    bearer = ["-authorization", key] if key else []
    command = [binary(), *QUIET, "-progress", "pipe:1", *PICTURE, *TONE]
    command += [*VIDEO[codec], *OPUS, *bearer, "-f", "whip", url]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdin is not None
    # frames are counted once the muxer's handshake is over
    if not any(re.match(r"frame=\s*[1-9]", line) for line in process.stdout):
        raise SystemExit(f"FFmpeg gave up with {process.wait()}")
    door.live()
    door.until_told()
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write("q")
        process.stdin.close()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()


if __name__ == "__main__":
    options = door.arguments()
    if options.action == "play":
        sys.exit("FFmpeg has no WHEP")
    publish(options.url, options.codec, options.key)
