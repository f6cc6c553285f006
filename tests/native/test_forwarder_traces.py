"""Drawn traces through both forwarders: a slice of `make differential`.

Loss, reordering and doubling on both sides, late joins and removals, changes of layer,
floods of NACKs, wraps of every number: each burst, deadline and counter is the same.
"""

from __future__ import annotations

from typing import Any

import pytest

from support.both import Both, DifferenceError
from support.trace import Trace

pytest.importorskip("meshnode._native", reason="extension is not built")

SECONDS = 4.0
KNOWN = (17,)
"""Traces that once were not the same: what a track had left when it was removed."""


@pytest.mark.parametrize("seed", [*KNOWN, *range(1_001, 1_008)])
def test_a_trace_is_the_same_in_both(seed: int) -> None:
    trace = Trace(seed, Both)
    trace.play(SECONDS)
    assert trace.forwarder.packets > 500


class Deaf:
    """A native forwarder that misses one packet of `after`."""

    def __init__(self, rust: Any, after: int) -> None:
        self.rust = rust
        self.left = after

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rust, name)

    def receive_rtp(self, transport: int, packet: bytes, now: float) -> None:
        self.left -= 1
        if self.left:
            self.rust.receive_rtp(transport, packet, now)


def test_a_packet_that_only_one_of_them_got_is_noticed() -> None:
    trace = Trace(1_001, Both)
    trace.forwarder.rust = Deaf(trace.forwarder.rust, after=200)
    with pytest.raises(DifferenceError):
        trace.play(SECONDS)
