from __future__ import annotations

import asyncio
import secrets
import struct
from typing import Any

import pytest

from meshnode.media.client_transport import ClientTransport, TransportState
from meshnode.media.port import MediaPort
from meshproto.errors import DecodeError, LimitError, StateError
from meshproto.ice.path import IceConfig
from support.light_client import IDENTITY, Identity, LightClient, Remote, join
from support.media import consume, new_port, produce, stream, until
from support.patience import soon
from support.planes import make_plane

PRINTS = (("sha-256", IDENTITY.fingerprint),)


def accept(port: MediaPort, ufrag: str = "remo", **more: Any) -> ClientTransport:
    return port.accept(
        remote_ufrag=ufrag, remote_fingerprints=PRINTS, dtls_role="server", **more
    )


def client_of(port: MediaPort, transport: ClientTransport, **more: Any) -> LightClient:
    remote = Remote(transport.local_ufrag, transport.local_pwd, port.fingerprint)
    return LightClient(port.addresses[0], remote, ufrag=transport.remote_ufrag, **more)


async def test_a_transport_goes_through_its_states(port: MediaPort) -> None:
    seen: list[TransportState] = []
    transport = accept(port)
    transport.on_state(lambda t: seen.append(t.state))
    assert transport.state is TransportState.NEW
    assert repr(transport) == f"<ClientTransport {transport.id} new>"
    client = client_of(port, transport)
    await client.connect()
    await transport.connected(20)
    assert transport.address == client.local
    assert port.clients == (transport,)
    client.close()
    await until(lambda: transport.state is TransportState.CLOSED)
    assert seen == [
        TransportState.CONNECTING,
        TransportState.CONNECTED,
        TransportState.CLOSED,
    ]
    assert transport.close_reason == "peer closed"
    assert port.clients == ()
    assert repr(transport).endswith("closed (peer closed)>")


async def test_every_transport_s_state_is_told_to_the_owner_of_the_port() -> None:
    seen: list[tuple[int, str]] = []
    port = new_port(on_transport_state=lambda t: seen.append((t.id, t.state.value)))
    await port.open(["127.0.0.1"], 0)
    transport, client = await join(port)
    await port.close()
    assert seen == [
        (transport.id, "connecting"),
        (transport.id, "connected"),
        (transport.id, "closed"),
    ]
    assert transport.close_reason == "node stopped"
    client.close()


async def test_credentials_are_long_random_and_plain(port: MediaPort) -> None:
    made = [accept(port) for _ in range(50)]
    assert len({t.local_ufrag for t in made}) == 50
    assert all(len(t.local_pwd) >= 22 and t.local_pwd.isalnum() for t in made)
    given = accept(port, local_ufrag="chosenone", local_pwd="p" * 22)
    assert (given.local_ufrag, given.local_pwd) == ("chosenone", "p" * 22)
    with pytest.raises(StateError):
        accept(port, local_ufrag="chosenone", local_pwd="p" * 22)


async def test_nobody_came_in_time() -> None:
    port = new_port()
    await port.open(["127.0.0.1"], 0)
    transport = accept(port, connect_timeout_s=0.05)
    with pytest.raises(StateError, match=r"not connected within 0\.05 s"):
        await transport.connected(20)
    assert port.clients == ()
    assert port.plane.stats()["transports"] == 0
    await port.close()


async def test_a_stalled_handshake_is_freed_in_time(port: MediaPort) -> None:
    transport = accept(port, connect_timeout_s=0.2)
    client = client_of(port, transport)
    client.drop = lambda datagram: 20 <= datagram[0] <= 63
    with pytest.raises(TimeoutError):
        await client.connect(0.5)
    await until(lambda: transport.state is TransportState.CLOSED)
    assert transport.close_reason.startswith("not connected")
    client.close(quietly=True)


async def test_waiting_for_a_connection_may_be_given_up(port: MediaPort) -> None:
    transport = accept(port)
    with pytest.raises(TimeoutError):
        await transport.connected(0.01)
    assert transport.state is TransportState.NEW
    transport.close("no longer wanted")
    with pytest.raises(StateError, match="no longer wanted"):
        await transport.connected()


async def test_a_wrong_certificate_closes_with_its_reason(port: MediaPort) -> None:
    transport = accept(port)
    client = client_of(port, transport, identity=Identity())
    with pytest.raises(TimeoutError):
        await client.connect(0.3)
    await until(lambda: transport.state is TransportState.CLOSED)
    assert transport.close_reason == "DTLS failed: certificate verify failed"
    client.close(quietly=True)


async def test_the_table_is_bounded_and_names_its_limit() -> None:
    port = new_port(transports=3)
    await port.open(["127.0.0.1"], 0)
    made = [accept(port) for _ in range(3)]
    with pytest.raises(LimitError, match="transports=3"):
        accept(port)
    made[0].close()
    accept(port)
    await port.close()


