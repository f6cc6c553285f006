"""A handful of real `Node` brains, perfect paths between them, and virtual time.

Nothing is modelled but delay: what a brain transmits arrives 10 ms later, unless a test
takes it away.  Dials, probes and deltas are kept for the test to look at; with `dial`
a dial is answered by a link.  Before and after every look at `next_timeout` a brain is
the same, and this harness holds it to that at every step.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import replace

from meshproto.events import Event
from meshproto.forwarding.relay_table import SetActive
from meshproto.ids import LinkId, NodeId, StreamId
from meshproto.link.events import LinkReady
from meshproto.node import Ability, Identity, Node, NodeConfig
from meshproto.outputs import Dial, HangUp, Output, Purpose, Transmit
from meshproto.wire.control.peer import MediaAddress

ONE_WAY_S = 0.01
EPOCH_MS = 1_800_000_000_000
STEPS_MAX = 100_000
STREAM = StreamId(b"a stream of test")
RATES = (2_000_000,)


def name(number: int) -> NodeId:
    return NodeId(b"brain-%02d-id" % number)


def ability(number: int, copies: int = 8) -> Ability:
    media = (MediaAddress(bytes([192, 0, number + 1, 1]), 5_000),)
    return Ability(media, copies=copies)


class Brains:
    """`nodes[i]` is called `name(i)`; `outputs[i]` is all it said but its frames."""

    def __init__(
        self, count: int, config: NodeConfig | None = None, *, dial: bool = False
    ) -> None:
        self.config = config or NodeConfig()
        self.now = 0.0
        self.dial = dial
        self.names = [name(number) for number in range(count)]
        self.nodes: list[Node] = []
        self.outputs: list[list[Output]] = [[] for _ in range(count)]
        self.frames: list[tuple[int, bytes]] = []
        self.lose: Callable[[int, int], bool] = lambda source, to: False
        self._ends: dict[tuple[int, LinkId], tuple[int, LinkId]] = {}
        self._air: list[tuple[float, int, int, LinkId, bytes]] = []
        self._count = 0
        self._lives = 0
        for number in range(count):
            self.nodes.append(self._born(number))
            self.drain(number)

    def _born(self, number: int) -> Node:
        self._lives += 1
        node = Node(
            Identity(name(number), EPOCH_MS + self._lives, lambda data: data[:8]),
            random.Random(self._lives),
            lambda node, data, signature: signature == data[:8],
            lambda stream: None,
            self.config,
        )
        node.wall(EPOCH_MS + 60_000, self.now)
        node.start(ability(number), (), self.now)
        return node

    def restart(self, number: int) -> None:
        """A new process under the same name; whoever was linked is not told."""
        self.nodes[number] = self._born(number)
        self.outputs[number].clear()
        self.drain(number)

    # --- links

    def link(
        self, a: int, b: int, purpose: Purpose = Purpose.OVERLAY, *, known: bool = True
    ) -> tuple[LinkId, LinkId]:
        """Set a link up, from `a`; without `known` only `a` sees a new association."""
        self._count += 2
        here, there = LinkId(self._count), LinkId(self._count + 1)
        self._ends[a, here], self._ends[b, there] = (b, there), (a, here)
        if known:
            self.call(b, self.nodes[b].link_up, there, name(a), 0.02, False, purpose)
        self.call(a, self.nodes[a].link_up, here, name(b), 0.02, True, purpose)
        return here, there

    def cut(self, number: int, link: LinkId) -> None:
        """Nothing passes any more, and nobody is told."""
        other = self._ends.pop((number, link), None)
        if other is not None:
            self._ends.pop(other, None)

    def call(self, number: int, verb: Callable[..., object], *args: object) -> None:
        """One input at this moment, then drain."""
        verb(*args, self.now)
        self.drain(number)

    def drain(self, number: int) -> None:
        node = self.nodes[number]
        while (output := node.poll()) is not None:
            if isinstance(output, Transmit):
                self._transmit(number, output)
                continue
            self.outputs[number].append(output)
            if isinstance(output, Dial) and self.dial:
                other = self.names.index(output.peer.node)
                at = self.now + 6 * ONE_WAY_S
                self._later(at, number, LinkId(-1 - other), output.purpose.name)
            elif isinstance(output, HangUp):
                self._hang_up(number, output)

    def _later(self, at: float, number: int, link: LinkId, purpose: str) -> None:
        self._count += 1
        heapq.heappush(self._air, (at, self._count, number, link, purpose.encode()))

    def _hang_up(self, number: int, output: HangUp) -> None:
        """The far end learns it by the goodbye, or not at all."""
        for (end, link), (far, _) in list(self._ends.items()):
            if end == number and name(far) == output.neighbour:
                self.cut(end, link)

    def _transmit(self, number: int, output: Transmit) -> None:
        self.frames.append((number, output.frame))
        far = self._ends.get((number, output.link))
        if far is not None and not self.lose(number, far[0]):
            self._count += 1
            at = self.now + ONE_WAY_S
            heapq.heappush(self._air, (at, self._count, *far, output.frame))

    # --- time

    def run(self, seconds: float) -> None:
        """Let everything happen that is due within `seconds`."""
        end = self.now + seconds
        for _ in range(STEPS_MAX):
            at, number = min(
                (self._deadline(number), number) for number in range(len(self.nodes))
            )
            arrival = self._air[0][0] if self._air else end
            if min(at, arrival) >= end:
                self.now = end
                return
            self.now = max(self.now, min(at, arrival))
            if arrival <= at:
                self._arrive(*heapq.heappop(self._air)[2:])
            else:
                self.call(number, self.nodes[number].handle_timeout)
        raise AssertionError("the brains do not come to rest")

    def _arrive(self, number: int, link: LinkId, frame: bytes) -> None:
        if link < 0:
            other = -1 - link
            self.link(number, other, Purpose[frame.decode()])
        elif (number, link) in self._ends:
            self.call(number, self.nodes[number].receive, link, frame)

    def _deadline(self, number: int) -> float:
        node = self.nodes[number]
        at = node.next_timeout()
        assert node.next_timeout() == at
        assert node.poll() is None
        return float("inf") if at is None else at

    # --- questions

    def saw(self, number: int, kind: type[Event] | type) -> list[Output]:
        """Outputs of a brain of one kind, in order."""
        return [o for o in self.outputs[number] if isinstance(o, kind)]


def couple(purpose: Purpose = Purpose.OVERLAY) -> Brains:
    """Two brains with a link that is ready."""
    brains = Brains(2)
    brains.link(0, 1, purpose)
    brains.run(1.0)
    assert brains.saw(0, LinkReady)
    assert brains.saw(1, LinkReady)
    return brains


def tree_of_two() -> Brains:
    """Brain 0 publishes, brain 1 watches."""
    brains = couple()
    brains.call(0, brains.nodes[0].publish, STREAM, RATES)
    brains.call(1, brains.nodes[1].subscribe, STREAM, name(0), 1, 1)
    brains.run(1.0)
    assert SetActive(STREAM, name(0)) in [
        replace(delta, alias=0, base=0)
        for delta in brains.saw(1, SetActive)
        if isinstance(delta, SetActive)
    ]
    return brains
