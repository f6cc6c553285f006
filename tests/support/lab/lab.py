"""A `Lab`: hosts in namespaces of their own, joined by the wire, all gone at the end.

    with Lab(["a", "b", "c"]) as lab:
        lab.wiring.link("a", "b", delay_ms=10)
        lab.address("a"), lab.run("a", "ping", "-c1", lab.address("b"))

Every host has an address in a network of its own (the overlay counts nodes per /24) and
a default route over the wire (browsers gather no candidates without one).  At first
everybody reaches everybody at once; `only` leaves the links that are named.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType

import networkx as nx

from support.lab import namespaces
from support.lab.wire import DEVICE
from support.lab.wiring import Wiring
from support.netns import sh

ADDRESSES = "10.77.{}.1"


class Lab:
    """Namespaces `names`, each reachable from the others at `address(name)`."""

    def __init__(self, names: Sequence[str], *, addresses: str = ADDRESSES) -> None:
        self.names = list(names)
        self.prefix = namespaces.fresh_prefix()
        self._addresses = addresses
        self._extra: list[str] = []
        self._folder = tempfile.TemporaryDirectory(prefix="meshnode-lab-")
        self._wiring: Wiring | None = None

    @property
    def folder(self) -> Path:
        """Where whatever belongs to this laboratory may be written."""
        return Path(self._folder.name)

    @property
    def wiring(self) -> Wiring:
        """What joins the hosts."""
        assert self._wiring is not None, "the laboratory is not open"
        return self._wiring

    def namespace(self, name: str) -> str:
        """The kernel's name of the host's namespace."""
        return self.prefix + name

    def address(self, name: str) -> str:
        """The host's IPv4 address in the lab."""
        return self._addresses.format(self.names.index(name) + 1)

    def run(self, name: str, *command: str) -> list[str]:
        """The argument vector that runs `command` on the host."""
        return ["ip", "netns", "exec", self.namespace(name), *command]

    def wrapper(self, name: str, program: str) -> Path:
        """An executable that runs `program` on the host, for launchers."""
        path = self.folder / f"{name}-{Path(program).name}"
        path.write_text(f'#!/bin/sh\nexec {" ".join(self.run(name, program))} "$@"\n')
        path.chmod(0o755)
        return path

    def namespace_beside(self, name: str) -> str:
        """A further namespace, not on the wire, that goes when the lab goes."""
        made = self.namespace(name)
        self._extra.append(made)
        namespaces.make(made)
        return made

    # -- life --------------------------------------------------------------------------

    def __enter__(self) -> Lab:
        namespaces.sweep()
        try:
            self._build()
        except BaseException:
            self._tear_down()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._tear_down()

    def _build(self) -> None:
        for name in self.names:
            namespaces.make(self.namespace(name))
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
        for namespace in [*self._extra, *map(self.namespace, self.names)]:
            namespaces.remove(namespace)
        if self._wiring is not None:
            self._wiring.close()
            self._wiring = None
        self._folder.cleanup()

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
