"""One repair, told step by step: who is in it, where to draw them, what they say.

Everything the page needs is worked out here: it only walks through the frames.  The
tree before the fault is drawn from the origin down; of a large mesh only those appear
who take part, those who hang below the dead node, and the way up to the origin.
"""

from __future__ import annotations

from typing import Any

from meshsim.observation import (
    NOBODY,
    Population,
    Step,
    StepKind,
    Story,
    TreeShot,
)
from meshsim.oracle import children_of

NODES_MAX = 90
FRAMES_MAX = 400

FED, SILENT, DEAD, AWARE, ASKING, QUEUED, PROMISED = (
    *("fed", "silent", "dead", "aware", "asking", "queued", "promised"),
)
_STATES = {
    StepKind.NOTICES: AWARE,
    StepKind.HOLDS: AWARE,
    StepKind.ASKS: ASKING,
    StepKind.ACCEPTED: PROMISED,
    StepKind.REFUSED: AWARE,
    StepKind.STALLED: QUEUED,
}
_WORDS = {
    StepKind.DIES: "{node} dies without a word",
    StepKind.NOTICES: "{node} notices that nothing comes any more{from_other}",
    StepKind.HOLDS: "{node} still hears its parent{from_other}, and waits for it",
    StepKind.ASKS: "{node} asks {other}",
    StepKind.ACCEPTED: "{other} accepts {node}",
    StepKind.REFUSED: "{other} refuses {node}",
    StepKind.STALLED: "{other} has no media itself and lets {node} queue",
    StepKind.SERVED: "{node} has media again, from {other}",
}


def told(story: Story, population: Population) -> dict[str, Any]:
    """The story as nodes with places and frames with what changes."""
    cast = _cast(story)
    places = _places(story.before, cast)
    began_s = story.steps[0].time_s if story.steps else story.before.time_s
    parents = {node: int(story.before.parent[node]) for node in cast}
    return {
        "origin": story.before.origin,
        "nodes": [
            {"id": node, "kind": population.names[node], "x": x, "y": y}
            for node, (x, y) in places.items()
        ],
        "parent": {str(node): up for node, up in parents.items() if up in places},
        "frames": _frames(story.steps, parents, began_s),
    }


def _cast(story: Story) -> list[int]:
    """Who appears: participants, their way up, and then who hangs below them."""
    acting = [step.node for step in story.steps]
    acting += [step.other for step in story.steps if step.other is not None]
    cast: dict[int, None] = {}
    for node in dict.fromkeys(acting):
        if len(cast) >= NODES_MAX:
            break
        cast |= dict.fromkeys(_way_up(story.before, node))
    children = children_of(story.before.parent)
    waiting = [step.node for step in story.steps if step.kind is StepKind.DIES]
    while waiting and len(cast) < NODES_MAX:
        node = waiting.pop(0)
        cast[node] = None
        waiting.extend(children.get(node, ()))
    return list(cast)


def _way_up(tree: TreeShot, node: int) -> list[int]:
    way = [node]
    while (up := int(tree.parent[way[-1]])) != NOBODY and up not in way:
        way.append(up)
    return way


def _places(tree: TreeShot, cast: list[int]) -> dict[int, tuple[float, int]]:
    """Column and row of each: leaves side by side, parents over their children."""
    inside = set(cast)
    children = {
        node: [child for child in below if child in inside]
        for node, below in children_of(tree.parent).items()
    }
    rows = {node: len(_way_up(tree, node)) - 1 for node in cast}
    tops = sorted(node for node in cast if int(tree.parent[node]) not in inside)
    columns: dict[int, float] = {}
    next_column = 0
    for top in tops:
        for node in _leaves_first(top, children):
            below = [columns[child] for child in children.get(node, ())]
            columns[node] = (below[0] + below[-1]) / 2 if below else next_column
            next_column += not below
    return {node: (columns[node], rows[node]) for node in cast}


def _leaves_first(top: int, children: dict[int, list[int]]) -> list[int]:
    order: list[int] = []
    waiting = [top]
    while waiting:
        node = waiting.pop()
        order.append(node)
        waiting.extend(children.get(node, ()))
    return order[::-1]


def _frames(
    steps: tuple[Step, ...], parents: dict[int, int], began_s: float
) -> list[dict[str, Any]]:
    parents = dict(parents)
    dead: set[int] = set()
    frames: list[dict[str, Any]] = [
        {"t_ms": 0, "text": "Everybody is served.", "states": {}, "parents": {}}
    ]
    for step in steps[:FRAMES_MAX]:
        states = _changes(step, parents, dead)
        moved: dict[str, int] = {}
        if step.kind is StepKind.SERVED and step.other is not None:
            parents[step.node] = step.other
            moved = {str(step.node): step.other}
        frames.append(
            {
                "t_ms": round((step.time_s - began_s) * 1e3, 1),
                "text": _text(step),
                "node": step.node,
                "other": step.other,
                "states": {str(node): state for node, state in states.items()},
                "parents": moved,
            }
        )
    return frames


def _changes(step: Step, parents: dict[int, int], dead: set[int]) -> dict[int, str]:
    below = [node for node in _below(step.node, parents) if node not in dead]
    if step.kind is StepKind.DIES:
        dead.add(step.node)
        return dict.fromkeys(below, SILENT) | {step.node: DEAD}
    if step.kind is StepKind.SERVED:
        return dict.fromkeys([step.node, *below], FED)
    return {step.node: _STATES[step.kind]}


def _below(node: int, parents: dict[int, int]) -> list[int]:
    children: dict[int, list[int]] = {}
    for child, up in parents.items():
        children.setdefault(up, []).append(child)
    found: dict[int, None] = dict.fromkeys(children.get(node, ()))
    waiting = list(found)
    while waiting:
        for child in children.get(waiting.pop(), ()):
            if child not in found and child != node:
                found[child] = None
                waiting.append(child)
    return list(found)


def _text(step: Step) -> str:
    other = "nobody" if step.other is None else f"node {step.other}"
    from_other = "" if step.other is None else f" from node {step.other}"
    sentence = _WORDS[step.kind].format(
        node=f"node {step.node}", other=other, from_other=from_other
    )
    return f"{sentence[0].upper()}{sentence[1:]}."
