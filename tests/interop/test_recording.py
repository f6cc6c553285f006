"""Recordings played by others: Chromium's <video> and ffprobe, whole and after kill -9.

The publisher is Chromium, which encodes VP8, VP9, AV1 and H.264.  Neither it nor FFmpeg
can publish H.265 here, so that one is sent by this process, and only ffprobe has a
decoder for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from meshnode import LocalPublisher, LocalTrack, MeshNode, Settings
from meshnode.client.publisher import Publisher
from meshproto.wire.parameters import Codec, MediaKind
from support.browser import chromium, client
from support.clapper import Clapper
from support.node import KEY, RunningNode, running_node
from support.packetise import encoded, payloads, rtp_packet, tones
from support.playback import play_file, probe
from support.recorder import grown, length_s, recording

RECORDED_S = 4.0
RATE_MIN = 10.0
"""Pictures a second; 15 are sent, by an encoder that shares this machine."""
STALL_S_MAX = 1.0
TRACKS = [
    LocalTrack(
        MediaKind.VIDEO, Codec(98, "h265", 90000, feedback=("nack", "nack pli"))
    ),
    LocalTrack(MediaKind.AUDIO, Codec(111, "opus", 48000, channels=2)),
]
SHAPE = {"width": 320, "height": 180, "fps": 15}

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(shutil.which("chromium") is None, reason="no Chromium"),
]
needs_ffprobe = pytest.mark.skipif(shutil.which("ffprobe") is None, reason="no ffprobe")


@pytest.fixture(scope="module")
def node() -> Iterator[RunningNode]:
    with running_node(
        "--no-mesh", http="127.0.0.1:18180", admin="127.0.0.1:18181", port=15100
    ) as running:
        yield running


@pytest.fixture
async def browser(node: RunningNode) -> AsyncIterator[Browser]:
    async with chromium(node.url) as running:
        yield running


@contextlib.asynccontextmanager
async def publishing(
    browser: Browser, node: RunningNode, stream: str, codec: str
) -> AsyncIterator[None]:
    page = await client(browser, node.url)
    await page.publish(node.whip(stream), KEY, codec=codec, **SHAPE)
    try:
        yield
    finally:
        await page.page.evaluate("fetch(publisher.session, {method: 'DELETE'})")
        await page.page.close()


def clapping(
    node: RunningNode, stream: str, codec: str, width: int, height: int
) -> Publisher:
    tracks = Clapper(width, height).tracks
    return Publisher(node.whip(stream), tracks, codec=codec, bearer=KEY)


async def ended_by(process: asyncio.subprocess.Process, number: int) -> None:
    process.send_signal(number)
    await asyncio.wait_for(process.wait(), 15)


async def plays(browser: Browser, path: Path, at_least_s: float) -> tuple[str, ...]:
    """Assert that Chromium plays all of it; the sizes it saw."""
    played = await play_file(browser, path)
    assert played.why == "", f"{path.name}: {played}"
    assert played.time_s >= at_least_s, f"{path.name}: {played}"
    assert played.frames >= at_least_s * RATE_MIN, f"{path.name}: {played}"
    assert played.audio_bytes > 0, f"{path.name}: {played}"
    assert played.stall_s < STALL_S_MAX, f"{path.name}: {played}"
    return played.sizes


async def probed(path: Path, codec: str, at_least: float) -> None:
    """Assert that FFmpeg's own tool finds both tracks and can decode them."""
    found = await probe(path)
    assert found["video"]["codec_name"] == codec
    assert found["audio"]["codec_name"] == "opus"
    assert int(found["video"]["nb_read_frames"]) >= at_least
    assert int(found["audio"]["nb_read_frames"]) >= at_least


@needs_ffprobe
@pytest.mark.parametrize(
    ("codec", "suffix"),
    [
        ("vp8", ".webm"),
        ("vp9", ".webm"),
        ("av1", ".webm"),
        ("vp8", ".mkv"),
        ("h264", ".mkv"),
        ("vp9", ".mp4"),
        ("av1", ".mp4"),
        ("h264", ".mp4"),
    ],
)
async def test_whole_and_killed_files_play_elsewhere(
    browser: Browser, node: RunningNode, tmp_path: Path, codec: str, suffix: str
) -> None:
    stream = f"{codec}{suffix}"
    whole, killed = tmp_path / f"whole{suffix}", tmp_path / f"killed{suffix}"
    async with (
        publishing(browser, node, stream, codec),
        recording(node.whep(stream), whole) as one,
        recording(node.whep(stream), killed) as other,
    ):
        await grown(whole, RECORDED_S)
        await grown(killed, RECORDED_S)
        await ended_by(one, signal.SIGINT)
        await ended_by(other, signal.SIGKILL)
    for path in (whole, killed):
        await probed(path, codec, RECORDED_S * RATE_MIN)
        if suffix != ".mkv":
            assert await plays(browser, path, RECORDED_S) == ("320x180",)


@needs_ffprobe
@pytest.mark.parametrize(("codec", "suffix"), [("vp8", ".webm"), ("h264", ".mp4")])
async def test_a_reconnect_with_another_size_plays_on(
    browser: Browser, node: RunningNode, tmp_path: Path, codec: str, suffix: str
) -> None:
    """Not Chromium publishes: short of time it would change the size by itself."""
    stream, path = f"again-{codec}", tmp_path / f"again{suffix}"
    async with recording(node.whep(stream), path) as recorder:
        async with clapping(node, stream, codec, 320, 180):
            await grown(path, 2.0)
            before_s = length_s(path)
        async with clapping(node, stream, codec, 640, 360):
            await grown(path, before_s + 4.0)
        await ended_by(recorder, signal.SIGINT)
    await probed(path, codec, 40)
    sizes = await plays(browser, path, before_s + 3.0)
    assert sizes == ("320x180", "640x360")


async def send_h265(publisher: LocalPublisher, seconds: int) -> None:
    """Pictures of 25 a second and 20 ms of sound twice for each, in real time."""
    pictures, sounds = encoded("h265", 25 * seconds), tones(50 * seconds)
    sequence = 0
    for number, (frame, key) in enumerate(pictures):
        pieces = payloads("h265", frame, key)
        burst = []
        for place, piece in enumerate(pieces):
            last = place == len(pieces) - 1
            burst.append(rtp_packet(98, sequence, 3600 * number, 1, piece, last))
            sequence += 1
        publisher.send_rtp(0, *burst)
        for place in (2 * number, 2 * number + 1):
            sound = rtp_packet(111, place, 960 * place, 2, sounds[place], True)
            publisher.send_rtp(1, sound)
        await asyncio.sleep(0.04)


@needs_ffprobe
@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
async def test_h265_through_a_node(tmp_path: Path, suffix: str) -> None:
    inside, outside = tmp_path / f"inside{suffix}", tmp_path / f"outside{suffix}"
    settings = Settings(port=0, http="127.0.0.1:0", admin="127.0.0.1:0")
    async with MeshNode(settings) as node:
        url = f"{node.urls['whep']}demo"
        async with node.record("demo", inside), recording(url, outside) as recorder:
            with node.publish("demo", TRACKS) as publisher:
                sending = asyncio.create_task(send_h265(publisher, 20))
                await grown(outside, 2.0)
                sending.cancel()
            await ended_by(recorder, signal.SIGINT)
    await probed(inside, "hevc", 40)
    await probed(outside, "hevc", 40)
