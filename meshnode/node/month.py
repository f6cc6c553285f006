"""How much left this machine in this calendar month, over restarts.

Many lines are paid by the month, so the counter follows the calendar (UTC) and lies in
the data folder.  It is written at most once a minute and at the end: a crash forgets a
minute, and a busy disk is not what a relay should wear out.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

FILE_NAME = "upload.json"
WRITE_EVERY_S = 60.0
_log = logging.getLogger("meshnode.volunteer")


def month_of(unix_s: float) -> str:
    """`2026-11`, by UTC."""
    return time.strftime("%Y-%m", time.gmtime(unix_s))


class Month:
    """Octets sent in the present month; `limit` None counts only.

    `count(total)` takes the octets since the process began.
    """

    def __init__(
        self,
        limit: int | None,
        folder: Path | None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.limit = limit
        self._file = None if folder is None else folder / FILE_NAME
        self._wall = wall
        self._month = month_of(wall())
        self._before = self._read()
        self._counted = 0
        self._base = 0
        self._written_at = wall()

    @property
    def octets(self) -> int:
        """What left in this month."""
        return self._before + self._counted - self._base

    @property
    def used_up(self) -> bool:
        """Whether nothing more should leave in this month."""
        return self.limit is not None and self.octets >= self.limit

    def count(self, total: int) -> None:
        """So many octets left since the start; call about once a second."""
        now = self._wall()
        month = month_of(now)
        if month != self._month:
            self._month, self._before, self._base = month, 0, self._counted
        self._counted = total
        if now - self._written_at >= WRITE_EVERY_S or now < self._written_at:
            self.save()

    def save(self) -> None:
        """Write the counter; a disk that refuses is told once a minute, in one line."""
        self._written_at = self._wall()
        if self._file is None:
            return
        text = json.dumps({"month": self._month, "octets": self.octets})
        fresh = self._file.with_suffix(".new")
        try:
            fresh.write_text(text, encoding="utf-8")
            os.replace(fresh, self._file)
        except OSError as error:
            _log.warning("the upload of the month cannot be kept: %s", error)

    def _read(self) -> int:
        if self._file is None or not self._file.exists():
            return 0
        try:
            kept = json.loads(self._file.read_text(encoding="utf-8"))
            month, octets = kept["month"], kept["octets"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.warning("%s is not readable, counting from 0: %s", self._file, error)
            return 0
        fits = month == self._month and isinstance(octets, int) and octets >= 0
        return int(octets) if fits else 0
