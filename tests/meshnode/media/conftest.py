from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from meshnode.media.port import MediaPort
from support.media import new_port
from support.planes import PLANES, make_plane


@pytest.fixture(params=PLANES)
def plane(request: pytest.FixtureRequest) -> str:
    """The name of each plane that is built here, in turn."""
    name: str = request.param
    return name


@pytest.fixture
async def port(plane: str) -> AsyncIterator[MediaPort]:
    """An open media port on both loopback addresses."""
    made = new_port(make_plane(plane))
    await made.open(["127.0.0.1", "::1"], 0)
    yield made
    await made.close()


@pytest.fixture
async def reference_port() -> AsyncIterator[MediaPort]:
    """The same of the reference plane, for tests that look inside."""
    made = new_port(make_plane("reference"))
    await made.open(["127.0.0.1", "::1"], 0)
    yield made
    await made.close()
