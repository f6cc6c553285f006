"""Both packet paths by name; a test over planes runs on each that is built here."""

from __future__ import annotations

import os
from typing import Any

import pytest

from meshnode.media import native
from meshnode.media.native import NativePlane
from meshnode.media.plane import MediaPlane
from meshnode.media.reference import ReferencePlane

PLANES = ("reference", "native")
PLANE = os.environ.get("MESHNODE_PLANE", "auto")
"""What tests run on that are about something else."""


def make_plane(name: str, *args: Any, **options: Any) -> MediaPlane:
    """A plane that is not open yet; skips the test where it is not built."""
    why = native.missing()
    if name == "reference" or (name == "auto" and why):
        return ReferencePlane(*args, **options)
    if why:
        pytest.skip(why)
    return NativePlane(*args, **options)
