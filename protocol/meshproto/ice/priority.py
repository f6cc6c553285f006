"""Candidate and pair priorities (RFC 8445 sections 5.1.2.1 and 6.1.2.3)."""

from __future__ import annotations

HOST_PREFERENCE = 126
PEER_REFLEXIVE_PREFERENCE = 110
SERVER_REFLEXIVE_PREFERENCE = 100
RELAYED_PREFERENCE = 0


def candidate_priority(
    type_preference: int, local_preference: int = 65_535, component: int = 1
) -> int:
    """31 bits: the type first, then the interface, then the component."""
    return (type_preference << 24) + (local_preference << 8) + 256 - component


def pair_priority(controlling: int, controlled: int) -> int:
    """63 bits, the same number at both ends; ties lean to the controlling side."""
    low, high = sorted((controlling, controlled))
    return (low << 32) + 2 * high + (controlling > controlled)
