"""Who listens to a layer.

Live consumers are grouped by profile, because a profile is rendered once for all of
them; dictionaries, because they leave in any order and order of sending is tested.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshproto.forwarding.consumer import Consumer
    from meshproto.forwarding.profile import Profile


class Audience:
    """The consumers of one layer, by phase; `epoch` is the layer's that they know."""

    __slots__ = ("chasing", "epoch", "live", "waiting")

    def __init__(self) -> None:
        self.epoch = 0
        self.live: dict[Profile, dict[int, Consumer]] = {}
        self.chasing: dict[int, Consumer] = {}
        self.waiting: dict[int, Consumer] = {}

    def __len__(self) -> int:
        live = sum(len(members) for members in self.live.values())
        return live + len(self.chasing) + len(self.waiting)

    def join_live(self, consumer: Consumer, profile: Profile) -> None:
        """The consumer gets what arrives from now on."""
        self.chasing.pop(consumer.id, None)
        self.live.setdefault(profile, {})[consumer.id] = consumer

    def leave(self, consumer: Consumer, profile: Profile) -> None:
        """The consumer gets nothing of this layer any more."""
        self.chasing.pop(consumer.id, None)
        members = self.live.get(profile, {})
        if members.pop(consumer.id, None) is not None and not members:
            del self.live[profile]

    def followers(self) -> list[Consumer]:
        """Everybody who gets packets."""
        live = [c for members in self.live.values() for c in members.values()]
        return live + list(self.chasing.values())
