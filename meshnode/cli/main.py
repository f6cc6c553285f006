"""`meshnode`: the commands, and what a mistake looks like.

A command's module is imported when it is called, so that `meshnode --help` does not
wait for aiohttp, aiortc and FFmpeg.  Every mistake of a person ends as one sentence on
standard error and exit code 2; a command that could not do its work returns 1.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Sequence
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter, UnusedCliTokensError

from meshnode import __version__
from meshnode.cli import (
    demo,
    doctor,
    keygen,
    peers,
    play,
    ports,
    publish,
    record,
    routes,
    status,
    streams,
    token,
    trace,
)
from meshnode.cli.flags import RunFlags, settings_from
from meshnode.cli.terminal import tell
from meshproto.errors import LimitError, StateError

ABOUT = "A relay for live WebRTC media on one UDP port: publish from anything, watch in"
ABOUT += " anything."
EXAMPLES = """\
Examples:

  meshnode                              a node with its page, for this machine
  meshnode publish --test demo          a test picture into it
  meshnode play demo                    and out of it
  meshnode record demo -o out.mkv       into a file, as it was encoded

  meshnode demo                         five nodes on this machine, and a map
  meshnode --bootstrap HOST             join the mesh of that node

  meshnode --http 0.0.0.0:8080 --public-ip 203.0.113.7
  meshnode --http 0.0.0.0:443 --tls-cert chain.pem --tls-key key.pem
  meshnode --port 5001 --http 127.0.0.1:8082 --admin 127.0.0.1:8083 \\
           --data /tmp/second           a second node

Every flag can stand in the environment (MESHNODE_PUBLIC_IP) and in the file
of --config (public_ip). Flags beat the environment, the environment the file.
`meshnode COMMAND --help` tells more about each command."""

SEEING = (status, peers, routes, streams, trace)
COMMANDS = (publish, play, record, demo, *SEEING, ports, keygen, token, doctor)
HINT = "try meshnode --help"
LIKENESS_MIN = 0.7  # of a word to a command that may have been meant

app = App(
    name="meshnode",
    help=ABOUT,
    help_epilogue=EXAMPLES,
    help_format="plaintext",
    version=__version__,
    version_flags=["--version"],
    result_action="return_value",
)
Flags = Annotated[RunFlags, Parameter(name="*")]
NOTHING_TYPED = RunFlags()


@app.default
@app.command
def run(*, flags: Flags = NOTHING_TYPED) -> int:
    """Run a node until Ctrl-C or SIGTERM, then drain; the default command."""
    from meshnode.cli.run import run_node  # noqa: PLC0415 - keeps --help quick

    return run_node(settings_from(flags))


for _module in COMMANDS:
    app.command(_module.app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code."""
    try:
        result = app(arguments, exit_on_error=False, print_error=False)
    except UnusedCliTokensError as error:
        return mistake(_unknown(error.unused_tokens or [""]), HINT)
    except CycloptsError as error:
        words = " ".join(["meshnode", *(error.command_chain or ())])
        return mistake(" ".join(str(error).split()), f"try {words} --help")
    except (StateError, LimitError) as error:
        return mistake(str(error))
    except KeyboardInterrupt:
        return 130
    return int(result or 0)


def _unknown(tokens: Sequence[str]) -> str:
    """A word that is neither flag nor command; usually a command misspelt."""
    word = tokens[0]
    commands = [module.__name__.rpartition(".")[2] for module in COMMANDS]
    close = difflib.get_close_matches(word, ["run", *commands], 1, LIKENESS_MIN)
    guess = f"; did you mean meshnode {close[0]}?" if close else ""
    return f"{word!r} is no command{guess}"


def mistake(said: str, hint: str = "") -> int:
    """Say what is wrong, one sentence a line; the exit code for it."""
    for line in said.splitlines():
        tell(f"meshnode: {line}")
    if hint:
        tell(f"meshnode: {hint}")
    return 2


if __name__ == "__main__":
    sys.exit(main())
