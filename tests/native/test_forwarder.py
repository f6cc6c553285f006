"""The native forwarder does what the reference does, in every story that tests tell.

The tests of `meshproto.forwarding` that drive a `Rig` run here once more, with both
forwarders in it: what they claim of one holds of the other, and each burst, deadline and
counter on the way is compared.
"""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import support.forwarding
from support.both import Both
from support.forwarding import Rig
from support.forwarding_cases import STORIES

pytest.importorskip("meshnode._native", reason="extension is not built")


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