async def test_without_a_usable_fingerprint_nothing_is_accepted(
    port: MediaPort,
) -> None:
    with pytest.raises(DecodeError, match="fingerprint"):
        port.accept(
            remote_ufrag="abcd",
            remote_fingerprints=(("md5", "00"),),
            dtls_role="server",
        )
    assert port.clients == ()
    assert port.plane.stats()["transports"] == 0


async def test_an_ice_restart_keeps_the_association(port: MediaPort) -> None:
    first, publisher = await join(port)
    second, viewer = await join(port)
    consume(port, produce(port, first), second)
    await stream(publisher, [viewer], 3)
    before = second.address
    ufrag, pwd = second.restart_ice("newr")
    assert (second.local_ufrag, second.local_pwd) == (ufrag, pwd)
    viewer.ufrag = "newr"
    viewer._username = f"{ufrag}:newr"
    viewer.remote = Remote(ufrag, pwd, port.fingerprint)
    viewer.move()
    viewer.check()
    await until(lambda: second.address != before)
    viewer.send_rtcp(struct.pack("!BBHI", 0x80, 201, 1, 1))
    (packets,) = await stream(publisher, [viewer], 20, start=3)
    assert len(packets) == 20
    second.close()
    with pytest.raises(StateError):
        second.restart_ice("x")
    publisher.close()
    viewer.close()


async def test_fifty_clients_connect_at_once(port: MediaPort) -> None:
    pairs = await asyncio.gather(*(join(port) for _ in range(50)))
    assert len({t.id for t, _ in pairs}) == 50
    assert port.stats()["clients"] == 50
    for _, client in pairs:
        client.close()
    await until(lambda: port.clients == ())


@pytest.mark.parametrize("role", ["client", "server"])
async def test_the_first_dtls_datagram_is_lost_both_ways(port, role: str) -> None:
    """Without our early timer this takes a second (OpenSSL's own)."""
    await soon(lambda: with_its_first_lost(port, role), 0.6)


async def with_its_first_lost(port: MediaPort, role: str) -> float:
    """How long a connection takes."""
    ufrag = secrets.token_hex(4)
    transport = port.accept(
        remote_ufrag=ufrag,
        remote_fingerprints=PRINTS,
        dtls_role="server" if role == "client" else "client",
    )
    client = client_of(port, transport, role=role)
    lost: list[bytes] = []
    send = client.send

    def is_first(datagram: bytes) -> bool:
        if 20 <= datagram[0] <= 63 and len(lost) < 1:
            lost.append(datagram)
            return True
        return False

    client.drop = is_first
    client.send = lambda datagram: None if is_first(datagram) else send(datagram)
    started = asyncio.get_running_loop().time()
    await client.connect()
    await transport.connected(20)
    took_s = asyncio.get_running_loop().time() - started
    assert lost
    client.close()
    return took_s


async def test_the_last_flight_is_lost(port: MediaPort) -> None:
    await soon(lambda: with_its_last_lost(port), 0.6)


async def with_its_last_lost(port: MediaPort) -> float:
    """How long a connection takes."""
    transport = accept(port, secrets.token_hex(4))
    client = client_of(port, transport)
    finished: list[bytes] = []

    def drop(datagram: bytes) -> bool:
        if datagram[0] == 20 and not finished:
            finished.append(datagram)
            return True
        return False

    client.drop = drop
    started = asyncio.get_running_loop().time()
    await client.connect()
    took_s = asyncio.get_running_loop().time() - started
    assert finished
    client.close()
    return took_s


async def test_stats_keep_what_closed_clients_were_refused(
    port: MediaPort, plane: str
) -> None:
    transport, client = await join(port)
    client.send(bytes.fromhex("15fefd000000000000000000020228"))
    await until(transport.drops)
    client.close()
    await until(lambda: port.clients == ())
    assert port.stats()["drops"] == {"dtls-plain-alert": 1}
    assert port.stats()["plane"]["kind"] == plane


async def test_silence_is_told_before_consent_ends(plane: str) -> None:
    port = new_port(make_plane(plane, ice=IceConfig(silence_s=0.05)))
    events: list[Any] = []
    port.on_event(events.append)
    await port.open(["127.0.0.1"], 0)
    transport, client = await join(port)
    await until(lambda: events)
    assert events[0].transport == transport.id
    assert not events[0].expired
    assert transport.state is TransportState.CONNECTED
    client.close()
    await port.close()


async def test_a_raising_handler_hides_nothing_from_the_others(port: MediaPort) -> None:
    told: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: told.append(context["message"]))
    transport = accept(port)
    transport.on_state(lambda _: 1 / 0)
    seen: list[TransportState] = []
    transport.on_state(lambda t: seen.append(t.state))
    transport.close("enough")
    assert seen == [TransportState.CLOSED]
    assert "raised on <ClientTransport" in told[0]
