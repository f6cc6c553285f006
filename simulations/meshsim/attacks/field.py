"""The field of an attack: hosts, their connections, and the hours of the day.

Hosts are numbered: publishers, lurkers, sybils.  Every honest node opens `degree`
connections to random other honest nodes, every sybil `attack_degree` to its targets;
nobody dials sybils.  A connection stands for the whole run, on a network with the
set-up's delay and, as queueing, its jitter.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from random import Random

from meshproto.ids import NodeId
from meshproto.wire import peer_id, protobuf, pubsub
from meshsim.attacks.honest import HonestHost
from meshsim.attacks.profile import Scoring, profile
from meshsim.attacks.record import Record
from meshsim.attacks.setups import Aim, Setup
from meshsim.attacks.sizes import Sizes
from meshsim.attacks.sybil import Sybil
from meshsim.engine import Engine
from meshsim.network import Conditions, Kind, Network
from meshsim.paths import uniform

SAMPLE_S = 5.0
DIAL_S = 1.0
"""Dials of a node are spread over this time."""

_RPCS_READ_MAX = 4096


class Field:
    """All hosts of one run; `run` runs it."""

    def __init__(self, setup: Setup, sizes: Sizes, scoring: Scoring, seed: int) -> None:
        self.setup = setup
        self.sizes = sizes
        self.record = Record()
        # why no name in it: attacks of one seed meet the same honest mesh
        self.engine = Engine(seed)
        size = sizes.honest + sizes.sybils
        weather = Conditions(jitter_s=setup.latency_s * setup.latency_jitter)
        self.network = Network(self.engine, uniform(size, setup.latency_s), weather)
        self.shares: list[tuple[float, float]] = []
        """Share of the places in the targets' meshes that sybils hold, by time."""
        self._linked: set[tuple[int, int]] = set()
        self._chance: Random = self.engine.stream("field")
        self._numbers: dict[NodeId, int] = {}
        config = profile(setup, scoring, sizes.messages_per_s)
        self.honest = [
            HonestHost(n, self._name(n), config, self.engine, self.record, self._send)
            for n in range(sizes.honest)
        ]
        # why cached: one RPC reaches hundreds of sybils, who read it all the same
        read = lru_cache(_RPCS_READ_MAX)(pubsub.decode)
        self.sybils = [
            Sybil(
                number,
                self._name(number),
                b"sybils" + (number % sizes.containers).to_bytes(4, "big"),
                setup,
                self.engine,
                self._send,
                read,
            )
            for number in range(sizes.honest, size)
        ]
        self._hosts: list[HonestHost | Sybil] = [*self.honest, *self.sybils]
        self._plan()

    @property
    def targets(self) -> list[HonestHost]:
        """Whom sybils connect to, or would."""
        return self.honest[: self.sizes.targets(self.setup.aim)]

    @property
    def victims(self) -> list[int]:
        """The nodes whose messages and deliveries the attack is about."""
        one = self.setup.censors or self.setup.aim is Aim.ONE
        return [0] if one else list(range(self.sizes.honest))

    def run(self) -> None:
        """Run to the end."""
        self.engine.run_until(self.setup.end_s)

    def is_sybil(self, node: NodeId) -> bool:
        """Whether a node is hostile, which no honest node knows."""
        return self._numbers[node] >= self.sizes.honest

    # --- before the start -----------------------------------------------------------

    def _name(self, number: int) -> NodeId:
        key = hashlib.sha256(b"node" + number.to_bytes(4, "big")).digest()
        node = peer_id.from_ed25519(key)
        self._numbers[node] = number
        return node

    def _plan(self) -> None:
        setup, at = self.setup, self.engine.at
        for host in self.honest:
            at(0.0, host.join, setup.topic)
            others = [far for far in self.honest if far is not host]
            start = self._delayed(setup.honest_connect_s)
            self._dial(host, others, self.sizes.degree, start)
        for sybil in self.sybils:
            start = self._delayed(setup.attack_connect_s)
            sybil.attacks_from = start + DIAL_S + setup.covert_s
            if setup.censors:
                sybil.censored = self.honest[0].node
            self._dial(sybil, self.targets, self.sizes.attack_degree, start)
        every_s = self.sizes.publishers / self.sizes.messages_per_s
        for host in self.honest[: self.sizes.publishers]:
            at(setup.warm_s + every_s * self._chance.random(), self._publish, host)
        at(0.0, self._sample)

    def _delayed(self, delay_s: float) -> float:
        """A connect delay with the jitter that the authors' program adds."""
        jitter = self.setup.connect_jitter
        return delay_s * (1.0 + jitter + 2.0 * jitter * self._chance.random())

    def _dial(
        self, host: HonestHost | Sybil, whom: list[HonestHost], count: int, start: float
    ) -> None:
        for far in self._chance.sample(whom, count):
            at = start + DIAL_S * self._chance.random()
            self.engine.at(at, self._connect, host, far)

    # --- during the run -------------------------------------------------------------

    def _connect(self, host: HonestHost | Sybil, far: HonestHost) -> None:
        pair = (min(host.index, far.index), max(host.index, far.index))
        if pair not in self._linked:
            self._linked.add(pair)
            host.connected(far, True)
            far.connected(host, False)

    def _publish(self, host: HonestHost) -> None:
        setup = self.setup
        host.publish(setup.topic, self._chance.randbytes(setup.message_octets))
        every_s = self.sizes.publishers / self.sizes.messages_per_s
        if self.engine.now + every_s < setup.warm_s + setup.run_s:
            self.engine.after(every_s, self._publish, host)

    def _send(self, source: int, to: NodeId, rpc: bytes) -> None:
        number = self._numbers[to]
        octets = len(rpc) + len(protobuf.write_varint(len(rpc)))
        hosts = self._hosts
        self.network.send_ordered(
            source,
            number,
            octets,
            Kind.GOSSIP,
            hosts[number].hear,
            hosts[source].node,
            rpc,
        )

    def _sample(self) -> None:
        held = places = 0
        for host in self.targets:
            mesh = host.router.mesh(self.setup.topic)
            places += len(mesh)
            held += sum(map(self.is_sybil, mesh))
        self.shares.append((self.engine.now, held / places if places else 0.0))
        self.engine.after(SAMPLE_S, self._sample)
