"""How commands look: one way to build them, one way to speak."""

from __future__ import annotations

import sys

from cyclopts import App


def command(name: str, about: str, examples: str = "") -> App:
    """A subcommand with its own help text, filled to the terminal, and examples."""
    paragraphs = (" ".join(part.split()) for part in about.split("\n\n"))
    return App(
        name=name,
        help="\n\n".join(paragraphs),
        help_format="plaintext",
        help_epilogue=examples,
        version_flags=[],
        result_action="return_value",
    )


def say(text: str = "") -> None:
    """A line of result, at once: whoever reads us through a pipe waits for it."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def tell(text: str) -> None:
    """A line about the work, which must not mix with results."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
