"""Each example does what it says, run from the wheel, outside the tree."""

from __future__ import annotations

import functools
import http.server
import shutil
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest

from meshnode.client.picture import read_number

pytestmark = pytest.mark.timeout(1300)  # the first test builds and installs
ROOT = Path(__file__).resolve().parents[2]
LINES_MAX = 80
FIRST_FRAME_S = 60
SIZE = ("--size", "320x180")


@pytest.mark.parametrize("path", sorted((ROOT / "examples").iterdir()), ids=str)
def test_an_example_is_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) < LINES_MAX


def frames(installed: Any, url: str, folder: Path) -> list[Any]:
    """What `meshnode play` of the wheel gets from `url` in two seconds."""
    output = folder / "out.mkv"
    subprocess.run(
        [installed.meshnode, "play", url, "-o", output, "--duration", "2"],
        check=True,
        capture_output=True,
        cwd=installed.folder,
        timeout=120,
    )
    with av.open(str(output)) as container:
        return list(container.decode(video=0))


def test_embed(installed: Any, launch: Any, example: Any, tmp_path: Path) -> None:
    script = example("embed.py")
    program = launch(installed.python, script, "--port", "0", "--media-port", "0")
    url = program.until(r"(http\S+)/$")[1]
    page = urllib.request.urlopen(f"{url}/live/").read()
    assert b"<title>meshnode" in page
    assert b"0 streams: none" in urllib.request.urlopen(f"{url}/").read()
    publisher = launch(
        installed.meshnode, "publish", "--test", f"{url}/live/demo", *SIZE
    )
    publisher.until("publishing to")
    seen = frames(installed, f"{url}/live/demo", tmp_path)
    assert any(read_number(frame) is not None for frame in seen)
    assert b"1 streams: demo" in urllib.request.urlopen(f"{url}/").read()
    program.process.terminate()
    assert program.process.wait(30) == 0


def test_publish_rtp(installed: Any, launch: Any, example: Any, tmp_path: Path) -> None:
    script = example("publish_rtp.py")
    program = launch(
        installed.python, script, "drawn", "--http", "127.0.0.1:0", "--port", "0"
    )
    url = program.until(r"(http\S+)/$")[1]
    seen = frames(installed, f"{url}/drawn", tmp_path)
    assert len(seen) > 5
    assert {(frame.width, frame.height) for frame in seen} == {(320, 180)}
    rows = [bytes(frame.reformat(format="gray8").planes[0])[:320] for frame in seen]
    assert len(set(rows)) > len(rows) // 2  # the ramp moves


def test_subscribe_rtp(installed: Any, launch: Any, example: Any) -> None:
    script = example("subscribe_rtp.py")
    program = launch(
        installed.python, script, "demo", "--http", "127.0.0.1:0", "--port", "0"
    )
    url = program.until(r"(http\S+)/$")[1]
    publisher = launch(installed.meshnode, "publish", "--test", f"{url}/demo", *SIZE)
    publisher.until("publishing to")
    assert "vp8" in program.until("demo: (.*)")[1]
    assert int(program.until(r"audio: (\d+) packets")[1]) > 10
    assert int(program.until(r"video: (\d+) packets")[1]) > 5


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[str]:
    """Somebody else's web server, which knows nothing of nodes."""
    serve = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium")
async def test_page(installed: Any, launch: Any, example: Any, elsewhere: str) -> None:
    from support.browser import chromium

    flags = ("--port", "0", "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0")
    node = launch(installed.meshnode, "run", *flags, "--data", installed.folder / "d")
    url = node.until(r"page\s+(http\S+)/$")[1]
    publisher = launch(installed.meshnode, "publish", "--test", f"{url}/demo", *SIZE)
    publisher.until("publishing to")
    page_file = example("page.html")
    page_file.write_text(page_file.read_text().replace("http://127.0.0.1:8080", url))
    async with chromium(elsewhere) as browser:
        page = await browser.new_page()
        await page.goto(f"{elsewhere}/page.html")
        await page.wait_for_function(
            "document.getElementById('state').textContent.startsWith('first picture')",
            timeout=FIRST_FRAME_S * 1000,
        )
        width = await page.evaluate(
            "document.querySelector('mesh-player').shadowRoot"
            ".querySelector('video').videoWidth"
        )
    assert width == 320
