"""A `Lab`: hosts joined by the wire, whose ways a test can shape, cut and count.

    with Lab(["a", "b", "c"]) as lab:
        lab.wiring.link("a", "b", delay_ms=10)
        lab.address("a"), lab.run("a", "ping", "-c1", lab.address("b"))

Every host has an address in a network of its own (the overlay counts nodes per /24) and
a default route over the wire (browsers gather no candidates without one).  At first
everybody reaches everybody at once; `only` leaves the links that are named.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import networkx as nx

from support.lab.hosts import Hosts
from support.lab.namespaces import sh
from support.lab.wire import DEVICE
from support.lab.wiring import Wiring

ADDRESSES = "10.77.{}.1"


class Lab(Hosts):
    """Namespaces `names`, each reachable from the others at `address(name)`."""

    def __init__(self, names: Sequence[str], *, addresses: str = ADDRESSES) -> None:
        super().__init__(names)
        self._addresses = addresses
        self._wiring: Wiring | None = None

    @property
    def wiring(self) -> Wiring:
        """What joins the hosts."""
        assert self._wiring is not None, "the laboratory is not open"
        return self._wiring

    def address(self, name: str) -> str:
        """The host's IPv4 address in the lab."""
        return self._addresses.format(self.names.index(name) + 1)

    def _build(self) -> None:
        self._wiring = Wiring(
            {name: self.namespace(name) for name in self.names},
            {name: [self.address(name)] for name in self.names},
        )
        for name in self.names:
            ip = f"ip -n {self.namespace(name)}"
            sh(
                f"{ip} addr add {self.address(name)}/24 dev {DEVICE}"
                f" && {ip} link set {DEVICE} up mtu 1500"
                f" && {ip} route add default dev {DEVICE}"
            )

    def _tear_down(self) -> None:
        super()._tear_down()
        if self._wiring is not None:
            self._wiring.close()
            self._wiring = None

    # -- shape -------------------------------------------------------------------------

    def only(
        self, links: Iterable[tuple[str, str, float]], jitter_ms: float = 0
    ) -> None:
        """Exactly these links, each with its delay one way in milliseconds."""
        self.wiring.all_cut()
        for one, other, delay_ms in links:
            self.wiring.link(one, other, delay_ms=delay_ms, jitter_ms=jitter_ms)


def shortest_ms(
    links: Iterable[tuple[str, str, float]], source: str
) -> dict[str, float]:
    """The least delay from `source` to everybody over the links."""
    graph = nx.Graph()
    graph.add_weighted_edges_from(links)
    found: dict[str, float] = nx.single_source_dijkstra_path_length(graph, source)
    return found
