"""The repair of py-libp2p's Yamux, and the source that it was written against."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import inspect
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import trio

from meshnode.control.libp2p import yamux
from meshnode.control.libp2p.yamux import LIBP2P_VERSION, WINDOW_OCTETS, repair
from meshproto.errors import StateError

ROOT = Path(__file__).resolve().parents[4]
READ_METHODS = {
    "YamuxStream._auto_tune_and_send_window_update": "6ebcbd822fe7f996",
    "YamuxStream.read": "ca585f2199fd4e83",
    "YamuxStream.write": "d87f74dfb53ab194",
    "YamuxStream.send_window_update": "f76fe6e67077b4a3",
    "Yamux._read_data_body": "54cc06c91ba6ee15",
    "Yamux.handle_incoming": "ad15ff6943feac20",
    "Yamux.read_stream": "d07c99299384666d",
}


def stock() -> ModuleType:
    """py-libp2p's module as it is on disk, without our repair."""
    spec = importlib.util.find_spec("libp2p.stream_muxer.yamux.yamux")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", READ_METHODS)
def test_the_source_that_was_repaired_is_the_one_that_was_read(name: str) -> None:
    kind, _, method = name.partition(".")
    source = inspect.getsource(getattr(getattr(stock(), kind), method))
    digest = hashlib.sha256(source.encode()).hexdigest()[:16]
    assert digest == READ_METHODS[name], f"{name} changed: read it, then say {digest}"


def test_the_pin_is_the_version_that_was_repaired() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"libp2p=={LIBP2P_VERSION}" in project["dependencies"]
    assert importlib.metadata.version("libp2p") == LIBP2P_VERSION


def test_another_version_is_refused_with_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "0.9.0")
    with pytest.raises(StateError, match=r"libp2p 0\.9\.0 is installed"):
        repair()


class Connection:
    """As much of a connection as a stream's windows need."""

    def __init__(self) -> None:
        self.stream_buffers = {1: bytearray()}
        self.frames: list[bytes] = []

    async def _write_frame(self, frame: bytes) -> None:
        self.frames.append(frame)

    def rtt(self) -> float:
        return 0.001


async def _updates(kind: Any, update: Any) -> tuple[int, int]:
    """Read 4 MiB in small reads; how many updates went out, and the window at last."""
    connection = Connection()
    stream = kind(1, connection, True)
    for _ in range(4096):
        stream.recv_window -= 1024
        await update(stream, bytes_read=1024)
    return len(connection.frames), stream.recv_window


def test_a_window_is_given_back_by_halves_and_never_grows() -> None:
    module = stock()
    bare = module.YamuxStream
    stock_update = bare._auto_tune_and_send_window_update
    frames, window = trio.run(_updates, bare, stock_update)
    assert frames > 1000
    assert window > WINDOW_OCTETS
    frames, window = trio.run(_updates, bare, yamux._update_half)
    assert frames == 4 * 2**20 // (WINDOW_OCTETS // 2)
    assert window == WINDOW_OCTETS


def test_repairing_twice_is_repairing_once() -> None:
    repair()
    repair()
    from libp2p.stream_muxer.yamux.yamux import YamuxStream

    assert YamuxStream._auto_tune_and_send_window_update is yamux._update_half
