"""Gossip, directory and trees joined: a stream is found, and followed where it goes.

What the router delivers is the directory's to judge; what the directory finds wakes the
viewers that wait for it, and moves the trees whose origin moved (RFC 0009 section 7).
"""

from __future__ import annotations

from typing import assert_never

from meshproto.config.directory import DirectoryConfig
from meshproto.config.gossip import DIRECTORY_TOPIC, PRESENCE_TOPIC
from meshproto.distribution.machine import Distribution
from meshproto.errors import LimitError
from meshproto.gossip import directory_events as news
from meshproto.gossip.directory import Directory
from meshproto.gossip.peers import Version
from meshproto.gossip.presence import Presence
from meshproto.gossip.router import GossipRouter
from meshproto.gossip.seen import Verdict
from meshproto.ids import NodeId, StreamId
from meshproto.node.values import Wish

EARLY_S = 5.0
"""How long an RPC waits for its link to be ready: as long as a greeting may take."""

VERSIONS_MAX = 256
"""Nodes whose gossip stream may be open before their link is ready, or outlives it:
twice the links there can be."""

EARLY_NODES_MAX = 64
EARLY_RPCS_MAX = 8
EARLY_OCTETS_MAX = 4_096


class Finding:
    """The part of `Node` that knows what is watched here by name."""

    __slots__ = (
        "_config",
        "_directory",
        "_early",
        "_gossip",
        "_listed",
        "_me",
        "_peers",
        "_presence",
        "_trees",
        "_versions",
        "_watching",
    )

    def __init__(
        self,
        me: NodeId,
        config: DirectoryConfig,
        gossip: GossipRouter,
        directory: Directory,
        presence: Presence,
        trees: Distribution,
    ) -> None:
        self._me = me
        self._config = config
        self._gossip = gossip
        self._directory = directory
        self._presence = presence
        self._listed = False
        self._trees = trees
        self._watching: dict[StreamId, Wish] = {}
        self._peers: dict[NodeId, None] = {}
        self._early: dict[NodeId, list[tuple[float, bytes]]] = {}
        self._versions: dict[NodeId, Version] = {}

    def start(self, now: float) -> None:
        """Listen to the directory, unless that is switched off."""
        if self._config.enabled:
            self._gossip.join(DIRECTORY_TOPIC, now)

    def enlist(self, on: bool, now: float) -> None:
        """Join the public list of nodes, or leave it."""
        if on == self._listed:
            return
        self._listed = on
        if on:
            self._gossip.join(PRESENCE_TOPIC, now)
            self._presence.enlist(now)
        else:
            self._presence.withdraw()
            self._gossip.leave(PRESENCE_TOPIC, now)

    def watch(self, stream: StreamId, wish: Wish, now: float) -> None:
        """Subscribe now or when the stream is found; see `Node.watch`."""
        watching, maximum = self._watching, self._config.watched_max
        if stream not in watching and len(watching) >= maximum:
            raise LimitError("watched_max", maximum)
        watching[stream] = wish
        origin = self._directory.resolve(stream)
        if origin is not None:
            self._subscribe(stream, origin, wish, now)

    def _subscribe(
        self, stream: StreamId, origin: NodeId, wish: Wish, now: float
    ) -> None:
        layers, viewers, dual = wish
        self._trees.subscribe(stream, origin, layers, viewers, now, dual=dual)

    def unwatch(self, stream: StreamId, now: float) -> None:
        """Wait no more, and unsubscribe."""
        self._watching.pop(stream, None)
        self._trees.unsubscribe(stream, now)

    def neighbour_up(
        self, node: NodeId, outbound: bool, address: bytes, now: float
    ) -> None:
        """An overlay link is ready."""
        if not self._config.enabled:
            return
        # why the best: our stream opens with the first RPC, so nothing that depends on
        # the version is said before it is told
        version = self._versions.get(node, Version.V1_2)
        if self._gossip.peer_up(node, outbound, address, version, now):
            self._peers[node] = None
        self._directory.neighbour_up(node, outbound, now)
        for at, rpc in self._early.pop(node, ()):
            if now - at < EARLY_S:
                self.receive(node, rpc, now)

    def neighbour_down(self, node: NodeId, now: float) -> None:
        """It is gone."""
        self._peers.pop(node, None)
        self._gossip.peer_down(node, now)
        self._directory.neighbour_down(node, now)

    def opened(self, node: NodeId, version: Version) -> None:
        """Our gossip stream to a node is open.  It may be so before the link is ready,
        and the link may come and go meanwhile: what was agreed on stays.
        """
        versions = self._versions
        if node not in versions and len(versions) >= VERSIONS_MAX:
            del versions[next(iter(versions))]
        versions[node] = version
        self._gossip.opened(node, version)

    def receive(self, node: NodeId, rpc: bytes, now: float) -> None:
        """An RPC of a neighbour: read it and answer what the router delivers.

        The other end may be ready first; then its RPCs, which tell its topics only
        once, wait for our end.
        """
        if node not in self._peers and self._config.enabled:
            self._hold(node, rpc, now)
            return
        self._gossip.receive(node, rpc, now)
        for delivery in self._gossip.take_deliveries():
            verdict = Verdict.IGNORE
            if delivery.topic == DIRECTORY_TOPIC:
                verdict = self._directory.deliver(delivery, now)
            elif delivery.topic == PRESENCE_TOPIC:
                verdict = self._presence.deliver(delivery, now)
            self._gossip.validated(delivery.message_id, verdict, now)
        # why dropped: the overlay finds its peers by shuffle and search
        self._gossip.take_wanted()

    def _hold(self, node: NodeId, rpc: bytes, now: float) -> None:
        early = self._early
        if node not in early and len(early) >= EARLY_NODES_MAX:
            del early[next(iter(early))]
        waiting = early.setdefault(node, [])
        while waiting and now - waiting[0][0] >= EARLY_S:
            del waiting[0]
        if len(waiting) < EARLY_RPCS_MAX and len(rpc) <= EARLY_OCTETS_MAX:
            waiting.append((now, rpc))

    def waits(self, node: NodeId) -> bool:
        """Whether RPCs of a node wait for its link."""
        return node in self._early

    def settle(self, now: float) -> bool:
        """Act upon what the directory found; whether there was anything."""
        changes = self._directory.take_changes()
        for change in changes:
            self._changed(change, now)
        return bool(changes)

    def _changed(self, change: news.Change, now: float) -> None:
        match change:
            case news.StreamFound(stream, _, origin) | news.StreamMoved(stream, origin):
                self._found(stream, origin, now)
            case news.StreamChanged() | news.StreamGone():
                pass  # trees hear of their end by themselves, within seconds
            case _:
                assert_never(change)

    def _found(self, stream: StreamId, origin: NodeId, now: float) -> None:
        wish = self._watching.get(stream)
        if wish is not None:
            self._subscribe(stream, origin, wish, now)
        if origin != self._me:
            self._trees.origin_moved(stream, origin, now)
