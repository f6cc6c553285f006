"""Drives the wire of `wire.py` from a test: shapes the ways, cuts and heals, counts.

Names are those of the laboratory's ports.  Every change is in force when its method
returns, and the methods that break something return the moment of it (`time.time()`).
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from support.lab.namespaces import die_with_parent

ROOT = Path(__file__).resolve().parents[3]
STOP_S = 5.0
Pair = tuple[str, str]


class Wiring:
    """A running wire between `ports` (name: namespace) that own `addresses`."""

    def __init__(
        self, ports: dict[str, str], addresses: dict[str, Sequence[str]]
    ) -> None:
        self.names = list(ports)
        plan = json.dumps({"ports": ports, "addresses": addresses})
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "support.lab.wire", plan],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT / "tests"), "PATH": "/usr/bin:/usr/sbin:/bin"},
            preexec_fn=die_with_parent,  # noqa: PLW1509 - prctl only
        )
        self._answer()

    def close(self) -> None:
        """Take the wire away."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the wire broke; its own words are above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _do(self, what: str, **values: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        with self._lock:
            self._process.stdin.write(json.dumps({"do": what, **values}) + "\n")
            self._process.stdin.flush()
            return self._answer()

    def _ways(self, pairs: Iterable[Pair], **values: Any) -> float:
        ways = [{"source": a, "target": b, **values} for a, b in pairs]
        at: float = self._do("ways", ways=ways)["at"]
        return at

    # -- shape -------------------------------------------------------------------------

    def link(
        self,
        one: str,
        other: str,
        *,
        delay_ms: float,
        jitter_ms: float = 0.0,
        loss: float = 0.0,
        rate_bps: int = 0,
        queue_bytes: int = 60_000,
    ) -> None:
        """Open both ways between two ports; `delay_ms` is one way."""
        self._ways(
            both([(one, other)]),
            is_open=True,
            delay_s=delay_ms / 1000,
            jitter_s=jitter_ms / 1000,
            loss=loss,
            rate_bps=rate_bps,
            queue_bytes=queue_bytes,
        )

    def one_way(self, source: str, target: str, **values: float | bool) -> float:
        """Set values of one direction by their names in `wire.Way`."""
        return self._ways([(source, target)], **values)

    def all_cut(self) -> None:
        """Nobody reaches anybody; `link` what shall be."""
        self._ways(both(itertools.combinations(self.names, 2)), is_open=False)

    # -- faults ------------------------------------------------------------------------

    def cut(self, pairs: Iterable[Pair]) -> float:
        """These pairs hear nothing of each other any more; when."""
        return self._ways(both(pairs), is_open=False)

    def heal(self, pairs: Iterable[Pair]) -> float:
        """Undo `cut`; when."""
        return self._ways(both(pairs), is_open=True)

    def hush(self, *names: str) -> None:
        """The kernels of exactly these ports send no ICMP and no TCP any more.

        A process that was killed then looks from outside like a machine without power:
        nobody resets or refuses in its name.
        """
        self._do("hush", names=names)

    def move_address(self, address: str, name: str | None) -> None:
        """An address belongs to a port from now on, or to none."""
        self._do("address", address=address, name=name)

    # -- counters ----------------------------------------------------------------------

    def reset(self) -> None:
        """Counters start anew."""
        self._do("reset")

    def counters(self) -> dict[str, Any]:
        """Since the last reset: `pairs`, `sources` and the `wire` itself."""
        return self._do("counters")


def both(pairs: Iterable[Pair]) -> list[Pair]:
    """Each pair in both directions."""
    return [way for one, other in pairs for way in ((one, other), (other, one))]


def across(halves: tuple[Sequence[str], Sequence[str]]) -> list[Pair]:
    """Every pair that a partition into these halves would cut."""
    return list(itertools.product(*halves))
