"""A live mesh in the laboratory, seen from outside: who is linked, who feeds whom.

`View` reads one moment out of the `/status` of all nodes and speaks of nodes by the
laboratory's names.  `Mesh` is the laboratory, its processes, and waiting for what a
test needs before it breaks something.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import networkx as nx

from support.lab.lab import Lab
from support.lab.processes import Fleet, NodeProcess, wait_for
from support.lab.timeline import timeline

ASKING_AT_ONCE = 16
Link = tuple[str, str, float]


class View:
    """`/status` of several nodes at about one moment: `meshes` by laboratory name."""

    def __init__(self, meshes: dict[str, dict[str, Any]], ids: dict[str, str]) -> None:
        self.meshes = meshes
        self._ids = ids

    def name(self, node: str | None) -> str | None:
        """The laboratory's name of a node id, or of the short form of one."""
        if node is None:
            return None
        if node in self._ids:
            return self._ids[node]
        like = {name for whole, name in self._ids.items() if node in whole}
        return like.pop() if len(like) == 1 else node

    def peers(self, name: str) -> dict[str, dict[str, Any]]:
        """A node's neighbours by name."""
        mesh = self.meshes.get(name, {})
        links = mesh.get("peers") or mesh.get("links") or []
        ready = [link for link in links if link.get("ready", True)]
        return {self.name(link["node"]) or "?": link for link in ready}

    def graph(self) -> nx.Graph:
        """Nodes that answered, and links that both ends see."""
        graph = nx.Graph()
        graph.add_nodes_from(self.meshes)
        for name in self.meshes:
            for other in self.peers(name):
                if name in self.peers(other):
                    graph.add_edge(name, other)
        return graph

    @property
    def is_whole(self) -> bool:
        """One component, so that every pair has a path."""
        return bool(self.meshes) and nx.is_connected(self.graph())

    def tree(self, name: str, stream: str) -> dict[str, Any]:
        """What a node says about a stream that it carries; {} if it does not."""
        for tree in self.meshes.get(name, {}).get("trees") or []:
            if stream in (tree.get("name"), tree.get("stream")):
                found: dict[str, Any] = tree
                return found
        return {}

    def parent(self, name: str, stream: str) -> str | None:
        """Who feeds it."""
        return self.name(self.tree(name, stream).get("parent"))

    def second(self, name: str, stream: str) -> str | None:
        """Who stands by."""
        return self.name(self.tree(name, stream).get("second"))

    def is_live(self, name: str, stream: str) -> bool:
        """Whether it has the stream from somebody, or is its origin."""
        return self.tree(name, stream).get("state") in ("live", "origin")

    def path(self, name: str, stream: str) -> list[str]:
        """From the origin down to the node, by following parents.

        Raises `AssertionError` for a circle or a parent without a parent.
        """
        path = [name]
        while self.tree(path[-1], stream).get("state") != "origin":
            parent = self.parent(path[-1], stream)
            assert parent is not None, f"{path[-1]} has no parent: {path}"
            assert parent not in path, f"a circle: {[*path, parent]}"
            path.append(parent)
        return path[::-1]

    def has_paths(self, wanted: Iterable[tuple[str, str]]) -> bool:
        """Whether each (node, stream) hangs below its origin; a circle raises."""
        for name, stream in wanted:
            seen = [name]
            while self.tree(seen[-1], stream).get("state") != "origin":
                parent = self.parent(seen[-1], stream)
                if parent is None:
                    return False
                assert parent not in seen, f"a circle: {[*seen, parent]}"
                seen.append(parent)
        return True


class Mesh:
    """The nodes of a laboratory as one mesh."""

    def __init__(self, lab: Lab | None, fleet: Fleet) -> None:
        self.lab = lab
        self.fleet = fleet
        self._ids: dict[str, str] = {}

    def host(
        self, name: str, bootstrap: Sequence[str] = (), *flags: str, **more: Any
    ) -> NodeProcess:
        """A node on the host of that name; `bootstrap` are names too."""
        assert self.lab is not None
        entries = tuple(f"{self.lab.address(other)}:5000" for other in bootstrap)
        namespace, address = self.lab.namespace(name), self.lab.address(name)
        return self.fleet.add(
            name, namespace, address, bootstrap=entries, flags=flags, **more
        )

    def tell(self, since: float = 0.0) -> str:
        """What happened after a time, by the logs of all nodes."""
        logs = {node.name: node.events() for node in self.fleet}
        return "\n".join(timeline(logs, self._ids, since=since))

    def view(self) -> View:
        """Ask every node that runs; one that does not answer is missing."""
        with ThreadPoolExecutor(ASKING_AT_ONCE) as pool:
            found = dict(pool.map(_ask, self.fleet.up))
        meshes = {name: mesh for name, mesh in found.items() if mesh}
        self._ids |= {mesh["node"]: name for name, mesh in meshes.items()}
        return View(meshes, self._ids)

    def wait(
        self,
        check: Callable[[View], Any],
        deadline_s: float,
        what: str,
        every_s: float = 0.1,
    ) -> View:
        """Ask until `check(view)` holds; that view."""
        seen: list[View] = []

        def holds() -> bool:
            seen[:] = [self.view()]
            return bool(check(seen[0]))

        wait_for(holds, deadline_s, what, every_s)
        return seen[0]

    def wait_whole(self, deadline_s: float = 30.0) -> View:
        """Until all that run are one mesh."""
        return self.wait(
            lambda view: len(view.meshes) == len(self.fleet.up) and view.is_whole,
            deadline_s,
            f"{len(self.fleet.up)} nodes in one component",
        )

    def wait_linked(self, links: Iterable[Link], deadline_s: float = 30.0) -> View:
        """Until exactly what can be linked is linked, both ends seeing it."""
        wanted = [(one, other) for one, other, _ in links]
        return self.wait(
            lambda view: all(view.graph().has_edge(*pair) for pair in wanted),
            deadline_s,
            f"links {wanted}",
        )


def _ask(node: NodeProcess) -> tuple[str, dict[str, Any]]:
    # one that dies or is frozen meanwhile has no status
    with contextlib.suppress(OSError, RuntimeError, ValueError):
        return node.name, node.mesh()
    return node.name, {}
