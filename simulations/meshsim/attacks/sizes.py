"""An attack made smaller, with the same odds.

The honest are divided by the scale, their connections by its power 0.4: they must stay
few against the mesh, or flood publishing reaches everybody at once and no attack on
meshes can be seen, but enough for a mesh.  Degrees of the mesh stay.  An attacked node
has as many connections from sybils per honest one as before, and the sybils it takes
follow from that.  Messages come at a rate of their own, which is what a run costs; at
6 a second the counters that scores live on stand far above their thresholds, as at 120.
"""

from __future__ import annotations

from dataclasses import dataclass

from meshsim.attacks.setups import Aim, Setup
from meshsim.errors import ScenarioError

SCALE_MAX = 40
"""With fewer than 25 honest nodes a mesh of 8 is nearly everybody."""

MESSAGES_PER_S = 6.0
_CONNECTIONS = 0.4  # exponent: 20 connections opened become 8 at 10, 5 at 40


@dataclass(frozen=True, slots=True)
class Sizes:
    """Numbers of nodes, of connections that each sybil opens, and of messages."""

    publishers: int
    lurkers: int
    sybils: int
    containers: int
    degree: int
    attack_degree: int
    messages_per_s: float

    @property
    def honest(self) -> int:
        """Honest nodes; all are subscribers."""
        return self.publishers + self.lurkers

    def targets(self, aim: Aim) -> int:
        """How many honest nodes sybils connect to."""
        return _targets(aim, self.publishers, self.lurkers)


def _targets(aim: Aim, publishers: int, lurkers: int) -> int:
    if aim is Aim.ONE:
        return 1
    return publishers if aim is Aim.PUBLISHERS else publishers + lurkers


def scaled(setup: Setup, scale: int, messages_per_s: float = MESSAGES_PER_S) -> Sizes:
    """The sizes of an attack at 1 / `scale`; `ScenarioError` if that is too small."""
    if not 1 <= scale <= SCALE_MAX:
        raise ScenarioError(f"scale {scale} is not from 1 to {SCALE_MAX}")
    publishers = max(2, round(setup.publishers / scale))
    lurkers = round((setup.publishers + setup.lurkers) / scale) - publishers
    fewer = scale**-_CONNECTIONS
    before = _targets(setup.aim, setup.publishers, setup.lurkers)
    after = _targets(setup.aim, publishers, lurkers)
    around = setup.sybils * min(setup.attack_degree, before) / before * fewer
    reach = max(1, min(round(setup.attack_degree * fewer), after))
    return Sizes(
        publishers,
        lurkers,
        round(around * after / reach),
        max(1, round(setup.containers * fewer)),
        round(setup.degree * fewer),
        reach,
        min(messages_per_s, setup.messages_per_s),
    )
