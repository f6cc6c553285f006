"""The dialect of sfu-go: rooms over a WebSocket at `/ws` (RFC 0014 section 6).

An envelope is `{type, data, timestamp}`; `data` may be an object or a string that holds
one.  Its clients offer, bring sections for what they expect to get, and are asked to
offer again (`renegotiate`, with the number of tracks) when there is more.  They take
offers of ours as well, and roll their own back when two cross; so the node is the
impolite side here, and offers itself where a client that was asked does not bring the
sections.

What our own client says beyond sfu-go's uses the same envelope: `subscribe`,
`unsubscribe`, `last-n`, `slots`, `show`, `muted`, `chat`, `app`, `mute`, `kick`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from aiohttp import WSCloseCode

from meshnode.signalling.connection import Rules
from meshnode.signalling.dialects.sfu_go_messages import (
    data_of,
    described,
    field,
    peer_of,
    rid_for,
    size_of,
    slots_of,
    text_of,
)
from meshnode.signalling.dialects.socket import Socket
from meshnode.signalling.problems import Refused
from meshnode.signalling.rooms.rooms import Joined, Rooms
from meshnode.signalling.rooms.values import (
    Removed,
    RoomEvent,
    Said,
    Who,
    display_name,
    valid_id,
)
from meshnode.signalling.trust import Caller
from meshproto.errors import DecodeError, LimitError, MeshError
from meshproto.ids import StreamName

SPACING_S = 0.15
ASK_AGAIN_S = 2.0
ANSWER_S = 10.0
GRACE_S = 7.0
PING_S = 30.0
JOIN_S = 60.0
"""How long a client may take to join, also after it left or was removed."""
CHAT_MAX = 4_096
PEERS_MAX = 256
"""Names in one subscription."""


class SfuGo:
    """One client.  `may_join(room)` raises `Refused` for who must not, `rights` tells
    whether it may remove others.
    """

    def __init__(
        self,
        rooms: Rooms,
        socket: Socket,
        caller: Caller,
        named: tuple[str, str],
        may_join: Callable[[str, str], None],
        rights: bool,
    ) -> None:
        self._rooms = rooms
        self._socket = socket
        self._caller = caller
        self._user, self._name = named
        self._may_join = may_join
        self._rights = rights
        self._joined: Joined | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._asked = 0
        self._restarting = False
        self._loop = asyncio.get_running_loop()
        self._ping = self._loop.call_later(PING_S, self._pinged)
        self._idle = self._loop.call_later(JOIN_S, self._idled)
        self._handlers: dict[str, Callable[[dict[str, Any]], None]] = {
            "join": self._join,
            "leave": self._leave,
            "offer": self._offer,
            "answer": self._answer,
            "ice-candidate": self._candidate,
            "is-allow-renegotiation": self._is_allowed,
            "ice-restart-request": self._restart,
            "layer-switch": self._layer,
            "set-bandwidth-limit": self._bandwidth,
            "show": self._show,
            "muted": self._muted,
            "quality-stats": self._quality,
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "last-n": self._last_n,
            "slots": self._slots,
            "chat": partial(self._chat, "chat"),
            "app": partial(self._chat, "app"),
            "mute": self._mute,
            "kick": self._kick,
            "ping": lambda _: self.send("pong", None),
            "pong": lambda _: None,
        }

    # -- the socket --------------------------------------------------------------------

    def hear(self, message: dict[str, Any]) -> None:
        """One message of the client."""
        type_ = message.get("type")
        handler = self._handlers.get(type_) if isinstance(type_, str) else None
        if handler is None:
            self.complain(400, "Unknown message type")
            return
        try:
            handler(data_of(message))
        except Refused as error:
            code = 404 if error.status == 404 else 400
            self.complain(code, error.detail, error.status)
        except LimitError as error:
            self.complain(429, str(error))
        except DecodeError as error:
            self.complain(400, str(error))
        except MeshError as error:
            self.complain(500, str(error))

    def complain(self, code: int, text: str, status: int = 0) -> None:
        """Tell the client what is wrong; `status` where HTTP has a finer word for it
        than this dialect (401: a key is wanted).
        """
        more = {"status": status} if status not in (0, code) else {}
        self.send("error", {"code": code, "message": text, **more})

    def send(self, type_: str, data: Mapping[str, Any] | None) -> None:
        """One message to the client."""
        message: dict[str, Any] = {"type": type_, "timestamp": stamp()}
        if data is not None:
            message["data"] = data
        self._socket.send(message)

    def gone(self) -> None:
        """The socket is closed; the member may come back for a moment."""
        self._ping.cancel()
        self._idle.cancel()
        self._cancel()
        if self._joined is not None:
            self._loop.call_later(GRACE_S, self._part, self._joined)

    def _part(self, joined: Joined) -> None:
        self._rooms.leave(joined.seat, "the connection was lost", linger=True)

    def _await_join(self) -> None:
        self._idle.cancel()
        self._idle = self._loop.call_later(JOIN_S, self._idled)

    def _idled(self) -> None:
        """Who is in no room for too long holds a socket for nothing."""
        text = f"nobody joined within {JOIN_S:.0f} s"
        self.complain(400, text)
        self._socket.end(text, WSCloseCode.POLICY_VIOLATION)

    def _pinged(self) -> None:
        self.send("ping", None)
        self._ping = self._loop.call_later(PING_S, self._pinged)

    # -- coming and going --------------------------------------------------------------

    def _join(self, data: dict[str, Any]) -> None:
        if self._joined is not None:
            raise Refused(400, "already in a room; leave it first")
        room = valid_id(data.get("roomId"), "roomId")
        user = valid_id(data.get("userId") or self._user, "userId")
        if user != self._user:
            raise Refused(400, "userId is not the one this connection was opened for")
        self._may_join(room, text_of(data, "token"))
        name = display_name(data.get("name") or self._name)
        joined = self._rooms.join(
            Who(room, user, "", name),
            self,
            Rules(polite=False, here=self._caller.here),
            address=self._caller.address,
            token=text_of(data, "sessionToken"),
        )
        self._joined = joined
        self._idle.cancel()
        peer = joined.seat.who.peer
        self.send(
            "join",
            {
                "success": True,
                "peerId": peer,
                "roomId": room,
                "resumed": joined.resumed,
                "sessionId": joined.session,
                "sessionToken": joined.token,
            },
        )
        others = [peer_of(who) for who in joined.room.members() if who.peer != peer]
        self.send("room-state", {"peers": others})
        for event in joined.room.shown():
            if event.who.peer != peer:
                self.told(event)

    def _leave(self, _data: dict[str, Any]) -> None:
        joined = self._member()
        self._joined = None
        self._cancel()
        self._await_join()
        self._rooms.leave(joined.seat)

    def _member(self) -> Joined:
        if self._joined is None or self._joined.seat.left:
            raise Refused(404, "Room or peer not found")
        return self._joined

    def _mine(self, data: dict[str, Any]) -> Joined:
        """The seat, for messages that name it."""
        joined = self._member()
        if data.get("peerId", joined.seat.who.peer) not in ("", joined.seat.who.peer):
            raise Refused(400, "peerId is not this connection's")
        return joined

    # -- descriptions ------------------------------------------------------------------

    def _offer(self, data: dict[str, Any]) -> None:
        joined = self._mine(data)
        answer = joined.seat.connection.offered(field(data, "sdp", str))
        if answer is None:
            return  # ours crossed it: the client rolls back and answers
        self._cancel()
        if not joined.seat.connection.due:
            self._asked = 0
        self._describe("answer", answer)

    def _answer(self, data: dict[str, Any]) -> None:
        joined = self._mine(data)
        self._cancel()
        joined.seat.connection.answered(field(data, "sdp", str))

    def _candidate(self, data: dict[str, Any]) -> None:
        joined = self._mine(data)
        joined.seat.connection.trickled(text_of(data, "candidate"))

    def _is_allowed(self, _data: dict[str, Any]) -> None:
        connection = self._member().seat.connection
        self.send("allow-renegotiation", {"allowed": not connection.busy})

    def _restart(self, _data: dict[str, Any]) -> None:
        connection = self._member().seat.connection
        if connection.transport is None:
            raise Refused(404, "there is no connection to restart")
        self._restarting = True
        connection.restart()

    def _describe(self, type_: str, sdp: str) -> None:
        peer = self._member().seat.who.peer
        kind = "answer" if type_ == "answer" else "offer"
        self.send(type_, {"sdp": sdp, "type": kind, "peerId": peer})

    # -- what a seat asks of us --------------------------------------------------------

    def negotiate(self) -> None:
        """See `rooms.values.Guest`."""
        if self._joined is None or self._joined.seat.connection.transport is None:
            return  # the client offers first
        if self._timer is None:
            self._timer = self._loop.call_later(
                0 if self._restarting else SPACING_S, self._ask
            )

    def _ask(self) -> None:
        """Have the client offer, or offer ourselves where that does not help."""
        self._timer = None
        joined = self._joined
        if joined is None or joined.seat.left or not joined.seat.connection.due:
            self._asked = 0
            return
        if self._restarting or self._asked >= 2:
            self._make_offer()
            return
        connection, peer = joined.seat.connection, joined.seat.who.peer
        self._asked += 1
        kinds = [outlet.source.kind for outlet in connection.carriage.outlets]
        each = max((kinds.count(kind) for kind in set(kinds)), default=0)
        reason = "track_change" if self._asked == 1 else "scheduled"
        self.send(
            "renegotiate", {"reason": reason, "peerId": peer, "trackCount": 2 * each}
        )
        self._timer = self._loop.call_later(ASK_AGAIN_S, self._ask)

    def _make_offer(self) -> None:
        connection = self._member().seat.connection
        text = connection.offer()
        if text is None:
            return
        type_ = "ice-restart-offer" if self._restarting else "offer"
        self._restarting, self._asked = False, 0
        self._describe(type_, text)
        self._timer = self._loop.call_later(ANSWER_S, self._give_up)

    def _give_up(self) -> None:
        self._timer = None
        if self._joined is not None and self._joined.seat.connection.busy:
            self._joined.seat.connection.give_up()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def told(self, event: RoomEvent) -> None:
        """See `rooms.values.Guest`."""
        if isinstance(event, Removed):
            self._await_join()
        self.send(*described(event))

    def changed(self, state: str) -> None:
        """See `rooms.values.Guest`."""
        if state == "connected":
            self._asked = 0

    # -- what is shown -----------------------------------------------------------------

    def _layer(self, data: dict[str, Any]) -> None:
        seat = self._member().seat
        track, rid = field(data, "trackId", str), field(data, "targetRid", str)
        name = self._stream_of(track)
        chosen = rid_for([known for known, _ in self._rooms.layers(name)], rid)
        if chosen is None:
            raise Refused(404, f"there is no layer {rid[:16]!r} of that track")
        if not seat.gets.choose(name, chosen):
            raise Refused(404, "that track is not being sent")

    def _stream_of(self, track: str) -> StreamName:
        for name, outlet in self._member().seat.gets.playing.items():
            if outlet.source.track_id == track:
                return name
        raise Refused(404, "there is no such track")

    def _bandwidth(self, data: dict[str, Any]) -> None:
        seat = self._member().seat
        bandwidth = field(data, "bandwidth", int)
        if bandwidth < 0:
            raise Refused(400, "bandwidth must be bits a second, 0 for no limit")
        seat.gets.limit_bps = bandwidth
        self._rooms.fit(seat)
        self.send("set-bandwidth-limit", {"bandwidth": bandwidth, "success": True})

    def _show(self, data: dict[str, Any]) -> None:
        """How large pictures are seen: those of `tracks`, or the one that is named."""
        joined = self._member()
        told = data.get("tracks", [data])
        if not isinstance(told, list) or len(told) > PEERS_MAX:
            raise Refused(400, f"tracks must be a list of at most {PEERS_MAX}")
        named = {o.source.track_id: n for n, o in joined.seat.gets.playing.items()}
        for one in told:
            track, size = size_of(one)
            if track in named:  # else it went meanwhile
                joined.seat.gets.show(named[track], size)
        self._rooms.fit(joined.seat)
        joined.room.changed()

    def _muted(self, data: dict[str, Any]) -> None:
        """Tracks of its own show nothing for now, or something again."""
        seat, muted = self._member().seat, field(data, "muted", bool)
        if not seat.mute(field(data, "kind", str), text_of(data, "source"), muted):
            raise Refused(404, "there is no such track of yours")

    def _quality(self, _data: dict[str, Any]) -> None:
        self._member().seat.gets.tell_quality()

    def _subscribe(self, data: dict[str, Any]) -> None:
        self._want(data, add=True)

    def _unsubscribe(self, data: dict[str, Any]) -> None:
        self._want(data, add=False)

    def _want(self, data: dict[str, Any], *, add: bool) -> None:
        joined = self._member()
        named = frozenset({text_of(data, "trackId") or text_of(data, "peerId")})
        wanted, seat = joined.seat.wanted, joined.seat
        if named == {""}:
            only = without = frozenset[str]()
            seat.wanted = replace(wanted, everything=add, only=only, without=without)
        elif len(wanted.only) + len(wanted.without) >= PEERS_MAX:
            raise LimitError("subscriptions", PEERS_MAX)
        else:
            only, without = wanted.only - named, wanted.without - named
            if add:
                only |= named
            else:
                without |= named
            seat.wanted = replace(wanted, only=only, without=without)
        joined.room.changed()
        self.send("subscription-ack", {"success": True, "subscribed": add, **data})

    def _last_n(self, data: dict[str, Any]) -> None:
        joined = self._member()
        most = data.get("lastN")
        if most is not None and (type(most) is not int or not 0 <= most <= PEERS_MAX):
            raise Refused(400, f"lastN must be null or 0 to {PEERS_MAX}")
        joined.seat.wanted = replace(joined.seat.wanted, last_n=most)
        joined.room.changed()

    def _slots(self, data: dict[str, Any]) -> None:
        joined = self._member()
        joined.seat.have_slots(slots_of(data))
        joined.room.changed()

    # -- each other --------------------------------------------------------------------

    def _chat(self, label: str, data: dict[str, Any]) -> None:
        joined = self._member()
        text = text_of(data, "text")
        if not text or len(text) > CHAT_MAX:
            raise Refused(400, f"text must be 1 to {CHAT_MAX} characters")
        self._rooms.say(Said(joined.seat.who, label, text))

    def _mute(self, data: dict[str, Any]) -> None:
        joined = self._member()
        kind = data.get("kind", "audio")
        if kind not in ("audio", "video"):
            raise Refused(400, "kind must be audio or video")
        peer, who = field(data, "peerId", str), joined.seat.who
        if not self._rooms.ask_mute(joined.room, who, peer, kind):
            raise Refused(404, "there is no such peer here")

    def _kick(self, data: dict[str, Any]) -> None:
        joined = self._member()
        if not self._rights:
            raise Refused(400, "removing others needs the admin right")
        seat = joined.room.by_peer(field(data, "peerId", str))
        if seat is None:
            raise Refused(404, "there is no such peer here")
        self._rooms.remove(seat, "removed by a moderator")


def stamp() -> str:
    """Now, as the envelopes have it (RFC 3339)."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
