"""Faults at work: schedules them, chooses whom they hit, and ends them in time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import assert_never

from meshsim.engine import Engine
from meshsim.faults import Fault, Field, Strike, What, Who, choose
from meshsim.partition import cut
from meshsim.weather import Loss

BEFORE_S = 1.0
"""Packet clocks run at full rate so long before a fault: the gap that it makes must not
hold the pause of a slow clock."""


class Faults:
    """Schedules the faults of a scenario and remembers what struck."""

    __slots__ = ("_chance", "_engine", "_field", "_serial", "struck")

    def __init__(self, engine: Engine, field: Field) -> None:
        self._engine = engine
        self._field = field
        self._chance = engine.stream("faults")
        self._serial = 0
        self.struck: list[Strike] = []
        """In order; ends of faults are not listed."""

    def schedule(self, faults: Sequence[Fault]) -> None:
        """Arrange for every fault; call once, at the start of a run."""
        for fault in faults:
            if fault.every_s is None:
                self._expect(fault.at_s)
                self._engine.at(fault.at_s, self._strike, fault)
            else:
                self._again(fault, fault.at_s)

    def _again(self, fault: Fault, after_s: float) -> None:
        assert fault.every_s is not None
        at = after_s + self._chance.expovariate(1.0 / fault.every_s)
        if fault.until_s is None or at <= fault.until_s:
            self._expect(at)
            self._engine.at(at, self._strike_and_again, fault)

    def _expect(self, at: float) -> None:
        self._engine.at(max(self._engine.now, at - BEFORE_S), self._field.expected)

    def _strike_and_again(self, fault: Fault) -> None:
        self._strike(fault)
        self._again(fault, self._engine.now)

    def _strike(self, fault: Fault) -> None:
        hit = choose(fault, self._field, self._chance)
        self._serial += 1
        self.struck.append(Strike(self._engine.now, fault, tuple(hit)))
        self._field.struck(fault, hit, self._engine.now)
        self._act(fault, hit)

    def _later(
        self, delay_s: float | None, call: Callable[..., object], *args: object
    ) -> None:
        if delay_s is not None:
            self._engine.after(delay_s, call, *args)

    def _act(self, fault: Fault, hit: Sequence[int]) -> None:
        match fault.what:
            case What.CRASH | What.LEAVE:
                self._crash(fault, hit)
            case What.FLAP:
                for node in hit:
                    self._flap(node, fault, fault.times)
            case What.FREEZE | What.CLOCK | What.SLOW | What.LIE | What.READDRESS:
                for node in hit:
                    self._trouble(fault, node)
            case What.PARTITION:
                self._partition(fault, hit)
            case What.SEVER | What.WORSEN:
                for a, b in self._links(fault, hit):
                    self._spoil(fault, a, b)
            case What.LOSE:
                self._lose(fault)
            case _:
                assert_never(fault.what)

    def _crash(self, fault: Fault, hit: Sequence[int]) -> None:
        goodbye = fault.what is What.LEAVE
        for node in hit:
            self._field.stop(node, self._engine.now, goodbye=goodbye)
            self._later(fault.for_s, self._restart, node, fault.keep_state)

    def _restart(self, node: int, keep_state: bool) -> None:
        self._field.start(node, self._engine.now, keep_state=keep_state)

    def _flap(self, node: int, fault: Fault, left: int) -> None:
        self._field.stop(node, self._engine.now, goodbye=False)
        self._later(fault.period_s / 2.0, self._restart, node, fault.keep_state)
        if left > 1:
            self._later(fault.period_s, self._flap, node, fault, left - 1)

    def _trouble(self, fault: Fault, node: int) -> None:
        """What happens to a process that goes on."""
        field, now = self._field, self._engine.now
        match fault.what:
            case What.FREEZE:
                field.freeze(node, now)
                self._later(fault.for_s, self._thaw, node)
            case What.CLOCK:
                field.jump_clock(node, fault.by_s, now)
            case What.SLOW:
                field.network.set_lag(node, fault.lag_s)
                self._later(fault.for_s, field.network.set_lag, node, 0.0)
            case What.LIE:
                field.lie(node, fault.about, now)
            case _:
                field.readdress(node, now)

    def _thaw(self, node: int) -> None:
        self._field.thaw(node, self._engine.now)

    def _partition(self, fault: Fault, hit: Sequence[int]) -> None:
        network = self._field.network
        name = f"fault {self._serial}"
        salt = self._chance.getrandbits(63)
        size, one_way, share = network.size, fault.one_way, fault.share
        network.cut(cut(name, size, hit, one_way=one_way, share=share, salt=salt))
        self._later(fault.for_s, network.heal, name)

    def _links(self, fault: Fault, hit: Sequence[int]) -> list[tuple[int, int]]:
        """The links of those hit: towards their parents, or the two that are listed."""
        if fault.who is Who.NODES:
            return [(hit[0], hit[1])] if len(hit) > 1 else []
        edges = [(self._field.parent(node), node) for node in hit]
        return [(parent, node) for parent, node in edges if parent is not None]

    def _spoil(self, fault: Fault, a: int, b: int) -> None:
        network = self._field.network
        bad = replace(network.conditions, down=True)
        if fault.what is What.WORSEN:
            bad = replace(network.conditions, extra_s=fault.lag_s)
        for src, dst in [(a, b)] if fault.one_way else [(a, b), (b, a)]:
            network.override(src, dst, bad)
            self._later(fault.for_s, network.override, src, dst, None)

    def _lose(self, fault: Fault) -> None:
        network = self._field.network
        bad_loss = min(1.0, max(0.5, 2.0 * fault.share))
        burst_s = fault.burst_s if fault.share < bad_loss else 0.0
        network.lose_kind(fault.packets, Loss(fault.share, burst_s, bad_loss))
        self._later(fault.for_s, network.lose_kind, fault.packets, None)
