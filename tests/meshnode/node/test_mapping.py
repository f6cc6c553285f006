"""`--map-port` in whole nodes, with a small router of ours on loopback."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from meshnode import MeshNode, Settings
from meshnode.control.mapping.gateway import Gateway
from meshnode.control.mapping.keeper import Keeper
from meshnode.control.mapping.pcp import Pcp
from meshnode.node import mapping
from support.small_router import OUTSIDE, SmallRouter, small_router

GATEWAY = Gateway("127.0.0.1", "127.0.0.1")
QUIET = {"port": 0, "http": "127.0.0.1:0", "admin": "127.0.0.1:0", "map_port": True}


@pytest.fixture
async def router(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SmallRouter]:
    """The gateway of this machine, for the nodes of a test."""
    async with small_router() as made:
        keeper = functools.partial(
            Keeper, ways=lambda gateway, secret: [Pcp(gateway, secret, made.port)]
        )
        monkeypatch.setattr(mapping, "Keeper", keeper)
        monkeypatch.setattr(mapping, "find_gateway", lambda: GATEWAY)
        yield made


async def until(check: Callable[[], object]) -> None:
    async with asyncio.timeout(40):
        while not check():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_clients_are_told_what_the_router_granted(router: SmallRouter) -> None:
    router.shift = 3
    async with MeshNode(Settings(hosts=("0.0.0.0",), **QUIET)) as node:
        own = node.addresses[-1][1]
        await until(lambda: node.addresses[0] == (OUTSIDE, own + 3))
        assert router.mapped == {17: (own, own + 3)}
    assert router.mapped == {}


async def test_nodes_are_told_both_ports_and_how_it_is_reached(
    router: SmallRouter,
) -> None:
    settings = Settings(hosts=("127.0.0.1",), mesh=True, **QUIET)
    async with MeshNode(settings) as node:

        def mesh() -> Any:
            return node.status().mesh

        assert mesh().reach == "unknown" or router.mapped
        await until(lambda: mesh().reach == "mapped")
        tcp = router.mapped[6][1]
        assert mesh().bootstrap[0].startswith(f"/ip4/{OUTSIDE}/tcp/{tcp}/p2p/")
    assert router.mapped == {}


@pytest.mark.parametrize(
    ("hosts", "why"),
    [(("::1",), "only IPv4 is mapped"), (("127.0.0.2",), "no default gateway")],
)
async def test_a_node_that_the_router_cannot_reach_says_so_and_serves(
    router: SmallRouter,
    hosts: tuple[str, ...],
    why: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    async with MeshNode(Settings(hosts=hosts, **QUIET)) as node:
        await until(lambda: "NotMapped" in caplog.text)
        (said,) = [r for r in caplog.records if "NotMapped" in r.getMessage()]
        assert why in said.fields["why"]  # type: ignore[attr-defined]
        assert node.status().state == "ready"
    assert router.asked == []


async def test_without_the_flag_nobody_is_asked(router: SmallRouter) -> None:
    settings = Settings(hosts=("0.0.0.0",), **{**QUIET, "map_port": False})
    async with MeshNode(settings) as node:
        assert node.addresses
    assert router.asked == []
