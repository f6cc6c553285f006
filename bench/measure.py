"""What the kernel says a process used: CPU time and resident memory."""

from __future__ import annotations

import os
import platform
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

_CPUCLOCK_SCHED = 2


def cpu_s(pid: int) -> float:
    """User and system seconds of a process, those of ended threads included, to 1 ns.

    This is the clock that clock_getcpuclockid(3) names; `/proc/PID/stat` has ticks of
    ten milliseconds, too coarse for a few seconds of audio.
    """
    return time.clock_gettime(~pid << 3 | _CPUCLOCK_SCHED)


def rss_bytes(pid: int) -> int:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Spread:
    """Repeats of one figure: the median and how far they lay apart."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        """Summarise at least one repeat."""
        return cls(median(values), min(values), max(values))

    def __str__(self) -> str:
        return f"{self.median:8.2f} ({self.low:.2f}-{self.high:.2f})"


def machine() -> dict[str, str]:
    """Facts a reader needs to judge the figures."""
    cpu = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    return {
        "cpu": cpu,
        "cores": str(os.cpu_count()),
        "load": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
    }
