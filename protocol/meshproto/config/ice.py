"""Associations between nodes: checks, moves, limits (RFC 0002 section 3.1, RFC 0005).

Times are seconds.  What clients are allowed stands in `ice/path.py`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """Every choice of `meshproto.ice.agent`; the defaults are those of the RFCs."""

    associations: int = 256
    """160 links (`LinkConfig.links`), and lost ones that are still checked."""
    candidates: int = 8
    """Addresses of one neighbour that are checked: what a descriptor may name."""
    pairs: int = 24
    """Pairs of one association: its candidates over a few sockets, and what is learned
    from checks that come from elsewhere."""
    remembered_checks: int = 64
    """Transaction ids per association that are known again when replayed."""
    outstanding: int = 64
    """Own checks per association whose answer would still be understood."""

    pace_s: float = 0.02
    """One set-up check of all associations together in this time (RFC 8445 14.2)."""
    first_retry_s: float = 0.1
    """Wait for the answer to a pair's first check, then doubling: most round trips are
    shorter, and a hole is punched by repetition."""
    retry_max_s: float = 0.8
    """Longest wait: where half of all datagrams are lost, only numbers help."""
    attempts: int = 9
    """Checks of a pair before it counts as failed: 5 s, as long as set-up may take."""
    unproven_attempts: int = 2
    """The same for an address that nobody announced: with the answer to the check that
    named it, at most three times what came from there is sent."""
    nominate_wait_s: float = 0.2
    """Most time from the first answer to the choice of the best pair."""
    tie_s: float = 0.001
    """Round trips that differ by less are equal, and the order of candidates counts."""
    better_share: float = 0.2
    """A proven pair takes over from one that works if it is faster by this share ..."""
    better_s: float = 0.005
    """... and by this much: a move is a moment of reordering."""

    interval_s: float = 2.0
    """Checks of a selected path until `pace` says otherwise (RFC 0005 section 6.1)."""
    patience_rtts: float = 2.0
    """Round trips after which a check counts as unanswered."""
    patience_min_s: float = 0.03
    """And at least this: two round trips of a fast path are less than a busy host's
    scheduling."""
    move_misses: int = 2
    """Unanswered checks in a row after which another proven pair may take over."""
    silent_misses: int = 4
    """Unanswered checks in a row without which a path is never silent."""
    silent_intervals: float = 3.0
    """Silence is nothing heard in so many intervals: 0.75 s on tree links, 6 s else."""
    warm_s: float = 15.0
    """Checks of the runner-up, less than the 30 s that hasty translators remember."""

    resume_check_s: float = 1.0
    """Checks of an association that was lost."""
    consent_s: float = 30.0
    """Nothing but checks is sent after so long without an answer (RFC 7675)."""
    keep_s: float = 300.0
    """A lost association is forgotten then."""

    probes: int = 1_024
    """Plain probes under way: a search asks for a few dozen."""
    probe_timeout_s: float = 0.5
    """A node further away than this is no neighbour."""
    mapped_known: int = 256
    """Servers whose view of our address is remembered, so that only news is told."""
