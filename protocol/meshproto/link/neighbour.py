"""One link and what is known of its other end; the rules are in `links`."""

from __future__ import annotations

from meshproto.bucket import Bucket
from meshproto.config.link import LinkConfig
from meshproto.ids import LinkId, NodeId
from meshproto.link.channel import Channel
from meshproto.link.greeting import State
from meshproto.link.quality import Quality
from meshproto.wire.control.frame import Frame
from meshproto.wire.control.link import Hello


class Neighbour:
    """State of one link."""

    __slots__ = (
        "_introductions",
        "began_at",
        "capabilities",
        "channel",
        "config",
        "frames",
        "hello_at",
        "hello_wait_s",
        "life",
        "link",
        "node",
        "penalties",
        "quality",
        "state",
        "tree",
    )

    def __init__(
        self,
        config: LinkConfig,
        link: LinkId,
        node: NodeId,
        rtt_s: float,
        session: int,
        now: float,
    ) -> None:
        self.config = config
        self.link = link
        self.node = node
        self.tree = False
        self.capabilities = 0
        self.life = (-1, 0)
        """Epoch and session of the other end; this before its Hello."""
        self.quality = Quality(config, rtt_s, now)
        self.frames = Bucket(config.frames_per_s, config.frames_burst, now)
        self.penalties = Bucket(config.penalty_decay_per_s, config.penalties, now)
        self._introductions: Bucket | None = None
        self.greet(session, now)

    def __repr__(self) -> str:
        return f"<link {self.link} {self.state.value} to {self.node[-4:].hex()}>"

    @property
    def ready(self) -> bool:
        """Whether records may be sent."""
        return self.state is State.READY

    @property
    def gone(self) -> bool:
        """Whether the link has ended, in the middle of an input perhaps."""
        return self.state is State.GONE

    def greet(self, session: int, now: float) -> None:
        """Begin (again) with a session of our own; what was under way is dropped."""
        self.state = State.GREETING
        self.channel = Channel(self.config, self.quality, session)
        self.began_at = now
        wait_s = 2.0 * self.quality.rtt_s
        self.hello_wait_s = max(wait_s, self.config.greeting_first_s)
        self.hello_at = now

    def bind(self, hello: Hello, version: int) -> None:
        """From now on the other end is the session of `hello`."""
        self.life = (hello.epoch, hello.session)
        self.capabilities = hello.capabilities
        self.channel.peer = hello.session
        self.channel.version = version

    def fits(self, frame: Frame) -> bool:
        """Whether a frame belongs to these two sessions."""
        channel = self.channel
        return frame.sender == channel.peer and frame.receiver == channel.session

    def may_introduce(self, now: float) -> bool:
        """Whether the neighbour may have one more descriptor passed on."""
        if self._introductions is None:
            self._introductions = Bucket(
                self.config.introductions_per_s, self.config.introductions_burst, now
            )
        return self._introductions.take(now)

    def due_at(self) -> float:
        """The earliest time at which this link needs attention, `NEVER` if none."""
        channel = self.channel
        due_at = min(channel.resend_at, channel.ack_at, self.hello_at)
        if self.quality.unanswered:
            due_at = min(due_at, self.quality.down_at(self.tree))
        return due_at
