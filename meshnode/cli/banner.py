"""What a node says when it starts: where to go, and what to change to be reached.

Everything that a person needs next and nothing else.  `label  value` lines are easy to
read and easy to parse; tests and scripts do.
"""

from __future__ import annotations

import io
import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

import segno

from meshnode.config import Settings
from meshnode.observe.status import NodeStatus

LABEL_WIDTH = 13


def announcement(
    status: NodeStatus, settings: Settings, fresh_key: str = "", *, qr: bool = False
) -> Iterator[str]:
    """The lines; `fresh_key` is a key that was made just now, `qr` allows a QR code."""
    page = status.urls["page"]
    yield f"meshnode {status.version} is running ({status.plane} plane)"
    yield ""
    yield _row("page", page)
    if status.urls.get("local", page) != page:
        yield _row("", f"{status.urls['local']} on this machine, camera included")
    yield _row("publish", f"{status.urls['whip']}STREAM  (WHIP: OBS, FFmpeg, ...)")
    yield _row("watch", f"{page}#watch=STREAM  (WHEP: {status.urls['whep']}STREAM)")
    yield _row("media", f"UDP {' '.join(status.addresses) or 'nowhere'}")
    yield _row("admin", status.urls["admin"])
    for name in settings.dialects:
        yield _row(name, status.urls[name])
    yield _row("data", str(settings.data))
    yield from _mesh(status)
    yield from _key(settings, fresh_key)
    yield ""
    yield from _reach(status, settings)
    if qr and _is_shareable(page):
        yield ""
        yield f"The page for a phone, {page}:"
        yield from _qr(page)


def _row(label: str, text: str) -> str:
    return f"  {label:<{LABEL_WIDTH}}{text}"


def _key(settings: Settings, fresh_key: str) -> Iterator[str]:
    if fresh_key:
        yield _row("publish key", f"{fresh_key}  (shown this once)")
        yield _row("", f"kept in {settings.publish_key_file}; in OBS: Bearer Token")
    elif settings.publish_key is not None:
        yield _row("publish key", "from MESHNODE_PUBLISH_KEY")
    elif settings.publish_key_file is not None:
        yield _row("publish key", f"in {settings.publish_key_file}")
    else:
        yield _row("publish key", "none: everybody on this machine may publish")


def _mesh(status: NodeStatus) -> Iterator[str]:
    """Who it is to others, and what the next node is started with."""
    if status.mesh is None:
        return
    yield _row("node", status.mesh.node)
    for address in status.mesh.bootstrap[:1]:
        yield _row("next node", f"meshnode run --bootstrap {address}")


def _reach(status: NodeStatus, settings: Settings) -> Iterator[str]:
    """Who can reach this node, and the flags that would change it."""
    if settings.http_endpoint.is_loopback and not settings.public_url:
        opened = f"--http 0.0.0.0:{settings.http_endpoint.port}"
        yield f"Only this machine can reach it. For others, add {opened}"
        yield "and, behind a NAT or in a cloud, --public-ip ADDRESS."
        return
    media_port = status.addresses[0].rpartition(":")[2] if status.addresses else "?"
    http_port = urlsplit(status.urls["page"]).port or settings.http_endpoint.port
    yield f"Others reach it if UDP {media_port} and TCP {http_port} are open."
    if not any(map(_is_public, status.addresses)):
        yield from _from_outside(settings)
    if not status.urls["page"].startswith("https:"):
        yield "Browsers give the camera to https pages only: --tls-cert and --tls-key."


def _from_outside(settings: Settings) -> Iterator[str]:
    if settings.map_port:
        yield "The router is being asked to let others in; the outcome is logged."
        return
    yield "No public address is advertised: from outside your network add --map-port,"
    yield "or --public-ip ADDRESS and forward both ports to this machine."


def _is_public(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    return ipaddress.ip_address(host).is_global


def _is_shareable(page: str) -> bool:
    """Whether a phone beside us could open it."""
    host = urlsplit(page).hostname or ""
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"


def _qr(url: str) -> list[str]:
    out = io.StringIO()
    segno.make(url, error="l").terminal(out=out, compact=True)
    return out.getvalue().splitlines()
