"""Every refusal in one shape: problem details (RFC 9457) that tell what to do next.

Inside this package a request is refused by raising `Refused`; one place, the doorway,
turns it into a response.  The two exceptions that come from below are mapped here too:
a `DecodeError` is the client's description (400), a `LimitError` our full table (503).
Clients must not depend on exact codes (RFC 9725 section 4.9), people read the text:
so `detail` is a sentence, and it names the limit or the flag where there is one.
"""

from __future__ import annotations

import json
import re
from http import HTTPStatus

from aiohttp import web

from meshproto.errors import DecodeError, LimitError, MeshError
from meshproto.wire.sdp.offer import is_refusal

PROBLEM_JSON = "application/problem+json"
RETRY_FULL_S = 5
_LINE = re.compile(r"\bline (\d{1,6})\b")


class Refused(MeshError):  # noqa: N818  (what it says is what it does)
    """A request is answered with `status` and an explanation for people.

    `members` become extra members of the problem object, `headers` extra headers.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        retry_after_s: int | None = None,
        headers: dict[str, str] | None = None,
        members: dict[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.members = members or {}
        self.headers = dict(headers or {})
        if retry_after_s is not None:
            self.headers["Retry-After"] = str(retry_after_s)


def malformed(error: DecodeError) -> Refused:
    """The client's bytes are at fault; the line is named where the parser knows it.

    400 where they cannot be read, 422 where they are fine and ask for what we refuse.
    """
    members: dict[str, object] = {"reason": error.reason}
    if found := _LINE.search(str(error)):
        members["line"] = int(found[1])
    return Refused(422 if is_refusal(error) else 400, str(error), members=members)


def full(error: LimitError) -> Refused:
    """A table of ours is full: come back later, or raise the limit it names."""
    return Refused(
        503,
        str(error),
        retry_after_s=RETRY_FULL_S,
        members={"limit": error.limit, "maximum": error.maximum},
    )


def response(refused: Refused) -> web.Response:
    """The refusal as a response of type `application/problem+json`."""
    problem = {
        "type": "about:blank",
        "title": HTTPStatus(refused.status).phrase,
        "status": refused.status,
        "detail": refused.detail,
        **refused.members,
    }
    return web.Response(
        status=refused.status,
        text=json.dumps(problem),
        content_type=PROBLEM_JSON,
        headers=refused.headers,
    )
