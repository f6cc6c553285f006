"""The one exception tree of the project, split by who is to blame.

`DecodeError` is the remote's fault and never leaves the core: whoever feeds bytes in
catches it in one place and counts `reason`.  `StateError` is the caller's fault,
`LimitError` nobody's: a table is full, and the message names the limit to raise.
"""

from __future__ import annotations


class MeshError(Exception):
    """Base of every exception that meshproto, meshnode and meshsim raise."""


class DecodeError(MeshError, ValueError):
    """Remote bytes are malformed; `reason` is a short fixed label for a counter."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class StateError(MeshError):
    """A verb was called in a state that does not allow it (local misuse)."""


class LimitError(MeshError):
    """A bounded table is full.

    `limit` is the configuration name of the bound and `maximum` its value, so that the
    text shown to a person says what to change.
    """

    def __init__(self, limit: str, maximum: int) -> None:
        super().__init__(
            f"limit {limit}={maximum} reached; raise {limit} to allow more"
        )
        self.limit = limit
        self.maximum = maximum
