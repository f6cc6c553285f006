"""What a person who uses the simulator can do wrong."""

from __future__ import annotations

from meshproto.errors import MeshError


class ScenarioError(MeshError, ValueError):
    """A scenario, a topology or a parameter is wrong; the message is one sentence that
    names the value and what was expected.
    """
