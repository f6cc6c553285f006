from __future__ import annotations

import ctypes
import gc
import weakref

import pytest

from meshnode.media import client_transport, memory
from meshnode.media import port as port_module
from meshnode.media.port import MediaPort
from support.light_client import join
from support.media import consume, produce, stream, until


def test_pages_go_back_where_the_library_can() -> None:
    assert memory.give_back() is hasattr(ctypes.CDLL(None), "malloc_trim")


def test_another_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    memory._trim.cache_clear()
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert memory.give_back() is False
    monkeypatch.undo()
    memory._trim.cache_clear()


async def test_clients_without_channels_come_to_rest(
    port: MediaPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_transport, "REST_AFTER_S", 0.02)
    monkeypatch.setattr(port_module, "TRIM_TRANSPORTS", 2)
    monkeypatch.setattr(port_module, "TRIM_DELAY_S", 0.01)
    trims: list[int] = []
    monkeypatch.setattr(port_module, "give_back", lambda: trims.append(1))
    first, publisher = await join(port)
    second, viewer = await join(port)
    talker, third = await join(port, accept={"data": True})
    consume(port, produce(port, first), second)
    await until(lambda: trims == [1])
    assert second._dtls._reader is not None
    assert talker._dtls._reader is None
    (packets,) = await stream(publisher, [viewer], 10)
    assert len(packets) == 10
    viewer.close()
    await until(lambda: second.close_reason == "peer closed")
    first.close()
    await until(lambda: publisher.dtls.state.value == "closed")
    third.close()


async def test_those_who_leave_give_back_what_they_had(
    port: MediaPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(port_module, "TRIM_TRANSPORTS", 2)
    monkeypatch.setattr(port_module, "TRIM_DELAY_S", 0.01)
    trims: list[int] = []
    monkeypatch.setattr(port_module, "give_back", lambda: trims.append(1))
    for _ in range(2):
        _, client = await join(port)
        client.close()
    await until(lambda: trims == [1])


async def test_a_transport_that_closed_needs_no_collector(port: MediaPort) -> None:
    """Its handlers hold it, as those of signalling do; OpenSSL's memory hangs on it."""
    transport, client = await join(port)
    transport.on_state(lambda _, held=transport: None)
    transport.on_message(lambda _, held=transport: None)
    gone = weakref.ref(transport._dtls)
    gc.disable()
    try:
        transport.close()
        del transport
        await until(lambda: gone() is None)
    finally:
        gc.enable()
    client.close()
