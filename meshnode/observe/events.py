"""The event log: one line per protocol event, limited per cause.

Events are what an operator wants to know (a stream began, a session failed and why),
never packets.  They go through `logging` under one logger per node, so an embedder's
handlers get them like any other record; the command line renders them as JSON or for
people (`log.py`).  The fields travel as `record.fields`.

A stranger can cause events, so each cause has a small allowance: a bucket of `burst`
lines that refills evenly.  What was held back is counted, and the next line of that
cause says how many (`suppressed`).  The table of causes is bounded.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from meshnode.observe.scrub import scrub_fields, scrub_text

LOGGER = "meshnode.events"
CAUSES_MAX = 512


@dataclass(slots=True)
class _Bucket:
    level: float
    since_s: float
    suppressed: int = 0


class EventLog:
    """Writes events.  Cheap to call, never raises for odd values, not for packets."""

    def __init__(
        self,
        logger: logging.Logger | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        burst: int = 20,
        per_minute: int = 60,
    ) -> None:
        self._logger = logger if logger is not None else logging.getLogger(LOGGER)
        self._clock = clock
        self._burst = float(burst)
        self._rate_per_s = per_minute / 60
        self._buckets: OrderedDict[tuple[str, str], _Bucket] = OrderedDict()

    def emit(
        self,
        event: str,
        *,
        cause: str = "",
        level: int = logging.INFO,
        **fields: object,
    ) -> bool:
        """Write one line; False when the cause has used up its allowance.

        `event` and `cause` are short fixed labels.  Text in `fields` may come from
        anybody: it is scrubbed, and fields named like secrets are replaced.
        """
        if not self._logger.isEnabledFor(level):
            return False
        bucket = self._refilled(event, cause)
        if bucket.level < 1.0:
            bucket.suppressed += 1
            return False
        bucket.level -= 1.0
        said = scrub_fields(fields)
        if cause:
            said["cause"] = scrub_text(cause)
        if bucket.suppressed:
            said["suppressed"] = bucket.suppressed
            bucket.suppressed = 0
        self._logger.log(level, scrub_text(event), extra={"fields": said})
        return True

    def _refilled(self, event: str, cause: str) -> _Bucket:
        """The bucket of this cause as of now, moved to the young end of the table."""
        now = self._clock()
        key = (event, cause)
        bucket = self._buckets.pop(key, None) or _Bucket(self._burst, now)
        gained = (now - bucket.since_s) * self._rate_per_s
        bucket.level = min(self._burst, bucket.level + gained)
        bucket.since_s = now
        self._buckets[key] = bucket
        if len(self._buckets) > CAUSES_MAX:
            self._buckets.popitem(last=False)
        return bucket
