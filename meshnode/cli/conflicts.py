"""Something is taken: which flags to add, in one sentence.

Whoever starts a second node meets four conflicts, the folder and three ports.  Telling
them one by one costs four attempts, so all of them are looked for at once, and each is
answered with a value that is free right now.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Sequence

from meshnode.config import Endpoint, Settings

TRIED_PORTS = 50


def taken_flags(settings: Settings) -> list[str]:
    """The flags that would move every taken port, none if all are free."""
    flags = []
    if not _is_free_for_nodes(settings, settings.port):
        flags.append(f"--port {_free_for_nodes(settings)}")
    chosen: set[int] = set()
    for name in ("http", "admin"):
        endpoint: Endpoint = getattr(settings, f"{name}_endpoint")
        if not _is_free(endpoint.host, endpoint.port, udp=False):
            avoid = chosen | {settings.http_endpoint.port, settings.admin_endpoint.port}
            port = _free_port([endpoint.host], endpoint.port, udp=False, avoid=avoid)
            chosen.add(port)
            flags.append(f"--{name} {Endpoint(endpoint.host, port)}")
    return flags


def sentence(
    settings: Settings, reason: str = "", *, folder_taken: bool = False
) -> str:
    """What is taken and what to add; `reason` alone when nothing is found taken."""
    flags = taken_flags(settings)
    if folder_taken:
        flags.append(f"--data {settings.data}-2")
    if not flags:
        return reason
    ports = [text for text in (_described(settings, flag) for flag in flags) if text]
    taken = f"{' and '.join(ports)} {'is' if len(ports) == 1 else 'are'} in use"
    said = "; ".join(text for text in (reason, taken if ports else "") if text)
    return f"{said}; is another node running? To start one beside it, add: " + " ".join(
        flags
    )


def _described(settings: Settings, flag: str) -> str:
    """What of ours was in the way of the one that `flag` suggests."""
    name = flag.partition(" ")[0]
    described = {
        "--port": f"{'' if settings.meshed else 'UDP '}port {settings.port}",
        "--http": f"HTTP {settings.http}",
        "--admin": f"admin {settings.admin}",
    }
    return described.get(name, "")


def _is_free_for_nodes(settings: Settings, port: int) -> bool:
    """Whether media can have the UDP port, and libp2p the TCP one in a mesh."""
    kinds = (True, False) if settings.meshed else (True,)
    return all(_is_free(h, port, udp=udp) for h in settings.hosts for udp in kinds)


def _free_for_nodes(settings: Settings) -> int:
    near = settings.port
    for port in range(near + 1, min(near + TRIED_PORTS, 65536)):
        if _is_free_for_nodes(settings, port):
            return port
    return 0


def _free_port(
    hosts: Sequence[str], near: int, *, udp: bool, avoid: set[int] | None = None
) -> int:
    """The first free port after `near`; 0, any, if there is none in sight."""
    for port in range(near + 1, min(near + TRIED_PORTS, 65536)):
        if port in (avoid or ()):
            continue
        if all(_is_free(host, port, udp=udp) for host in hosts):
            return port
    return 0


def _is_free(host: str, port: int, *, udp: bool) -> bool:
    """Whether we could bind; errors that another port would not cure count as free."""
    if port == 0:
        return True
    kind = socket.SOCK_DGRAM if udp else socket.SOCK_STREAM
    with contextlib.suppress(OSError):
        found = socket.getaddrinfo(host, port, type=kind, flags=socket.AI_PASSIVE)
        for family, _, _, _, address in found:
            if not _can_bind(family, kind, address):
                return False
    return True


def _can_bind(family: int, kind: int, address: object) -> bool:
    with socket.socket(family, kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            probe.bind(address)  # type: ignore[arg-type]
        except OSError as error:
            return error.errno != errno.EADDRINUSE
    return True
