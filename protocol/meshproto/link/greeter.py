"""Hello, Heard and who is who: the rules of RFC 0005 section 5.2.

A frame of other sessions than those a link has agreed on may still greet or say
goodbye; nothing else in it counts.  Every Hello is answered, so whoever misses an
answer repeats its own.
"""

from __future__ import annotations

from meshproto.chance import Chance
from meshproto.config.link import LinkConfig
from meshproto.events import Refused
from meshproto.ids import NodeId
from meshproto.link import events
from meshproto.link.greeting import Signal, negotiate, step
from meshproto.link.neighbour import Neighbour
from meshproto.link.quality import NEVER
from meshproto.link.registry import Registry
from meshproto.wire.control import schema
from meshproto.wire.control.frame import Frame
from meshproto.wire.control.link import Goodbye, Heard, Hello

_SESSIONS = 1 << 15


class Greeter:
    """Says and hears Hello for node `me`, which started at `epoch`."""

    __slots__ = ("_config", "_epoch", "_me", "_registry", "_session")

    def __init__(
        self,
        me: NodeId,
        epoch: int,
        config: LinkConfig,
        registry: Registry,
        chance: Chance,
    ) -> None:
        self._me = me
        self._epoch = epoch
        self._config = config
        self._registry = registry
        # why at random: sessions of two epochs then hardly ever share a number
        self._session = chance.randrange(_SESSIONS)

    def next_session(self) -> int:
        """A number for a new life of a link."""
        self._session += 1
        return self._session

    def hello(self, peer: Neighbour, now: float) -> None:
        """Greet, and again later unless there is proof that it was heard."""
        config, session = self._config, peer.channel.session
        versions = (config.oldest_version, config.newest_version)
        peer.channel.send(
            Hello(*versions, config.capabilities, self._me, self._epoch, session, now)
        )
        peer.hello_at = now + peer.hello_wait_s
        peer.hello_wait_s *= 2.0
        self._registry.mark(peer)

    def again(self, peer: Neighbour, now: float) -> None:
        """Nobody answered so far."""
        if now - peer.began_at >= self._config.greeting_give_up_s:
            self._registry.end(peer, "greeting")
        else:
            self.hello(peer, now)

    def admit(self, peer: Neighbour, frame: Frame, now: float) -> bool:
        """Whether the records of `frame` count: it belongs to the sessions of a link
        that is ready, or becomes so by it.  Raises `DecodeError`.
        """
        if peer.ready and peer.fits(frame):
            return True
        known = self._scan(peer, frame, now)
        if peer.gone:
            return False
        if not peer.fits(frame):
            if not known:
                self._registry.put(Refused(peer.node, "session-stale"))
            return False
        self._prove(peer)
        return True

    def greeted(self, peer: Neighbour, hello: Hello, proof: bool, now: float) -> None:
        """A Hello came; `proof`: in a frame that shows that ours was heard."""
        life = (hello.epoch, hello.session)
        if life < peer.life:
            self._registry.put(Refused(peer.node, "hello-stale"))
            return
        if life > peer.life and not self._bind(peer, hello, now):
            return
        peer.channel.send(Heard(hello.session, hello.sent_s, 0.0))
        if not proof and not peer.ready:
            self.hello(peer, now)
        self._registry.mark(peer)

    def _scan(self, peer: Neighbour, frame: Frame, now: float) -> bool:
        """Look for a greeting or a farewell; whether there was one."""
        to_us = frame.receiver in {0, peer.channel.session}
        by_it = frame.sender == peer.channel.peer
        for item in frame.loose:
            record = schema.decode(item)
            if isinstance(record, Hello) and record.session == frame.sender:
                # why not where it fits: it is read again with the whole frame
                if not peer.fits(frame):
                    proof = frame.receiver == peer.channel.session
                    self._first(peer, record, proof, now)
                return True
            if isinstance(record, Goodbye) and to_us and (by_it or frame.receiver):
                self._registry.part(peer, record)
                return True
        return False

    def _first(self, peer: Neighbour, hello: Hello, proof: bool, now: float) -> None:
        """A Hello of unknown sessions; one with proof only binds, see `_scan`."""
        newer = (hello.epoch, hello.session) > peer.life
        if proof and newer and not peer.ready:
            self._bind(peer, hello, now)
        else:
            self.greeted(peer, hello, proof=False, now=now)

    def _bind(self, peer: Neighbour, hello: Hello, now: float) -> bool:
        version = negotiate(self._config, hello)
        if hello.node != peer.node or version is None:
            peer.channel.peer = hello.session
            self._registry.end(peer, "version" if version is None else "identity")
            return False
        if peer.ready:
            self._registry.tell(events.LinkLost(peer.node, "restarted"))
            peer.greet(self.next_session(), now)
        peer.bind(hello, version)
        peer.state = step(peer.state, Signal.HELLO)
        return True

    def _prove(self, peer: Neighbour) -> None:
        peer.state = step(peer.state, Signal.PROOF)
        peer.hello_at = NEVER
        version, capabilities = peer.channel.version, peer.capabilities
        self._registry.tell(events.LinkReady(peer.node, version, capabilities))
