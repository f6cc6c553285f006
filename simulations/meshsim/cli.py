"""`meshsim`: the simulator's command, not built yet (RFC 0001 section 5)."""

from __future__ import annotations

import sys


def main() -> int:
    """Say what is missing; exit code 2."""
    sys.stderr.write(
        "meshsim: the simulator comes with the next release, with the mesh itself\n"
    )
    return 2


if __name__ == "__main__":
    sys.exit(main())
