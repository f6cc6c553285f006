"""`meshsim`: the commands, and what a mistake looks like.

A mistake of a person ends as one sentence on standard error and exit code 2; a run that
broke a promise, and a comparison that found a regression, end with 1.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from meshproto.errors import MeshError
from meshsim.cli import attacks, compare, listing, replay, run, sweep
from meshsim.cli.terminal import tell
from meshsim.report.build import version

ABOUT = "Run the mesh's own protocol code in virtual time, on thousands of nodes."
EXAMPLES = """\
Examples:

  meshsim list                                     the scenarios
  meshsim run settled --nodes 200 --html out.html  one run, and a page of it
  meshsim run acceptance --json all.json           every acceptance row: hours
  meshsim sweep churn --over churn.0.per_min=0.01,0.05 --seeds 1..3
  meshsim compare old.json new.json                what changed
  meshsim attacks                                  twelve attacks on gossip"""
HINT = "try meshsim --help"
COMMANDS = (run, compare, replay, listing, sweep, attacks)

app = App(
    name="meshsim",
    help=ABOUT,
    help_epilogue=EXAMPLES,
    help_format="plaintext",
    version=version,
    version_flags=["--version"],
    result_action="return_value",
)
for _module in COMMANDS:
    app.command(_module.app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code."""
    try:
        result = app(arguments, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        return mistake(" ".join(str(error).split()), HINT)
    except MeshError as error:
        return mistake(" ".join(str(error).split()))
    except KeyboardInterrupt:
        return 130
    return result if isinstance(result, int) else 0


def mistake(said: str, hint: str = "") -> int:
    """Say what is wrong in one line; the exit code for it."""
    tell(f"meshsim: {said}{f' ({hint})' if hint else ''}")
    return 2


if __name__ == "__main__":
    sys.exit(main())
