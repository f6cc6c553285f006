"""Which plane a node gets, and the sentence where it gets none."""

from __future__ import annotations

import struct

import pytest

from meshnode.config import Settings
from meshnode.media import native
from meshnode.node import planes
from meshnode.node.planes import choose, make_plane
from meshproto.errors import StateError
from support.control_world import until
from support.mesh_nodes import (
    bring,
    chain,
    knows,
    mesh_nodes,
    source,
)


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "missing", lambda: "")


def test_the_reference_plane_is_always_there() -> None:
    settings = Settings(plane="reference")
    assert choose(settings) == planes.Choice("reference", "asked for")
    assert make_plane(settings).stats()["kind"] == "reference"


def test_auto_says_why_it_is_not_native(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "missing", lambda: "it is not built")
    auto = Settings(plane="auto")
    assert choose(auto) == planes.Choice("reference", "it is not built")
    assert make_plane(auto).stats()["kind"] == "reference"
    with pytest.raises(StateError, match="cannot be: it is not built; `make native`"):
        choose(Settings(plane="native"))


@pytest.mark.usefixtures("built")
def test_the_native_plane_is_taken_where_it_is_built() -> None:
    auto = Settings(plane="auto", mesh=True)
    assert choose(auto) == planes.Choice("native", "built here")
    asked = Settings(plane="native", mesh=True)
    assert choose(asked) == planes.Choice("native", "asked for")


def test_limits_and_the_uplink_reach_the_native_plane() -> None:
    if native.missing():
        pytest.skip(native.missing())
    settings = Settings(plane="native", max_upload=1_000_000, delays={"127.0.0.9": 5})
    assert make_plane(settings).stats()["kind"] == "native"


@pytest.mark.parametrize("row", ["rnr", "nrn", "nnn", "rrr"])
async def test_planes_of_both_kinds_are_one_mesh(row: str) -> None:
    """Over two links, each packet once and in order, whoever is in the middle."""
    if "n" in row and native.missing():
        pytest.skip(native.missing())
    names = {"r": "reference", "n": "native"}
    async with mesh_nodes() as start:
        first, middle, last = await chain(start, *[names[letter] for letter in row])
        assert [
            node._parts.port.stats()["plane"]["kind"] for node in (first, middle, last)
        ] == [names[letter] for letter in row]
        async with source(first):
            await until(lambda: knows(last, "cam"), "the stream is known")
            await bring(last)
            with last.subscribe("cam") as viewer:
                numbers = [
                    struct.unpack_from("!H", (await anext(aiter(viewer))).data, 2)[0]
                    for _ in range(60)
                ]
        assert numbers == list(range(numbers[0], numbers[0] + 60))
