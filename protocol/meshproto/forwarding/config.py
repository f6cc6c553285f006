"""Every number of the packet path that is a choice, in one value (RFC 0003 section 9).

Limits bound what a remote can make us keep; intervals bound what it can make us send.
The defaults are the ones of the RFC: change them there and here together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class RandomSource(Protocol):
    """Where SSRCs and first sequence numbers come from; `random.Random` is one."""

    def getrandbits(self, bits: int, /) -> int:
        """A uniform integer of `bits` bits."""


@dataclass(frozen=True, slots=True)
class ForwardingConfig:
    """Bounds and intervals of a `Forwarder`; sizes in bytes, times in seconds."""

    transports: int = 2048
    producers: int = 4096
    consumers: int = 16384
    ssrcs_per_transport: int = 64
    layers_per_producer: int = 8

    history_packets: int = 1024
    history_s: float = 1.0
    history_bytes: int = 8 * 2**20

    nack_outstanding: int = 256
    nack_retries: int = 10
    nack_give_up_s: float = 0.5

    cache_bytes: int = 2 * 2**20
    cache_packets: int = 16_384
    cache_age_s: float = 3.0
    cache_fresh_s: float = 2.0
    replay_beyond_s: float = 0.1
    replay_speed: float = 2.0
    replay_first_frame_s: float = 0.1
    replay_step_s: float = 0.01

    key_frame_interval_s: float = 0.5
    key_frame_refresh_s: float = 2.0

    slow_consumer_s: float = 0.5

    rtx_share: float = 0.25
    rtx_burst_bytes: int = 64 * 1024
    nacked_packets: int = 256

    transport_feedback_s: float = 0.05
    report_s: float = 1.0
    publisher_bitrate_bps: int = 20_000_000

    allocation_s: float = 0.25
    silence_s: float = 5.0
    equalise_bytes: int = 8

    streams: int = 1024
    legs_per_stream: int = 128
    leg_burst_packets: int = 64
    leg_step_s: float = 0.002
    leg_backlog_packets: int = 8192
    leg_feedback_s: float = 0.1
    keep_alive_s: float = 0.03
    heartbeat_gap_s: float = 0.015
    heartbeat_s: float = 0.05
    silence_of_legs_s: float = 0.06
    joining_s: float = 0.1
    joining_packets: int = 3
    activate_packets: int = 3

    ntp_offset_s: float = 2_208_988_800.0
    """NTP seconds of `now` 0: a driver with a wall clock adds (wall - monotonic)."""

    cname: str = "meshnode"
    """The canonical name in our sender reports (RFC 3550 section 6.5.1)."""
