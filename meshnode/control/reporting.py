"""From the brain's tables to the status values: who, which way, which trees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from meshnode.control.entrances import Entrance, entrances, own_cost_s
from meshnode.control.names import Names
from meshnode.control.neighbours import Neighbour, Neighbours
from meshnode.control.tracing import trace
from meshnode.observe.mesh_status import (
    KnownStream,
    PeerStatus,
    RouteStatus,
    TreeStatus,
)
from meshnode.observe.trace import Trace
from meshproto.ids import NodeId, StreamId
from meshproto.node import Node
from meshproto.wire import peer_id
from meshproto.wire.control.directory import TrackKind

SHOWN_MAX = 512
"""Rows of one table on the status page."""


class Report:
    """Reads the tables of `node`."""

    def __init__(self, node: Node, neighbours: Neighbours, names: Names) -> None:
        self._node = node
        self._neighbours = neighbours
        self._names = names

    def peers(self, now: float) -> tuple[PeerStatus, ...]:
        """The neighbours, in the order in which they came."""
        return tuple(self._peer(n, now) for n in self._neighbours)

    def _peer(self, neighbour: Neighbour, now: float) -> PeerStatus:
        node, links = neighbour.transport.node, self._node.view.links
        record = self._node.peer(node)
        rtt_s = links.rtt_s(node)
        return PeerStatus(
            node=peer_id.to_text(node),
            ready=links.linked(node),
            outbound=neighbour.outbound,
            purpose=neighbour.purpose.value,
            reach="unknown" if record is None else record.reach.name.lower(),
            rtt_s=None if rtt_s is None else round(rtt_s, 6),
            loss=round(links.loss(node), 4),
            suspect=links.suspect(node),
            age_s=round(now - neighbour.since_s, 1),
        )

    def routes(self) -> tuple[RouteStatus, ...]:
        """The way to every origin."""
        router = self._node.view.router
        return tuple(
            RouteStatus(
                peer_id.to_text(origin),
                router.metric_s(origin),
                _text(router.next_hop(origin)),
                max(len(router.routes(origin)) - 1, 0),
            )
            for origin in router.origins()[:SHOWN_MAX]
        )

    def trees(self) -> tuple[TreeStatus, ...]:
        """The streams that this node carries."""
        dump = self._node.view.trees.dump()
        return tuple(
            self._tree(StreamId(bytes.fromhex(stream)), tree)
            for stream, tree in list(dump.items())[:SHOWN_MAX]
        )

    def _tree(self, stream: StreamId, tree: Mapping[str, object]) -> TreeStatus:
        trees = self._node.view.trees
        origin = NodeId(bytes.fromhex(str(tree["origin"])))
        return TreeStatus(
            stream=stream.hex(),
            name=self._names.called(stream) or "",
            origin=peer_id.to_text(origin),
            state=_state(origin == self._node.me, tree),
            parent=_text(trees.parent(stream)),
            second=_text(trees.standby(stream)),
            children=tuple(map(peer_id.to_text, trees.children(stream))),
            root=tuple(short.hex() for short in trees.root_path(stream)),
            delay_s=trees.delay_s(stream),
        )

    def neighbours(self) -> list[NodeId]:
        """Who has a link."""
        return self._node.view.links.neighbours()

    def named(self, called: str) -> StreamId | None:
        """The stream that is called so here."""
        return self._names.find(called)

    def entrances(self, called: str) -> list[Entrance]:
        """Nodes by which a viewer may enter to see the stream, this one not among."""
        stream = self._names.find(called)
        return [] if stream is None else entrances(self._node, stream)

    def own_cost_s(self, called: str) -> float | None:
        """One way from the origin of a stream to this node, as well as it is known."""
        stream = self._names.find(called)
        return None if stream is None else own_cost_s(self._node, stream)

    def name(self, stream: StreamId) -> str:
        """What a stream is called here, "" where nobody told its name."""
        return self._names.called(stream) or ""

    def unnamed(self, stream: StreamId) -> bool:
        """Whether a hop of the stream's way is known by its short id alone."""
        found = trace(self._node, stream, "")
        return found is not None and any(hop.node is None for hop in found.hops)

    def trace(self, called: str) -> Trace | None:
        """The way of the stream that is called so; None where nobody publishes it.

        Far hops have names where somebody asked for them (`Control.trace`).
        """
        stream = self._names.find(called)
        return None if stream is None else trace(self._node, stream, called)

    def streams(self) -> Iterator[KnownStream]:
        """What the directory knows."""
        directory = self._node.directory
        for stream in directory.streams()[:SHOWN_MAX]:
            origin, media = directory.resolve(stream), directory.media(stream)
            if origin is None or media is None:
                continue
            tracks = [t for t in media.tracks if t.kind is not TrackKind.DATA]
            yield KnownStream(
                stream=stream.hex(),
                name=self._names.called(stream) or "",
                origin=peer_id.to_text(origin),
                here=origin == self._node.me,
                codecs=tuple(track.codec for track in tracks),
                encrypted=media.encrypted,
            )


def _state(here: bool, tree: Mapping[str, object]) -> str:
    if here:
        return "origin"
    if tree["parent"] is None:
        return "searching"
    return "live" if tree["live"] else "stalled"


def _text(node: NodeId | None) -> str | None:
    return None if node is None else peer_id.to_text(node)
