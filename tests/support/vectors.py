"""The shared corpora's own runner, used as a library: entries, verdicts, bad inputs.

Importing this skips the importing module where the shared folder is absent.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import random
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from meshproto.errors import DecodeError, MeshError
from support.effort import effort
from support.shared import require_shared, shared_path

SLOW_S = 0.05
SLOW_EFFORT = 50.0
"""The same on any machine, see `support.effort`; measured where `SLOW_S` was passed."""

Adapters = Mapping[str, Callable[..., Any]]


def _load_runner() -> Any:
    path = require_shared("corpora", "run_vectors.py")
    spec = importlib.util.spec_from_file_location("run_vectors", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # its alarm would disarm pytest-timeout, which guards against hangs here
    module.signal = SimpleNamespace(setitimer=lambda *_: None, ITIMER_REAL=0)
    # its stop-watch would run while others have the processor
    module.time = SimpleNamespace(perf_counter=time.process_time)
    return module


_runner = _load_runner()


def entries(name: str, adapters: Adapters) -> Iterator[Any]:
    """Parameters for every entry of `vectors/name` that an adapter takes."""
    for entry in _entries(name):
        if entry["kind"] in adapters:
            yield pytest.param(entry, id=f"{entry['kind']} {entry['name']}")


def kinds(name: str) -> set[str]:
    """Every kind that has entries in `vectors/name`."""
    return {entry["kind"] for entry in _entries(name)}


def failure(entry: dict[str, Any], adapters: Adapters) -> str:
    """Empty when the entry passes, else what is wrong."""
    settings = SimpleNamespace(ADAPTERS=adapters, ERRORS={"": (MeshError,)})
    verdict, why = _runner.Runner(settings, SLOW_S * 1000).entry(entry)
    return "" if verdict == "pass" else f"{verdict}: {why}"


def twisted(entry: dict[str, Any]) -> dict[str, Any]:
    """The entry with an expectation that must not be met (not for "check")."""
    lax = {"expect_error", "or_error", "lenient", "or_value_prefix", "or_not_type"}
    wrong = {key: value for key, value in entry.items() if key not in lax}
    refused = entry.get("expect_error")
    wrong["expect"] = (
        "00" if refused else _runner.twist(entry["expect"], random.Random(1))
    )
    return wrong


def bad_inputs(kind: str) -> Iterator[Any]:
    """Parameters for every raw input of `bad/kind`."""
    for archive in sorted(shared_path("corpora", "bad", kind).glob("*.zip")):
        with zipfile.ZipFile(archive) as opened:
            for name in opened.namelist():
                yield pytest.param(opened.read(name), id=f"{archive.stem} {name}")


def refused_or_read(parser: Callable[[bytes], object], data: bytes) -> None:
    """Call the parser; fails on any exception but `DecodeError`, and when slow."""

    def read() -> None:
        with contextlib.suppress(DecodeError):
            parser(data)

    began = time.process_time()
    read()
    if time.process_time() - began > SLOW_S:
        assert effort(read) < SLOW_EFFORT


def _entries(name: str) -> list[dict[str, Any]]:
    path = shared_path("corpora", "vectors", name)
    found: list[dict[str, Any]] = json.loads(path.read_text())["entries"]
    return found
