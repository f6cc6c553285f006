"""Sets links up as the brain asks, and answers those who ask for one.

A dial ends in a link that the driver is told of, or in `dial_failed` with a short
label: the far end's own ("full", "score"), "timeout", "unreachable" and the like.  One
dial per node is under way at most; a second one for the same node shares its end.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import Counter
from collections.abc import Callable, Mapping

from meshnode.control import envelope
from meshnode.control.courier import Courier, RefusedError
from meshnode.control.libp2p.values import DialError
from meshnode.control.seam import Link, Maker
from meshnode.control.tasks import Tasks
from meshproto.errors import DecodeError, LimitError, MeshError
from meshproto.ids import NodeId
from meshproto.outputs import Dial, Purpose

DIAL_S = 12.0
"""Connect, exchange and handshake together; each has a shorter time-out of its own."""

DIALS_MAX = 64
"""At one time: brains ask for a handful."""

AGAIN_S = 0.25
"""Until the other connection stands; the brain would wait 20 s."""

CROSSED = frozenset({"closed", "exchange-refused", "crossed"})
"""The connection ended before the exchange began or in it, or nothing came of the other
end's dial."""

ANSWERS_MAX = 64
"""Descriptors that are being answered at one time."""

_log = logging.getLogger("meshnode.control")
_SHORT = re.compile(r"[a-z-]{1,24}")

Up = Callable[[Link, bool, Purpose], None]
Failed = Callable[[NodeId, str], None]


class Dialling:
    """Dials and answers; `linked` tells whether a node has a link already."""

    def __init__(
        self,
        maker: Maker,
        courier: Courier,
        tasks: Tasks,
        linked: Callable[[NodeId], bool],
        up: Up,
        failed: Failed,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._maker = maker
        self._courier = courier
        self._tasks = tasks
        self._linked = linked
        self._up = up
        self._failed = failed
        self._dialling: dict[NodeId, Purpose] = {}
        self._answering = 0
        maker.on_link(lambda link, purpose: up(link, False, purpose))

    @property
    def refused(self) -> Mapping[str, int]:
        """Descriptors that were not believed or not welcome, by fixed label."""
        return self._maker.refused

    def dial(self, wanted: Dial) -> None:
        """Begin to set a link up; one that stands or is under way is fine."""
        node = wanted.peer.node
        if self._linked(node) or node in self._dialling:
            return
        if len(self._dialling) >= DIALS_MAX:
            self._failed(node, "busy")
            return
        self._dialling[node] = wanted.purpose
        if not self._tasks.spawn(self._dial(wanted)):
            del self._dialling[node]
            self._failed(node, "busy")

    async def _dial(self, wanted: Dial) -> None:
        node, label = wanted.peer.node, ""
        self._courier.go_through(node, wanted.through)
        try:
            async with asyncio.timeout(DIAL_S):
                link = await self._link(wanted)
        except TimeoutError:
            label = "timeout"
        except MeshError as error:
            label = _label(error)
        except Exception:  # why all: the brain waits for an end of this dial
            _log.exception("defect: dial")
            label = "defect"
        finally:
            del self._dialling[node]
        if not label:
            self.counts["dialled"] += 1
            self._up(link, True, wanted.purpose)
        elif not self._linked(node):
            # why not where linked: the other end dialled too, and its link stands
            self.counts[f"failed-{label}"] += 1
            self._failed(node, label)

    async def _link(self, wanted: Dial) -> Link:
        """Dial, and once more where the exchange was in the way of another one.

        A node that starts has both: of two libp2p connections that cross one ends, and
        who still dials its former life answers "crossed".
        """
        try:
            return await self._maker.dial(wanted.peer, wanted.purpose)
        except MeshError as error:
            if _label(error) not in CROSSED:
                raise
        self.counts["again"] += 1
        await asyncio.sleep(AGAIN_S)
        return await self._maker.dial(wanted.peer, wanted.purpose)

    # -- answering ---------------------------------------------------------------------

    async def answer(self, source: NodeId, descriptor: bytes) -> bytes:
        """What to send back to `source`: our descriptor, or why there is none."""
        if self._answering >= ANSWERS_MAX:
            self.counts["answers-busy"] += 1
            return envelope.refusal("busy")
        self._answering += 1
        try:
            answer = await self._maker.answered(source, descriptor)
        except MeshError as error:
            self.counts[f"answer-{_label(error)}"] += 1
            answer = None
        finally:
            self._answering -= 1
        return envelope.refusal("unreadable") if answer is None else answer


def _label(error: MeshError) -> str:
    """Why there is no link: a refusal's own word, or which step failed."""
    if isinstance(error, RefusedError):
        return error.label
    if isinstance(error, DecodeError | DialError):
        return error.reason
    if isinstance(error, LimitError):
        return "busy"
    text = str(error)
    return text if _SHORT.fullmatch(text) else "failed"
