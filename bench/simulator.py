"""Events per second of the simulator's engine and network, on one core.

    python -m bench.simulator

A ping between pairs of hosts is the least that can happen: what a run with real nodes
costs above this is the protocol's own.  The baseline is a bare loop over a heap, in the
same run, because absolute times drift on shared machines.
"""

from __future__ import annotations

import argparse
import heapq
import math
import time
from itertools import count

from meshsim.engine import Engine, collector_paused
from meshsim.eventlog import EventLog
from meshsim.network import CALM, Conditions, Kind, Network
from meshsim.paths import uniform
from meshsim.weather import Loss

REPEATS = 3
HOSTS = 1000
STORMY = Conditions(loss=Loss(0.01, 0.2), jitter=1.0)


def bare(events: int) -> float:
    """Events per CPU second of a heap and a call, nothing else."""
    heap: list[tuple[float, int]] = [(n * 1e-5, n) for n in range(HOSTS)]
    number = count(HOSTS).__next__
    start = time.process_time()
    for _ in range(events):
        at, _ = heapq.heappop(heap)
        heapq.heappush(heap, (at + 0.01, number()))
    return events / (time.process_time() - start)


class Pinger:
    """A host that sends a datagram to its partner for every one that it gets, and
    moves its deadline each time, as a real one does.
    """

    def __init__(self, engine: Engine, network: Network, index: int) -> None:
        self.alarm = math.inf
        self._engine, self._network, self._index = engine, network, index
        self._deadline = math.inf

    def next_timeout(self) -> float | None:
        """A second after the last packet."""
        return self._deadline

    def handle_timeout(self, now: float) -> None:
        """The ball was lost: serve again."""
        self.receive(self, now)

    def receive(self, sender: Pinger, now: float) -> None:
        """Answer."""
        self._deadline = now + 1.0
        self._network.send(
            self._index,
            sender._index,
            100,
            Kind.CONTROL,
            sender.receive,
            self,
        )
        self._engine.rearm(self)


def pinged(seconds: float, conditions: Conditions, log: EventLog | None) -> float:
    """Events per CPU second of hosts that ping each other."""
    engine = Engine(1, log)
    network = Network(engine, uniform(HOSTS, 0.01), conditions)
    hosts = [Pinger(engine, network, index) for index in range(HOSTS)]
    for one, other in zip(hosts[::2], hosts[1::2], strict=True):
        engine.at(0.0, one.receive, other, 0.0)
        engine.at(0.0, other.receive, one, 0.0)
    with collector_paused():
        start = time.process_time()
        engine.run_until(seconds)
        return engine.events / (time.process_time() - start)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="of virtual time")
    seconds = parser.parse_args().seconds
    base = max(bare(500_000) for _ in range(REPEATS))
    print(f"{HOSTS} hosts ping, events per CPU second, best of {REPEATS}")
    print(f"{'bare heap':<28}{base:>12,.0f}")
    for name, conditions, logged in (
        ("plain delay", CALM, False),
        ("jitter and bursty loss", STORMY, False),
        ("plain delay, event log", CALM, True),
    ):
        rate = max(
            pinged(seconds, conditions, EventLog() if logged else None)
            for _ in range(REPEATS)
        )
        print(f"{name:<28}{rate:>12,.0f}  ({base / rate:.1f}x the time)")


if __name__ == "__main__":
    main()
