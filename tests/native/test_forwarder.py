"""The native forwarder does what the reference does, in every story that tests tell.

The tests of `meshproto.forwarding` that drive a `Rig` run here once more, with both
forwarders in it: what they claim of one holds of the other, and each burst, deadline
and counter on the way is compared.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

import support.forwarding
from support.both import Both
from support.forwarding import Rig
from support.forwarding_cases import STORIES

pytest.importorskip("meshnode._native", reason="extension is not built")


REFERENCE = Path(__file__).parents[1] / "meshproto" / "forwarding"


def _told_with_a_rig() -> None:
    """Take the reference's tests over, under the names of their modules."""
    for path in sorted(REFERENCE.glob("test_*.py")):
        if "import" not in (text := path.read_text()) or " Rig" not in text:
            continue
        name = f"both_{path.stem}"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for test, told in vars(module).items():
            if test.startswith("test_"):
                globals()[f"{path.stem}_{test[5:]}"] = told


_told_with_a_rig()


@pytest.fixture(autouse=True)
def _both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(support.forwarding, "Forwarder", Both)


@pytest.mark.parametrize("story", STORIES)
def test_stories_of_the_vectors(story: str) -> None:
    rig = Rig()
    rig.client(1)
    rig.client(2)
    STORIES[story](rig)
    rig.pass_time(7.0)
    assert rig.forwarder.stats(rig.now)["producers"]
