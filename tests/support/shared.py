"""Where the public vectors lie: `MESHNODE_SHARED`, by default beside the checkout."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("MESHNODE_SHARED", ROOT.parent / "shared"))


def shared_path(*parts: str) -> Path:
    """A path below the shared folder, which may be absent."""
    return SHARED.joinpath(*parts)


def require_shared(*parts: str) -> Path:
    """The same, skipping the calling test or module where the folder is absent.

    The reason is the same for all, so that pytest reports them as one counted skip.
    """
    path = shared_path(*parts)
    absent = path if SHARED.exists() else SHARED
    if not absent.exists():
        pytest.skip(f"shared folder absent: {absent}", allow_module_level=True)
    return path
