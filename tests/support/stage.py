"""A stage and field that writes down what workloads and faults do to it."""

from __future__ import annotations

from collections.abc import Sequence

from meshsim.engine import Engine
from meshsim.faults import Fault
from meshsim.network import Network
from meshsim.paths import uniform
from meshsim.workload import Stream


class Ledger:
    """Knows who runs, and keeps every call as (time, verb, node, ...)."""

    def __init__(self, size: int = 20, seed: int = 1, network: Network | None = None):
        self.engine = Engine(seed)
        self.network = network or Network(self.engine, uniform(size, 0.01))
        self.kinds: Sequence[str] = ["thin"] * size
        self.copies: Sequence[int] = [1] * size
        self.running: dict[int, None] = {}
        self.parents: dict[int, int] = {}
        self.calls: list[tuple[object, ...]] = []

    def all_run(self) -> Ledger:
        self.running = dict.fromkeys(range(self.network.size))
        return self

    def verbs(self, verb: str) -> list[tuple[object, ...]]:
        return [call for call in self.calls if call[1] == verb]

    def alive(self) -> list[int]:
        return sorted(self.running)

    def relays(self) -> list[tuple[int, int]]:
        below = list(self.parents.values())
        return [(n, below.count(n)) for n in sorted(set(below)) if n in self.running]

    def parent(self, node: int) -> int | None:
        return self.parents.get(node)

    def origins(self) -> list[int]:
        return [node for node in (0,) if node in self.running]

    def expected(self) -> None:
        """Nothing to see."""

    def struck(self, fault: Fault, hit: Sequence[int], now: float) -> None:
        self.calls.append((now, "struck", fault, tuple(hit)))

    def start(self, node: int, now: float, *, keep_state: bool) -> None:
        if node not in self.running:
            self.running[node] = None
            self.calls.append((now, "start", node, keep_state))

    def stop(self, node: int, now: float, *, goodbye: bool) -> None:
        if node in self.running:
            del self.running[node]
            self.calls.append((now, "stop", node, goodbye))

    def publish(self, node: int, stream: Stream, now: float) -> None:
        self.calls.append((now, "publish", node, stream.name))

    def unpublish(self, node: int, stream: Stream, now: float) -> None:
        self.calls.append((now, "unpublish", node, stream.name))

    def subscribe(self, node: int, stream: str, now: float) -> None:
        self.calls.append((now, "subscribe", node, stream))

    def unsubscribe(self, node: int, stream: str, now: float) -> None:
        self.calls.append((now, "unsubscribe", node, stream))

    def freeze(self, node: int, now: float) -> None:
        self.calls.append((now, "freeze", node))

    def thaw(self, node: int, now: float) -> None:
        self.calls.append((now, "thaw", node))

    def jump_clock(self, node: int, by_s: float, now: float) -> None:
        self.calls.append((now, "jump", node, by_s))

    def readdress(self, node: int, now: float) -> None:
        self.calls.append((now, "readdress", node))

    def lie(self, node: int, about: str, now: float) -> None:
        self.calls.append((now, "lie", node, about))
