"""Both packet paths by name; a test over planes runs on each that is built here."""

from __future__ import annotations

from typing import Any

import pytest

from meshnode.media import native
from meshnode.media.native import NativePlane
from meshnode.media.plane import MediaPlane
from meshnode.media.reference import ReferencePlane

PLANES = ("reference", "native")


def make_plane(name: str, *args: Any, **options: Any) -> MediaPlane:
    """A plane that is not open yet; skips the test where it is not built."""
    if name == "reference":
        return ReferencePlane(*args, **options)
    if why := native.missing():
        pytest.skip(why)
    return NativePlane(*args, **options)
