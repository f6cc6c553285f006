"""Who is in which topic: subscribers, our meshes, our fan-outs.

A topic exists here while somebody subscribed to it, we joined it, or we publish into
it; then it goes, so that nobody can leave empty shells behind.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshproto.gossip.peers import Peer
from meshproto.ids import NodeId


class Topic:
    """`mesh` is None unless we joined, `fanout` unless we publish without joining."""

    __slots__ = ("fanout", "fanout_until", "mesh", "name", "subscribers")

    def __init__(self, name: str) -> None:
        self.name = name
        self.subscribers: dict[NodeId, Peer] = {}
        self.mesh: dict[NodeId, Peer] | None = None
        self.fanout: dict[NodeId, Peer] | None = None
        self.fanout_until = 0.0

    def __repr__(self) -> str:
        mesh = "-" if self.mesh is None else len(self.mesh)
        return f"<Topic {self.name} {len(self.subscribers)} subscribers, mesh {mesh}>"


class Topics:
    """All topics that matter, ours in the order in which they were joined."""

    __slots__ = ("_all", "_fanouts", "_joined")

    def __init__(self) -> None:
        self._all: dict[str, Topic] = {}
        self._joined: dict[str, Topic] = {}
        self._fanouts: dict[str, Topic] = {}

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Topic]:
        return iter(self._all.values())

    def get(self, name: str) -> Topic | None:
        """A topic that exists."""
        return self._all.get(name)

    def joined(self, name: str) -> Topic | None:
        """A topic that we joined; its mesh is a dict."""
        return self._joined.get(name)

    def ours(self) -> list[Topic]:
        """The topics that we joined."""
        return list(self._joined.values())

    def fanouts(self) -> list[Topic]:
        """The topics that we publish into without having joined."""
        return list(self._fanouts.values())

    def _made(self, name: str) -> Topic:
        found = self._all.get(name)
        if found is None:
            found = self._all[name] = Topic(name)
        return found

    def _tidy(self, topic: Topic) -> None:
        if not topic.subscribers and topic.mesh is None and topic.fanout is None:
            del self._all[topic.name]

    def subscribe(self, peer: Peer, name: str) -> None:
        """`peer` joined."""
        peer.topics[name] = None
        self._made(name).subscribers[peer.node] = peer

    def unsubscribe(self, peer: Peer, name: str) -> Topic | None:
        """`peer` left; the topic if it was in our mesh of it."""
        if peer.topics.pop(name, "absent") == "absent":
            return None
        topic = self._all[name]
        del topic.subscribers[peer.node]
        if topic.fanout is not None:
            topic.fanout.pop(peer.node, None)
        meshed = topic.mesh is not None and topic.mesh.pop(peer.node, None) is not None
        self._tidy(topic)
        return topic if meshed else None

    def join(self, name: str) -> Topic:
        """We join: an empty mesh; a fan-out stays until the caller used it."""
        topic = self._joined[name] = self._made(name)
        topic.mesh = {}
        return topic

    def leave(self, topic: Topic) -> None:
        """We leave; the mesh is empty already."""
        topic.mesh = None
        del self._joined[topic.name]
        self._tidy(topic)

    def spread(self, name: str) -> Topic:
        """We publish without having joined."""
        topic = self._made(name)
        if topic.fanout is None:
            topic.fanout = {}
            self._fanouts[name] = topic
        return topic

    def end_fanout(self, topic: Topic) -> None:
        """We no longer publish into a topic, or joined it."""
        topic.fanout = None
        self._fanouts.pop(topic.name, None)
        self._tidy(topic)
