"""What all associations share, on a bare one with a real endpoint."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from meshnode.media.association import Association
from meshnode.media.certificate import Certificate
from meshnode.media.dtls import DtlsEndpoint
from meshnode.media.dtls_context import make_context
from meshproto.errors import StateError
from meshproto.ids import TransportId
from support.control_world import until

OURS = Certificate.generate()
PRINTS = (("sha-256", OURS.fingerprint),)


class Plane:
    """Takes what an association sends, and notes it."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closed: list[TransportId] = []

    def send_dtls(self, _: TransportId, datagrams: list[bytes]) -> None:
        self.sent += datagrams

    def close_transport(self, transport: TransportId) -> None:
        self.closed.append(transport)


class Owner:
    def __init__(self) -> None:
        self.plane: Any = Plane()


class Bare(Association):
    """Begins a handshake that nobody answers."""

    def __init__(self, owner: Owner) -> None:
        dtls = DtlsEndpoint("client", make_context(OURS), PRINTS)
        super().__init__(owner, TransportId(7), dtls)
        dtls.start(self._loop.time())
        self._pump()

    def _pump(self) -> None:
        self._transmit()
        self._arm_dtls()

    def close(self, reason: str) -> None:
        self._end(reason)
        self._settle()


async def test_a_first_flight_that_nobody_answers_is_sent_again() -> None:
    owner = Owner()
    bare = Bare(owner)
    first = len(owner.plane.sent)
    assert first
    await until(lambda: len(owner.plane.sent) > first, "the flight is repeated")
    bare.close("enough")


async def test_the_end_frees_the_transport_and_rings_no_more() -> None:
    owner = Owner()
    bare = Bare(owner)
    assert bare._dtls_timer is not None
    bare.close("enough")
    assert owner.plane.closed == [7]
    assert bare._dtls_timer is None


async def test_whoever_waits_hears_why_there_is_no_handshake() -> None:
    bare = Bare(Owner())
    waiting = asyncio.ensure_future(bare.connected())
    bare.close("enough")
    with pytest.raises(StateError, match="enough"):
        await waiting


async def test_a_wait_that_runs_out_ends_nothing() -> None:
    owner = Owner()
    bare = Bare(owner)
    with pytest.raises(TimeoutError):
        await bare.connected(0.01)
    assert not owner.plane.closed
    bare.close("enough")


async def test_a_handler_that_raises_is_told_to_the_loop_alone() -> None:
    told: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: told.append(context["message"]))
    bare = Bare(Owner())
    bare._tell(lambda _: 1 / 0, bare)
    assert "raised on <" in told[0]
    bare.close("enough")
