"""The TCP sockets that a node listens on, bound before libp2p begins.

py-libp2p's own listener sets SO_REUSEPORT: a second node on the same port starts
without a word, and the kernel deals the connections out between the two.  Ours are
exclusive, and they belong to the host, so they outlive a restart of the trio thread.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from collections.abc import Iterable, Sequence

import ifaddr

from meshnode.control.libp2p.multiaddress import Multiaddress
from meshproto.errors import StateError
from meshproto.ids import NodeId

BACKLOG = 128
_NO_FAMILY = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT}


def bind_all(hosts: Sequence[str], port: int) -> list[socket.socket]:
    """Listening sockets on `port` (0: one free port for all) of every host.

    A wildcard of a family that this machine lacks is left out if another host remains.
    Raises `StateError` with one sentence.
    """
    bound: list[socket.socket] = []
    missing = ""
    try:
        for host in hosts:
            try:
                bound.append(_bind(host, port))
            except OSError as error:
                wild = ipaddress.ip_address(host).is_unspecified
                if wild and error.errno in _NO_FAMILY:
                    missing = f"this machine has no {host}"
                    continue
                raise StateError(_sentence(host, port, error)) from None
            port = bound[0].getsockname()[1]
        if not bound:
            raise StateError(f"libp2p has nothing to listen on: {missing}")
    except StateError:
        close_all(bound)
        raise
    return bound


def close_all(sockets: Iterable[socket.socket]) -> None:
    """Release the ports."""
    for one in sockets:
        one.close()


def addresses(sockets: Iterable[socket.socket], node: NodeId) -> tuple[str, ...]:
    """The multiaddrs by which others reach these; wildcards become the interfaces'."""
    found: dict[str, None] = {}
    for one in sockets:
        host, port = one.getsockname()[:2]
        ip = ipaddress.ip_address(host)
        named = _interfaces(ip.version) if ip.is_unspecified else [str(ip)]
        for text in named:
            found[str(Multiaddress.of(text, port, node))] = None
    return tuple(found)


def _bind(host: str, port: int) -> socket.socket:
    v6 = ipaddress.ip_address(host).version == 6
    one = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            # connections of an earlier life must not keep us from the port
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if v6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind((host, port))
        one.listen(BACKLOG)
        one.setblocking(False)
    except OSError:
        one.close()
        raise
    return one


def _sentence(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"TCP port {port} is taken on {host}: choose another with --port"
    if error.errno == errno.EACCES:
        return f"TCP port {port} needs rights we lack: choose another with --port"
    return f"TCP port {port} on {host} cannot be used: {error.strerror}"


def _interfaces(version: int) -> list[str]:
    """Our addresses of a family; loopback ones only if there is no other."""
    found = [
        ipaddress.ip_address(ip.ip if isinstance(ip.ip, str) else ip.ip[0])
        for adapter in ifaddr.get_adapters()
        for ip in adapter.ips
    ]
    usable = [ip for ip in found if ip.version == version and not ip.is_link_local]
    outside = [ip for ip in usable if not ip.is_loopback]
    return [str(ip) for ip in outside or usable]
