"""The two-slot tutorial as it was: the node passes messages, media goes directly.

One sender, one receiver.  What the original lacks: whoever holds a slot keeps it until
its socket closes; only the sender offers and only the receiver answers; and the last
offer, with its candidates, is kept for a receiver that comes later, so that it does not
matter which page is opened first.  A receiver that leaves makes room for the next, to
which a sender that offers again can speak.
"""

from __future__ import annotations

from aiohttp import web

from meshnode.signalling.dialects.common import (
    Line,
    Message,
    Sockets,
    candidate_in,
    description,
)
from meshnode.signalling.dialects.tutorial import RECEIVER, SAYS, SENDER, role_of
from meshnode.signalling.doorway import Endpoint
from meshnode.signalling.endpoints import House
from meshnode.signalling.problems import Refused
from meshnode.signalling.trust import Caller

KEPT_MAX = 64
"""Candidates kept for the other side; a description begins a new list."""
OTHER = {SENDER: RECEIVER, RECEIVER: SENDER}


class PeerToPeer:
    """The routes of the dialect's listener."""

    def __init__(self, house: House, sockets: Sockets) -> None:
        self._house = house
        self._sockets = sockets
        self._slots: dict[str, _Page] = {}
        self._kept: dict[str, list[Message]] = {SENDER: [], RECEIVER: []}

    def endpoints(self) -> dict[str, Endpoint]:
        """Path to endpoint."""
        return {"/": self._house.doorway.door({"GET": self.socket})}

    async def socket(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        """One page, as long as its socket is open."""
        self._house.welcome()
        page = _Page(self)
        with self._sockets.one(caller):
            try:
                return await page.line.serve(request, page.hear)
            finally:
                self.left(page)

    def take(self, role: str, page: _Page) -> None:
        """Have a slot, and what the other side said so far.

        Raises `Refused` (409) where somebody has it.
        """
        holder = self._slots.setdefault(role, page)
        if holder is not page:
            raise Refused(409, f"there is a {role} already")
        for message in self._kept[OTHER[role]]:
            page.line.say(message)

    def pass_on(self, role: str, message: Message) -> None:
        """From the page in that slot to the other one, now or when it comes."""
        kept = self._kept[role]
        if message["type"] == SAYS[role]:
            kept.clear()
        if len(kept) <= KEPT_MAX:
            kept.append(message)
        other = self._slots.get(OTHER[role])
        if other is not None:
            other.line.say(message)

    def left(self, page: _Page) -> None:
        """The page is gone, and what it said with it."""
        if page.role and self._slots.get(page.role) is page:
            del self._slots[page.role]
            self._kept[page.role].clear()


class _Page:
    def __init__(self, pair: PeerToPeer) -> None:
        self.line = Line()
        self.role = ""
        self._pair = pair

    def hear(self, message: Message) -> None:
        """One message: judged, and passed on with nothing but what it must have."""
        role = role_of(message, self.role)
        if not self.role:
            self._pair.take(role, self)
            self.role = role
        kind = message["type"]
        if kind == SAYS[role]:
            what = "offer" if role == SENDER else "answer"
            text = description(message.get("sdp"), what)
            sdp = {"type": what, "sdp": text}
            self._pair.pass_on(role, {"type": kind, "sdp": sdp})
        elif kind == "iceCandidate":
            candidate = candidate_in(message.get("candidate"))
            self._pair.pass_on(role, {"type": kind, "candidate": candidate})
