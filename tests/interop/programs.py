"""The clients: what each can publish and play, how to start it, whether it is there."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = Path(__file__).parent / "clients"
INSTALLED = Path(os.environ.get("INTEROP_INSTALLED", ROOT / ".interop"))
SYSTEM_PYTHON = "/usr/bin/python3"  # the one that Debian's python3-gi is for


@dataclass(frozen=True, slots=True)
class Client:
    """One independent WebRTC stack; `there` says whether it can run on this machine."""

    name: str
    command: tuple[str, ...]
    there: Callable[[], bool]
    plays: frozenset[str] = frozenset()
    needs_namespace: bool = False
    path: tuple[Path, ...] = field(default=())

    def environment(self) -> dict[str, str]:
        """The environment of its process."""
        modules = [str(path) for path in (ROOT / "tests", *self.path)]
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(modules),
            "INTEROP_INSTALLED": str(INSTALLED),
        }


@dataclass(frozen=True, slots=True)
class Run:
    """One publisher run: a row of the table."""

    client: Client
    codec: str
    simulcast: bool = False

    @property
    def title(self) -> str:
        """What the row is called."""
        shape = " simulcast" if self.simulcast else ""
        return f"{self.client.name} {self.codec.upper()}{shape}"


def _python(script: str, *words: str) -> tuple[str, ...]:
    return (sys.executable, str(CLIENTS / script), *words)


def _module(name: str) -> Callable[[], bool]:
    return lambda: importlib.util.find_spec(name) is not None


def _program(name: str) -> Callable[[], bool]:
    return lambda: shutil.which(name) is not None


def _node(package: str) -> Callable[[], bool]:
    installed = INSTALLED / "node_modules" / package
    return lambda: shutil.which("node") is not None and installed.is_dir()


def _gstreamer() -> bool:
    script = (
        "import gi; gi.require_version('Gst', '1.0');"
        "gi.require_version('GstWebRTC', '1.0'); from gi.repository import Gst;"
        "Gst.init(None); exit(not all(map(Gst.ElementFactory.find,"
        "['webrtcbin', 'nicesrc', 'dtlssrtpenc', 'vp8enc', 'x264enc', 'avdec_h264'])))"
    )
    try:
        command = [SYSTEM_PYTHON, "-c", script]
        done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    except OSError:
        return False
    return done.returncode == 0


ALL = frozenset({"vp8", "vp9", "h264", "av1"})

CHROMIUM = Client("Chromium", _python("chromium.py"), _program("chromium"), ALL)
FIREFOX = Client(
    "Firefox",
    _python("firefox.py"),
    _program("firefox-esr"),
    ALL - {"h264"},
    needs_namespace=True,
)
GSTREAMER = Client(
    "GStreamer",
    (SYSTEM_PYTHON, str(CLIENTS / "gstreamer.py")),
    _gstreamer,
    ALL - {"av1"},
)
AIORTC = Client(
    "aiortc", _python("aiortc_client.py"), _module("aiortc"), frozenset({"vp8", "h264"})
)
WRTC = Client(
    "wrtc",
    _python("wrtc_client.py"),
    (INSTALLED / "python/webrtc").is_dir,
    ALL - {"h264"},
    path=(INSTALLED / "python",),
)
PION = Client(
    "Pion", _python("relayed.py", "pion"), (INSTALLED / "pionclient").is_file, ALL
)
WERIFT = Client(
    "werift",
    _python("relayed.py", "werift"),
    _node("werift"),
    frozenset({"vp8", "h264"}),
)
DATACHANNEL = Client(
    "libdatachannel",
    _python("relayed.py", "datachannel"),
    _node("node-datachannel"),
    frozenset({"vp8", "h264"}),
)
FFMPEG = Client("FFmpeg", _python("ffmpeg.py"), _module("imageio_ffmpeg"))

EVERY = (
    *(CHROMIUM, FIREFOX, GSTREAMER, AIORTC, WRTC, PION),
    *(WERIFT, DATACHANNEL, FFMPEG),
)
PLAYERS = tuple(client for client in EVERY if client.plays)
RUNS = (
    *(Run(CHROMIUM, codec) for codec in ("vp8", "h264", "vp9", "av1")),
    Run(CHROMIUM, "vp8", simulcast=True),
    *(Run(FIREFOX, codec) for codec in ("vp8", "vp9", "av1")),
    Run(FFMPEG, "h264"),
    Run(GSTREAMER, "vp8"),
    Run(GSTREAMER, "h264"),
    Run(AIORTC, "vp8"),
    Run(WRTC, "vp8"),
    Run(WERIFT, "vp8"),
    # what OBS is made of, in OBS's shape: no candidates, no trickle, deaf to PLI
    Run(DATACHANNEL, "h264"),
    Run(PION, "vp8"),
)
