"""`meshnode trace STREAM`: the way of a stream to a running node, hop by hop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from cyclopts import Parameter

from meshnode.cli.asking import (
    Admin,
    AsJson,
    ask,
    ms,
    name_of,
    percent,
    show_json,
    show_table,
)
from meshnode.cli.terminal import command, say

ABOUT = """\
Show how a stream comes to a running node: every hop from here to the origin, what it
costs, and which neighbours could have been the parent and why they are not.

Round trip and loss are measured for the own link alone; hops further up were told."""
HOPS = ("hop", "node", "RTT ms", "loss %", "cost ms", "delay ms", "how known")
OTHERS = ("instead through", "delay ms", "free slots", "why not")

app = command("trace", ABOUT)


@app.default
def trace(
    stream: Annotated[str, Parameter(help="Name of the stream.")],
    /,
    *,
    admin: Admin = None,
    as_json: AsJson = False,
) -> int:
    """Fetch and print."""
    answer = ask(admin, "trace", stream)
    if as_json:
        return show_json(answer)
    say(_headline(answer))
    hops = answer.get("hops") or []
    if hops:
        say()
        show_table(HOPS, _hops(answer, hops), right=(2, 3, 4, 5))
    others = answer.get("alternatives") or []
    if others:
        say()
        show_table(OTHERS, map(_other, others), right=(1, 2))
    for sentence in answer.get("missing") or []:
        say()
        say(sentence)
    return 0


def _headline(answer: dict[str, Any]) -> str:
    name, state = answer.get("name", "?"), answer.get("state", "?")
    if state == "origin":
        return f"{name}: published at this node"
    delay = ms(answer.get("delay_s"))
    count = len(answer.get("hops") or [])
    steps = "1 hop" if count == 1 else f"{count} hops"
    far = f", {steps}, {delay} ms from the origin" if delay != "-" else ""
    return f"{name}: {state}{far}; origin {name_of(answer.get('origin'))}"


def _hops(
    answer: dict[str, Any], hops: list[dict[str, Any]]
) -> Iterator[tuple[str, ...]]:
    yield ("0", "this node", "", "", "", ms(answer.get("delay_s")), "")
    for number, hop in enumerate(hops, 1):
        node = name_of(hop.get("node"), str(hop.get("short", "")))
        is_origin = hop.get("node") == answer.get("origin")
        yield (
            str(number),
            f"{node} (origin)" if is_origin else node,
            ms(hop.get("rtt_s")),
            percent(hop.get("loss")),
            ms(hop.get("cost_s")),
            ms(hop.get("delay_s")),
            "measured" if hop.get("measured") else "told",
        )


def _other(each: dict[str, Any]) -> tuple[str, ...]:
    slots = each.get("slots")
    return (
        name_of(each.get("node")),
        ms(each.get("cost_s")),
        "-" if slots is None else str(slots),
        str(each.get("words", each.get("why", ""))),
    )
