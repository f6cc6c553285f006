"""Multiaddrs of TCP, the only kind that a node speaks: text, octets, and parts.

`/ip4/203.0.113.7/tcp/5000/p2p/12D3KooW...`: where a node hears libp2p, and who it is if
that is known.  A peer record carries the octets (RFC 0005 section 4).  Everything else
that multiaddr can say (QUIC, WebSocket) is refused with a label, not an error of the
machine: those are other people's addresses.  Behind `/p2p-circuit/p2p/` stands a node
that is reached through the one before (RFC 0013 section 5).
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace

from meshproto.errors import DecodeError
from meshproto.ids import NodeId
from meshproto.wire import peer_id, protobuf

OCTETS_MAX = 96
"""Longest binary form; what a peer record has room for."""
NAME_MAX = 253

_IP4, _IP6, _TCP, _P2P, _CIRCUIT = 4, 41, 6, 421, 290
_NAMES = {53: "dns", 54: "dns4", 55: "dns6"}
_CODES = {name: code for code, name in _NAMES.items()}


@dataclass(frozen=True, slots=True)
class Multiaddress:
    """`host` is an IP address or a name, `kind` how multiaddr calls it; `node` is who
    listens there, and `target` who is behind it on a circuit.
    """

    kind: str
    host: str
    port: int
    node: NodeId | None = None
    target: NodeId | None = None

    @classmethod
    def of(cls, host: str, port: int, node: NodeId | None = None) -> Multiaddress:
        """The multiaddr of a host and TCP port as people write them."""
        try:
            ip = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            if not _is_name(host):
                raise DecodeError("multiaddr-name") from None
            return cls("dns", host, port, node)
        mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
        ip = mapped or ip
        return cls(f"ip{ip.version}", str(ip), port, node)

    def __str__(self) -> str:
        tail = "" if self.node is None else f"/p2p/{peer_id.to_text(self.node)}"
        if self.target is not None:
            tail += f"/p2p-circuit/p2p/{peer_id.to_text(self.target)}"
        return f"/{self.kind}/{self.host}/tcp/{self.port}{tail}"

    @property
    def is_wildcard(self) -> bool:
        """Whether this names all addresses of a machine, so none that one can dial."""
        return self.kind in {"ip4", "ip6"} and (
            ipaddress.ip_address(self.host).is_unspecified
        )

    def to_octets(self) -> bytes:
        """The binary form."""
        if self.kind in _CODES:
            name = self.host.encode()
            head = protobuf.write_varint(_CODES[self.kind])
            head += protobuf.write_varint(len(name)) + name
        else:
            ip = ipaddress.ip_address(self.host)
            head = bytes((_IP4 if ip.version == 4 else _IP6,)) + ip.packed
        head += bytes((_TCP,)) + self.port.to_bytes(2, "big")
        if self.node is not None:
            head += _p2p(self.node)
        if self.target is not None:
            head += protobuf.write_varint(_CIRCUIT) + _p2p(self.target)
        return head


def parse_multiaddress(text: str) -> Multiaddress:
    """Read `/ip4|ip6|dns|dns4|dns6/HOST/tcp/PORT[/p2p/ID[/p2p-circuit/p2p/ID]]`.

    Raises `DecodeError`.
    """
    text, circuit, behind = text.strip().removesuffix("/").partition("/p2p-circuit")
    if circuit:
        relay = parse_multiaddress(text)
        if relay.node is None or not behind.startswith("/p2p/"):
            raise DecodeError("multiaddr-kind")
        return replace(relay, target=_node(peer_id.from_text(behind[5:])))
    parts = text.split("/")
    if len(parts) not in {5, 7} or parts[0] or parts[3] != "tcp":
        raise DecodeError("multiaddr-kind")
    kind, host, port = parts[1], parts[2], parts[4]
    if not port.isascii() or not port.isdigit() or not 0 < int(port[:6]) < 65536:
        raise DecodeError("multiaddr-port")
    node = None
    if len(parts) == 7:
        if parts[5] not in {"p2p", "ipfs"}:
            raise DecodeError("multiaddr-kind")
        node = _node(peer_id.from_text(parts[6]))
    address = Multiaddress.of(host, int(port), node)
    if kind in _CODES and address.kind == "dns":
        return Multiaddress(kind, host, int(port), node)
    if kind != address.kind:
        raise DecodeError("multiaddr-host")
    return address


def from_octets(octets: bytes) -> Multiaddress:
    """Read the binary form; raises `DecodeError`."""
    if len(octets) > OCTETS_MAX:
        raise DecodeError("multiaddr-size")
    code, at = protobuf.read_varint(octets)
    if code in {_IP4, _IP6}:
        end = at + (4 if code == _IP4 else 16)
        if end > len(octets):
            raise DecodeError("multiaddr-size")
        kind, host = f"ip{4 if code == _IP4 else 6}", ""
        host = str(ipaddress.ip_address(octets[at:end]))
    elif code in _NAMES:
        kind = _NAMES[code]
        name, end = _sized(octets, at)
        host = name.decode("ascii", "replace")
        if not _is_name(host):
            raise DecodeError("multiaddr-name")
    else:
        raise DecodeError("multiaddr-kind")
    if octets[end : end + 1] != bytes((_TCP,)) or len(octets) < end + 3:
        raise DecodeError("multiaddr-kind")
    port = int.from_bytes(octets[end + 1 : end + 3], "big")
    return Multiaddress(kind, host, port, *_tail(octets, end + 3))


def _tail(octets: bytes, at: int) -> tuple[NodeId | None, NodeId | None]:
    if at == len(octets):
        return None, None
    node, at = _named(octets, at)
    if at == len(octets):
        return node, None
    code, at = protobuf.read_varint(octets, at)
    target, at = _named(octets, at)
    if code != _CIRCUIT or at != len(octets):
        raise DecodeError("multiaddr-kind")
    return node, target


def _named(octets: bytes, at: int) -> tuple[NodeId, int]:
    code, at = protobuf.read_varint(octets, at)
    if code != _P2P:
        raise DecodeError("multiaddr-kind")
    node, at = _sized(octets, at)
    return _node(node), at


def _p2p(node: NodeId) -> bytes:
    size = protobuf.write_varint(len(node))
    return protobuf.write_varint(_P2P) + size + node


def _sized(octets: bytes, at: int) -> tuple[bytes, int]:
    size, at = protobuf.read_varint(octets, at)
    if size > len(octets) - at:
        raise DecodeError("multiaddr-size")
    return octets[at : at + size], at + size


def _node(octets: bytes) -> NodeId:
    return peer_id.from_ed25519(peer_id.ed25519_key(octets))


def _is_name(text: str) -> bool:
    """Whether this can be the name of a host; the resolver has the last word."""
    allowed = text.replace("-", "").replace(".", "").replace("_", "")
    return 0 < len(text) <= NAME_MAX and allowed.isascii() and allowed.isalnum()
