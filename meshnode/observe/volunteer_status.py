"""What a node gives away at this moment, and the limits that its operator set.

Part of the status.  Whoever lends a line wants to see in one place what is carried over
it, for whom, and what would stop it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Carried:
    """A stream that leaves this node; `copies` go to other nodes."""

    name: str
    stream: str
    here: bool
    copies: int
    viewers: int


@dataclass(frozen=True, slots=True)
class VolunteerStatus:
    """Limits (None: not set) and what is used of them.

    `upload_bps` is of the last seconds with IP headers, `month_octets` of the calendar
    month; `grant` is the share of its capacity that the node advertises, less than 1
    while it is overloaded; `allowed` and `denied` count the lines of the two lists.
    """

    max_upload_bps: int | None
    max_upload_month: int | None
    max_viewers: int | None
    max_relays: int | None
    allowed: int | None
    denied: int | None
    upload_bps: int
    relayed_bps: int
    month_octets: int
    viewers: int
    copies: int
    grant: float
    lag_s: float
    cpu: float
    carrying: tuple[Carried, ...] = ()
