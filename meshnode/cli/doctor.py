"""`meshnode doctor`: what a node would do on this machine, before it does it."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from meshnode.cli.flags import RunFlags, settings_from
from meshnode.cli.terminal import command, say

ABOUT = """\
Check this machine, and say what a node would do on it.

Takes all flags of `meshnode run` and starts nothing. `ok` is fine, `note` is
worth knowing, `bad` would stop a node; returns 1 when something is bad."""
NOTHING_TYPED = RunFlags()

app = command("doctor", ABOUT)


@app.default
def doctor(*, flags: Annotated[RunFlags, Parameter(name="*")] = NOTHING_TYPED) -> int:
    """Print every finding."""
    settings = settings_from(flags)

    from meshnode.cli.checks import BAD, findings  # noqa: PLC0415 - keeps --help quick

    found = list(findings(settings))
    for verdict, subject, text in found:
        say(f"{verdict:<5} {subject:<11} {text}")
    return 1 if any(verdict == BAD for verdict, _, _ in found) else 0
