"""The mesh as this node knows it, as a map: nodes, links, and the trees over them.

It is made of the node's status alone, so it shows what one node can know: itself, its
neighbours, the origins it has routes to and the nodes on the root paths of the streams
it carries.  Everything else of the mesh is there and is not here; whoever draws the map
must say so (`partial`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from meshnode.observe.mesh_status import MeshStatus, PeerStatus, TreeStatus
from meshproto.errors import DecodeError
from meshproto.ids import NodeId, short_id
from meshproto.wire import peer_id

NODES_MAX = 512
"""A fuse: neighbours, origins and paths are bounded where they are kept."""


@dataclass(frozen=True, slots=True)
class MapNode:
    """`id` is the short name; `node` the peer id where it is known.

    `kind` is self, neighbour, origin or path: the nearest of what it is to this node.
    """

    id: str
    node: str | None
    kind: str
    reach: str = "unknown"


@dataclass(frozen=True, slots=True)
class MapLink:
    """A link of this node, measured here."""

    source: str
    target: str
    rtt_s: float | None
    loss: float
    purpose: str
    suspect: bool


@dataclass(frozen=True, slots=True)
class MapEdge:
    """An edge of a tree, in the direction of media; `role` is active, standby or told.

    `told` ones were heard of in a root path and not seen.
    """

    source: str
    target: str
    role: str


@dataclass(frozen=True, slots=True)
class MapTree:
    """The part of a stream's tree that this node knows."""

    stream: str
    name: str
    state: str
    origin: str
    edges: tuple[MapEdge, ...]


@dataclass(frozen=True, slots=True)
class MeshMap:
    """The map; `me` is the short name of this node."""

    me: str
    nodes: tuple[MapNode, ...]
    links: tuple[MapLink, ...]
    trees: tuple[MapTree, ...]
    partial: bool = True

    def json(self) -> dict[str, object]:
        """Plain values."""
        return asdict(self)


def short(node: str) -> str:
    """The short name of a peer id, in hexadecimal; "" for what is no id."""
    try:
        return short_id(NodeId(peer_id.from_text(node))).hex()
    except DecodeError:
        return ""


def map_of(mesh: MeshStatus) -> MeshMap:
    """Draw the map of a status."""
    me = short(mesh.node)
    nodes = {me: MapNode(me, mesh.node, "self", mesh.reach)}
    for peer in mesh.peers:
        _meet(nodes, MapNode(short(peer.node), peer.node, "neighbour", peer.reach))
    for origin in (*(r.origin for r in mesh.routes), *(t.origin for t in mesh.trees)):
        _meet(nodes, MapNode(short(origin), origin, "origin"))
    for name in (name for tree in mesh.trees for name in tree.root):
        _meet(nodes, MapNode(name, None, "path"))
    return MeshMap(
        me,
        tuple(nodes.values()),
        tuple(_link(me, peer) for peer in mesh.peers if peer.ready),
        tuple(_tree(me, tree) for tree in mesh.trees),
    )


def _meet(nodes: dict[str, MapNode], node: MapNode) -> None:
    if len(nodes) < NODES_MAX:
        nodes.setdefault(node.id, node)


def _link(me: str, peer: PeerStatus) -> MapLink:
    return MapLink(
        me, short(peer.node), peer.rtt_s, peer.loss, peer.purpose, peer.suspect
    )


def _tree(me: str, tree: TreeStatus) -> MapTree:
    edges = {
        (above, below): MapEdge(above, below, "told")
        for above, below in zip(tree.root, tree.root[1:], strict=False)
    }
    for child in map(short, tree.children):
        edges[me, child] = MapEdge(me, child, "active")
    if tree.second is not None:
        edges[short(tree.second), me] = MapEdge(short(tree.second), me, "standby")
    if tree.parent is not None:
        edges[short(tree.parent), me] = MapEdge(short(tree.parent), me, "active")
    return MapTree(
        tree.stream, tree.name, tree.state, short(tree.origin), tuple(edges.values())
    )
