"""werift, node-datachannel and Pion: programs that know RTP but no codec.

They publish what FFmpeg packs into RTP; what they receive is depacketised and decoded
here.  Each tells its two local ports after `live` and, as a player, writes every packet
to its standard output: kind (one byte), length (two), packet.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import door
import ffmpeg
from rtp_decoder import Decoder

HERE = Path(__file__).parent
INSTALLED = Path(os.environ["INTEROP_INSTALLED"])
PROGRAMS = {
    "werift": ["node", str(HERE / "werift.mjs")],
    "datachannel": ["node", str(HERE / "datachannel.mjs")],
    "pion": [str(INSTALLED / "pionclient")],
}


def start(program: str, *words: str) -> subprocess.Popen[bytes]:
    command = [*PROGRAMS[program], *words]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def finish(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()


def publish(program: str, url: str, codec: str, key: str) -> None:
    """Connect, then let FFmpeg feed the two ports until told to stop."""
    process = start(program, "publish", url, "--codec", codec, "--key", key)
    assert process.stdout is not None
    words = process.stdout.readline().decode().split()
    if words[:1] != ["live"]:
        raise SystemExit(f"{program} gave up with {process.wait()}")
    source = ffmpeg.rtp(codec, int(words[1]), int(words[2]))
    door.live()
    door.until_told()
    source.terminate()
    source.wait()
    finish(process)


class Tracks:
    """What arrives on a player's output, decoded as it comes."""

    def __init__(self, process: subprocess.Popen[bytes], codec: str) -> None:
        self.video = Decoder(codec)
        self.audio = 0
        self.ended = False
        self._process = process
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        output = self._process.stdout
        assert output is not None
        while len(head := output.read(3)) == 3:
            packet = output.read(int.from_bytes(head[1:], "big"))
            if head[:1] == b"v":
                self.video.feed(packet)
            else:
                self.audio += 1
        self.ended = True


def play(program: str, url: str, codec: str, seconds: float) -> None:
    began = time.monotonic()
    process = start(program, "play", url, "--codec", codec)
    tracks = Tracks(process, codec)
    while not tracks.video.frames:
        if tracks.ended or time.monotonic() - began > door.FIRST_FRAME_DEADLINE_S:
            raise SystemExit(f"no frame; {tracks.video.errors} undecodable")
        time.sleep(0.02)
    first_s = time.monotonic() - began
    before = tracks.video.frames
    time.sleep(seconds)
    frames = tracks.video.frames - before
    found = tracks.video
    bad = found.errors or found.lost
    note = f"{found.lost} lost, {found.errors} undecodable" if bad else ""
    door.report(door.Result(frames, seconds, first_s, tracks.audio, note))
    finish(process)


if __name__ == "__main__":
    name = sys.argv.pop(1)
    options = door.arguments()
    if options.action == "publish":
        publish(name, options.url, options.codec, options.key)
    else:
        play(name, options.url, options.codec, options.seconds)
