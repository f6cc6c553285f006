"""The mesh on the admin address, and nothing of it anywhere else."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from meshnode import Settings
from support.mesh_view import STREAM, Meshed, short, text

PATHS = ("peers", "routes", "streams", "trace/demo", "map")


@pytest.fixture
async def meshed() -> AsyncIterator[tuple[Meshed, aiohttp.ClientSession]]:
    settings = Settings(port=0, http="127.0.0.1:0", admin="127.0.0.1:0")
    async with Meshed(settings) as node, aiohttp.ClientSession() as http:
        yield node, http


async def answer(meshed, path: str):
    node, http = meshed
    async with http.get(f"{node.urls['admin']}/admin/{path}") as response:
        return response.status, response.content_type, await response.json()


@pytest.mark.parametrize("path", PATHS)
async def test_every_answer_says_that_it_is_partial(meshed, path: str) -> None:
    status, _, told = await answer(meshed, path)
    assert status == 200
    assert told["partial"] is True


@pytest.mark.parametrize("path", PATHS)
async def test_viewers_see_nothing_of_it(meshed, path: str) -> None:
    node, http = meshed
    async with http.get(f"{node.urls['local']}admin/{path}") as response:
        assert response.status == 404


@pytest.mark.parametrize("path", PATHS)
async def test_a_node_without_a_mesh_says_so(client, path: str) -> None:
    response = await client.ask("GET", f"{client.admin}/admin/{path}")
    assert response.status == 409
    assert response.content_type == "application/problem+json"
    assert "in no mesh" in (await response.json())["detail"]


async def test_neighbours_with_their_figures(meshed) -> None:
    _, _, told = await answer(meshed, "peers")
    assert told["node"] == text(0)
    assert [peer["rtt_s"] for peer in told["peers"]][:2] == [0.01, 0.02]


async def test_routes_with_their_next_hop(meshed) -> None:
    _, _, told = await answer(meshed, "routes")
    assert [route["next_hop"] for route in told["routes"]] == [text(2)]


async def test_streams_say_how_they_are_carried(meshed) -> None:
    _, _, told = await answer(meshed, "streams")
    (stream,) = told["streams"]
    assert (stream["stream"], stream["name"]) == (STREAM, "demo")
    assert (stream["state"], stream["children"], stream["viewers"]) == ("live", 2, 0)


async def test_a_stream_that_nobody_has_is_a_problem_with_a_hint(meshed) -> None:
    status, kind, told = await answer(meshed, "trace/nobody")
    assert (status, kind) == (404, "application/problem+json")
    assert "no stream nobody is known here" in told["detail"]


async def test_the_map_names_this_node(meshed) -> None:
    _, _, told = await answer(meshed, "map")
    assert told["me"] == short(0)
    assert len(told["links"]) == 6


async def test_the_page_of_the_mesh_is_on_the_admin_address_alone(meshed) -> None:
    node, http = meshed
    async with http.get(f"{node.urls['admin']}/") as response:
        assert response.status == 200
        assert "partial view" in await response.text()
    for path in ("mesh/index.html", "mesh/style.css"):
        async with http.get(f"{node.urls['local']}{path}") as response:
            assert response.status == 404


async def test_the_admin_page_finds_its_files(meshed) -> None:
    node, http = meshed
    for path in ("style.css", "mesh/style.css", "js/mesh-view.js", "js/mesh-layout.js"):
        async with http.get(f"{node.urls['admin']}/{path}") as response:
            assert response.status == 200, path
