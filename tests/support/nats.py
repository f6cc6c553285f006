"""Real address translators on one machine: namespaces and nftables.

A `Street` is a switch ("the internet", 198.51.100.0/24, leading nowhere) with houses on
it.  A house is a translator, outside 198.51.100.x and inside 192.0.2.1/24, and one host
behind it at 192.0.2.2; an open house is just a host.  The translators are those of
`lab.nat`.

`within(house)` makes sockets that this process opens belong to the house's host.
Needs root.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

from support.lab.hosts import Hosts
from support.lab.namespaces import inside, sh
from support.lab.nat import rules

OUTSIDE, PRIVATE = "o0", "192.0.2.0/24"


class House(Enum):
    """What stands between a host and the street: a kind of `lab.nat`, or nothing."""

    OPEN = "open"
    FULL = "full-cone"
    ADDRESS = "address-restricted"
    PORT = "port-restricted"
    SYMMETRIC = "symmetric"


class Street(Hosts):
    """Houses of these kinds, numbered from 0: host `h0` behind translator `n0`."""

    def __init__(self, *kinds: House) -> None:
        self.kinds = kinds
        closed = [n for n, kind in enumerate(kinds) if kind is not House.OPEN]
        hosts = [f"h{n}" for n in range(len(kinds))]
        super().__init__(["switch", *hosts, *(f"n{n}" for n in closed)])
        self._switch = self.namespace("switch")

    def outside(self, house: int) -> str:
        return f"198.51.100.{house + 10}"

    def host(self, house: int) -> str:
        """The address of the host itself."""
        open_house = self.kinds[house] is House.OPEN
        return self.outside(house) if open_house else "192.0.2.2"

    def _build(self) -> None:
        sh(f"ip -n {self._switch} link add name sw0 type bridge")
        sh(f"ip -n {self._switch} link set dev sw0 up")
        for number, kind in enumerate(self.kinds):
            self._house(number, kind)

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
        with inside(self.namespace(f"h{house}")):
            yield

    def _door(self, house: int) -> str:
        return self.namespace(f"n{house}")

    def _house(self, number: int, kind: House) -> None:
        host, port = self.namespace(f"h{number}"), f"p{number}"
        door = host if kind is House.OPEN else self._door(number)
        cable = f"link add {port} type veth peer {OUTSIDE} netns {door}"
        sh(f"ip -n {self._switch} {cable}")
        sh(f"ip -n {self._switch} link set dev {port} master sw0 up")
        sh(f"ip -n {door} addr add {self.outside(number)}/24 dev {OUTSIDE}")
        sh(f"ip -n {door} link set dev {OUTSIDE} up")
        if kind is House.OPEN:
            return
        sh(f"ip -n {door} link add lan type veth peer eth0 netns {host}")
        sh(f"ip -n {door} addr add 192.0.2.1/24 dev lan")
        sh(f"ip -n {door} link set dev lan up")
        sh(f"ip -n {host} addr add 192.0.2.2/24 dev eth0")
        sh(f"ip -n {host} link set dev eth0 up")
        sh(f"ip -n {host} route add default via 192.0.2.1")
        script = self.folder / f"{number}.nft"
        script.write_text(rules(kind.value, PRIVATE, OUTSIDE, "masquerade"))
        sh(f"ip netns exec {door} sysctl -qw net.ipv4.ip_forward=1")
        sh(f"ip netns exec {door} nft -f {script}")
