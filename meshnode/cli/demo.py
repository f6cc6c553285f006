"""`meshnode demo`: a whole mesh on this machine, in one command."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from meshnode.cli.options import Duration, check_seconds
from meshnode.cli.terminal import command
from meshproto.errors import StateError

ABOUT = """\
Run a mesh of five nodes on this machine, with the delays of five cities between them,
and a test picture published at the first.

Every node is a process with an address of its own (127.1.0.1 to 127.1.0.5) and its own
page. Ends on Ctrl-C and leaves nothing behind."""
EXAMPLES = """\
Examples:

  meshnode demo                      watch at the last node, and see the map
  meshnode demo --nodes 3 --no-open
  meshnode trace demo --admin 127.1.0.5:8091      while it runs

Only media is delayed, in the sending process; libp2p and pages are not."""

app = command("demo", ABOUT, EXAMPLES)


@app.default
def demo(
    *,
    nodes: Annotated[int, Parameter(help="How many, 2 to 5.")] = 5,
    scale: Annotated[float, Parameter(help="Factor for the delays; 0 for none.")] = 1.0,
    duration: Duration = None,
    no_open: Annotated[
        bool,
        Parameter(
            negative="", show_default=False, help="Print the pages, do not open them."
        ),
    ] = False,
) -> int:
    """Check what was typed, then run."""
    check_seconds(duration)
    from meshnode.cli.demonstration import CITIES, run_demo  # noqa: PLC0415 - slow

    if not 2 <= nodes <= len(CITIES):
        raise StateError(f"--nodes is {nodes} but should be 2 to {len(CITIES)}")
    if not 0 <= scale <= 10:
        raise StateError(f"--scale is {scale} but should be 0 to 10")
    return run_demo(nodes, scale, duration, opens=not no_open)
