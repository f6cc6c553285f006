"""Whether this node lives and whether it takes work.

Alive (`/healthz`) is anything that can answer at all: restarting a node that is busy
would end every session on it.  Ready (`/readyz`) is what a load balancer asks: not
before the media port is open, and not any more once the node drains.
"""

from __future__ import annotations

from enum import Enum


class Phase(Enum):
    """The life of a node.

    starting -> ready -> draining -> stopped, or from any of them to stopped.
    """

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    STOPPED = "stopped"


class Health:
    """The phase a node is in; it only moves forward."""

    _ORDER = tuple(Phase)

    def __init__(self) -> None:
        self._phase = Phase.STARTING

    @property
    def phase(self) -> Phase:
        """Where the node is in its life."""
        return self._phase

    @property
    def ready(self) -> bool:
        """Whether new publishers and viewers are welcome."""
        return self._phase is Phase.READY

    def enter(self, phase: Phase) -> None:
        """Move on to `phase`; going back is ignored."""
        if self._ORDER.index(phase) > self._ORDER.index(self._phase):
            self._phase = phase
