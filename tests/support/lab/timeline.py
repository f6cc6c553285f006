"""The event logs of all nodes as one story, in the laboratory's names.

Every node writes one JSON line per protocol event.  Merged by their times (one machine,
one clock) they tell what a figure cannot: who lost whom first, and what came of it.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

NOISE = ("level", "logger", "time", "event")


def entries(log: bytes) -> list[dict[str, Any]]:
    """The lines of a log that are JSON objects, oldest first."""
    found = []
    for line in log.splitlines():
        if line.startswith(b"{"):
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
    return found


def timeline(
    logs: Mapping[str, Sequence[Mapping[str, Any]]],
    ids: Mapping[str, str],
    *,
    since: float = 0.0,
) -> Iterator[str]:
    """A line per event after `since`, oldest first, of the logs by node's name; `ids`
    maps node ids to names.
    """
    rows = sorted(
        (
            (moment(entry), name, entry)
            for name, kept in logs.items()
            for entry in kept
            if "event" in entry and "time" in entry
        ),
        key=lambda row: row[0],
    )
    for at, name, entry in rows:
        if at >= since:
            clock = datetime.fromtimestamp(at).strftime("%M:%S.%f")[:-3]
            said = " ".join(
                f"{key}={shorter(value, ids)}"
                for key, value in entry.items()
                if key not in NOISE
            )
            yield f"{clock} {name:8} {entry['event']:16} {said}"


def moment(entry: Mapping[str, Any]) -> float:
    """When an entry was written, as `time.time()` counts."""
    return datetime.fromisoformat(entry["time"].replace("Z", "+00:00")).timestamp()


def shorter(value: Any, ids: Mapping[str, str]) -> str:
    """Names for ids, three digits for seconds, the end of other long words."""
    if isinstance(value, float):
        return f"{value:.3f}"
    text = ids.get(str(value), str(value))
    return text if len(text) <= 24 else f"..{text[-6:]}"


def main() -> None:
    """Print the story of a folder of kept logs."""
    logs = {p.stem: entries(p.read_bytes()) for p in Path(sys.argv[1]).glob("*.log")}
    for line in timeline(logs, {}):
        print(line)


if __name__ == "__main__":
    main()
