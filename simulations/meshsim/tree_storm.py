"""A storm over whole brains: overlay, routes and trees at once (RFC 0012 section 6.4).

    python -m meshsim.tree_storm --seed 1 --nodes 60 --events 400

Processes crash, restart, freeze and leave, links die and come back, paths become
longer, the network is divided and heals, viewers come and go, publishers move, at a
pace between one event in ten milliseconds and one a second.  All checkers of `run` look
on.  After every `ROUND` events comes a calm, at whose end everybody who is connected
must be served.  `storm` does the same to routers alone, a hundred times as fast.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace

from meshproto.ids import StreamId
from meshsim.engine import collector_paused
from meshsim.finding import stream_of
from meshsim.mesh import node_id
from meshsim.partition import cut
from meshsim.run import PromiseBrokenError, Run
from meshsim.scenario import Checks, Media, PathsSpec, PopulationSpec, Scenario, Weather
from meshsim.stage import Stage
from meshsim.violation import Violation
from meshsim.workload import Stream

ROUND = 100
GROW_S = 20.0
CALM_S = 45.0
SERVED_S = 30.0
DOWN_SHARE_MAX = 0.4
CUTS_MAX = 6
PACE_EVERY = 20
KINDS = {
    "cut": 18,
    "join-again": 12,
    "longer": 15,
    "lag": 6,
    "crash": 12,
    "restart": 12,
    "freeze": 6,
    "leave": 3,
    "divide": 4,
    "heal": 5,
    "come": 6,
    "go": 6,
    "move": 3,
}
"""Kinds of events and how often each is drawn."""

PLACES = (
    *(PathsSpec("planetlab"), PathsSpec("cities"), PathsSpec("uniform")),
    # why backbones: where edges are all there is, a link that a tree made is never
    # taken by the overlay, and may be the only way to the rest
    *(PathsSpec(name, reach="all") for name in ("random", "regular", "grid")),
)
STREAMS = ("one", "two")
CAPABLE_COPIES = 4
LOOK_S = 1.0
WIDTHS = (2, 3, 16)
"""Children per node and tree: 2 makes trees as deep as they get."""

TURNS = ((5.0, 3.0), (60.0, 30.0))
"""(turn, pause between moves): restless trees move all the time, and cross."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What a storm did and what was found."""

    seed: int
    nodes: int
    place: str
    events: int
    by_kind: dict[str, int]
    inputs: int
    checks: int
    virtual_s: float
    broken: tuple[Violation, ...]


