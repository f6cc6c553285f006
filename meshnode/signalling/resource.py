"""The session resource: trickle, ICE restart, and the end, the same for both doors.

What a PATCH means is decided by the fragment, not by the header alone: credentials
other than the session's ask for an ICE restart (RFC 9725 section 4.3.3), anything else
is trickled candidates.  If-Match must then fit.  "*" is right for a restart and the
current tag for trickle, either is accepted for both, since the fragment has already
said which it is; a tag of an older ICE session is 412.  A trickle fragment without
If-Match is accepted and counted, because the most used player never sends one, and
losing its candidates would help nobody; a restart without it is 428.

Candidates themselves are not needed: we are ICE-lite and learn addresses from checks.
They are parsed all the same, because a broken fragment deserves a 400.
"""

from __future__ import annotations

import re

from aiohttp import web

from meshnode.signalling.calls import Calls
from meshnode.signalling.doorway import Handler, read_text, require_type
from meshnode.signalling.problems import Refused
from meshnode.signalling.sessions import Door, Pending, Session
from meshnode.signalling.trust import Caller
from meshproto.errors import StateError
from meshproto.wire.sdp.fragment import (
    CONTENT_TYPE,
    Fragment,
    parse_fragment,
    restart_answer,
)
from meshproto.wire.sdp.model import SdpLimits

SDP = "application/sdp"
FRAGMENT = CONTENT_TYPE
_TAG = re.compile(r'\s*(\*|(?:W/)?"[^"]*"|[^",\s]+)\s*(?:,|$)')


def entity_tags(header: str) -> frozenset[str]:
    """The members of an If-Match header; a quoted star means the same as a bare one."""
    tags = {match[1] for match in _TAG.finditer(header)}
    return frozenset("*" if tag == '"*"' else tag for tag in tags)


class SessionResource:
    """Handlers of `/{door}/{stream}/{session}`."""

    def __init__(self, door: Door, calls: Calls, sdp_limits: SdpLimits) -> None:
        self._door = door
        self._calls = calls
        self._sdp_limits = sdp_limits

    def methods(self) -> dict[str, Handler]:
        """What the resource answers to."""
        return {
            "PATCH": self.patch,
            "DELETE": self.delete,
            "GET": self.look,
            "HEAD": self.look,
        }

    def session(self, request: web.Request) -> Session:
        """The session of the URL; raises `Refused` (404, 410 when it has ended)."""
        stream, session_id = request.match_info["stream"], request.match_info["session"]
        session = self._calls.sessions.find(self._door, stream, session_id)
        if session is not None:
            return session
        if self._calls.sessions.has_ended(session_id):
            raise Refused(410, "this session has ended; POST a new offer")
        raise Refused(404, "there is no such session")

    async def look(self, request: web.Request, _caller: Caller) -> web.StreamResponse:
        """GET and HEAD say that it is there and nothing else (RFC 9725 section 4.2)."""
        session = self.session(request)
        return web.Response(status=204, headers={"ETag": session.etag})

    async def delete(self, request: web.Request, _caller: Caller) -> web.StreamResponse:
        """End the session; again and again is fine, If-Match does not matter."""
        session_id = request.match_info["session"]
        if pending := self._calls.sessions.pending(session_id):
            self._calls.sessions.answered(pending)
        elif not self._calls.sessions.has_ended(session_id):
            self._calls.end(self.session(request), "deleted by the client")
        return web.Response(status=200)

    async def patch(self, request: web.Request, _caller: Caller) -> web.StreamResponse:
        """Trickled candidates (204), an ICE restart (200), an answer to us (204)."""
        if pending := self._calls.sessions.pending(request.match_info["session"]):
            return await self._answered(request, pending)
        session = self.session(request)
        require_type(request, FRAGMENT)
        text = await read_text(request, self._sdp_limits.text_bytes)
        fragment = parse_fragment(text, self._sdp_limits)
        restarts = _restarts(session, fragment)
        self._check_tags(session, request.headers.get("If-Match"), restarts=restarts)
        if not restarts:
            return web.Response(status=204)
        return self._restart(session, fragment)

    async def _answered(self, request: web.Request, pending: Pending) -> web.Response:
        require_type(request, SDP)
        text = await read_text(request, self._sdp_limits.text_bytes)
        session = self._calls.answer(pending, text)
        return web.Response(status=204, headers={"ETag": session.etag})

    def _check_tags(
        self, session: Session, header: str | None, *, restarts: bool
    ) -> None:
        if header is None:
            if restarts:
                raise Refused(428, 'an ICE restart needs the header If-Match: "*"')
            self._calls.untagged_patches += 1
        elif not entity_tags(header) & {"*", session.etag}:
            raise Refused(412, "If-Match names an older ICE session of this resource")

    def _restart(self, session: Session, fragment: Fragment) -> web.Response:
        try:
            local = self._calls.restart(
                session, fragment.ufrag or "", fragment.pwd or ""
            )
        except StateError as error:
            raise Refused(410, f"this session has ended: {error}") from error
        return web.Response(
            body=restart_answer(local, session.sections).encode(),
            content_type=FRAGMENT,
            headers={"ETag": session.etag},
        )


def _restarts(session: Session, fragment: Fragment) -> bool:
    named = (fragment.ufrag, fragment.pwd)
    return named not in ((None, None), (session.remote_ufrag, session.remote_pwd))
