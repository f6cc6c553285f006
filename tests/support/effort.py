"""How much work something is, on any machine: its CPU time beside that of a known job.

Absolute times say as much about the machine as about the code; a machine that is slow,
or busy, makes both jobs slow alike.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable

_ROUNDS = 5


def effort(act: Callable[[], object]) -> float:
    """CPU time of `act` over that of a job of about a millisecond, the best of five of
    each in turn, without a tracer.
    """
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        pairs = [(_cpu_s(act), _cpu_s(_job)) for _ in range(_ROUNDS)]
    finally:
        sys.settrace(tracer)
    return min(taken for taken, _ in pairs) / min(unit for _, unit in pairs)


def program_effort(code: str, known: str) -> float:
    """CPU time of a program over that of a known one, the best of two of each in turn.

    Both are Python sources, run to their ends in processes of their own.
    """
    pairs = [(_program_s(code), _program_s(known)) for _ in range(2)]
    return min(taken for taken, _ in pairs) / min(unit for _, unit in pairs)


def _program_s(code: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-c", code]
    subprocess.run(command, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


def _cpu_s(act: Callable[[], object]) -> float:
    began = time.process_time()
    act()
    return time.process_time() - began


def _job() -> int:
    return sum(len(str(number).split("5")) for number in range(4_000))
