"""Which plane a node gets, and the sentence where it gets none."""

from __future__ import annotations

import pytest

from meshnode.config import Settings
from meshnode.media import native
from meshnode.node import planes
from meshnode.node.planes import choose, make_plane, may_mesh
from meshproto.errors import StateError


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "missing", lambda: "")


@pytest.fixture
def finished(built: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planes, "UNFINISHED", "")


def test_the_reference_plane_is_always_there() -> None:
    settings = Settings(plane="reference")
    assert choose(settings) == planes.Choice("reference", "asked for")
    assert make_plane(settings).stats()["kind"] == "reference"


def test_auto_says_why_it_is_not_native(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "missing", lambda: "it is not built")
    assert choose(Settings()) == planes.Choice("reference", "it is not built")
    with pytest.raises(StateError, match="cannot be: it is not built; `make native`"):
        choose(Settings(plane="native"))


@pytest.mark.usefixtures("built")
def test_an_unfinished_plane_is_taken_by_who_asks_and_serves_alone() -> None:
    assert choose(Settings()).name == "reference"
    assert "--plane native tries it" in choose(Settings()).why
    asked = Settings(plane="native")
    assert choose(asked) == planes.Choice("native", "asked for")
    assert not may_mesh(asked)
    assert may_mesh(Settings())
    for more in ({"mesh": True}, {"bootstrap": ("203.0.113.7",)}):
        with pytest.raises(StateError, match="--no-mesh to serve alone"):
            choose(Settings.model_validate({"plane": "native", **more}))


@pytest.mark.usefixtures("finished")
def test_a_finished_plane_is_taken_by_itself() -> None:
    assert choose(Settings()) == planes.Choice("native", "built here")
    assert choose(Settings(plane="native", mesh=True)).name == "native"
    assert may_mesh(Settings(plane="native"))


def test_limits_and_the_uplink_reach_the_native_plane() -> None:
    if native.missing():
        pytest.skip(native.missing())
    settings = Settings(plane="native", max_upload=1_000_000, delays={"127.0.0.9": 5})
    assert make_plane(settings).stats()["kind"] == "native"
