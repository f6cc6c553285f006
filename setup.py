"""The Rust packet path is built where cargo is; the rest stands in pyproject.toml.

Nothing may fail for lack of a compiler: the packet path in Python is always there.
What is left out, and why, is said in one line.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import setup

CRATE = Path(__file__).resolve().parent / "native" / "Cargo.toml"


def missing() -> str:
    """Why the Rust packet path cannot be built here; empty where it can."""
    if os.environ.get("MESHNODE_NATIVE") == "0":
        return "MESHNODE_NATIVE=0"
    if not sys.platform.startswith("linux"):
        return "it needs Linux"
    if not CRATE.is_file():
        return "its sources are not here"
    if shutil.which("cargo") is None or shutil.which("rustc") is None:
        return "there is no cargo"
    said = subprocess.run(
        ["rustc", "--version"], capture_output=True, text=True, check=False
    ).stdout
    wanted = re.search(r'^rust-version = "([\d.]+)"', CRATE.read_text(), re.MULTILINE)
    here = re.search(r"rustc ([\d.]+)", said)
    if here is None or wanted is None or _numbers(here[1]) < _numbers(wanted[1]):
        return f"rustc {here[1] if here else '?'} is too old" + (
            f", {wanted[1]} is needed" if wanted else ""
        )
    return ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def extensions() -> list[object]:
    """The extension, or none."""
    why = missing()
    if why:
        print(f"the native packet path is left out: {why}", file=sys.stderr)
        return []
    from setuptools_rust import Binding, RustExtension

    return [
        RustExtension(
            "meshnode._native",
            path="native/Cargo.toml",
            binding=Binding.PyO3,
            py_limited_api=True,
            # slow code would be worse than none
            debug=False,
            # no way to the crates: the Python one serves
            optional=True,
        )
    ]


if __name__ == "__main__":
    setup(rust_extensions=extensions())
