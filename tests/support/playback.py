"""Files as other people's players see them: Chromium's <video> and ffprobe."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser

PLAY_MS_MAX = 40_000
PROBE_S_MAX = 40.0

PLAY = """async limit => {
  const video = document.querySelector('video'), began = performance.now();
  let longest = 0, moved = began, last = -1, why = 'it took too long';
  const sizes = new Set(), over = new Promise(done => {
    video.onended = () => done(why = '');
    video.onerror = () => done(why = video.error.message || `code ${video.error.code}`);
    setTimeout(done, limit);
  });
  const watch = setInterval(() => {
    const now = performance.now();
    if (video.videoWidth) sizes.add(video.videoWidth + 'x' + video.videoHeight);
    if (video.currentTime !== last) [last, moved] = [video.currentTime, now];
    longest = Math.max(longest, now - moved);
  }, 20);
  await video.play().catch(error => why = String(error));
  await over;
  clearInterval(watch);
  return {why, time_s: video.currentTime, sizes: [...sizes], stall_s: longest / 1000,
    frames: video.getVideoPlaybackQuality().totalVideoFrames,
    audio_bytes: video.webkitAudioDecodedByteCount};
}"""


@dataclass(frozen=True, slots=True)
class Played:
    """What became of a file in Chromium; `why` is "" where it played to its end."""

    why: str
    time_s: float
    sizes: tuple[str, ...]
    stall_s: float
    frames: int
    audio_bytes: int


async def play_file(browser: Browser, path: Path) -> Played:
    """Play a file from its beginning to its end, at its own pace."""
    page_file = path.with_name(f"{path.name}.html")
    page_file.write_text(f"<video muted src={json.dumps(path.name)}></video>")
    page = await browser.new_page()
    try:
        await page.goto(page_file.as_uri())
        seen: dict[str, Any] = await page.evaluate(PLAY, PLAY_MS_MAX)
    finally:
        await page.close()
    return Played(**{**seen, "sizes": tuple(seen["sizes"])})


async def probe(path: Path) -> dict[str, dict[str, Any]]:
    """What ffprobe finds, by codec type; `nb_read_frames` are those it decoded."""
    process = await asyncio.create_subprocess_exec(
        *("ffprobe", "-v", "quiet", "-count_frames", "-of", "json"),
        *("-show_entries", "stream=codec_type,codec_name,nb_read_frames"),
        str(path),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(process.communicate(), PROBE_S_MAX)
    assert process.returncode == 0, f"ffprobe ended with {process.returncode}"
    streams = json.loads(output)["streams"]
    return {each["codec_type"]: each for each in streams}
