"""`meshnode peers`: the neighbours of a running node."""

from __future__ import annotations

from typing import Any

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
from meshnode.cli.status import duration
from meshnode.cli.terminal import command, say

ABOUT = """\
Show the neighbours of a running node: round trip, loss, and what the link is for.

A neighbour is a node with a link to this one; the mesh has more nodes than these."""
HEAD = ("node", "state", "RTT ms", "loss %", "purpose", "reach", "dialled by", "age")

app = command("peers", ABOUT)


@app.default
def peers(*, admin: Admin = None, as_json: AsJson = False) -> int:
    """Fetch and print."""
    answer = ask(admin, "peers")
    if as_json:
        return show_json(answer)
    rows = answer.get("peers") or []
    own = name_of(answer.get("node"))
    say(f"node {own}  reach {answer.get('reach', 'unknown')}  neighbours {len(rows)}")
    if rows:
        show_table(HEAD, map(_row, rows), right=(2, 3, 7))
    else:
        say("no neighbour yet; start another node with --bootstrap and this address")
    return 0


def _row(peer: dict[str, Any]) -> tuple[str, ...]:
    return (
        name_of(peer.get("node")),
        _state(peer),
        ms(peer.get("rtt_s")),
        percent(peer.get("loss")),
        str(peer.get("purpose", "")),
        str(peer.get("reach", "")),
        "us" if peer.get("outbound") else "it",
        duration(float(peer.get("age_s", 0))),
    )


def _state(peer: dict[str, Any]) -> str:
    if not peer.get("ready"):
        return "greeting"
    return "suspect" if peer.get("suspect") else "up"
