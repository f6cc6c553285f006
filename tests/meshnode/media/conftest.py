from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from meshnode.media.port import MediaPort
from support.media import new_port


@pytest.fixture
async def port() -> AsyncIterator[MediaPort]:
    """An open media port on both loopback addresses."""
    made = new_port()
    await made.open(["127.0.0.1", "::1"], 0)
    yield made
    await made.close()
