"""The stories behind the vectors of RFC 0003 section 13, told with a `LegNet`.

One node is recorded; the others are there to send it what real ones would.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from meshproto.forwarding import relay_table as t
from meshproto.forwarding.config import ForwardingConfig
from support.forwarding import OPUS, Camera
from support.forwarding_cases import SmallCamera
from support.forwarding_vectors import Drawing, Json, Recorder
from support.legs import STREAM, LegNet, node

A, B, C, D = "abcd"


def _film() -> tuple[Camera, Camera]:
    return (
        SmallCamera(mid="v", key_every=5),
        Camera(ssrc=0x2222, codec=OPUS, mid="a", size=40, fps=20),
    )


def pass_on(net: LegNet) -> None:
    """A relay passes a stream on; a second child comes late, and one loses packets."""
    film = _film()
    net.film(A, 0.3, *film)
    net.edge(A, B, 0x1000)
    net.edge(B, C, 0x2000)
    net.film(A, 0.3, *film)
    net.edge(B, D, 0x3000)
    drop = iter([False, False, True])
    net.lose = lambda source, target, data: (
        (source, target, data[1] & 127) == (B, C, 97) and next(drop, False)
    )
    net.film(A, 0.6, *film)


def pause(net: LegNet) -> None:
    """A child pauses its leg, resumes it, and takes another layer."""
    film = _film()
    net.edge(A, B, 0x1000)
    net.edge(B, C, 0x2000)
    net.film(A, 0.4, *film)
    newest = net[B].forwarder.stream_history(STREAM)
    assert newest is not None
    net[B].do(t.SetLeg(STREAM, node(C), 0xFF, pause_after=newest[1] + 4))
    net.film(A, 0.4, *film)
    net[B].do(t.SetLeg(STREAM, node(C), 0))
    net.film(A, 0.2, *film)
    net[B].do(t.SetLeg(STREAM, node(C), 1))
    net.film(A, 0.3, *film)
    net[B].do(t.CloseLeg(STREAM, node(C)))
    net.film(A, 0.1, *film)


def standby(net: LegNet) -> None:
    """The parent dies, and the second one takes over from where it stopped."""
    film = _film()
    for relay in (C, D):
        net.edge(A, relay, 0x1000 + 0x100 * ord(relay))
    net.edge(C, B, 0x2000)
    net.standby(D, B, 0x3000)
    net.film(A, 0.5, *film)
    net[C].alive = False
    net.film(A, 0.7, *film)


QUIET = {"leg_feedback_s": 0.0}
"""Reports about legs have vectors of their own (`feedback.json`)."""


def _told(story: Callable[[LegNet], None], links: tuple[tuple[str, str], ...]) -> Json:
    """The vector that a story makes of node b."""
    config = ForwardingConfig(**QUIET)
    net = LegNet(A, B, C, D, config=config)
    source = Drawing(9)
    recorder = Recorder(config, source)
    net[B].forwarder = recorder
    net.origin(A)
    for one, other in links:
        net.link(one, other)
    for name in (B, C, D):
        net.relay(name)
    net.run(0.001)
    story(net)
    about = f"RFC 0003 section 13: {story.__doc__}"
    return {
        "about": about,
        "config": QUIET,
        "random": source.drawn,
        "steps": recorder.steps,
    }


LEG_CASES: dict[str, Callable[[], Json]] = {
    "hop-pass-on": partial(_told, pass_on, ((A, B), (B, C), (B, D))),
    "hop-pause": partial(_told, pause, ((A, B), (B, C))),
    "hop-standby": partial(_told, standby, ((A, C), (A, D), (C, B), (D, B))),
}
