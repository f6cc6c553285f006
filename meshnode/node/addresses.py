"""Which addresses a description of ours may name, best first.

A client can only send to an address it is told, and some take the first one and no
other (FFmpeg), so the order matters: what the router granted (`--map-port`), what the
operator said is public, then public IPv6 (no NAT on either side), public IPv4, then
private ranges, loopback last.  Two exceptions.  A loopback address is only named while
HTTP listens on loopback, because only then can a client on this machine have asked.
And to a client that did ask over loopback it is named first: nothing else is sure to
work for it, a firewall may close every other address even from inside.  `--advertise`
replaces the whole list.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

import ifaddr

Address = tuple[str, int]
IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
ADDRESSES_MAX = 16


def local_addresses() -> tuple[str, ...]:
    """The IP addresses of this machine's interfaces, without link-local ones.

    A link-local address needs a zone, which a candidate cannot carry (RFC 8839).
    """
    texts = [
        ip.ip if isinstance(ip.ip, str) else ip.ip[0]
        for adapter in ifaddr.get_adapters()
        for ip in adapter.ips
    ]
    usable = (text for text in texts if not ipaddress.ip_address(text).is_link_local)
    return tuple(dict.fromkeys(usable))


def advertised(
    bound: Sequence[Address],
    *,
    machine: Iterable[str],
    public: Iterable[str] = (),
    exact: Iterable[str] = (),
    loopback: bool = False,
    mapped: Iterable[Address] = (),
) -> tuple[Address, ...]:
    """The addresses to name for sockets bound to `bound`, best first.

    `machine` are the interfaces' addresses, `public` those by which the outside reaches
    us, `exact` replaces everything found, `loopback` allows loopback ones, `mapped` is
    what the router leads to them, under ports of its own.
    """
    ports = {_version(host): port for host, port in bound}
    named = [_canonical(text) for text in exact]
    if not named:
        found = [a for a in _reachable(bound, machine) if loopback or not a.is_loopback]
        outside = [_canonical(text) for text in public]
        named = outside + sorted((a for a in found if a not in outside), key=_rank)
    bare = [(str(a), ports[a.version]) for a in named if a.version in ports]
    return tuple(dict.fromkeys(bare if exact else [*mapped, *bare]))


def for_client(addresses: Sequence[Address], *, here: bool) -> tuple[Address, ...]:
    """The best of them for one client; `here`: on this machine, so loopback first."""
    if here:
        addresses = sorted(addresses, key=lambda a: not _canonical(a[0]).is_loopback)
    return tuple(addresses[:ADDRESSES_MAX])


def _reachable(bound: Sequence[Address], machine: Iterable[str]) -> list[IpAddress]:
    """A wildcard socket answers on every interface, any other on its own address."""
    hosts = [_canonical(host) for host, _ in bound]
    wild = {host.version for host in hosts if host.is_unspecified}
    interfaces = (_canonical(text) for text in machine)
    return [host for host in hosts if not host.is_unspecified] + [
        address for address in interfaces if address.version in wild
    ]


def _rank(address: IpAddress) -> tuple[bool, bool, bool]:
    """Sort key: public before private before loopback, IPv6 first among public ones."""
    public = address.is_global
    return (address.is_loopback, not public, (address.version == 4) == public)


def _canonical(text: str) -> IpAddress:
    return ipaddress.ip_address(text.partition("%")[0])


def _version(host: str) -> int:
    return _canonical(host).version
