"""The overlay's rows of the acceptance table, printed by hand.

    PYTHONPATH=protocol:tests python tests/support/overlay_figures.py --nodes 1000

Latencies are PlanetLab's of the shared folder, or `--model plane`; the node mix is that
of the study: 60 % thin, 30 % middle, 10 % strong, with their access delays.
"""

from __future__ import annotations

import argparse
import random
import time

import numpy as np

from meshproto.overlay.events import SearchEnded
from support.overlay_net import (
    Net,
    Peer,
    Rtt,
    classes,
    components,
    plane,
    share,
    stretches,
)
from support.shared import shared_path


def planetlab(copies: list[int], seed: int) -> Rtt:
    """Measured round trips between sites, bootstrapped, plus access delays."""
    packed = np.load(shared_path("data", "latency", "planetlab.npz"))["rtt_100us"]
    sites = np.median(packed.astype(float), axis=0) * 1e-4
    sites = np.minimum(sites, sites.T) if (sites != sites.T).any() else sites
    source = random.Random(f"{seed}/planetlab")
    at = [source.randrange(len(sites)) for _ in copies]
    means = [0.010 if c < 4 else 0.005 if c < 16 else 0.001 for c in copies]
    access = [source.expovariate(1 / mean) for mean in means]
    table = sites.tolist()

    def rtt_s(a: int, b: int) -> float:
        base_s = 0.001 if at[a] == at[b] else max(table[at[a]][at[b]], 0.001)
        return float(base_s + access[a] + access[b])

    return rtt_s


def degrees(net: Net) -> str:
    """Least, mean and most links of capable and of thin nodes."""
    graph = net.graph()
    words = []
    for name, low, high in (("capable", 4, 9999), ("thin", 0, 4)):
        found = [len(graph[i]) for i in graph if low <= net.peers[i].copies < high]
        mean = sum(found) / len(found)
        words.append(f"{name} {min(found)}/{mean:.1f}/{max(found)}")
    return ", ".join(words)


def cold(net: Net, peers: list[Peer], until_s: float) -> None:
    """Everybody starts at once, with three random contacts each."""
    began = time.process_time()
    for peer in peers:
        contacts = net.random.sample([p for p in peers if p is not peer], 3)
        net.later(net.random.random() * 0.2, net.start, peer, contacts)
    for at_s in [t for t in (5, 10, 15, 30, 60, 120, 300) if t < until_s] + [until_s]:
        net.run(at_s)
        found = list(stretches(net, 20))
        p50, p95, p99 = (share(found, part) for part in (0.5, 0.95, 0.99))
        cut = sum(f == float("inf") for f in found)
        took = time.process_time() - began
        print(
            f"{at_s:5.0f} s  stretch {p50:.2f} {p95:.2f} {p99:.2f}  unreachable {cut}  "
            f"parts {components(net.graph())}  links {degrees(net)}  "
            f"probes {sum(p.probes for p in peers) / len(peers):.0f}  "
            f"dials {sum(p.dials for p in peers) / len(peers):.0f}  "
            f"records {sum(p.sends for p in peers) / len(peers):.0f}  "
            f"wakes {sum(p.wakes for p in peers) / len(peers):.0f}  cpu {took:.0f} s",
            flush=True,
        )


def newcomers(net: Net, old: list[Peer], copies: list[int]) -> None:
    """Some nodes join a settled mesh; their six nearest known against the ideal."""
    excess, probes, took = [], [], []
    for count in copies:
        peer = net.add(count)
        net.start(peer, net.random.sample(old, 3))
        while peer.linked_at is None:
            net.run(net.now + 0.02)
        net.run(peer.linked_at + 1.5)
        excess.append(net.excess_s(peer, old) * 1e3)
        net.run(peer.linked_at + 5.0)
        ended = [e for e in peer.events if isinstance(e, SearchEnded)]
        probes.append(float(ended[0].probes))
        took.append(ended[0].took_s)
    for name, values in (("excess ms", excess), ("probes", probes), ("s", took)):
        p50, p90 = share(values, 0.5), share(values, 0.9)
        print(f"newcomer {name}: p50 {p50:.2f} p90 {p90:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--newcomers", type=int, default=40)
    parser.add_argument("--until", type=float, default=120.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", choices=("planetlab", "plane"), default="planetlab")
    args = parser.parse_args()
    copies = classes(args.nodes + args.newcomers, args.seed)
    whole = plane(len(copies), args.seed)[0]
    rtt_s = planetlab(copies, args.seed) if args.model == "planetlab" else whole
    net = Net(rtt_s, args.seed)
    peers = [net.add(count) for count in copies[: args.nodes]]
    cold(net, peers, args.until)
    newcomers(net, peers, copies[args.nodes :])


if __name__ == "__main__":
    main()
