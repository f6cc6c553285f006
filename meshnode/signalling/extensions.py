"""WHEP extensions: server-sent events and layer selection.

    POST   {session}/events        ["layers", ...]    -> 201, Location of a stream
    GET    {session}/events/{id}                      -> text/event-stream
    POST   {session}/layer         {"rid": "h"}       -> 200

A stream starts with the state of things, so nobody has to ask twice, and is kept awake
by a comment every few seconds, which also finds out that the far end has gone.  The
whole of it can be read from {session}/events directly too: an EventSource cannot POST.
Subscriptions belong to their session and end with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping

from aiohttp import web

from meshnode.signalling.broadcast import Reader
from meshnode.signalling.calls import Calls
from meshnode.signalling.doorway import (
    CORS_HEADERS,
    Handler,
    read_text,
    require_type,
)
from meshnode.signalling.layers import choose, layers_event, parse_wish
from meshnode.signalling.members import SessionEvent, Viewer
from meshnode.signalling.problems import Refused
from meshnode.signalling.resource import SessionResource
from meshnode.signalling.sessions import Session
from meshnode.signalling.stream import Stream, StreamState
from meshnode.signalling.trust import Caller
from meshproto.errors import LimitError

EVENT_TYPES = ("active", "inactive", "layers", "viewercount", "reconnect")
JSON = "application/json"
HEARTBEAT_S = 10.0
WRITE_TIMEOUT_S = 10.0
SUBSCRIPTIONS_MAX = 8
"""Of one session; an EventSource that reconnects uses the one it has."""
BODY_MAX = 4096


class Slots:
    """How many event streams may be open at a time, over all sessions."""

    def __init__(self, maximum: int) -> None:
        self.open = 0
        self._maximum = maximum

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """Hold a slot.  Raises `LimitError` when all are taken."""
        if self.open >= self._maximum:
            raise LimitError("events_subscribers", self._maximum)
        self.open += 1
        try:
            yield
        finally:
            self.open -= 1


class Extensions:
    """Handlers below a WHEP session."""

    def __init__(self, resource: SessionResource, calls: Calls, slots: Slots) -> None:
        self._resource = resource
        self._calls = calls
        self._slots = slots

    def events(self) -> dict[str, Handler]:
        """What `{session}/events` answers to."""
        return {"POST": self.subscribe, "GET": self.stream_all}

    def subscription(self) -> dict[str, Handler]:
        """What `{session}/events/{id}` answers to."""
        return {"GET": self.stream, "DELETE": self.unsubscribe}

    def layer(self) -> dict[str, Handler]:
        """What `{session}/layer` answers to."""
        return {"POST": self.select}

    async def subscribe(self, request: web.Request, _: Caller) -> web.StreamResponse:
        """Choose the types of events and get the address of a stream of them."""
        session = self._resource.session(request)
        require_type(request, JSON)
        types = _types(await read_text(request, BODY_MAX))
        if len(session.subscriptions) >= SUBSCRIPTIONS_MAX:
            session.subscriptions.pop(next(iter(session.subscriptions)))
        subscription = secrets.token_urlsafe(12)
        session.subscriptions[subscription] = types
        location = f"{request.rel_url.raw_path}/{subscription}"
        return web.Response(status=201, headers={"Location": location})

    async def unsubscribe(self, request: web.Request, _: Caller) -> web.StreamResponse:
        """Give a subscription back."""
        session = self._resource.session(request)
        session.subscriptions.pop(request.match_info["subscription"], None)
        return web.Response()

    async def stream(self, request: web.Request, _: Caller) -> web.StreamResponse:
        """The events of one subscription."""
        session = self._resource.session(request)
        types = session.subscriptions.get(request.match_info["subscription"])
        if types is None:
            raise Refused(404, "there is no such subscription; POST the types again")
        return await self._stream(request, session, types)

    async def stream_all(self, request: web.Request, _: Caller) -> web.StreamResponse:
        """All events of a session, without a subscription."""
        session = self._resource.session(request)
        return await self._stream(request, session, frozenset(EVENT_TYPES))

    async def _stream(
        self, request: web.Request, session: Session, types: frozenset[str]
    ) -> web.StreamResponse:
        viewer = session.member
        stream = self._calls.streams.get(viewer.stream)
        if stream is None or not isinstance(viewer, Viewer):
            raise Refused(410, "this session has ended")
        with self._slots.one():
            reader = viewer.feeds.reader()
            try:
                wanted = (event for event in now(stream, viewer) if event.type in types)
                return await send_events(request, wanted, reader, types)
            finally:
                reader.close()

    async def select(self, request: web.Request, _: Caller) -> web.StreamResponse:
        """Choose a layer, or none in particular."""
        session = self._resource.session(request)
        require_type(request, JSON)
        wish = parse_wish(await read_text(request, BODY_MAX))
        stream = self._calls.streams.get(session.member.stream)
        if stream is None or not isinstance(session.member, Viewer):
            raise Refused(410, "this session has ended")
        chosen = choose(session.member, stream.tracks, wish)
        self._calls.select(chosen)
        stream.tell_layers(session.member)
        return web.json_response({leg.mid: {"rid": made.rid} for leg, made in chosen})


def _types(text: str) -> frozenset[str]:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        raise Refused(400, "the body is not JSON") from None
    if not isinstance(body, list) or not all(isinstance(item, str) for item in body):
        raise Refused(400, "the body must be a JSON list of event types")
    known = frozenset(body) & frozenset(EVENT_TYPES)
    if body and not known:
        raise Refused(422, f"none of these types is known; known: {list(EVENT_TYPES)}")
    return known or frozenset(EVENT_TYPES)


def now(stream: Stream, viewer: Viewer) -> Iterator[SessionEvent]:
    """The state of things, as the events that would have led to it."""
    live = stream.state is not StreamState.ENDED
    yield SessionEvent("active" if live else "inactive", {})
    yield SessionEvent("viewercount", {"viewercount": len(stream.viewers)})
    yield SessionEvent("layers", layers_event(viewer, stream.tracks))


async def send_events(
    request: web.Request,
    first: Iterable[SessionEvent],
    reader: Reader[SessionEvent],
    types: frozenset[str],
    headers: Mapping[str, str] = CORS_HEADERS,
) -> web.StreamResponse:
    """Write `first`, then what comes, until one of the two ends hangs up."""
    response = web.StreamResponse(
        headers={
            "Content-Type": "text/event-stream",
            "Cache-Control": "no-cache",
            # nginx would collect the events until a page of them is full
            "X-Accel-Buffering": "no",
            **headers,
        }
    )
    await response.prepare(request)
    with contextlib.suppress(ConnectionError, TimeoutError):
        await _write(response, "".join(map(wire, first)) or ": hello\n\n")
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    event = await anext(reader, None)
            except TimeoutError:
                await _write(response, ": still here\n\n")
                continue
            if event is None:
                break
            if event.type in types:
                await _write(response, wire(event))
    return response


async def _write(response: web.StreamResponse, text: str) -> None:
    async with asyncio.timeout(WRITE_TIMEOUT_S):
        await response.write(text.encode())


def wire(event: SessionEvent) -> str:
    """The event as text/event-stream (HTML standard, section 9.2)."""
    return f"event: {event.type}\ndata: {json.dumps(event.data)}\n\n"
