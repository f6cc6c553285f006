"""Where the Rust packet path can be built, and where its absence is said in one line.

The compilers are scripts that say a version: what is judged is only that.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from support.shared import ROOT

TOOLS = ("sh", "dirname", "sed", "cut", "sort", "head", "cat")
WANTED = re.search(
    r'^rust-version = "(\d+)\.(\d+)"',
    (ROOT / "native" / "Cargo.toml").read_text(),
    re.M,
)
assert WANTED is not None
MAJOR, MINOR = map(int, WANTED.groups())


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the scripts need and no compiler, which is the whole PATH."""
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None
        (tmp_path / tool).symlink_to(found)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("MESHNODE_NATIVE", raising=False)
    return tmp_path


def compiler(path: Path, version: str) -> None:
    """A rustc of `version`, and a cargo that must not be asked for anything."""
    for name, act in (
        ("rustc", f'echo "rustc {version} (abc 2024-01-01)"'),
        ("cargo", "exit 9"),
    ):
        (path / name).write_text(f"#!/bin/sh\n{act}\n")
        (path / name).chmod(0o755)


def script(name: str, *words: str) -> tuple[int, str]:
    command = ["sh", str(ROOT / "tools" / name), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


def setup() -> ModuleType:
    """The build back end's file, which builds nothing when it is only read."""
    spec = importlib.util.spec_from_file_location("setup_file", ROOT / "setup.py")
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def test_without_cargo_one_line_says_so(path: Path) -> None:
    status, said = script("native.sh")
    assert (status, said.count("\n")) == (0, 1)
    assert said.startswith("native: there is no cargo, so ")
    assert setup().missing() == "there is no cargo"


@pytest.mark.parametrize("version", [f"{MAJOR}.{MINOR - 1}.9", f"{MAJOR - 1}.99.0"])
def test_an_older_rustc_counts_as_no_cargo(path: Path, version: str) -> None:
    compiler(path, version)
    status, said = script("native.sh")
    assert (status, said.count("\n")) == (0, 1)
    assert f"rustc {version} is older than {MAJOR}.{MINOR}, which counts as no" in said
    status, said = script("nightly.sh", "asan")
    assert (status, said.count("\n")) == (0, 1)
    assert setup().missing() == f"rustc {version} is too old, {MAJOR}.{MINOR} is needed"


@pytest.mark.parametrize(
    "version",
    [
        f"{MAJOR}.{MINOR}.0",
        f"{MAJOR}.{MINOR + 100}.0",
        f"{MAJOR}.{MINOR + 1}.0-nightly",
    ],
)
def test_the_stated_rustc_and_newer_ones_build(path: Path, version: str) -> None:
    compiler(path, version)
    assert script("cargo.sh") == (0, "")
    assert setup().missing() == ""
