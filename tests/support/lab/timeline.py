"""The event logs of all nodes as one story, in the laboratory's names.

Every node writes one JSON line per protocol event.  Merged by their times (one machine,
one clock) they tell what a figure cannot: who lost whom first, and what came of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from support.lab.processes import NodeProcess

NOISE = ("level", "logger", "time", "event")


def timeline(
    nodes: Iterable[NodeProcess], ids: Mapping[str, str], *, since: float = 0.0
) -> Iterator[str]:
    """A line per event after `since`, oldest first; `ids` maps node ids to names."""
    rows = sorted(
        (
            (moment(entry), node.name, entry)
            for node in nodes
            for entry in node.events()
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
    """Names for ids, three digits for seconds, eight for other long words."""
    if isinstance(value, float):
        return f"{value:.3f}"
    text = ids.get(str(value), str(value))
    return text if len(text) <= 24 else text[:8]
