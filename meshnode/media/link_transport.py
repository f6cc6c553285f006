"""The association with one neighbour: ICE, DTLS-SRTP, control frames (RFC 0005 5.1).

    NEW --handshake done--> CONNECTED --nothing comes--> SILENT --an answer--> RESUMED
     |                          |                           |                     |
     +--------------------------+---------------------------+---------------------+
                                |
                              CLOSED

RESUMED is CONNECTED again, under another name so that the owner greets anew.  SILENT
keeps keys and path, and the plane goes on checking once a second; the owner may enter
it too (`park`), when its own rules say that the link is lost.  CLOSED is final, with a
reason.

A control frame is one record of DTLS application data.  The association never rests, as
those of clients do: frames come for as long as it lives.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from enum import Enum
from typing import Protocol

from meshnode.media.association import Association
from meshnode.media.dtls import DtlsEndpoint, DtlsState
from meshnode.media.plane import Address, MediaPlane, TransportSpec
from meshproto.errors import StateError
from meshproto.ids import NodeId

FRAME_OCTETS_MAX = 1_150
"""RFC 0006 section 2: with DTLS, UDP and IPv6 around it, it passes every path."""
HANDSHAKE_TIMEOUT_S = 5.0
"""From the first check to the last flight; a neighbour worth having needs 1 s."""
EARLY_MAX = 4
"""DTLS datagrams kept until the path is proven: the neighbour's first flight overtakes
the answer to our check by half a round trip.
"""
WAITING_MAX = 16
"""Frames kept for an owner that is still on its way to `on_frame`: a greeting."""
KEEP_PACE_S = 1.0
"""Pace of checks of a parked association (RFC 0005 section 5.1)."""

ANSWER_RTTS, ANSWER_MIN_S, ANSWER_MAX_S = 3.5, 0.1, 0.5
"""How long an association that may be gone is asked: a lost check is repeated after two
round trips.
"""


class LinkState(Enum):
    """Life of an association."""

    NEW = "new"
    CONNECTED = "connected"
    RESUMED = "resumed"
    SILENT = "silent"
    CLOSED = "closed"


_APPLICATION_DATA = b"\x17"
_UP = (LinkState.CONNECTED, LinkState.RESUMED)


class LinkOwner(Protocol):
    """What an association needs of its port."""

    plane: MediaPlane

    def link_released(self, link: LinkTransport) -> None:
        """The association closed and must be forgotten."""


class LinkTransport(Association):
    """One neighbour on the media port.  Made by `MediaPort.link` only."""

    def __init__(
        self, owner: LinkOwner, spec: TransportSpec, dtls: DtlsEndpoint
    ) -> None:
        super().__init__(owner, spec.transport, dtls)
        assert spec.node is not None
        self.node: NodeId = spec.node
        self.state = LinkState.NEW
        self.rtt_s: float | None = None
        """The newest round trip of a check, None while there is none."""
        self.dialled = spec.controlling
        self._owner = owner
        self._early: list[bytes] = []
        self._drops: Counter[str] = Counter()
        self._interval_s = 0.0
        self._on_state: list[Callable[[LinkTransport], None]] = []
        self._on_frame: Callable[[bytes], None] | None = None
        self._waiting: list[bytes] = []
        self._heard = 0
        self._on_checked: Callable[[float | None], None] | None = None
        self._asking: list[asyncio.Future[bool]] = []
        self._deadline = self._loop.call_later(
            HANDSHAKE_TIMEOUT_S, self.close, "timeout"
        )

    # -- what control uses -------------------------------------------------------------

    def on_state(self, handler: Callable[[LinkTransport], None]) -> None:
        """Call `handler(self)` after every change of state, the final one included."""
        self._on_state.append(handler)

    def on_frame(self, handler: Callable[[bytes], None]) -> None:
        """Set the one receiver of control frames; the first few wait for it."""
        self._on_frame = handler
        waiting, self._waiting = self._waiting, []
        for frame in waiting:
            self._tell(handler, frame)

    def on_checked(self, handler: Callable[[float | None], None]) -> None:
        """Set the one receiver of checks: the round trip, or None for a miss."""
        self._on_checked = handler

    def send(self, frame: bytes) -> bool:
        """Send one control frame.  False, and counted, where it is lost for sure."""
        if len(frame) > FRAME_OCTETS_MAX:
            self._drops["link-frame-size"] += 1
            return False
        if not self._dtls.send(frame):
            self._drops["link-frame-early"] += 1
            return False
        self._transmit()
        return True

    def pace(self, interval_s: float) -> None:
        """Check the path every `interval_s`."""
        self._interval_s = interval_s
        if self.state is not LinkState.CLOSED:
            self._plane.pace(self.id, interval_s)

    async def answers(self) -> bool:
        """Check the path now: whether the neighbour still has this association.

        Time enough for one check, and for its repetition if it was lost.
        """
        if self.state in (LinkState.NEW, LinkState.CLOSED):
            return False
        rtts_s = ANSWER_RTTS * (self.rtt_s or 0.0)
        timeout_s = min(max(rtts_s, ANSWER_MIN_S), ANSWER_MAX_S)
        waiter = self._loop.create_future()
        self._asking.append(waiter)
        try:
            self._plane.check(self.id)
            async with asyncio.timeout(timeout_s):
                return bool(await waiter)
        except (StateError, TimeoutError):
            return False
        finally:
            self._asking.remove(waiter)

    def park(self) -> None:
        """The link over it was given up: keep the keys, and tell when it answers."""
        if self.state in _UP:
            self._plane.pace(self.id, KEEP_PACE_S)
            self._enter(LinkState.SILENT)

    def close(self, reason: str = "closed here") -> None:
        """Say goodbye and free everything; only the first call does anything."""
        if self.state is LinkState.CLOSED:
            return
        self._deadline.cancel()
        self._end(reason)
        self._answered(False)
        self._owner.link_released(self)
        self._enter(LinkState.CLOSED)
        # They hold who holds us; see `ClientTransport.close`.
        self._on_state.clear()
        self._on_frame = self._on_checked = None

    def drops(self) -> dict[str, int]:
        """What had no effect, by reason."""
        return dict(self._dtls.drops + self._drops)

    # -- what the port feeds -----------------------------------------------------------

    def validated(self, address: Address) -> None:
        """A check of ours was answered at `address`, for the first time or again."""
        self.address = address
        if self._dtls.state is DtlsState.NEW:
            self._dtls.start(self._loop.time())
            self._pump()
            early, self._early = self._early, []
            for datagram in early:
                self.receive_dtls(datagram)
        elif self.state is LinkState.SILENT:
            self._resume()

    def checked(self, rtt_s: float | None) -> None:
        """A check of the path in use was answered, or was not."""
        if rtt_s is not None:
            self.rtt_s = rtt_s
            self._answered(True)
            if self.state is LinkState.SILENT:
                self._resume()
        if self._on_checked is not None:
            self._tell(self._on_checked, rtt_s)

    def silent(self, silence_s: float, expired: bool) -> None:
        """The plane heard nothing for `silence_s`; `expired`: it looks no longer."""
        if expired:
            self.close(f"silent for {silence_s:.0f} s")
        elif self.state in _UP:
            self._enter(LinkState.SILENT)

    def receive_dtls(self, datagram: bytes) -> None:
        """A DTLS datagram from an address of the neighbour."""
        if self._dtls.state is DtlsState.NEW:
            if len(self._early) < EARLY_MAX:
                self._early.append(datagram)
            else:
                self._drops["link-early-full"] += 1
            return
        if self.state is not LinkState.CLOSED:
            before = self._told
            self._dtls.receive(datagram, self._loop.time())
            self._pump()
            silent = self._told == before and self.state in _UP
            if silent and datagram[:1] == _APPLICATION_DATA:
                # OpenSSL says nothing of what it drops
                self._drops["link-frame-replayed-or-forged"] += 1

    # -- inside ------------------------------------------------------------------------

    @property
    def _told(self) -> int:
        """Frames that came, and datagrams of which it is known why they did not."""
        return self._heard + self._dtls.drops.total()

    def _pump(self) -> None:
        """After each input: send, follow the state, hand frames on, re-arm."""
        self._transmit()
        if self._dtls.state is DtlsState.CONNECTED and self.state is LinkState.NEW:
            self._handshake_done()
        self._frames()
        if self.state is LinkState.CLOSED:
            return
        if self._dtls.state is DtlsState.FAILED:
            self.close(f"DTLS failed: {self._dtls.reason}")
        elif self._dtls.state is DtlsState.CLOSED:
            self.close("peer closed")
        else:
            self._arm_dtls()

    def _frames(self) -> None:
        received = self._dtls.received()
        self._heard += len(received)
        if received and self.state is not LinkState.CLOSED:
            self._plane.dtls_authentic(self.id)
        for frame in received:
            if len(frame) > FRAME_OCTETS_MAX:
                self._drops["link-frame-size"] += 1
            elif self._on_frame is not None:
                self._tell(self._on_frame, frame)
            elif len(self._waiting) < WAITING_MAX:
                self._waiting.append(frame)
            else:
                self._drops["link-frame-unread"] += 1

    def _handshake_done(self) -> None:
        if self._dtls.keys is None:
            self.close("no SRTP profile in common")
            return
        self._deadline.cancel()
        self._plane.set_keys(self.id, self._dtls.keys)
        self._enter(LinkState.CONNECTED)

    def _answered(self, yes: bool) -> None:
        for waiter in self._asking:
            if not waiter.done():
                waiter.set_result(yes)

    def _resume(self) -> None:
        if self._interval_s:
            self._plane.pace(self.id, self._interval_s)
        self._enter(LinkState.RESUMED)

    def _enter(self, state: LinkState) -> None:
        self.state = state
        if state is not LinkState.NEW:
            self._settle()
        for handler in tuple(self._on_state):
            self._tell(handler, self)

    def __repr__(self) -> str:
        why = f" ({self.close_reason})" if self.close_reason else ""
        return f"<LinkTransport {self.id} {self.state.value}{why}>"
