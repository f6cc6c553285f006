"""Every kind of record reaches the machine that it is for, and no other."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from meshproto.node.receivers import Receivers
from support.tree_bench import node


class Machine:
    def __init__(self, name: str, heard: list[str]) -> None:
        self.name = name
        self.heard = heard

    def receive(self, neighbour: Any, record: Any, now: float) -> None:
        self.heard.append(self.name)


@pytest.mark.parametrize(
    ("kind", "machine"),
    [
        (15, None),
        (16, "overlay"),
        (31, "overlay"),
        (32, "directory"),
        (47, "directory"),
        (48, "router"),
        (63, "router"),
        (64, "trees"),
        (95, "trees"),
    ],
)
def test_kinds_belong_to_machines(kind: int, machine: str | None) -> None:
    heard: list[str] = []
    names = ("overlay", "directory", "router", "trees")
    receivers = Receivers(*(Machine(name, heard) for name in names))  # type: ignore[arg-type]
    receivers.take(node(1), SimpleNamespace(KIND=kind), 0.0)  # type: ignore[arg-type]
    assert heard == ([] if machine is None else [machine])
