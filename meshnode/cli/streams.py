"""`meshnode streams`: what can be watched through a running node."""

from __future__ import annotations

from typing import Any

from meshnode.cli.asking import Admin, AsJson, ask, ms, name_of, show_json, show_table
from meshnode.cli.terminal import command, say

ABOUT = """\
Show the streams of the mesh that a running node knows, and how it carries them.

`known` streams are not carried here yet: they come when somebody watches."""
HEAD = (
    "stream",
    "codecs",
    "origin",
    "state",
    "parent",
    "copies",
    "viewers",
    "delay ms",
)

app = command("streams", ABOUT)


@app.default
def streams(*, admin: Admin = None, as_json: AsJson = False) -> int:
    """Fetch and print."""
    answer = ask(admin, "streams")
    if as_json:
        return show_json(answer)
    rows = answer.get("streams") or []
    if rows:
        show_table(HEAD, map(_row, rows), right=(5, 6, 7))
    else:
        say("no stream is known here")
    return 0


def _row(stream: dict[str, Any]) -> tuple[str, ...]:
    here = bool(stream.get("here"))
    locked = " (encrypted)" if stream.get("encrypted") else ""
    return (
        str(stream.get("name", "")),
        " ".join(stream.get("codecs") or []) + locked,
        "this node" if here else name_of(stream.get("origin")),
        str(stream.get("state", "")),
        "-" if here else name_of(stream.get("parent")),
        str(stream.get("children", 0)),
        str(stream.get("viewers", 0)),
        ms(stream.get("delay_s")),
    )
