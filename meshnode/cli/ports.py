"""`meshnode ports`: every port a node uses, for people who write firewall rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from meshnode.cli.flags import RunFlags, settings_from
from meshnode.cli.terminal import command, say

if TYPE_CHECKING:
    from meshnode.config import Settings

ABOUT = """\
Print every port a node uses, its protocol and its purpose.

Takes all flags, environment and file of `meshnode run`, and prints what a node
started with them would use."""
HEAD = ("PORT", "PROTOCOL", "FLAG", "LISTENS ON", "PURPOSE")
NOTHING_TYPED = RunFlags()
Row = tuple[str, str, str, str, str]

app = command("ports", ABOUT)


@app.default
def ports(*, flags: Annotated[RunFlags, Parameter(name="*")] = NOTHING_TYPED) -> int:
    """Print the table."""
    rows = [HEAD, *rows_of(settings_from(flags))]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        say("  ".join([*cells, row[4]]))
    return 0


def rows_of(settings: Settings) -> list[Row]:
    """One row per port: port, protocol, flag, listening host, purpose."""
    scheme = "https" if settings.tls_cert else "http"
    http, admin = settings.http_endpoint, settings.admin_endpoint
    media = "media (ICE, DTLS, SRTP) and STUN"
    doors = "page, WHIP and WHEP"
    operator = "/status, /metrics and commands; keep it closed to others"
    port, hosts = _shown(settings.port), " ".join(settings.hosts)
    meets = [(port, "TCP", "--port", hosts, "meeting other nodes (libp2p)")]
    return [
        (port, "UDP", "--port", hosts, media),
        *(meets if settings.mesh is not False else []),
        *_asked_of_router(settings, port),
        (_shown(http.port), f"TCP {scheme}", "--http", http.host, doors),
        (_shown(admin.port), "TCP http", "--admin", admin.host, operator),
    ]


def _asked_of_router(settings: Settings, port: str) -> list[Row]:
    """What `--map-port` opens and where it asks: outgoing, so without a listener."""
    if not settings.map_port:
        return []
    both = "UDP" if settings.mesh is False else "UDP and TCP"
    grant = "the same number outside, if it grants that one"
    asking = "asking the router; outgoing, answers come from the default gateway alone"
    return [
        (port, both, "--map-port", "the router", grant),
        ("5351", "UDP", "--map-port", "the router", f"{asking} (PCP, NAT-PMP)"),
        ("1900", "UDP", "--map-port", "the router", f"{asking} (UPnP; then its HTTP)"),
    ]


def _shown(port: int) -> str:
    return str(port) if port else "any free"
