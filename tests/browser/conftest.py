"""A node in this process, and a browser on its pages."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from meshnode import MeshNode, Settings
from support.browser import chromium


@pytest.fixture
async def node() -> AsyncIterator[MeshNode]:
    settings = Settings(
        port=0, http="127.0.0.1:0", admin="127.0.0.1:0", hosts=("127.0.0.1",)
    )
    async with MeshNode(settings) as running:
        yield running


@pytest.fixture
async def browser(node: MeshNode) -> AsyncIterator[Browser]:
    async with chromium(node.urls["local"].rstrip("/")) as opened:
        yield opened
