"""When a publisher is asked for a key frame, and which one viewers start from.

Everybody wants key frames: viewers that join, viewers that lost a packet, a viewer that
changes layers, and the cache itself, because a replay must be short.  A publisher
should be asked rarely: each one costs it as much as a second of video.  So requests of
a layer are merged into one state with two intervals (RFC 0003 section 6):

- an *urgent* request (somebody cannot decode) goes out at once, but not sooner than
  `key_frame_interval_s` after the last one, and is repeated at that interval until a
  key frame comes;
- a *refresh* (the cache is old, somebody would start from it) waits for
  `key_frame_refresh_s` since the last one, and only goes to publishers that answer.

Publishers that ignore requests (OBS and FFmpeg) are recognised by their silence: after
a few unanswered requests refreshes stop, and urgent ones grow rare.  A key frame counts
as an answer when it follows within `_ANSWER_S`: regular ones of a short GOP may pass
for answers, and then asking does no harm.
"""

from __future__ import annotations

from meshproto.forwarding.config import ForwardingConfig

_ANSWER_S = 1.0
_UNANSWERED_MAX = 4
_DEAF_INTERVAL_S = 5.0


class KeyFrames:
    """Requests and arrivals of one layer's key frames.

    `supported`: the publisher negotiated PLI or FIR.  `arrived` is when the last key
    frame began, None before the first.
    """

    __slots__ = (
        "_asked",
        "_config",
        "_refresh",
        "_unanswered",
        "_urgent",
        "arrived",
        "count",
        "requested",
        "supported",
    )

    def __init__(self, config: ForwardingConfig, supported: bool) -> None:
        self._config = config
        self._asked: float | None = None
        self._urgent = False
        self._refresh = False
        self._unanswered = 0
        self.supported = supported
        self.arrived: float | None = None
        self.count = 0
        self.requested = 0

    @property
    def deaf(self) -> bool:
        """Whether the publisher seems to ignore requests."""
        return self._unanswered >= _UNANSWERED_MAX

    @property
    def pending(self) -> bool:
        """Whether a key frame is wanted that did not come yet."""
        return self._urgent or self._refresh

    def want(self) -> None:
        """Somebody cannot decode before the next key frame."""
        self._urgent = self.supported

    def refresh(self) -> None:
        """A younger key frame in the cache would be good."""
        self._refresh = self.supported and not self.deaf

    def came(self, now: float, live: bool = True) -> None:
        """A key frame began: every wish is fulfilled, unless it is an old one."""
        if not live:
            self.arrived = now
            return
        if self._asked is not None and now - self._asked <= _ANSWER_S:
            self._unanswered = 0
        self._urgent = self._refresh = False
        self.arrived = now
        self.count += 1

    def ask_anew(self) -> None:
        """Whoever is to be asked has heard of no request yet: do not wait with one."""
        self._asked = None

    def lost(self) -> None:
        """The last key frame is no longer there to start from."""
        self.arrived = None

    def due(self, now: float) -> bool:
        """Whether to send a request now; if so, it counts as sent."""
        when = self.next_timeout()
        if when is None or now < when:
            return False
        self._asked = now
        self._unanswered += 1
        self._refresh = False
        self.requested += 1
        return True

    def next_timeout(self) -> float | None:
        """When the next request is to be sent; None while nobody wants one."""
        if self._urgent:
            config = self._config
            wait = _DEAF_INTERVAL_S if self.deaf else config.key_frame_interval_s
        elif self._refresh:
            wait = self._config.key_frame_refresh_s
        else:
            return None
        return 0.0 if self._asked is None else self._asked + wait
