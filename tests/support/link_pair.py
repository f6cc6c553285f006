"""Two `Links` joined by pipes that lose, delay, reorder and repeat (virtual time).

`Pair.settle` drives both until nothing is due; that it returns at all is the proof that
a pair comes to rest.  Each test says what the pipe does by a list of fates.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from meshproto.config.link import LinkConfig
from meshproto.events import Event
from meshproto.ids import LinkId, NodeId
from meshproto.link import events
from meshproto.link.links import Links
from meshproto.outputs import HangUp, Outbox, Output, Transmit
from meshproto.wire.control.schema import Record

A = NodeId(b"node-a--")
B = NodeId(b"node-b--")
LINK = LinkId(7)
RTT_S = 0.04
STEPS_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Fate:
    """What the pipe does with one datagram: copies, and how much later than usual."""

    copies: int = 1
    late_s: float = 0.0


GOOD = Fate()
LOST = Fate(copies=0)


class End:
    """One node with one link; keeps what came out of it."""

    def __init__(
        self, me: NodeId, other: NodeId, config: LinkConfig, epoch: int
    ) -> None:
        self.me, self.other = me, other
        self.outbox = Outbox()
        self.links = Links(me, epoch, config, self.outbox, random.Random(me))
        self.records: list[Record] = []
        self.changes: list[events.Change] = []
        self.outputs: list[Output] = []
        self.hung_up: list[str] = []

    def drain(self, now: float) -> Iterator[Transmit]:
        """Flush as `Node` does after every input, and take everything."""
        self.links.flush(now)
        self.changes += self.links.take_changes()
        while (output := self.outbox.poll()) is not None:
            if isinstance(output, Transmit):
                yield output
            elif isinstance(output, HangUp):
                self.hung_up.append(output.reason)
            else:
                self.outputs.append(output)

    @property
    def ready(self) -> bool:
        return self.links.linked(self.other)

    def saw(self, kind: type[Event]) -> list[Event]:
        """Changes and events of one kind, in order."""
        seen = [*self.changes, *(o for o in self.outputs if isinstance(o, Event))]
        return [event for event in seen if isinstance(event, kind)]


@dataclass
class Pair:
    """Both ends, the pipe between them and the clock."""

    fates: Iterable[Fate] = ()
    config: LinkConfig = field(default_factory=LinkConfig)
    other_config: LinkConfig | None = None
    delay_s: float = RTT_S / 2
    now: float = 100.0
    frames: int = 0
    octets: int = 0
    largest: int = 0
    watch: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self._fates = iter(self.fates)
        self._air: list[tuple[float, int, End, bytes]] = []
        self._count = 0
        self.a = End(A, B, self.config, 1_000)
        self.b = End(B, A, self.other_config or self.config, 2_000)

    @classmethod
    def ready(cls, **options: object) -> Pair:
        """A pair that has greeted over a good pipe, and at rest."""
        fates = options.pop("fates", ())
        pair = cls(**options)  # type: ignore[arg-type]
        pair.up()
        pair.settle()
        assert pair.a.ready
        assert pair.b.ready
        pair._fates = iter(fates)  # type: ignore[call-overload]
        for end in (pair.a, pair.b):
            end.changes.clear()
            end.outputs.clear()
        pair.frames = pair.octets = 0
        return pair

    def end(self, node: NodeId) -> End:
        return self.a if node == A else self.b

    def up(self, link: LinkId = LINK, rtt_s: float = RTT_S) -> None:
        self.up_at(self.a, link, rtt_s)
        self.up_at(self.b, link, rtt_s)

    def up_at(self, end: End, link: LinkId = LINK, rtt_s: float = RTT_S) -> None:
        end.links.up(link, end.other, rtt_s, self.now)
        self.pump(end)

    def send(self, end: End, *records: Record) -> None:
        for record in records:
            end.links.send(end.other, record, self.now)
        self.pump(end)

    def pump(self, end: End) -> None:
        """Take what `end` has to say and put it into the pipe."""
        for transmit in end.drain(self.now):
            self.frames += 1
            self.octets += len(transmit.frame)
            self.largest = max(self.largest, len(transmit.frame))
            fate = next(self._fates, GOOD)
            for copy in range(fate.copies):
                late_s = fate.late_s * (copy + 1)
                self._count += 1
                at = self.now + self.delay_s + late_s
                item = (at, self._count, self.end(end.other), transmit.frame)
                heapq.heappush(self._air, item)

    def step(self, until: float = float("inf")) -> bool:
        """The next arrival or deadline; False when there is none before `until`."""
        deadlines = [(e.links.next_timeout(), e) for e in (self.a, self.b)]
        timed = [(at, i, e) for i, (at, e) in enumerate(deadlines) if at is not None]
        soonest = min(timed, default=None)
        arrival = self._air[0][0] if self._air else float("inf")
        at = min(arrival, soonest[0] if soonest else float("inf"))
        if at > until or at == float("inf"):
            return False
        self.now = max(self.now, at)
        if arrival <= at:
            _, _, end, frame = heapq.heappop(self._air)
            end.records += end.links.receive(LINK, frame, self.now)
        else:
            assert soonest is not None
            end = soonest[2]
            end.links.handle_timeout(self.now)
        self.pump(end)
        self.watch()
        return True

    def settle(self) -> int:
        """Run until nothing is due; the steps it took."""
        for steps in range(STEPS_MAX):
            if not self.step():
                return steps
        raise AssertionError("the pair does not come to rest")

    def run(self, seconds: float) -> None:
        """Run for a time; the clock stands at its end."""
        until = self.now + seconds
        while self.step(until):
            pass
        self.now = until

    def cut(self) -> None:
        """Lose everything in the air and from now on."""
        self._air.clear()

        def losses() -> Iterator[Fate]:
            while True:
                yield LOST

        self._fates = losses()

    def heal(self) -> None:
        self._fates = iter(())


def quick(**changes: float) -> LinkConfig:
    """The usual choices with some changed."""
    return replace(LinkConfig(), **changes)  # type: ignore[arg-type]
