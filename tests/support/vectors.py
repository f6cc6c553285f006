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
from support.shared import require_shared, shared_path

SLOW_S = 0.05

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
    took_s = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        with contextlib.suppress(DecodeError):
            parser(data)
        took_s = min(took_s, time.perf_counter() - began)
        if took_s < SLOW_S:
            break
    assert took_s < SLOW_S


def _entries(name: str) -> list[dict[str, Any]]:
    path = shared_path("corpora", "vectors", name)
    found: list[dict[str, Any]] = json.loads(path.read_text())["entries"]
    return found
