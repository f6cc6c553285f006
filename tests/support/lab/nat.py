"""Address translators of nftables, one host and its private network behind each.

A `NatBox` turns a host of the laboratory into a router: its device on the wire is the
outside, a veth leads to the client in a namespace of its own.  Kinds are those of
RFC 4787 in the words people use: how a mapping is made and who may use it.

    full-cone           one mapping for all, everybody may come in
    address-restricted  one mapping for all, only addresses that were written to
    port-restricted     one mapping for all, only address and port that were written to
    symmetric           a mapping per destination, only that destination

Without the drop on input an unsolicited packet would take the port for the router
itself, and a cone would turn symmetric exactly when the far side punches first.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from support.lab.namespaces import inside, sh
from support.lab.wire import DEVICE

if TYPE_CHECKING:
    from support.lab.lab import Lab

KINDS = ("full-cone", "address-restricted", "port-restricted", "symmetric")
INSIDE = "192.168.{}.{}"
NETLINK_NETFILTER = 12
FLUSH_CONNTRACK = 0x0102
NLM_F_REQUEST, NLM_F_ACK = 1, 4
MAPPING_S = 60

_TABLE = """
table ip nat {{
    map holes {{ type inet_service : ipv4_addr . inet_service
        flags timeout ; timeout {mapping_s}s ; size 65535 ; }}
    set seen {{ type inet_service . ipv4_addr
        flags dynamic,timeout ; timeout {mapping_s}s ; size 65535 ; }}
    chain in {{ type filter hook input priority filter ;
        iifname "{outside}" meta l4proto udp drop ; }}
    chain learn {{ type filter hook postrouting priority 300 ; {learn} }}
    chain pre {{ type nat hook prerouting priority dstnat ; {pre} }}
    chain post {{ type nat hook postrouting priority srcnat ;
        oifname "{outside}" ip saddr {network} {source} ; }}
}}
"""
_LEARN = (
    'oifname "{outside}" meta l4proto udp ct original ip saddr {network}'
    " update @holes {{ udp sport : ct original ip saddr . ct original proto-src }} ;"
)
_SEEN = (
    ' oifname "{outside}" meta l4proto udp update @seen {{ udp sport . ip daddr }} ;'
)
_IN = 'iifname "{outside}" meta l4proto udp {only} dnat ip to udp dport map @holes ;'


def rules(kind: str, network: str, outside: str, source: str) -> str:
    """The nftables file of a kind; `source` is the statement that translates."""
    learn = pre = ""
    if kind in ("full-cone", "address-restricted"):
        restricted = kind == "address-restricted"
        learn = (_LEARN + (_SEEN if restricted else "")).format(
            outside=outside, network=network
        )
        only = "udp dport . ip saddr @seen" if restricted else ""
        pre = _IN.format(outside=outside, only=only)
    elif kind == "symmetric":
        source += " fully-random"
    elif kind != "port-restricted":
        raise ValueError(f"{kind!r} is none of {', '.join(KINDS)}")
    return _TABLE.format(
        outside=outside,
        network=network,
        source=source,
        learn=learn,
        pre=pre,
        mapping_s=MAPPING_S,
    )


def forget_connections(namespace: str) -> None:
    """Empty the connection tracker of a namespace, as a reboot does."""
    with inside(namespace):
        netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    with netlink:
        netlink.bind((0, 0))
        body = struct.pack("BBH", socket.AF_INET, 0, 0)
        flags = NLM_F_REQUEST | NLM_F_ACK
        head = struct.pack("IHHII", 16 + len(body), FLUSH_CONNTRACK, flags, 1, 0)
        netlink.send(head + body)
        answer = netlink.recv(4096)
    (error,) = struct.unpack_from("i", answer, 16)
    if error:
        raise OSError(-error, "the connection tracker was not emptied")


@dataclass
class NatBox:
    """The host `outer` of the lab as a translator for a client behind it."""

    lab: Lab
    outer: str
    kind: str
    outside_address: str = ""
    reboots: int = 0

    def __post_init__(self) -> None:
        number = self.lab.names.index(self.outer) + 1
        self.router = self.lab.namespace(self.outer)
        self.client = self.lab.namespace_beside(f"{self.outer}-in")
        self.client_address = INSIDE.format(number, 2)
        self.network = INSIDE.format(number, 0) + "/24"
        self.outside_address = self.lab.address(self.outer)
        gateway = INSIDE.format(number, 1)
        r, c = f"ip -n {self.router}", f"ip -n {self.client}"
        sh(
            f"{r} link add name lan type veth peer name eth0 netns {self.client}"
            f" && {r} link set dev lan gso_max_segs 1"
            f" && {c} link set dev eth0 gso_max_segs 1"
            f" && {r} addr add {gateway}/24 dev lan && {r} link set lan up"
            f" && {c} addr add {self.client_address}/24 dev eth0"
            f" && {c} link set eth0 up && {c} route add default via {gateway}"
            f" && ip netns exec {self.router} sysctl -qw net.ipv4.ip_forward=1"
        )
        self._translate()

    def _translate(self) -> None:
        text = rules(self.kind, self.network, DEVICE, f"snat to {self.outside_address}")
        path = self.lab.folder / f"{self.outer}.nft"
        path.write_text("flush ruleset\n" + text)
        sh(f"ip netns exec {self.router} nft -f {path}")

    def run(self, *command: str) -> list[str]:
        """The argument vector that runs `command` on the client."""
        return ["ip", "netns", "exec", self.client, *command]

    def reboot(self) -> None:
        """Forget every mapping and come back with another outside address."""
        old = self.outside_address
        self.reboots += 1
        base, _, last = self.lab.address(self.outer).rpartition(".")
        new = f"{base}.{int(last) + self.reboots}"
        sh(f"ip -n {self.router} addr add {new}/24 dev {DEVICE}")
        self.outside_address = new
        self.lab.wiring.move_address(old, None)
        self._translate()
        forget_connections(self.router)
        self.lab.wiring.move_address(new, self.outer)
