"""Real address translators on one machine: namespaces and nftables.

A `Street` is a switch ("the internet", 198.51.100.0/24, leading nowhere) with houses on
it.  A house is a translator, outside 198.51.100.x and inside 192.0.2.1/24, and one host
behind it at 192.0.2.2; an open house is just a host.  The rules are those that other
tools have been used to check (RFC 4787: mapping and filtering).  Every translator drops
what nobody asked for on its way *in to itself*: without that, an unsolicited datagram
takes the port and turns a cone into a symmetric translator.

`within(house)` makes sockets that this process opens belong to the house's host.
Needs root.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

from support.lab.namespaces import inside
from support.netns import SBIN, sh

_numbers = itertools.count(1)


class House(Enum):
    OPEN = "open"
    FULL = "full cone"
    ADDRESS = "address-restricted"
    PORT = "port-restricted"
    SYMMETRIC = "symmetric"


_DROP = """
chain in {{
    type filter hook input priority filter
    iifname "o0" meta l4proto udp drop
}}
chain post {{
    type nat hook postrouting priority srcnat
    oifname "o0" ip saddr 192.0.2.0/24 masquerade {how}
}}
"""
_CONE = """
map inside {{
    type inet_service : ipv4_addr . inet_service
    flags timeout
    timeout 60s
    size 65535
}}
set seen {{
    type inet_service . ipv4_addr
    flags dynamic,timeout
    timeout 60s
    size 65535
}}
chain learn {{
    type filter hook postrouting priority 300
    oifname "o0" meta l4proto udp ct original ip saddr 192.0.2.0/24 \
update @inside {{ udp sport : ct original ip saddr . ct original proto-src }} \
update @seen {{ udp sport . ip daddr }}
}}
chain pre {{
    type nat hook prerouting priority dstnat
    iifname "o0" meta l4proto udp {only} dnat ip to udp dport map @inside
}}
"""


def _rules(kind: House) -> str:
    how = "fully-random" if kind is House.SYMMETRIC else ""
    rules = _DROP.format(how=how)
    if kind in (House.FULL, House.ADDRESS):
        only = "udp dport . ip saddr @seen" if kind is House.ADDRESS else ""
        rules += _CONE.format(only=only)
    return f"table ip n {{\n{rules}\n}}\n"


class Street:
    """Houses of these kinds, numbered from 0."""

    def __init__(self, *kinds: House) -> None:
        self.kinds = kinds
        self.prefix = f"st{os.getpid() % 100000}x{next(_numbers)}"
        self._made: list[str] = []
        self._scripts = tempfile.TemporaryDirectory(prefix="meshnode-street-")

    def outside(self, house: int) -> str:
        return f"198.51.100.{house + 10}"

    def host(self, house: int) -> str:
        """The address of the host itself."""
        open_house = self.kinds[house] is House.OPEN
        return self.outside(house) if open_house else "192.0.2.2"

    def __enter__(self) -> Street:
        try:
            self._switch = self._namespace("sw")
            sh(f"ip -n {self._switch} link add name sw0 type bridge")
            sh(f"ip -n {self._switch} link set dev sw0 up")
            for number, kind in enumerate(self.kinds):
                self._build(number, kind)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for name in self._made:
            subprocess.run(
                ["ip", "netns", "del", name],
                env={**os.environ, "PATH": SBIN + os.environ["PATH"]},
                capture_output=True,
                check=False,
            )
        self._scripts.cleanup()

    def cut(self, house: int) -> None:
        """Everything to and from the house is lost."""
        sh(f"ip -n {self._switch} link set dev p{house} nomaster")

    def mend(self, house: int) -> None:
        """The end of `cut`."""
        sh(f"ip -n {self._switch} link set dev p{house} master sw0")

    def renumber(self, house: int) -> str:
        """The translator restarts with another outside address, and no memory."""
        where = self._door(house)
        sh(f"ip -n {where} addr del {self.outside(house)}/24 dev o0")
        renewed = f"198.51.100.{house + 100}"
        sh(f"ip -n {where} addr add {renewed}/24 dev o0")
        return renewed

    @contextmanager
    def within(self, house: int) -> Iterator[None]:
        """Sockets opened meanwhile are the house's."""
        with inside(f"{self.prefix}h{house}"):
            yield

    def _door(self, house: int) -> str:
        return f"{self.prefix}n{house}"

    def _namespace(self, short: str) -> str:
        name = f"{self.prefix}{short}"
        sh(f"ip netns add {name}")
        self._made.append(name)
        sh(f"ip -n {name} link set lo up")
        return name

    def _build(self, number: int, kind: House) -> None:
        host = self._namespace(f"h{number}")
        door = host if kind is House.OPEN else self._namespace(f"n{number}")
        port = f"p{number}"
        sh(f"ip -n {self._switch} link add {port} type veth peer o0 netns {door}")
        sh(f"ip -n {self._switch} link set dev {port} master sw0 up")
        sh(f"ip -n {door} addr add {self.outside(number)}/24 dev o0")
        sh(f"ip -n {door} link set dev o0 up")
        if kind is House.OPEN:
            return
        sh(f"ip -n {door} link add lan type veth peer eth0 netns {host}")
        sh(f"ip -n {door} addr add 192.0.2.1/24 dev lan")
        sh(f"ip -n {door} link set dev lan up")
        sh(f"ip -n {host} addr add 192.0.2.2/24 dev eth0")
        sh(f"ip -n {host} link set dev eth0 up")
        sh(f"ip -n {host} route add default via 192.0.2.1")
        script = Path(self._scripts.name) / f"{number}.nft"
        script.write_text(_rules(kind), encoding="utf-8")
        sh(f"ip netns exec {door} sysctl -qw net.ipv4.ip_forward=1")
        sh(f"ip netns exec {door} nft -f {script}")
