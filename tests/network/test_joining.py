"""Joining a stream that runs: the first picture comes at once, whoever publishes."""

from __future__ import annotations

import asyncio
import subprocess
import time

import imageio_ffmpeg
import pytest

from support.browser import chromium, client
from support.node import KEY, RunningNode, eventually, running_node

JOINS = 40
FIRST_FRAME_P95_MS = 300.0
GOP_S = 2.0


def ffmpeg(url: str) -> subprocess.Popen[bytes]:
    """FFmpeg's own WHIP muxer, H.264 with a key frame every two seconds."""
    rate = 25
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error"]
    command += ["-re", "-f", "lavfi", "-i", f"testsrc2=s=640x480:r={rate}"]
    command += ["-f", "lavfi", "-i", "sine=440:r=48000", "-pix_fmt", "yuv420p"]
    command += ["-c:v", "libx264", "-profile:v", "baseline", "-preset", "ultrafast"]
    command += ["-tune", "zerolatency", "-b:v", "800k", "-g", str(int(rate * GOP_S))]
    command += ["-bf", "0", "-threads", "1", "-c:a", "libopus", "-ar", "48000"]
    command += ["-ac", "2", "-authorization", KEY, "-f", "whip", url]
    return subprocess.Popen(command)


async def _live(node: RunningNode, stream: str) -> bool:
    status = await asyncio.to_thread(node.status)
    return any(entry["name"] == stream for entry in status["streams"])


@pytest.mark.timeout(180)
async def test_the_first_frame_comes_within_300_ms_from_the_cache() -> None:
    with running_node() as node:
        publisher = ffmpeg(node.whip("late"))
        try:
            await eventually(lambda: _live(node, "late"), 15, "FFmpeg publishes")
            taken = await _join(node)
        finally:
            publisher.terminate()
            publisher.wait(10)
    taken.sort()
    p95 = taken[int(len(taken) * 0.95) - 1]
    print(f"first frame p50 {taken[len(taken) // 2]:.0f} ms, p95 {p95:.0f} ms")
    assert p95 < FIRST_FRAME_P95_MS


async def _join(node: RunningNode) -> list[float]:
    taken = []
    async with chromium(node.url) as browser:
        for _ in range(JOINS):
            viewer = await client(browser, node.url)
            await viewer.play(node.whep("late"))
            taken.append(await viewer.first_frame_ms())
            await viewer.page.close()
            await asyncio.sleep(time.monotonic() % 0.1)  # join at any point of a GOP
    return taken
