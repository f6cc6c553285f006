"""One repair, step by step: who appears, where, and what changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from meshsim.observation import NOBODY, Step, StepKind, Story, TreeShot
from meshsim.report.story import FRAMES_MAX, NODES_MAX, told
from support.reports import observation
from support.spaces import nodes

#   0 -> 1 -> 2 -> 4, 5      0 -> 3 -> 6      7 hangs elsewhere, 8 below 7
PARENT = [NOBODY, 0, 1, 0, 2, 2, 3, 0, 7]


def tree(parent: list[int]) -> TreeShot:
    wanted = np.ones(len(parent), np.bool_)
    return TreeShot(10.0, "show", 0, np.array(parent), wanted, wanted)


def story(*steps: Step) -> dict[str, Any]:
    return told(Story(tree(PARENT), steps), nodes([4] * 9))


DEATH = Step(10.0, 1, StepKind.DIES)
FULL = (
    DEATH,
    Step(10.06, 2, StepKind.NOTICES, 1),
    Step(10.07, 4, StepKind.HOLDS, 2),
    Step(10.08, 2, StepKind.ASKS, 6),
    Step(10.10, 2, StepKind.STALLED, 6),
    Step(10.11, 2, StepKind.REFUSED, 6),
    Step(10.12, 2, StepKind.ASKS, 3),
    Step(10.14, 2, StepKind.ACCEPTED, 3),
    Step(10.15, 2, StepKind.SERVED, 3),
)


def test_only_those_who_take_part_appear_and_their_way_up() -> None:
    made = story(*FULL)
    assert {node["id"] for node in made["nodes"]} == {0, 1, 2, 3, 4, 5, 6}
    assert made["origin"] == 0
    assert made["parent"] == {"1": 0, "2": 1, "3": 0, "4": 2, "5": 2, "6": 3}


def test_depth_is_the_row_and_no_two_share_a_place() -> None:
    places = {node["id"]: (node["x"], node["y"]) for node in story(*FULL)["nodes"]}
    rows = {node: y for node, (_, y) in places.items()}
    assert rows == {0: 0, 1: 1, 3: 1, 2: 2, 6: 2, 4: 3, 5: 3}
    assert len(set(places.values())) == len(places)
    assert places[2][0] == (places[4][0] + places[5][0]) / 2


def test_a_death_silences_all_below_and_service_feeds_them_again() -> None:
    frames = story(*FULL)["frames"]
    assert frames[0]["states"] == {}
    assert frames[1]["states"] == {
        "1": "dead",
        "2": "silent",
        "4": "silent",
        "5": "silent",
    }
    states = [frame["states"].get("2") for frame in frames[2:]]
    assert states == [
        *("aware", None, "asking", "queued", "aware", "asking", "promised", "fed")
    ]
    assert frames[-1]["states"] == {"2": "fed", "4": "fed", "5": "fed"}
    assert frames[-1]["parents"] == {"2": 3}


def test_each_step_is_a_sentence_at_its_time() -> None:
    frames = story(*FULL)["frames"]
    assert [frame["t_ms"] for frame in frames[:3]] == [0, 0.0, 60.0]
    assert [frame["text"] for frame in frames[1:5]] == [
        "Node 1 dies without a word.",
        "Node 2 notices that nothing comes any more from node 1.",
        "Node 4 still hears its parent from node 2, and waits for it.",
        "Node 2 asks node 6.",
    ]
    assert frames[-1]["text"] == "Node 2 has media again, from node 3."


def test_the_dead_are_not_fed_again() -> None:
    also = Step(10.01, 5, StepKind.DIES)
    frames = story(DEATH, also, *FULL[1:])["frames"]
    assert frames[-1]["states"] == {"2": "fed", "4": "fed"}


def test_a_large_mesh_shows_a_part_of_itself() -> None:
    size = 500
    parent = [NOBODY, 0, *[1] * (size - 2)]
    steps = (DEATH, *[Step(10.1, n, StepKind.NOTICES, 1) for n in range(2, size)])
    made = told(Story(tree(parent), steps), nodes([4] * size))
    assert len(made["nodes"]) <= NODES_MAX + 2
    assert len(made["frames"]) == FRAMES_MAX + 1


@pytest.mark.parametrize("seed", range(3))
def test_whatever_changes_has_a_place(seed: int) -> None:
    seen = observation(seed)
    assert seen.story is not None
    made = told(seen.story, seen.population)
    shown = {str(node["id"]) for node in made["nodes"]}
    assert {int(node) for node in made["parent"]} <= {int(node) for node in shown}
    changed = {node for frame in made["frames"] for node in frame["parents"]}
    assert changed <= shown
