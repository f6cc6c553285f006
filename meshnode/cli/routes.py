"""`meshnode routes`: the way from a running node to every origin it knows."""

from __future__ import annotations

from typing import Any

from meshnode.cli.asking import Admin, AsJson, ask, ms, name_of, show_json, show_table
from meshnode.cli.terminal import command, say

ABOUT = """\
Show the routes of a running node: for every origin of a stream the next hop and the
delay, and how many neighbours offer another way.

Only origins that somebody watches have routes."""
HEAD = ("origin", "next hop", "delay ms", "other ways")

app = command("routes", ABOUT)


@app.default
def routes(*, admin: Admin = None, as_json: AsJson = False) -> int:
    """Fetch and print."""
    answer = ask(admin, "routes")
    if as_json:
        return show_json(answer)
    rows = answer.get("routes") or []
    if rows:
        show_table(HEAD, (_row(row, answer.get("node")) for row in rows), right=(2, 3))
    else:
        say("no routes: no origin of a stream is known here that anybody watches")
    return 0


def _row(route: dict[str, Any], own: object) -> tuple[str, ...]:
    here = route.get("origin") == own
    return (
        f"{name_of(route.get('origin'))}{' (this node)' if here else ''}",
        "here" if here else name_of(route.get("next_hop")),
        ms(route.get("metric_s")),
        str(route.get("alternatives", 0)),
    )
