"""From what people type to the address of a door.

`http://host:8080/demo`, `host:8080/demo` and plain `demo` (this machine, default port)
all mean a stream of a meshnode; the address of the page with `#watch=demo` is what
people copy from a browser.  A path that already has a `whip` or `whep` segment is
somebody's exact endpoint, ours or not, and is kept; only the door is swapped when the
player was given the publisher's address or the other way round.
"""

from __future__ import annotations

import ipaddress
from enum import Enum
from urllib.parse import parse_qs, quote, unquote, urlsplit, urlunsplit

from meshproto.errors import StateError

DEFAULT_NODE = "http://127.0.0.1:8080"


class Door(Enum):
    """Which of the two protocols an endpoint speaks."""

    WHIP = "whip"
    WHEP = "whep"


def endpoint(text: str, door: Door) -> str:
    """The URL to POST an offer to.  Raises `StateError` with one sentence."""
    parts = urlsplit(_with_scheme(text.strip()))
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise StateError(f"{text} should be URL/STREAM such as {DEFAULT_NODE}/demo")
    watched = parse_qs(parts.fragment).get("watch")
    path = parts.path if not watched else f"{parts.path}{quote(watched[0], safe='')}"
    return urlunsplit(
        (parts.scheme, parts.netloc, _path(path, door, text), parts.query, "")
    )


def stream_name(url: str) -> str:
    """The stream that an endpoint of ours serves, for display."""
    return unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2])


def is_loopback(url: str) -> bool:
    """Whether the URL leads to this very machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def same_origin(one: str, other: str) -> bool:
    """Whether both URLs name the same scheme, host and port (RFC 6454 section 5)."""
    return _origin(one) == _origin(other)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname, parts.port or default


def _with_scheme(text: str) -> str:
    if "://" in text:
        return text
    host = text.partition("/")[0]
    if "/" in text and (":" in host or "." in host or host == "localhost"):
        return f"http://{text}"
    return f"{DEFAULT_NODE}/{text}"


def _path(path: str, door: Door, text: str) -> str:
    segments = [segment for segment in path.split("/") if segment]
    doors = {each.value for each in Door}
    if not doors.isdisjoint(segments):
        return "/" + "/".join(door.value if s in doors else s for s in segments)
    if not segments:
        raise StateError(f"{text} names no stream: add one, such as {text}/demo")
    return "/" + "/".join([*segments[:-1], door.value, segments[-1]])
