"""Seeing the mesh: what `meshnode peers|routes|streams|trace` and the page ask.

    GET /admin/peers      neighbours, with round trip and loss
    GET /admin/routes     the way to every origin
    GET /admin/streams    streams of the mesh, carried here or not
    GET /admin/trace/{stream}   hop by hop to the origin, and why the others lost
    GET /admin/map        nodes, links and trees: what the page draws once a second

On the admin address only: who is linked to whom is nobody's business who just watches.
Every answer says that it is partial, because a node knows its surroundings and not the
mesh (RFC 0007 section 1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Protocol

from aiohttp import web

from meshnode.observe.mesh_map import map_of
from meshnode.observe.mesh_status import KnownStream, MeshStatus, TreeStatus
from meshnode.observe.status import NodeStatus
from meshnode.observe.trace import Trace
from meshnode.signalling.doorway import Doorway, Endpoint, Handler
from meshnode.signalling.problems import Refused
from meshnode.signalling.stream import stream_name
from meshnode.signalling.trust import Caller

ALONE = (
    "this node is in no mesh: it was started with --no-mesh, or by a program that"
    " wants none"
)


class Seer(Protocol):
    """What is asked of the node."""

    def status(self) -> NodeStatus:
        """What there is to say; `mesh` is None without a mesh."""

    async def trace(self, stream: str) -> Trace | None:
        """The way of a stream; None where nobody publishes it."""


class Seeing:
    """Handlers of the admin listener that show the mesh."""

    def __init__(self, node: Seer, doorway: Doorway) -> None:
        self._node = node
        self._doorway = doorway

    def endpoints(self) -> dict[str, Endpoint]:
        """Path to endpoint."""
        table: dict[str, Handler] = {
            "/admin/peers": self.peers,
            "/admin/routes": self.routes,
            "/admin/streams": self.streams,
            "/admin/trace/{stream}": self.trace,
            "/admin/map": self.map,
        }
        return {
            path: self._doorway.own({"GET": handler, "HEAD": handler})
            for path, handler in table.items()
        }

    async def peers(self, _request: web.Request, _: Caller) -> web.StreamResponse:
        """The neighbours."""
        mesh = self._mesh()
        rows = [asdict(peer) for peer in mesh.peers]
        return _partial({"node": mesh.node, "reach": mesh.reach, "peers": rows})

    async def routes(self, _request: web.Request, _: Caller) -> web.StreamResponse:
        """The routes."""
        mesh = self._mesh()
        rows = [asdict(route) for route in mesh.routes]
        return _partial({"node": mesh.node, "routes": rows})

    async def streams(self, _request: web.Request, _: Caller) -> web.StreamResponse:
        """The streams, with how they are carried here."""
        status = self._node.status()
        mesh = self._mesh(status)
        viewers = {stream.name: stream.viewers for stream in status.streams}
        rows = list(stream_rows(mesh, viewers))
        return _partial({"node": mesh.node, "streams": rows})

    async def trace(self, request: web.Request, _: Caller) -> web.StreamResponse:
        """The way of one stream."""
        self._mesh()
        name = stream_name(request.match_info["stream"])
        found = await self._node.trace(name)
        if found is None:
            raise Refused(
                404, f"no stream {name} is known here; /admin/streams lists them"
            )
        return _partial(found.json())

    async def map(self, _request: web.Request, _: Caller) -> web.StreamResponse:
        """The map."""
        return _partial(map_of(self._mesh()).json())

    def _mesh(self, status: NodeStatus | None = None) -> MeshStatus:
        mesh = (status or self._node.status()).mesh
        if mesh is None:
            raise Refused(409, ALONE)
        return mesh


def stream_rows(
    mesh: MeshStatus, viewers: Mapping[str, int]
) -> Iterator[dict[str, object]]:
    """Known streams as plain rows: what they are, and the tree of each one here.

    `viewers` are those of this node, by name.
    """
    trees = {tree.stream: tree for tree in mesh.trees}
    for stream in mesh.streams:
        yield _row(stream, trees.get(stream.stream), viewers.get(stream.name, 0))


def _row(
    stream: KnownStream, tree: TreeStatus | None, viewers: int
) -> dict[str, object]:
    return {
        **asdict(stream),
        "state": "known" if tree is None else tree.state,
        "viewers": viewers,
        "parent": None if tree is None else tree.parent,
        "second": None if tree is None else tree.second,
        "children": 0 if tree is None else len(tree.children),
        "delay_s": None if tree is None else tree.delay_s,
    }


def _partial(answer: dict[str, object]) -> web.Response:
    headers = {"Cache-Control": "no-store"}
    return web.json_response({"partial": True, **answer}, headers=headers)
