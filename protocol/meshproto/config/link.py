"""Links between nodes: acknowledgement, liveness and bounds (RFC 0005, RFC 0006).

Times are seconds, rates are per second, lengths count segments unless the name says
otherwise.  What both ends of a link must agree on (sizes of frames, the width of the
acknowledgement) is wire format and stands in `wire/control/frame.py` instead.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LinkConfig:
    """Every choice of `meshproto.link`; the defaults are those of the RFCs."""

    oldest_version: int = 1
    """The first version of link frames that we speak."""
    newest_version: int = 1
    """The last one; the newest that both ends speak is used."""
    capabilities: int = 0
    """Bits that a neighbour may use; it ignores those that it does not know."""

    links: int = 160
    """24 of the overlay, 128 of trees and standbys, and some that are being set up."""

    window_min: int = 10
    """Segments under way that no loss takes away: a burst that every path carries."""
    window_max: int = 64
    """Segments under way at most: 73 kB, and what one acknowledgement can name."""
    queue: int = 256
    """Segments of one lane that wait for the window; one more ends the link."""
    bulk_share: float = 0.5
    """Share of the window that the bulk lane may fill, so that it never blocks."""

    resend_min_s: float = 0.02
    """Least patience for an acknowledgement, below which jitter alone repeats."""
    resend_max_s: float = 1.0
    """Most patience, however often it was doubled: a healed path is seen in time."""
    ack_delay_s: float = 0.02
    """How long an acknowledgement waits for a frame that carries it for nothing."""
    ack_every: int = 8
    """Segments after which it no longer waits: less than the smallest window."""
    reorder: int = 3
    """Frames that may overtake one before it counts as lost, as in RFC 9002."""
    give_up_s: float = 6.0
    """Age of an unacknowledged segment at which the link is lost: the half-open case
    that checks do not see, and as long as an idle link may be silent."""

    greeting_first_s: float = 0.05
    """Least time before the first repetition of Hello, then doubling."""
    greeting_give_up_s: float = 5.0
    """A link that is not ready by then never will be."""

    tree_check_s: float = 0.25
    """Checks of links that carry or back up a tree (for drivers; RFC 0005 6.1)."""
    idle_check_s: float = 2.0
    """Checks of all other links."""
    recheck_rtts: float = 2.0
    """Round trips after which a check that was not answered is repeated."""
    suspect_checks: int = 2
    """Unanswered checks in a row that make a link suspect."""
    down_checks: int = 4
    """Unanswered checks in a row without which a link is never down."""
    tree_silence_s: float = 0.75
    """Silence of a tree link that, with the checks, makes it down."""
    idle_silence_s: float = 6.0
    """The same for the others: three checks' time."""

    smoothing_per_s: float = 1 / 8
    """Weight of one probe a second in the smoothed round trip (tree study)."""
    loss_smoothing: float = 1 / 64
    """Weight of one check in the loss, repetitions not counted: with 1/32 a path that
    loses 2 % of its checks looked like 0 to 8 %, and routes moved with it."""
    sample_gap_max_s: float = 4.0
    """Time since the last sample that still adds to the weight of the next."""
    step_held_s: float = 1.5
    """Samples far above the smoothed round trip for so long are a longer path;
    smoothing alone would show half of it after five seconds."""
    step_s: float = 0.010
    step_jitters: float = 4.0
    """Far above: by this much, and by so many mean deviations."""
    moved_share: float = 0.05
    """The owner hears of a round trip that moved by this share ..."""
    moved_s: float = 0.003
    """... and by this much: half of what makes a router speak (RFC 0010)."""
    moved_loss: float = 0.05
    """... or of a loss that moved by this much."""

    penalties: float = 32.0
    """Malformed inputs after which a neighbour is hung up on."""
    penalty_decay_per_s: float = 0.1
    """Forgiveness: one mistake in ten seconds is a bug, not an attack."""
    frames_per_s: float = 500.0
    """Frames of one neighbour that are read, on average; others are lost to it."""
    frames_burst: float = 1_000.0
    """And at once: a table of 1,000 origins several times over."""
    introductions_per_s: float = 10.0
    """Descriptors passed on for one neighbour; 50 handshakes a second is all a node
    makes (RFC 0005 section 5)."""
    introductions_burst: float = 20.0
    """And at once: a Redirect names three, and a search asks for six."""
