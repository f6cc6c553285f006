"""The driver: one input at a time, outputs in order, defects survived."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import pytest

from meshnode.control.driver import WAITING_MAX, Driver
from meshproto.errors import StateError
from meshproto.events import Event, LimitReached
from meshproto.ids import NodeId
from meshproto.outputs import HangUp
from support.control_world import until


class Brain:
    """A machine that says what it is told to say."""

    def __init__(self) -> None:
        self.outputs: deque[Any] = deque()
        self.inputs: list[str] = []
        self.deadline: float | None = None
        self.woken = 0
        self.walls: list[int] = []

    def say(self, word: str, *outputs: Any) -> str:
        *said, _now = outputs
        self.inputs.append(word)
        self.outputs.extend(said)
        return word

    def fail(self, _now: float) -> None:
        self.outputs.append(HangUp(NodeId(b"half"), "done"))
        raise RuntimeError("a defect")

    def misuse(self, _now: float) -> None:
        raise StateError("not now")

    def poll(self) -> Any:
        return self.outputs.popleft() if self.outputs else None

    def next_timeout(self) -> float | None:
        return self.deadline

    def handle_timeout(self, _now: float) -> None:
        self.woken += 1
        self.deadline = None

    def wall(self, wall_ms: int, _now: float) -> None:
        self.walls.append(wall_ms)


class Rig:
    def __init__(self) -> None:
        self.brain = Brain()
        self.carried: list[Any] = []
        self.heard: list[Event] = []
        self.on_carry: Any = lambda output: None
        self.on_hear: Any = lambda event: None
        loop = asyncio.get_running_loop()
        self.driver = Driver(
            self.brain,  # type: ignore[arg-type]
            self._carry,
            self._hear,
            clock=loop.time,
            wall_ms=lambda: 77,
        )

    def _carry(self, output: Any) -> None:
        self.carried.append(output)
        self.on_carry(output)

    def _hear(self, event: Event) -> None:
        self.heard.append(event)
        self.on_hear(event)

    def say(self, word: str, *outputs: Any) -> Any:
        return self.driver.tell(word, self.brain.say, word, *outputs)


@pytest.fixture
async def rig() -> Any:
    rig = Rig()
    yield rig
    rig.driver.close()


def hang_up(number: int) -> HangUp:
    return HangUp(NodeId(bytes((number,))), "test")


async def test_outputs_are_carried_out_in_order_and_the_answer_given(rig: Rig) -> None:
    assert rig.say("one", hang_up(1), hang_up(2)) == "one"
    assert rig.carried == [hang_up(1), hang_up(2)]


async def test_an_input_amid_outputs_waits_until_they_are_done(rig: Rig) -> None:
    def carry(output: Any) -> None:
        if output == hang_up(1):
            assert rig.say("two", hang_up(3)) is None
            assert rig.brain.inputs == ["one"]

    rig.on_carry = carry
    rig.say("one", hang_up(1), hang_up(2))
    assert rig.brain.inputs == ["one", "two"]
    assert rig.carried == [hang_up(1), hang_up(2), hang_up(3)]


async def test_who_hears_of_an_event_may_ask_the_brain_again(rig: Rig) -> None:
    event = LimitReached("trees_max", 1)
    rig.on_hear = lambda _: len(rig.heard) < 2 and rig.say("again", event)
    rig.say("first", event)
    assert rig.brain.inputs == ["first", "again"]
    assert rig.heard == [event, event]


async def test_a_defect_costs_its_input_and_nothing_else(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        rig.driver.tell("bad", rig.brain.fail)
    assert rig.driver.defects == {"bad": 3}
    assert [r.getMessage() for r in caplog.records] == ["defect: bad "]
    assert rig.carried == [HangUp(NodeId(b"half"), "done")] * 3
    assert rig.say("next") == "next"


async def test_a_carrier_that_fails_does_not_stop_the_outputs_behind(rig: Rig) -> None:
    def carry(output: Any) -> None:
        if output == hang_up(1):
            raise RuntimeError("no")

    rig.on_carry = carry
    rig.say("one", hang_up(1), hang_up(2))
    assert rig.carried == [hang_up(1), hang_up(2)]
    assert rig.driver.defects == {"one/HangUp": 1}


async def test_local_misuse_is_raised_to_whoever_did_it(rig: Rig) -> None:
    with pytest.raises(StateError, match="not now"):
        rig.driver.tell("misuse", rig.brain.misuse)
    assert not rig.driver.defects
    assert rig.say("next") == "next"


async def test_the_brain_is_woken_at_its_deadline_and_not_after(rig: Rig) -> None:
    rig.brain.deadline = asyncio.get_running_loop().time() + 0.02
    rig.say("arm")
    assert not rig.brain.woken
    await until(lambda: rig.brain.woken, "it is woken")
    assert rig.brain.woken == 1


async def test_it_is_told_the_time_of_day_at_the_start(rig: Rig) -> None:
    rig.driver.start()
    assert rig.brain.walls == [77]


async def test_what_waits_is_bounded(rig: Rig) -> None:
    def carry(_output: Any) -> None:
        rig.on_carry = lambda output: None
        for _ in range(WAITING_MAX + 5):
            rig.say("more")

    rig.on_carry = carry
    rig.say("one", hang_up(1))
    assert rig.driver.dropped == 5
    assert len(rig.brain.inputs) == WAITING_MAX + 1


async def test_a_closed_driver_feeds_nothing(rig: Rig) -> None:
    rig.driver.close()
    assert rig.say("late") is None
    assert not rig.brain.inputs