class TreeStorm:
    """One run; the seed decides everything."""

    def __init__(
        self, seed: int, nodes: int, *, place: PathsSpec | None = None
    ) -> None:
        self._chance = chance = random.Random(f"tree-storm/{seed}/{nodes}")  # noqa: S311
        self.place = place or chance.choice(PLACES)
        turn_s, pause_s = chance.choice(TURNS)
        scenario = Scenario(
            "storm",
            nodes,
            86_400.0,
            name="tree-storm",
            paths=self.place,
            population=PopulationSpec("study", 5.0),
            weather=Weather(loss=0.002, burst_s=0.1, jitter=0.3),
            media=Media(packets_per_s=10.0, full_packets_per_s=20.0),
            checks=Checks(served_within_s=SERVED_S, stop=True),
            brain=(
                ("distribution.children_max", chance.choice(WIDTHS)),
                ("distribution.turn_s", turn_s),
                ("distribution.move_pause_s", pause_s),
            ),
        )
        self.run = Run(scenario, seed, None)
        self.events: Counter[str] = Counter()
        self._streams: dict[str, int] = {}
        self._dead: list[tuple[int, int]] = []
        self._frozen: dict[int, None] = {}
        self._divided = 0
        self._stage: Stage = self.run.begin()
        self.run.mesh.ended = self._ended
        engine = self.run.engine
        engine.run_until(3.0)
        for name in STREAMS[: chance.randrange(2) + 1]:
            self._publish(name, chance.choice(self._capable()))
            for node in chance.sample(range(nodes), max(1, nodes * 4 // 5)):
                self._stage.subscribe(node, name, engine.now)
        engine.run_until(GROW_S)

    def play(self, events: int) -> Counts:
        """Do so many events, in rounds with a calm behind each."""
        engine, chance, pace_s = self.run.engine, self._chance, 0.1
        with collector_paused(), suppress(PromiseBrokenError):
            while self.events.total() < events:
                if self.events.total() % PACE_EVERY == 0:
                    pace_s = 10 ** chance.uniform(-2, 0)
                engine.run_until(engine.now + chance.expovariate(1 / pace_s))
                done = self.events.total()
                self._event()
                if self.events.total() > done and self.events.total() % ROUND == 0:
                    self._calm()
        return self._counts()

    def _counts(self) -> Counts:
        run = self.run
        return Counts(
            run.seen.seed,
            run.scenario.nodes,
            self.place.model,
            self.events.total(),
            dict(sorted(self.events.items())),
            run.engine.events,
            run.checkers.checks,
            run.engine.now,
            tuple(run.seen.violations),
        )

    # --- events ---------------------------------------------------------------------

    def _event(self) -> None:
        """One random change, if it can be made at this moment."""
        kind = self._chance.choices(list(KINDS), list(KINDS.values()))[0]
        acts = {
            "cut": self._cut,
            "join-again": self._join_again,
            "longer": self._longer,
            "lag": self._lag,
            "crash": self._crash,
            "restart": self._restart,
            "freeze": self._freeze,
            "leave": self._leave,
            "divide": self._divide,
            "heal": self._heal,
            "come": self._come,
            "go": self._go,
            "move": self._move,
        }
        if acts[kind]():
            self.events[kind] += 1

    @property
    def _now(self) -> float:
        return self.run.engine.now

    def _any_up(self) -> int | None:
        up = [n for n in self._stage.alive() if n not in self._frozen]
        return self._chance.choice(up) if len(up) > 1 else None

    def _link(self) -> tuple[int, int] | None:
        """A pair with a link, one that carries a tree more often than not."""
        node = self._any_up()
        if node is None:
            return None
        mesh = self.run.mesh
        above = [mesh.parent_of(node, stream) for stream in mesh.clocks]
        parents = [parent for parent in above if parent is not None]
        if parents and self._chance.random() < 0.6:
            return node, self._chance.choice(parents)
        far = list(mesh.hosts[node].links.values())
        return (node, self._chance.choice(far).host) if far else None

    def _spoil(self, pair: tuple[int, int], *, down: bool, extra_s: float) -> None:
        network = self.run.mesh.network
        bad = replace(network.conditions, down=down, extra_s=extra_s)
        plain = bad == network.conditions
        for src, dst in (pair, pair[::-1]):
            network.override(src, dst, None if plain else bad)
        self.run.mesh.alert()

    def _cut(self) -> bool:
        pair = self._link()
        if pair is None or len(self._dead) >= CUTS_MAX:
            return False
        self._dead.append(pair)
        self._spoil(pair, down=True, extra_s=0.0)
        return True

    def _join_again(self) -> bool:
        if not self._dead:
            return False
        place = self._chance.randrange(len(self._dead))
        self._spoil(self._dead.pop(place), down=False, extra_s=0.0)
        return True

    def _longer(self) -> bool:
        pair = self._link()
        if pair is None or pair in self._dead or pair[::-1] in self._dead:
            return False
        extra_s = self._chance.choice([0.0, 0.02, 0.08, 0.3])
        self._spoil(pair, down=False, extra_s=extra_s)
        return True

    def _crash(self) -> bool:
        node, size = self._any_up(), self.run.scenario.nodes
        if node is None or size - len(self._stage.alive()) >= DOWN_SHARE_MAX * size:
            return False
        self._stage.stop(node, self._now, goodbye=False)
        return True

    def _leave(self) -> bool:
        node, size = self._any_up(), self.run.scenario.nodes
        if node is None or size - len(self._stage.alive()) >= DOWN_SHARE_MAX * size:
            return False
        self._stage.stop(node, self._now, goodbye=True)
        return True

    def _restart(self) -> bool:
        up = set(self._stage.alive())
        down = [n for n in range(self.run.scenario.nodes) if n not in up]
        if not down:
            return False
        keep = self._chance.random() < 0.5
        self._stage.start(self._chance.choice(down), self._now, keep_state=keep)
        return True

    def _freeze(self) -> bool:
        if self._frozen and self._chance.random() < 0.5:
            node = next(iter(self._frozen))
            del self._frozen[node]
            self._stage.thaw(node, self._now)
            return True
        chosen = self._any_up()
        if chosen is None or len(self._frozen) >= 2:
            return False
        self._frozen[chosen] = None
        self._stage.freeze(chosen, self._now)
        return True

    def _divide(self) -> bool:
        size, network = self.run.scenario.nodes, self.run.mesh.network
        if network.divided and self._divided and self._chance.random() < 0.8:
            return False
        self._divided += 1
        inside = self._chance.sample(range(size), self._chance.randrange(1, size))
        share = self._chance.choice([1.0, 1.0, 0.5])
        one_way = self._chance.random() < 0.2
        salt = self._chance.getrandbits(63)
        network.cut(cut("storm", size, inside, share=share, one_way=one_way, salt=salt))
        self.run.mesh.alert()
        return True

    def _heal(self) -> bool:
        if not self._divided:
            return False
        self._divided = 0
        self.run.mesh.network.heal("storm")
        self.run.mesh.alert()
        return True

    # --- viewers and publishers -------------------------------------------------------

    def _publish(self, name: str, node: int) -> None:
        self._streams[name] = node
        self._stage.publish(node, Stream(name, node), self._now)

    def _capable(self) -> list[int]:
        """Who can feed a few: no tree can grow from a publisher without a slot."""
        specs = self.run.mesh.specs
        return [spec.index for spec in specs if spec.copies >= CAPABLE_COPIES] or [0]

    def _come(self) -> bool:
        name, node = self._chance.choice(list(self._streams)), self._any_up()
        if node is None or stream_of(name) in self.run.mesh.hosts[node].watching:
            return False
        self._stage.subscribe(node, name, self._now)
        return True

    def _go(self) -> bool:
        name, node = self._chance.choice(list(self._streams)), self._any_up()
        if node is None or stream_of(name) not in self.run.mesh.hosts[node].watching:
            return False
        self._stage.unsubscribe(node, name, self._now)
        return True

    def _move(self) -> bool:
        """The publisher goes to another machine, and its viewers follow."""
        name, up = self._chance.choice(list(self._streams)), self._any_up()
        node = self._chance.choice(self._capable())
        if up is None or node == self._streams[name]:
            return False
        mesh, now = self.run.mesh, self._now
        self._stage.unpublish(self._streams[name], Stream(name), now)
        key = stream_of(name)
        viewers = [host.index for host in mesh.hosts if key in host.watching]
        for viewer in viewers:
            self._stage.unsubscribe(viewer, name, now)
        self._publish(name, node)
        for viewer in viewers:
            self._stage.subscribe(viewer, name, now)
            mesh.hosts[viewer].watching[key] = node_id(node)
        mesh.alert()
        return True

    def _ended(self, node: int, stream: StreamId) -> None:
        """A viewer heard that the stream is over; it looks again, and finds it."""
        self.run.engine.after(LOOK_S, self._look, node, stream)

    def _look(self, node: int, stream: StreamId) -> None:
        mesh = self.run.mesh
        host, name = mesh.hosts[node], mesh.clocks[stream].name
        tree = host.plane.streams.get(stream) if host.up else None
        if stream in host.watching and (tree is None or tree.parent is None):
            self._stage.unsubscribe(node, name, self._now)
            self._stage.subscribe(node, name, self._now)

    def _lag(self) -> bool:
        """Everything reaches a machine late: what it knows of paths is old."""
        node = self._chance.randrange(self.run.scenario.nodes)
        lag_s = self._chance.choice([0.0, 0.0, 0.2, 0.5])
        self.run.mesh.network.set_lag(node, lag_s)
        return True

    def _calm(self) -> None:
        """Everything that is broken is mended; then nothing happens for a while."""
        for node in range(self.run.scenario.nodes):
            self.run.mesh.network.set_lag(node, 0.0)
        while self._dead:
            self._spoil(self._dead.pop(), down=False, extra_s=0.0)
        for node in list(self._frozen):
            del self._frozen[node]
            self._stage.thaw(node, self._now)
        self._heal()
        for node in self._streams.values():
            self._stage.start(node, self._now, keep_state=True)
        self.run.engine.run_until(self._now + CALM_S)


def main() -> int:
    """Run one storm and print its counts; 1 if a promise broke."""
    parser = argparse.ArgumentParser(description="storm over whole brains")
    for name, default in (("seed", 1), ("nodes", 50), ("events", 400)):
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    counts = TreeStorm(arguments.seed, arguments.nodes).play(arguments.events)
    for violation in counts.broken:
        lines = "\n".join(violation.events[-60:])
        sys.stdout.write(f"{lines}\n{violation}\n")
    sys.stdout.write(f"{replace(counts, broken=())}\n")
    return int(bool(counts.broken))


if __name__ == "__main__":
    sys.exit(main())
